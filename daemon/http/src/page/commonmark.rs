//! What agents and people wrote, as CommonMark with tables. Nothing in it becomes markup of ours: HTML is
//! shown as it was typed, pictures are links, and links lead only to the web and say where.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// The text as HTML.
pub fn render(text: &str) -> Markup {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut events = Vec::new();
    let mut link: Option<Link> = None;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                note(&mut link, &html);
                events.push(Event::Text(html));
            }
            Event::Start(Tag::Link { dest_url, .. }) => begin(&mut events, &mut link, dest_url),
            Event::Start(Tag::Image { dest_url, .. }) => begin(&mut events, &mut link, dest_url),
            Event::End(TagEnd::Link | TagEnd::Image) => end(&mut events, &mut link),
            // A person reads the lines that were written.
            Event::SoftBreak => events.push(Event::HardBreak),
            Event::Text(text) | Event::Code(text) if link.is_some() => {
                note(&mut link, &text);
                events.push(Event::Text(text));
            }
            other => events.push(other),
        }
    }
    let mut shown = String::new();
    html::push_html(&mut shown, events.into_iter());
    PreEscaped(shown)
}

/// A link that has begun.
struct Link<'a> {
    target: CowStr<'a>,
    /// What it says so far.
    says: String,
    is_open: bool,
}

fn begin<'a>(events: &mut Vec<Event<'a>>, link: &mut Option<Link<'a>>, target: CowStr<'a>) {
    // A link may contain a picture; the link counts.
    if link.is_some() {
        return;
    }
    let is_open = ["http://", "https://"]
        .iter()
        .any(|web| target.starts_with(web));
    if is_open {
        events.push(Event::Start(Tag::Link {
            link_type: LinkType::Inline,
            dest_url: target.clone(),
            title: CowStr::Borrowed(""),
            id: CowStr::Borrowed(""),
        }));
    }
    *link = Some(Link {
        target,
        says: String::new(),
        is_open,
    });
}

fn note(link: &mut Option<Link<'_>>, text: &str) {
    if let Some(link) = link {
        link.says.push_str(text);
    }
}

/// Where it leads is shown, unless that is what it says.
fn end<'a>(events: &mut Vec<Event<'a>>, link: &mut Option<Link<'a>>) {
    let Some(Link {
        target,
        says,
        is_open,
    }) = link.take()
    else {
        return;
    };
    if is_open {
        events.push(Event::End(TagEnd::Link));
    }
    if *says != *target {
        events.push(Event::Text(format!(" ({target})").into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shown_as_it_was_meant() {
        let plan = "# Dark mode\n\n## Steps\n1. First\n   - inner\n2. Second\n\n| File | Change |\n|---|---|\n| a.css | `dark` |";
        let shown = render(plan).into_string();
        for part in [
            "<h1>Dark mode</h1>",
            "<h2>Steps</h2>",
            "<li>inner</li>",
            "<table>",
            "<td><code>dark</code></td>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn links_say_where_they_lead_and_pictures_are_links() {
        let of = |text: &str| render(text).into_string();
        let named = of("[the guide](https://example.org/guide)");
        assert!(
            named.contains(
                "<a href=\"https://example.org/guide\">the guide</a> (https://example.org/guide)"
            ),
            "{named}"
        );
        let bare = of("<https://example.org/>");
        assert!(!bare.contains(" ("), "{bare}");
        let picture = of("![a cat](https://example.org/cat.png)");
        assert!(
            !picture.contains("<img") && picture.contains(">a cat</a>"),
            "{picture}"
        );
        for evil in [
            "[x](javascript:alert(1))",
            "[x](data:text/html,x)",
            "<script>x</script>",
            "<img src=x onerror=x>",
            "[a](vbscript:x \"t\")",
        ] {
            let shown = of(evil);
            let harmless =
                !shown.contains("<a ") && !shown.contains("<script") && !shown.contains("<img");
            assert!(harmless, "{shown}");
        }
    }
}
