//! The screens, and what they share.

use maud::{Markup, html};
use vine_domain::{Repo, Slug, Verb, access};

use crate::auth::PageVisitor;

/// The screens of the page, in the order of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Overview,
    Tasks,
    Questions,
    Workers,
    Sessions,
    Queues,
    Numbers,
    Audit,
    Settings,
}

impl Screen {
    pub const ALL: [Self; 9] = [
        Self::Overview,
        Self::Tasks,
        Self::Questions,
        Self::Workers,
        Self::Sessions,
        Self::Queues,
        Self::Numbers,
        Self::Audit,
        Self::Settings,
    ];

    pub fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Tasks => "/tasks",
            Self::Questions => "/questions",
            Self::Workers => "/workers",
            Self::Sessions => "/sessions",
            Self::Queues => "/queues",
            Self::Numbers => "/numbers",
            Self::Audit => "/audit",
            Self::Settings => "/settings",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Tasks => "Tasks",
            Self::Questions => "Questions",
            Self::Workers => "Workers",
            Self::Sessions => "Sessions",
            Self::Queues => "Queues",
            Self::Numbers => "Numbers",
            Self::Audit => "Audit",
            Self::Settings => "Settings",
        }
    }

    /// Whether it shows anything to this person.
    fn is_for(self, visitor: &PageVisitor) -> bool {
        match self {
            Self::Overview | Self::Tasks | Self::Questions | Self::Sessions | Self::Settings => {
                true
            }
            Self::Workers | Self::Queues | Self::Numbers => may(visitor, Verb::See, None),
            Self::Audit => may(visitor, Verb::Inspect, None),
        }
    }

    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|screen| screen.path() == path)
    }
}

/// Links to the other screens.
pub fn menu(here: Option<Screen>, visitor: &PageVisitor) -> Markup {
    html! {
        nav aria-label="Screens" {
            @for screen in Screen::ALL.into_iter().filter(|screen| screen.is_for(visitor)) {
                a href=(screen.path()) aria-current=[(here == Some(screen)).then_some("page")] { (screen.title()) }
            }
        }
    }
}

/// A button that runs a command and returns to the screen `back`. `what` names its target for
/// screen readers.
pub fn does(label: &str, what: &str, command: &str, back: Screen) -> Markup {
    html! {
        form.does method="post" action="/do" autocomplete="off" {
            input type="hidden" name="line" value=(command);
            input type="hidden" name="back" value=(back.path());
            button aria-label={ (label) " " (what) } { (label) }
        }
    }
}

/// Shows buttons to a visitor who may use them, in `repo` or, without one, everywhere. Each command
/// checks access on its own; this only hides buttons that would be refused.
pub fn offer(visitor: &PageVisitor, verb: Verb, repo: Option<&Slug>, buttons: &Markup) -> Markup {
    html! { @if may(visitor, verb, repo) { (buttons) } }
}

fn may(visitor: &PageVisitor, verb: Verb, repo: Option<&Slug>) -> bool {
    access::decide(visitor.0.user.as_ref(), verb, repo).is_ok()
}

/// A table that may be wider than the window.
pub fn table(name: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(name) tabindex="0" {
            table.wide {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// A selection of a repository, with `chosen` preselected; `none` labels the choice of no
/// particular one.
pub fn choose_repo(repos: &[Repo], chosen: Option<&str>, none: Option<&str>) -> Markup {
    html! {
        label { "Repository" select name="repo" {
            @if let Some(none) = none { option value="" { (none) } }
            @for repo in repos { option selected[chosen == Some(repo.name.as_str())] { (repo.name) } }
        } }
    }
}
