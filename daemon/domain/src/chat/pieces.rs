//! Splits a message into pieces that a platform can show.

use super::MarkupLevel;

/// A text with more parts is sent as a file after its first part: nobody reads twenty messages.
const MOST: usize = 4;

/// The content of one message on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A part of the text.
    Words(String),
    /// The whole text, as a file.
    File {
        /// The file's name.
        name: String,
        /// Its content.
        text: String,
    },
}

/// The pieces in which to post `text`, which was split into these parts; `called` names the file of
/// a long text.
pub fn pieces(text: &str, parts: Vec<String>, called: &str) -> Vec<Piece> {
    if parts.len() <= MOST {
        return parts.into_iter().map(Piece::Words).collect();
    }
    let name = format!("{called}.md");
    let beginning = format!("{}\n\n… the whole text is in `{name}`, below.", parts[0]);
    vec![
        Piece::Words(beginning),
        Piece::File {
            name,
            text: text.to_owned(),
        },
    ]
}

/// The same, in a form that the platform accepts.
pub fn in_form(form: MarkupLevel, text: &str, parts: Vec<String>, called: &str) -> Vec<Piece> {
    if form != MarkupLevel::File {
        return pieces(text, parts, called);
    }
    let name = format!("{called}.md");
    let words = format!("This message could not be shown here. See `{name}`, below.");
    let text = text.to_owned();
    vec![Piece::Words(words), Piece::File { name, text }]
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
        assert_eq!(
            pieces("hello", vec!["hello".into()], "notice"),
            [Piece::Words("hello".into())]
        );
        assert_eq!(pieces("…", parts(MOST), "notice").len(), MOST);
        let all = pieces("the whole text", parts(MOST + 1), "notice");
        let [Piece::Words(beginning), Piece::File { name, text }] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!(
            beginning,
            "part 1\n\n… the whole text is in `notice.md`, below."
        );
        assert_eq!(
            (name.as_str(), text.as_str()),
            ("notice.md", "the whole text")
        );
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
