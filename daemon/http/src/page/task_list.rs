//! A table of tasks.

use maud::{Markup, html};
use vine_app::{App, texts};
use vine_domain::Task;

pub fn listing(app: &App, tasks: &[Task]) -> Markup {
    html! {
        @if tasks.is_empty() { p.none { "No tasks." } }
        @else {
            table.tasks {
                thead { tr { th scope="col" { "Task" } th scope="col" { "State" } th scope="col" { "Title" } th scope="col" { "Branch" } } }
                tbody { @for task in tasks {
                    tr {
                        td { a href={ "/tasks/" (task.id) } { (task.id) } }
                        td { span.(format!("badge {}", task.state.as_str())) { (texts::state(&task.state, app.now())) } }
                        td { (task.title) }
                        td { code { (task.branch) } }
                    }
                } }
            }
        }
    }
}
