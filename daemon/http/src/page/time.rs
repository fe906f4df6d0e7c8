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

/// How long ago a time was, with the exact time as the title. The page's script keeps it current.
pub fn moment(now: Timestamp, then: Timestamp) -> Markup {
    html! { time datetime=(then) title=(then) data-ago="" { (ago(now, then)) } }
}

/// A time to the minute, in UTC; the page's script shows it in the reader's zone.
pub fn at(moment: Timestamp) -> Markup {
    html! { time datetime=(moment) title=(moment) { (moment.to_minute()) } }
}
