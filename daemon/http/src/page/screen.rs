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

    /// The screen with this path.
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
    CommandButton {
        label,
        what,
        command,
        back: back.path(),
        confirm: None,
    }
    .show()
}

/// The same, but the page's script asks `confirm` first.
pub fn does_if(confirm: &str, label: &str, what: &str, command: &str, back: Screen) -> Markup {
    CommandButton {
        label,
        what,
        command,
        back: back.path(),
        confirm: Some(confirm),
    }
    .show()
}

/// A button that runs a command.
pub struct CommandButton<'a> {
    /// The text on it.
    pub label: &'a str,
    /// What it is about, for screen readers.
    pub what: &'a str,
    /// The command, without its head word.
    pub command: &'a str,
    /// The path to return to.
    pub back: &'a str,
    /// The question that is asked first.
    pub confirm: Option<&'a str>,
}

impl CommandButton<'_> {
    /// A form with this button.
    pub fn show(&self) -> Markup {
        html! {
            form.does method="post" action="/do" autocomplete="off" {
                input type="hidden" name="line" value=(self.command);
                input type="hidden" name="back" value=(self.back);
                button aria-label={ (self.label) " " (self.what) } data-confirm=[self.confirm] { (self.label) }
            }
        }
    }
}

/// The ids from which the neighbouring pages of a list start.
pub struct Neighbours {
    /// Newer ones, if there may be any.
    pub newer: Option<String>,
    /// Older ones, if there may be any.
    pub older: Option<String>,
}

/// Links to the neighbouring pages of a list, with the filters of this one.
pub fn pages(path: &str, filters: &str, to: &Neighbours) -> Markup {
    html! {
        @if to.newer.is_some() || to.older.is_some() {
            p.pages {
                @if let Some(first) = &to.newer { a rel="prev" href={ (path) "?" (filters) "&after=" (first) } { "← Newer" } }
                @if let Some(last) = &to.older { a rel="next" href={ (path) "?" (filters) "&before=" (last) } { "Older →" } }
            }
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
