//! What people send in addition to text: the content of text files becomes text, everything else is
//! left out, and its author is told.

use super::InboundKind;

/// Maximum bytes of a file that an agent can be expected to read as text.
pub const LIMIT: usize = 128 * 1024;

/// The content of a message, as agents receive it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Its texts, one per paragraph.
    pub words: Vec<String>,
    /// Names of files whose content is still to be fetched.
    pub awaited: Vec<String>,
    /// What agents do not receive, one sentence each.
    pub left_out: Vec<String>,
}

impl Content {
    /// Adds a file as it is announced: `kind` is its MIME type, `size` in bytes.
    pub fn announce(&mut self, name: &str, kind: &str, size: u64) {
        match unwanted(name, kind, size) {
            Some(why) => self.left_out.push(why),
            None => self.awaited.push(shown(name)),
        }
    }

    /// Adds a file that has been fetched.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        match in_words(&shown(name), bytes) {
            Ok(words) => self.words.push(words),
            Err(why) => self.left_out.push(why),
        }
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
pub fn unwanted(name: &str, kind: &str, size: u64) -> Option<String> {
    let name = shown(name);
    if ["image/", "video/", "audio/"]
        .iter()
        .any(|start| kind.starts_with(start))
    {
        return Some(no_text(&name));
    }
    (size > LIMIT as u64).then(|| too_long(&name))
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
        format!("{what} was left out: agents can only read text. Write it as text.")
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

/// How a file's text begins, so that no name and no content of a file is an answer, an id or a
/// command by itself.
const HEAD: &str = "File ";

/// A file's text.
///
/// # Errors Why it has no text that an agent could read.
pub fn in_words(name: &str, bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > LIMIT {
        return Err(too_long(name));
    }
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| no_text(name))?;
    Ok(format!("{HEAD}{name}:\n{text}"))
}

/// A file's name, safe to show.
pub fn shown(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control() && *c != '`')
        .collect()
}

/// The text for a file that could not be fetched.
pub fn late(name: &str) -> String {
    format!("`{name}` was left out: it could not be fetched within a minute. Send it again.")
}

/// The text for a file larger than [`LIMIT`].
pub fn too_long(name: &str) -> String {
    format!(
        "`{name}` was left out: it is larger than {} kB. Add it to the repository, or send the part that \
         matters.",
        LIMIT / 1024
    )
}

/// The text for a file that is not text.
pub fn no_text(name: &str) -> String {
    format!(
        "`{name}` was left out: agents can only read text. Add it to the repository, or describe it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_its_words_and_everything_else_is_refused_by_name() {
        assert_eq!(
            in_words("a.log", b"hello").as_deref(),
            Ok("File a.log:\nhello")
        );
        for (bytes, word) in [
            (vec![0xff, 0xfe], "only read text"),
            (vec![b'a', 0], "only read text"),
            (vec![b'a'; LIMIT + 1], "128 kB"),
        ] {
            let why = in_words("x.bin", &bytes).expect_err(word);
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
        content.announce("shot.png", "image/png", 10);
        let (words, act, left_out) = content.clone().read();
        assert_eq!(
            (words.as_str(), act),
            ("Blue, like this", InboundKind::Said)
        );
        assert!(left_out.expect("told").contains("`shot.png` was left out"));
        content.announce("a.log", "text/plain", 10);
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
        for passed in [
            forwarded(None, "yes"),
            forwarded(Some("Ben"), "yes"),
            transcribed("Slack", "yes"),
            file.clone(),
        ] {
            assert!(is_passed_on(&passed), "{passed}");
        }
        assert!(!is_passed_on("File a bug first, then continue"));
        assert!(has_file(&format!("Use this\n\n{file}")) && !has_file("File a bug"));
    }

    #[test]
    fn what_has_no_words_says_so() {
        let mut picture = Content::default();
        picture.announce("shot.png", "image/png", 10);
        let (why, act, left_out) = picture.read();
        assert!(why.contains("shot.png") && act == InboundKind::Unreadable && left_out.is_none());
        assert_eq!(
            Content::default().read(),
            (EMPTY.into(), InboundKind::Unreadable, None)
        );
        assert_eq!(kind(&no_text("a")), kind(&no_text("b")));
        assert_ne!(kind(&no_text("a")), kind(&too_long("a")));
    }
}
