//! Times, as people read them.

use maud::{Markup, html};
use vine_domain::Timestamp;

/// How long ago something was.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..60 => "just now".into(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// How long ago a time was, with the exact time as the title.
pub fn moment(now: Timestamp, then: Timestamp) -> Markup {
    html! { time datetime=(then) title=(then) { (ago(now, then)) } }
}
