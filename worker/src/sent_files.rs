//! Files that people sent: fetched when words that name them go to the agent, and kept beside its folder, where it
//! can read them. Pictures also go to the model as they are.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use vine_api::Base64;
use vine_domain::{
    Answer, Question,
    chat::file::{FileHash, FileKind, FileRef, LARGEST_PICTURE},
    clock::{Ids, System},
};

use crate::agent_host::AgentHost;

/// Maximum width and height of a picture that the model takes (vision guide, "Evaluate image size").
const WIDEST: usize = 8_000;
/// Maximum size, in base64, of the pictures that go to the model with one message; others are only kept as files. The
/// model's API takes thirty-two million bytes in a request, with all earlier messages.
const ALL_PICTURES: usize = 12_000_000;

/// The files of one session.
pub struct SentFiles {
    host: AgentHost,
    folder: PathBuf,
    /// The group of an agent that is another user.
    group: Option<u32>,
}

/// A picture, as the model's API takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file's name.
    pub name: String,
    /// Its MIME type.
    pub mime: &'static str,
    /// Its content, in base64.
    pub base64: String,
}

/// Words for the agent, with the pictures that they name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordsWithPictures {
    /// The words; each file is named by its path.
    pub text: String,
    /// The pictures, in the order in which the words name them.
    pub pictures: Vec<Picture>,
}

/// A file that words name.
struct KeptFile {
    hash: FileHash,
    path: PathBuf,
    picture: Option<Picture>,
}

impl SentFiles {
    /// For a session whose files are in `folder`, which is created. Only its agent can enter it, and cannot write in it;
    /// `group` is that agent's, if it is another user.
    pub fn new(host: AgentHost, folder: PathBuf, group: Option<u32>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mode = if group.is_some() { 0o750 } else { 0o700 };
        chown(&folder, None, group)?;
        fs::set_permissions(&folder, Permissions::from_mode(mode))?;
        Ok(Self {
            host,
            folder,
            group,
        })
    }

    /// Where they are kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Words as the agent reads them.
    pub async fn resolve(&self, text: String) -> WordsWithPictures {
        let kept = self.kept(&text).await;
        WordsWithPictures {
            text: named(&text, &kept),
            pictures: pictures(kept),
        }
    }

    /// A question whose answer names its files by their paths, and the pictures among them.
    pub async fn resolve_answer(&self, question: Question) -> (Question, Vec<Picture>) {
        let texts = question.answer().map(|answer| answer.decision.texts());
        let kept = self.kept(&texts.unwrap_or_default().join("\n")).await;
        let resolved = question.with_answer(|answer| Answer {
            decision: answer.decision.mapped(|text| named(text, &kept)),
            ..answer
        });
        (resolved, pictures(kept))
    }

    /// Keeps the files that words name. One that cannot be had is not among them.
    async fn kept(&self, text: &str) -> Vec<KeptFile> {
        let mut kept: Vec<KeptFile> = Vec::new();
        let mut left = ALL_PICTURES;
        for (_, file) in FileRef::all_in(text) {
            if kept.iter().any(|known| known.hash == file.hash) {
                continue;
            }
            match self.keep(&file).await {
                Ok(Some(mut found)) => {
                    let size = found
                        .picture
                        .as_ref()
                        .map_or(0, |picture| picture.base64.len());
                    found.picture = found.picture.filter(|_| size <= left);
                    left = left.saturating_sub(size);
                    kept.push(found);
                }
                Ok(None) => self.host.log(format!(
                    "{} was removed, so the agent does not get it",
                    file.name
                )),
                Err(error) => self
                    .host
                    .log(format!("the agent does not get {}: {error:#}", file.name)),
            }
        }
        kept
    }

    async fn keep(&self, file: &FileRef) -> anyhow::Result<Option<KeptFile>> {
        let path = self.folder.join(file.unique_name(file.hash.short()));
        let known = fs::read(&path)
            .ok()
            .filter(|bytes| FileHash::of(bytes) == file.hash);
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                let Some(bytes) = self.host.sent_file(&file.hash).await? else {
                    return Ok(None);
                };
                write(&path, &bytes)?;
                bytes
            }
        };
        // The agent may be another user than the last time.
        let mode = if self.group.is_some() { 0o440 } else { 0o400 };
        chown(&path, None, self.group)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(Some(KeptFile {
            hash: file.hash.clone(),
            path,
            picture: picture(&file.name, bytes),
        }))
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Nobody else writes this one, whenever this is interrupted.
    let draft = path.with_extension(format!("{}.new", System.uuid().simple()));
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

/// The picture that these bytes are, if the model takes it: one that it refuses would end the session.
fn picture(name: &str, bytes: Vec<u8>) -> Option<Picture> {
    let FileKind::Picture(mime) = FileKind::of(name, &bytes) else {
        return None;
    };
    let size = imagesize::blob_size(&bytes).ok()?;
    let (least, most) = (size.width.min(size.height), size.width.max(size.height));
    let fits =
        bytes.len() <= LARGEST_PICTURE && most <= WIDEST && least > 0 && is_whole(mime, &bytes);
    fits.then(|| Picture {
        name: name.to_owned(),
        mime,
        base64: Base64(bytes).into(),
    })
}

/// Whether a picture has its end: an upload may have been cut.
fn is_whole(mime: &str, bytes: &[u8]) -> bool {
    let end = &bytes[bytes.len().saturating_sub(64)..];
    let ends = |mark: &[u8]| end.windows(mark.len()).any(|part| part == mark);
    match mime {
        "image/png" => ends(b"IEND"),
        "image/jpeg" => ends(&[0xff, 0xd9]),
        "image/gif" => ends(b";"),
        // The size behind `RIFF` counts what follows it (RFC 9649).
        _ => bytes.get(4..8).is_some_and(|size| {
            let size = size
                .iter()
                .rev()
                .fold(0, |size, byte| size << 8 | usize::from(*byte));
            size + 8 <= bytes.len()
        }),
    }
}

fn named(text: &str, kept: &[KeptFile]) -> String {
    FileRef::replaced(text, |file| {
        let (name, what) = (&file.name, file.described());
        match kept.iter().find(|found| found.hash == file.hash) {
            Some(found) if found.picture.is_some() => {
                format!(
                    "File {name} ({what}, attached; also at {})",
                    found.path.display()
                )
            }
            Some(found) => format!("File {name} ({what}) is at {}", found.path.display()),
            None => format!("File {name} ({what}) is not available."),
        }
    })
}

fn pictures(kept: Vec<KeptFile>) -> Vec<Picture> {
    kept.into_iter().filter_map(|file| file.picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one pixel.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\0IEND\xaeB`\x82";

    #[test]
    fn only_pictures_that_the_model_takes_go_to_it() {
        let taken = picture("a.png", PNG.to_vec()).expect("a picture");
        assert_eq!(taken.mime, "image/png");
        let mut wide = PNG.to_vec();
        wide[16..20].copy_from_slice(&9_000_u32.to_be_bytes());
        let mut large = vec![0; LARGEST_PICTURE];
        large.splice(..33, PNG[..33].iter().copied());
        large.extend(&PNG[33..]);
        let cut = PNG[..33].to_vec();
        for bytes in [wide, large, cut, b"words".to_vec()] {
            assert_eq!(picture("a.png", bytes), None);
        }
        for (mime, whole, cut) in [
            ("image/jpeg", &b"\xff\xd8..\xff\xd9"[..], &b"\xff\xd8.."[..]),
            ("image/gif", b"GIF89a..;", b"GIF89a.."),
            ("image/webp", b"RIFF\x04\0\0\0WEBP", b"RIFF\x09\0\0\0WEBP"),
        ] {
            assert!(is_whole(mime, whole) && !is_whole(mime, cut), "{mime}");
        }
    }

    #[test]
    fn words_name_a_file_by_its_path_and_say_if_it_is_gone() {
        let file = FileRef::new("a.png", PNG);
        let kept = |picture: Option<Picture>| {
            let (hash, path) = (file.hash.clone(), "/files/a-1.png".into());
            [KeptFile {
                hash,
                path,
                picture,
            }]
        };
        let text = format!("Ann answered: {}", file.mark());
        assert_eq!(
            named(&text, &kept(picture("a.png", PNG.to_vec()))),
            "Ann answered: File a.png (picture, 45 bytes, attached; also at /files/a-1.png)"
        );
        assert!(named(&text, &kept(None)).ends_with("is at /files/a-1.png"));
        assert!(named(&text, &[]).ends_with("is not available."));
    }
}
