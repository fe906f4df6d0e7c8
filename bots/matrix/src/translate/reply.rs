//! Removes the quote that clients put before a reply (specification up to version 1.12, "Fallbacks
//! for rich replies"): lines that start with `>`, of which the first names the quoted person.

use serde_json::Value;

/// A message's own text. Quotes by hand stay: only a reply has a quote from its client, and its
/// HTML marks that.
pub fn words<'a>(content: &Value, body: &'a str) -> &'a str {
    let is_reply = content["m.relates_to"]["m.in_reply_to"].is_object() || is_marked(content);
    let unmarked = content["formatted_body"].is_string() && !is_marked(content);
    if !is_reply || unmarked || !names_somebody(body) {
        return body;
    }
    let mut rest = body;
    while let Some(after) = quoted(rest) {
        rest = after;
    }
    let own = rest
        .strip_prefix("\r\n")
        .or_else(|| rest.strip_prefix('\n'))
        .unwrap_or(rest);
    // If there is only a quote, keep it.
    if own.trim().is_empty() { body } else { own }
}

fn is_marked(content: &Value) -> bool {
    let html = content["formatted_body"].as_str();
    html.is_some_and(|html| html.trim_start().starts_with("<mx-reply>"))
}

/// `> <@ann:x> …`, and for an emote `> * <@ann:x> …`.
fn names_somebody(body: &str) -> bool {
    let first = body.lines().next().unwrap_or_default();
    let quoted = first.strip_prefix('>').map(str::trim_start);
    let quoted = quoted.map(|line| line.strip_prefix("* ").unwrap_or(line));
    quoted.is_some_and(|line| line.starts_with("<@") && line.contains('>'))
}

/// The text after a leading quoted line.
fn quoted(text: &str) -> Option<&str> {
    text.starts_with('>')
        .then(|| text.split_once('\n').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &str, html: Option<&str>) -> String {
        let mut content = json!({ "m.relates_to": { "m.in_reply_to": { "event_id": "$q" } } });
        if let Some(html) = html {
            content["formatted_body"] = json!(html);
        }
        words(&content, body).to_owned()
    }

    #[test]
    fn a_clients_quote_goes_and_all_words_stay() {
        let marked = Some("<mx-reply><blockquote>…</blockquote></mx-reply>app.rs");
        for (body, html, own) in [
            ("> <@vine:x> Which?\n\napp.rs", None, "app.rs"),
            ("> <@vine:x> Which?\napp.rs", None, "app.rs"),
            (
                "> <@vine:x> Which?\n> 1. Red\n>\n> 2. Blue\n\napp.rs\n\nand more",
                marked,
                "app.rs\n\nand more",
            ),
            ("> * <@ann:x> waves\n\nhi", marked, "hi"),
            ("> <@vine:x> Which?\r\n\r\napp.rs", None, "app.rs"),
            (
                "> <@vine:x> Which?\n\n> see here\nyes",
                None,
                "> see here\nyes",
            ),
            (
                "> a quote by hand\n\nand words",
                None,
                "> a quote by hand\n\nand words",
            ),
            (
                "> <@ann:x> by hand\nand words",
                Some("<blockquote>by hand</blockquote>"),
                "> <@ann:x> by hand\nand words",
            ),
            ("> <@vine:x> Which?", None, "> <@vine:x> Which?"),
            ("plain", None, "plain"),
        ] {
            assert_eq!(read(body, html), own, "{body}");
        }
        assert_eq!(
            words(&json!({}), "> <@ann:x> no reply\nb"),
            "> <@ann:x> no reply\nb"
        );
    }
}
