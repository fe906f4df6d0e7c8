//! A message in the pieces that fit into events.

use vine_domain::markdown::split;

use crate::markup::marked;

/// Bytes of text and HTML in one event. An edit has both twice, encryption adds a third, and 65,536 bytes is all that an event
/// may have (specification, "Size limits").
const EVENT: usize = 20_000;
/// Bytes of text to begin with; less if its HTML is much longer.
const TEXT: usize = 6_000;
/// A text of more pieces comes as a file, after its beginning: nobody reads twenty messages.
const PIECES: usize = 4;

/// What one event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A part of the text.
    Words(String),
    /// All of it, as a file.
    File {
        /// What it is called.
        name: String,
        /// Its content.
        text: String,
    },
}

/// The pieces to post `text` in; `called` is what the file of a long one is called.
pub fn pieces(text: &str, called: &str) -> Vec<Piece> {
    let parts = parts(text);
    if parts.len() <= PIECES {
        return parts.into_iter().map(Piece::Words).collect();
    }
    let name = format!("{called}.md");
    let beginning = format!("{}\n\n… the whole text is in `{name}`, below.", parts[0]);
    vec![Piece::Words(beginning), Piece::File { name, text: text.to_owned() }]
}

/// What an edit shows: events that are edited stay one.
pub fn edited(text: &str) -> String {
    let mut parts = parts(text).into_iter();
    let first = parts.next().unwrap_or_default();
    if parts.next().is_some() { format!("{first}\n\n… shortened; the page shows all of it.") } else { first }
}

fn parts(text: &str) -> Vec<String> {
    let fits = |part: &String| {
        let shown = marked(part, &[]);
        shown.plain.len() + shown.html.len() <= EVENT
    };
    let mut limit = TEXT;
    loop {
        let parts = split(text, limit);
        if parts.iter().all(fits) {
            return parts;
        }
        limit /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(piece: &Piece) -> &str {
        match piece {
            Piece::Words(text) | Piece::File { text, .. } => text,
        }
    }

    #[test]
    fn short_text_is_one_piece_and_long_text_several_of_which_none_is_too_big() {
        assert_eq!(pieces("hello", "notice"), [Piece::Words("hello".into())]);
        let quotes = "\"\n".repeat(6_000);
        let all = pieces(&quotes, "notice");
        assert!(all.len() > 1 && all.len() <= PIECES, "{}", all.len());
        for piece in &all {
            let shown = marked(words(piece), &[]);
            assert!(shown.plain.len() + shown.html.len() <= EVENT, "{} bytes", shown.html.len());
        }
    }

    #[test]
    fn very_long_text_begins_and_goes_on_in_a_file() {
        let text = "one line of many\n".repeat(4_000);
        let all = pieces(&text, "notice");
        let [Piece::Words(beginning), Piece::File { name, text: whole }] = all.as_slice() else { panic!("{}", all.len()) };
        assert!(beginning.ends_with("… the whole text is in `notice.md`, below."));
        assert_eq!((name.as_str(), whole), ("notice.md", &text));
    }

    #[test]
    fn an_edit_says_when_it_shows_less() {
        assert_eq!(edited("short"), "short");
        assert!(edited(&"x\n".repeat(8_000)).ends_with("… shortened; the page shows all of it."));
    }
}
