//! Splits a message into pieces that a platform can show.

use super::{MarkupLevel, OutboxItem};

/// A text with more parts is sent as a file after its first part: nobody reads twenty messages.
const MOST: usize = 4;

/// Said where a file could not be posted.
const REFUSED: &str = "It could not be posted here; the page shows it.";

/// The content of one message on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A part of the text.
    Words(String),
    /// A file.
    File(FilePiece),
}

/// A file on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePiece {
    /// Its name, which no other file in a thread has: by it, a platform without keys for files shows whether it was
    /// posted.
    pub name: String,
    /// The name that people see, where a platform can show another one.
    pub title: String,
    /// Its MIME type.
    pub kind: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl FilePiece {
    /// A long text.
    fn text(name: String, text: &str) -> Self {
        Self {
            title: name.clone(),
            name,
            kind: "text/markdown".into(),
            bytes: text.as_bytes().to_vec(),
        }
    }
}

/// The pieces in which to post a message, whose text was split into these parts: its words, or their beginning and a
/// file with all of them, and the file that it shows.
pub fn pieces(item: &OutboxItem, parts: Vec<String>) -> Vec<Piece> {
    let id = item.message.id.to_string();
    let text = &item.message.text;
    // The whole ID, since IDs of the same minute start alike.
    let called = format!("{}-{id}.md", item.message.kind.as_str());
    // Where a platform refuses the file, its words may be there already; what follows them says so.
    if item.form == MarkupLevel::File && item.message.file.is_some() {
        let words = parts.into_iter().chain([REFUSED.to_owned()]);
        return words.map(Piece::Words).collect();
    }
    let mut pieces = worded(item.form, text, parts, called);
    pieces.extend(item.shows.as_ref().map(|shown| {
        Piece::File(FilePiece {
            name: shown.file.unique_name(&id),
            title: shown.file.name.clone(),
            kind: shown.file.kind.clone(),
            bytes: shown.bytes.clone(),
        })
    }));
    pieces
}

fn worded(form: MarkupLevel, text: &str, parts: Vec<String>, name: String) -> Vec<Piece> {
    let beginning = match (form, parts.as_slice()) {
        (MarkupLevel::File, _) => {
            format!("This message could not be shown here. See `{name}`, below.")
        }
        (_, [first, ..]) if parts.len() > MOST => {
            format!("{first}\n\n… the whole text is in `{name}`, below.")
        }
        _ => return parts.into_iter().map(Piece::Words).collect(),
    };
    let whole = FilePiece::text(name, text);
    vec![Piece::Words(beginning), Piece::File(whole)]
}

/// The text of an edit: an edited message stays a single message.
pub fn edited(parts: Vec<String>) -> String {
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    if parts.next().is_some() {
        format!("{first}\n\n… shortened; the page shows the whole text.")
    } else {
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("part {number}")).collect()
    }

    #[test]
    fn few_parts_are_words_and_many_a_beginning_and_a_file() {
        let of = |form, text, parts| worded(form, text, parts, "notice.md".into());
        let whole = MarkupLevel::Whole;
        assert_eq!(
            of(whole, "hello", vec!["hello".into()]),
            [Piece::Words("hello".into())]
        );
        assert_eq!(of(whole, "…", parts(MOST)).len(), MOST);
        let file = Piece::File(FilePiece::text("notice.md".into(), "the whole text"));
        assert_eq!(
            of(whole, "the whole text", parts(MOST + 1)),
            [
                Piece::Words("part 1\n\n… the whole text is in `notice.md`, below.".into()),
                file.clone()
            ]
        );
        let refused = of(MarkupLevel::File, "the whole text", parts(1));
        assert_eq!(refused[1], file);
    }

    #[test]
    fn an_edit_says_when_it_shows_less() {
        assert_eq!(edited(parts(1)), "part 1");
        assert_eq!(
            edited(parts(2)),
            "part 1\n\n… shortened; the page shows the whole text."
        );
    }
}
