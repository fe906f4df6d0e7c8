//! What people send in addition to text: the content of short text files becomes text, other files are stored and
//! named ([`FileRef`]), and the author is told of what is left out.

use super::{
    InboundKind,
    file::{FileContent, FileKind, HEAD, LARGEST, shown},
};
#[cfg(doc)]
use crate::chat::file::FileRef;

/// Maximum bytes of a file whose content becomes text.
pub const LIMIT: usize = 128 * 1024;

/// The content of a message, as agents receive it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Its texts, one per paragraph.
    pub words: Vec<String>,
    /// Names of files whose content is still to be fetched.
    pub awaited: Vec<String>,
    /// Files that its texts name, to be stored.
    pub files: Vec<FileContent>,
    /// What agents do not receive, one sentence each.
    pub left_out: Vec<String>,
}

impl Content {
    /// Adds a file as it is announced, `size` in bytes.
    pub fn announce(&mut self, name: &str, size: u64) {
        match unwanted(name, size) {
            Some(why) => self.left_out.push(why),
            None => self.awaited.push(shown(name)),
        }
    }

    /// Adds a file that has been fetched.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) {
        let name = shown(name);
        if let Some(words) = in_words(&name, &bytes) {
            return self.words.push(words);
        }
        if let Some(why) = unwanted(&name, bytes.len() as u64) {
            return self.left_out.push(why);
        }
        if FileKind::of(&name, &bytes) == FileKind::Program {
            return self.left_out.push(program(&name));
        }
        let content = FileContent::new(&name, bytes);
        self.words.push(content.file.mark());
        self.files.push(content);
    }

    /// The text, its kind, and what was left out.
    pub fn read(self) -> (String, InboundKind, Option<String>) {
        let words: Vec<String> = self
            .words
            .into_iter()
            .filter(|one| !one.trim().is_empty())
            .collect();
        let words = words.join("\n\n");
        let mut left_out = self.left_out;
        if !self.awaited.is_empty() {
            left_out.push(late(&self.awaited.join("`, `")));
            return (words, InboundKind::Awaited, Some(left_out.join("\n")));
        }
        let left_out = (!left_out.is_empty()).then(|| left_out.join("\n"));
        match left_out {
            _ if !words.is_empty() => (words, InboundKind::Said, left_out),
            Some(left_out) => (left_out, InboundKind::Unreadable, None),
            None => (EMPTY.into(), InboundKind::Unreadable, None),
        }
    }
}

/// Why a file is not fetched at all.
pub fn unwanted(name: &str, size: u64) -> Option<String> {
    (size > LARGEST as u64).then(|| too_long(&shown(name)))
}

/// The reply to a message without content.
pub const EMPTY: &str = "The message is empty, so nothing was done.";

/// Other things than files that people send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A platform's ready-made picture.
    Sticker,
    /// A poll of the room.
    Poll,
    /// A geographic location.
    Location,
    /// Recorded speech.
    Voice,
    /// Any other kind.
    Unknown,
}

impl MediaKind {
    /// The text for its author.
    pub fn left_out(self) -> String {
        let what = match self {
            Self::Sticker => "A sticker",
            Self::Poll => "A poll",
            Self::Location => "A location",
            Self::Voice => "A voice message",
            Self::Unknown => "A message of this kind",
        };
        format!("{what} was left out: agents cannot read it. Write it as text.")
    }
}

const FORWARDED: &str = "Forwarded";
const TRANSCRIBED: &str = "Voice message, transcribed by ";

/// Text that someone forwards from elsewhere.
pub fn forwarded(from: Option<&str>, words: &str) -> String {
    match from {
        Some(from) => format!("{FORWARDED} from {from}:\n{words}"),
        None => format!("{FORWARDED}:\n{words}"),
    }
}

/// Speech, as a platform transcribed it.
pub fn transcribed(by: &str, words: &str) -> String {
    format!("{TRANSCRIBED}{by}:\n{words}")
}

/// Whether the text contains a file.
pub fn has_file(text: &str) -> bool {
    let is_head = |line: &str| line.starts_with(HEAD) && line.ends_with(':');
    let mut parts = text.split("\n\n").filter_map(|part| part.lines().next());
    parts.any(is_head)
}

/// The words of a text without its files.
pub fn without_files(text: &str) -> String {
    let is_file = |part: &&str| !has_file(part);
    let parts: Vec<&str> = text.split("\n\n").take_while(is_file).collect();
    parts.join("\n\n")
}

/// Whether the text was not typed by its sender: it was forwarded, is a file, or is speech. Such
/// text alone decides nothing.
pub fn is_passed_on(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let heads = [FORWARDED, TRANSCRIBED, HEAD];
    first.ends_with(':') && heads.iter().any(|head| first.starts_with(head))
}

/// The sentence without the names between backticks, to compare what kind of thing was left out.
pub fn kind(left_out: &str) -> String {
    left_out.split('`').step_by(2).collect()
}

/// A file's text, if it is short and has one.
pub fn in_words(name: &str, bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = bytes.len() <= LIMIT && !text.contains('\0');
    is_text.then(|| format!("{HEAD}{name}:\n{text}"))
}

/// The text for a file that could not be fetched.
pub fn late(name: &str) -> String {
    format!("`{name}` was left out: it could not be fetched within a minute. Send it again.")
}

/// The text for a file larger than [`LARGEST`].
pub fn too_long(name: &str) -> String {
    format!(
        "`{name}` was left out: it is larger than {} MB. Add it to the repository, or send the part that \
         matters.",
        LARGEST / (1024 * 1024)
    )
}

/// The text for a program.
pub fn program(name: &str) -> String {
    format!(
        "`{name}` was left out: it is a program. Add it to the repository, or write where to get it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_its_words_and_other_files_are_named_or_left_out() {
        let with = |name: &str, bytes: &[u8]| {
            let mut content = Content::default();
            content.add(name, bytes.to_vec());
            content
        };
        assert_eq!(with("a.log", b"hello").words, ["File a.log:\nhello"]);
        assert_eq!(
            with("run.sh", b"#!/bin/sh").words,
            ["File run.sh:\n#!/bin/sh"]
        );
        for bytes in [vec![0xff, 0xfe], vec![b'a', 0], vec![b'a'; LIMIT + 1]] {
            let content = with("x.bin", &bytes);
            assert_eq!(content.words, [content.files[0].file.mark()]);
            assert_eq!(
                (content.files[0].bytes.clone(), content.left_out.len()),
                (bytes, 0)
            );
        }
        for (bytes, word) in [
            (b"MZ\xff".to_vec(), "program"),
            (vec![0xff; LARGEST + 1], "8 MB"),
        ] {
            let content = with("x`.bin", &bytes);
            assert!(content.words.is_empty() && content.files.is_empty());
            let why = &content.left_out[0];
            assert!(why.contains("`x.bin`") && why.contains(word), "{why}");
        }
        assert_eq!(shown("a`b\n.log"), "ab.log");
    }

    #[test]
    fn words_count_whatever_came_with_them() {
        let mut content = Content {
            words: vec!["Blue, like this".into()],
            ..Content::default()
        };
        content.announce("film.mp4", 10 << 20);
        let (words, act, left_out) = content.clone().read();
        assert_eq!(
            (words.as_str(), act),
            ("Blue, like this", InboundKind::Said)
        );
        assert!(left_out.expect("told").contains("`film.mp4` was left out"));
        content.announce("shot.png", 10);
        let (words, act, left_out) = content.read();
        assert_eq!(
            (words.as_str(), act),
            ("Blue, like this", InboundKind::Awaited)
        );
        assert_eq!(left_out.expect("told").lines().count(), 2);
    }

    #[test]
    fn what_is_passed_on_is_known_by_its_head() {
        let file = in_words("a.log", b"all").expect("text");
        let picture = FileContent::new("a.png", b"\x89PNG".to_vec());
        for passed in [
            forwarded(None, "yes"),
            forwarded(Some("Ben"), "yes"),
            transcribed("Slack", "yes"),
            file.clone(),
            picture.file.mark(),
        ] {
            assert!(is_passed_on(&passed), "{passed}");
        }
        assert!(!is_passed_on("File a bug first, then continue"));
        assert!(has_file(&format!("Use this\n\n{file}")) && !has_file("File a bug"));
    }

    #[test]
    fn what_has_no_words_says_so() {
        let mut picture = Content::default();
        picture.announce("film.mp4", 10 << 20);
        let (why, act, left_out) = picture.read();
        assert!(why.contains("film.mp4") && act == InboundKind::Unreadable && left_out.is_none());
        assert_eq!(
            Content::default().read(),
            (EMPTY.into(), InboundKind::Unreadable, None)
        );
        assert_eq!(kind(&program("a")), kind(&program("b")));
        assert_ne!(kind(&program("a")), kind(&too_long("a")));
    }
}
