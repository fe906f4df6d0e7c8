//! Files that people send and agents show. They are stored by their hash, and texts name them by a mark of two
//! lines: so a file takes every way that words take, and stays where the words stay.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::invalid::Invalid;

/// Maximum bytes of a file, in both directions. Discord takes ten million from a bot (reference, "Uploading Files").
pub const LARGEST: usize = 8 * 1024 * 1024;
/// Maximum bytes of a picture that an agent gets as a picture: five million in base64, which is what the model's API
/// takes (vision guide, "Evaluate image size").
pub const LARGEST_PICTURE: usize = 3_700_000;

/// How a file's text begins, so that no name and no content of a file is an answer, an id or a
/// command by itself.
pub(super) const HEAD: &str = "File ";

/// The SHA-256 of a file, as 64 lower-case hexadecimal digits. Nobody can guess one, so a person who has one has read a text that names the file,
/// or has the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
pub struct FileHash(String);

impl FileHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, enough to tell files of one message apart.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl FromStr for FileHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.len() == 64 && text.bytes().all(is_digit) {
            true => Ok(Self(text.into())),
            false => Err(Invalid::new(
                "file",
                "it is not a hash of a file",
                "use the 64 digits behind `sha256`",
            )),
        }
    }
}

impl TryFrom<String> for FileHash {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<FileHash> for String {
    fn from(hash: FileHash) -> Self {
        hash.0
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a file is by its own bytes, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A picture that models take.
    Picture(&'static str),
    /// UTF-8.
    Text,
    /// A document for readers of PDF.
    Pdf,
    /// Something that a machine would run.
    Program,
    /// Anything else.
    Other,
}

/// How programs begin: ELF, Windows, macOS in both byte orders, Java and universal, WebAssembly, scripts.
const PROGRAMS: [&[u8]; 9] = [
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
    b"#!",
];
/// Endings that machines run, or install, when somebody opens the file.
const RUN: [&str; 24] = [
    "apk", "app", "appimage", "bat", "cmd", "com", "command", "deb", "desktop", "dll", "dmg",
    "exe", "hta", "jar", "js", "lnk", "msi", "pif", "pkg", "ps1", "rpm", "scr", "sh", "vbs",
];

impl FileKind {
    /// The kind of a file with this content.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        let begins = |start: &[u8]| bytes.starts_with(start);
        let ending = name
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_ascii_lowercase());
        if PROGRAMS.iter().any(|start| begins(start))
            || ending.is_some_and(|ending| RUN.contains(&ending.as_str()))
        {
            return Self::Program;
        }
        if begins(b"\x89PNG\r\n\x1a\n") {
            return Self::Picture("image/png");
        }
        if begins(b"\xff\xd8\xff") {
            return Self::Picture("image/jpeg");
        }
        if begins(b"GIF87a") || begins(b"GIF89a") {
            return Self::Picture("image/gif");
        }
        if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Self::Picture("image/webp");
        }
        match std::str::from_utf8(bytes) {
            _ if begins(b"%PDF-") => Self::Pdf,
            Ok(text) if !text.contains('\0') => Self::Text,
            _ => Self::Other,
        }
    }

    /// Its MIME type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Picture(mime) => mime,
            Self::Text => "text/plain",
            Self::Pdf => "application/pdf",
            Self::Program | Self::Other => "application/octet-stream",
        }
    }
}

/// A file's name, safe to show: no control characters, none that turn the direction of text, and not too long.
pub fn shown(name: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    name.chars()
        .filter(|c| !c.is_control() && *c != '`' && !turns(*c))
        .take(120)
        .collect()
}

/// A mark may be inside a quote.
const QUOTE: &str = "> ";

/// A file, as a text names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FileRef {
    /// Its name, safe to show.
    pub name: String,
    /// Its MIME type, by its own bytes.
    pub kind: String,
    /// Its size in bytes.
    pub size: u64,
    /// Under which it is stored.
    pub hash: FileHash,
}

impl FileRef {
    /// The reference to a file with this name and content.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: shown(name),
            kind: FileKind::of(name, bytes).mime().into(),
            size: bytes.len() as u64,
            hash: FileHash::of(bytes),
        }
    }

    /// Whether it is a picture.
    pub fn is_picture(&self) -> bool {
        self.kind.starts_with("image/")
    }

    /// The mark that stands for it in a text.
    pub fn mark(&self) -> String {
        let Self {
            name,
            kind,
            size,
            hash,
        } = self;
        format!("{HEAD}{name}:\n[{kind}, {size} bytes, sha256 {hash}]")
    }

    /// The files that a text names, each with the place of its mark.
    pub fn all_in(text: &str) -> Vec<(Range<usize>, Self)> {
        let mut found = Vec::new();
        let mut at = 0;
        let mut before: Option<(usize, &str)> = None;
        // Texts without a mark, almost all, are not looked at line by line.
        let lines = text
            .contains(", sha256 ")
            .then(|| text.split_inclusive('\n'));
        for line in lines.into_iter().flatten() {
            let whole = line.trim_end_matches(['\n', '\r']);
            let bare = whole.trim_start_matches(QUOTE);
            if let Some((start, head)) = before
                && let Some(file) = read(head, bare)
            {
                found.push((start..at + whole.len(), file));
            }
            before = head_in(bare).map(|head| (at + whole.len() - head.len(), head));
            at += line.len();
        }
        found
    }

    /// The text with each mark replaced.
    pub fn replaced(text: &str, mut by: impl FnMut(&Self) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = 0;
        for (place, file) in Self::all_in(text) {
            out.push_str(&text[rest..place.start]);
            out.push_str(&by(&file));
            rest = place.end;
        }
        out + &text[rest..]
    }

    /// The text as people read it: each file by its name, its kind and its size.
    pub fn named_in(text: &str) -> String {
        Self::replaced(text, |file| {
            format!("`{}` ({})", file.name, file.described())
        })
    }

    /// `picture, 24 kB`
    pub fn described(&self) -> String {
        let what = if self.is_picture() { "picture" } else { "file" };
        match self.size {
            size @ ..1024 => format!("{what}, {size} bytes"),
            size if size < 1024 * 1024 => format!("{what}, {} kB", size.div_ceil(1024)),
            size => format!("{what}, {:.1} MB", size as f64 / (1024.0 * 1024.0)),
        }
    }

    /// A name that no other file of a thread has, in characters that every platform keeps.
    pub fn unique_name(&self, id: &str) -> String {
        let plain: String = self
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let plain = plain.trim_start_matches('.');
        // Folders and platforms take names of some 250 bytes.
        let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        match plain.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => {
                format!("{}-{id}.{}", cut(stem, 80), cut(ending, 16))
            }
            _ => format!("{}-{id}", cut(plain, 80)),
        }
    }
}

/// The head of a mark: a whole line, or its end behind words of ours, such as `Ann answered: File a.png:`.
fn head_in(line: &str) -> Option<&str> {
    let inside = format!(": {HEAD}");
    let start = match line.starts_with(HEAD) {
        true => 0,
        false => line.rfind(&inside)? + 2,
    };
    Some(&line[start..])
}

fn read(head: &str, line: &str) -> Option<FileRef> {
    let name = head.strip_prefix(HEAD)?.strip_suffix(':')?;
    let inside = line.strip_prefix('[')?.strip_suffix(']')?;
    let mut parts = inside.split(", ");
    let (kind, size, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let is_kind = |kind: &str| {
        kind.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/.+-".contains(&byte))
    };
    let file = FileRef {
        name: shown(name),
        kind: Some(kind).filter(|kind| is_kind(kind))?.into(),
        size: size.strip_suffix(" bytes")?.parse().ok()?,
        hash: hash.strip_prefix("sha256 ")?.parse().ok()?,
    };
    parts.next().is_none().then_some(file)
}

/// A file with its content.
#[derive(Clone, PartialEq, Eq)]
pub struct FileContent {
    /// How texts name it.
    pub file: FileRef,
    /// The content.
    pub bytes: Vec<u8>,
}

impl FileContent {
    /// A file with this name and content.
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        let file = FileRef::new(name, &bytes);
        Self { file, bytes }
    }
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}

/// Checks that an agent may show this file. What machines run stays out of chat, where one click runs it.
pub fn showable(name: &str, bytes: &[u8]) -> Result<(), Invalid> {
    let wrong = match FileKind::of(name, bytes) {
        _ if bytes.is_empty() => ("it is empty".to_owned(), "write something into it first"),
        _ if bytes.len() > LARGEST => (
            format!("it is larger than {} MB", LARGEST / (1024 * 1024)),
            "show the part that matters",
        ),
        FileKind::Program => (
            "it is a program".to_owned(),
            "commit it, or show its source as text",
        ),
        FileKind::Picture(_) | FileKind::Text | FileKind::Pdf | FileKind::Other => return Ok(()),
    };
    Err(Invalid::new("file", wrong.0, wrong.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

    #[test]
    fn a_file_is_what_its_bytes_say() {
        for (name, bytes, kind) in [
            ("a.txt", PNG, FileKind::Picture("image/png")),
            ("a.png", b"words".as_slice(), FileKind::Text),
            ("a", b"\xff\xd8\xff\xe0", FileKind::Picture("image/jpeg")),
            ("a", b"GIF89a..", FileKind::Picture("image/gif")),
            ("a", b"RIFF....WEBPVP8 ", FileKind::Picture("image/webp")),
            ("a", b"%PDF-1.7\xff", FileKind::Pdf),
            ("a.png", b"\x7fELF", FileKind::Program),
            ("a.txt", b"#!/bin/sh\n", FileKind::Program),
            ("a.EXE", b"words", FileKind::Program),
            ("run.sh", b"words", FileKind::Program),
            ("a", b"a\0b", FileKind::Other),
            ("a", b"\xff\xfe", FileKind::Other),
        ] {
            assert_eq!(FileKind::of(name, bytes), kind, "{name} {bytes:?}");
        }
    }

    #[test]
    fn a_text_names_its_files_wherever_they_stand() {
        let (shot, log) = (
            FileRef::new("shot `1`.png", PNG),
            FileRef::new("a.bin", b"\xff\xfe"),
        );
        let text = format!(
            "Like this\n\n{}\n\n{}\n\nand so on",
            shot.mark(),
            log.mark()
        );
        let found: Vec<FileRef> = FileRef::all_in(&text)
            .into_iter()
            .map(|(_, file)| file)
            .collect();
        assert_eq!(found, [shot.clone(), log]);
        assert_eq!(
            FileRef::named_in(&text),
            "Like this\n\n`shot 1.png` (picture, 12 bytes)\n\n`a.bin` (file, 2 bytes)\n\nand so on"
        );
        assert_eq!(
            FileRef::replaced("no file\n", |_| unreachable!()),
            "no file\n"
        );
        let quoted = format!("> > {}", shot.mark().replace('\n', "\n> > "));
        assert_eq!(
            FileRef::named_in(&quoted),
            "> > `shot 1.png` (picture, 12 bytes)"
        );
        let answered = format!("Ann answered: {}\n\nNext", shot.mark());
        assert_eq!(
            FileRef::named_in(&answered),
            "Ann answered: `shot 1.png` (picture, 12 bytes)\n\nNext"
        );
        for other in [
            "File a.log:\nhello".to_owned(),
            "File a.log:\n[image/png, 1 bytes, sha256 00]".into(),
            shot.mark().replace("sha256", "md5"),
            shot.mark().replace("File", "file"),
            shot.mark().to_uppercase(),
        ] {
            assert_eq!(FileRef::all_in(&other), [], "{other}");
        }
    }

    #[test]
    fn names_are_unique_and_plain() {
        let named = |name: &str| FileRef::new(name, PNG).unique_name("7f");
        assert_eq!(named("shot one.png"), "shot_one-7f.png");
        assert_eq!(named("../Übersicht"), "__bersicht-7f");
        assert_eq!(named(".env"), "env-7f");
        assert!(named(&format!("{}.{}", "x".repeat(300), "y".repeat(300))).len() < 110);
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        let of = |size| {
            FileRef {
                size,
                ..FileRef::new("a", b"")
            }
            .described()
        };
        assert_eq!(of(10), "file, 10 bytes");
        assert_eq!(of(2000), "file, 2 kB");
        assert_eq!(of(3 * 1024 * 1024), "file, 3.0 MB");
    }
}
