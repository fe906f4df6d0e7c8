//! Text from people and programs, parsed once at the edge. Nothing behind the edge checks it again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    ids::TaskId,
    invalid::{Invalid, shown},
};

macro_rules! parsed_text {
    ($(#[$doc:meta])* $name:ident, $parse:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                $parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

parsed_text!(
    /// One line that names a task: 1 to 200 characters, no control characters.
    Title, title
);
parsed_text!(
    /// What the agent should do: 1 character to 256 KiB; no control characters except line breaks
    /// and tabs.
    Prompt, prompt
);
parsed_text!(
    /// The name of a git branch, by the rules of `git check-ref-format --branch`; never starts with
    /// a dash, so it cannot be taken for an option.
    Branch, branch
);
parsed_text!(
    /// A short name for a repository: lower-case letters, digits, `-`, `_` and `.`; 1 to 64
    /// characters, starts with a letter or digit.
    Slug, slug
);

parsed_text!(
    /// The name of a model, as the agent takes it: letters, digits and `-_.:/@[]`; 1 to 100
    /// characters, starts with a letter or digit.
    ModelName, model
);

fn model(text: &str) -> Result<String, Invalid> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.:/@[]".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    match begins && text.len() <= 100 && text.chars().all(is_part) {
        true => Ok(text.to_owned()),
        false => Err(Invalid::new(
            "model",
            format!("`{}`", shown(text)),
            "use a name like `opus`, with letters, digits and -_.:/@[]",
        )),
    }
}

const PROMPT_LIMIT: usize = 256 * 1024;

fn title(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    let refuse = |why: &str| {
        Err(Invalid::new(
            "title",
            why,
            "use one short line; put details into the prompt",
        ))
    };
    match text {
        "" => refuse("it is empty"),
        _ if text.chars().count() > 200 => refuse("it is longer than 200 characters"),
        _ if text.chars().any(char::is_control) => {
            refuse("it contains control characters or line breaks")
        }
        _ => Ok(text.to_owned()),
    }
}

fn prompt(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    let refuse = |why: String, hint: &str| Err(Invalid::new("prompt", why, hint));
    if text.is_empty() {
        return refuse("it is empty".into(), "describe what the agent should do");
    }
    if text.len() > PROMPT_LIMIT {
        let size = text.len() / 1024;
        return refuse(
            format!("it has {size} KiB; the limit is 256 KiB"),
            "commit long material to the repository and refer to the file",
        );
    }
    match text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
    {
        Some(c) => refuse(
            format!("it contains the control character {}", c.escape_default()),
            "remove it and send the text again",
        ),
        None => Ok(text.to_owned()),
    }
}

fn branch(text: &str) -> Result<String, Invalid> {
    let refuse = |why: &str| {
        Err(Invalid::new(
            "branch name",
            format!("`{}` {why}", shown(text)),
            "use a name like `feature/login`",
        ))
    };
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    match text {
        "" => refuse("is empty"),
        "@" => refuse("is reserved by git"),
        _ if text.len() > 200 => refuse("is longer than 200 bytes"),
        _ if text.starts_with('-') => refuse("starts with a dash"),
        _ if text
            .chars()
            .any(|c| c.is_control() || " ~^:?*[\\".contains(c)) =>
        {
            refuse("contains a character that git does not allow")
        }
        _ if text.contains("..") || text.contains("@{") || text.ends_with('.') => {
            refuse("contains `..` or `@{`, or ends with a dot")
        }
        _ if text.split('/').any(bad_part) => {
            refuse("has a part that is empty, starts with a dot or ends in `.lock`")
        }
        _ => Ok(text.to_owned()),
    }
}

fn slug(text: &str) -> Result<String, Invalid> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if text.len() <= 64 && starts_well && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(
        "repository name",
        format!("`{}`", shown(text)),
        "use at most 64 lower-case letters, digits, `-`, `_` and `.`",
    ))
}

impl Branch {
    /// As a base: the repository's own default branch.
    pub const DEFAULT: &str = "HEAD";

    /// The default branch of a task. The title makes it readable, and distinguishes it from
    /// branches of other installations, which also count from 1.
    pub fn of_task(id: TaskId, title: &Title) -> Self {
        Self(format!("vine/{id}-{}", title.as_words()))
    }
}

impl Title {
    /// Its first words as a part of a branch's name: `paint-the-door`; `task` if there are none.
    pub fn as_words(&self) -> String {
        let words: String = self
            .as_str()
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
            .collect();
        let mut name = String::new();
        for word in words.split_whitespace() {
            if name.len() + word.len() >= SHORT {
                break;
            }
            name = format!("{name}-{word}");
        }
        match name.strip_prefix('-') {
            Some(name) => name.to_owned(),
            None => "task".into(),
        }
    }
}

/// Characters of a title in a branch's name.
const SHORT: usize = 40;

impl Slug {
    /// The slug closest to a free text such as a folder name; `repo` if nothing of it is usable.
    pub fn from_text(text: &str) -> Self {
        let lower = text.to_lowercase();
        let kept: String = lower
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let trimmed = kept.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let short: String = trimmed.chars().take(64).collect();
        short.parse().unwrap_or_else(|_| Self("repo".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_that_git_or_a_shell_could_misread_are_refused() {
        for good in ["main", "feature/login", "vine/T-1", "a.b", "ünïcode"] {
            assert!(good.parse::<Branch>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=touch /tmp/x",
            "a..b",
            "a b",
            "a~1",
            "@",
            "x.lock",
            "a//b",
            "/a",
            "a/",
            ".a",
            "a\u{7}",
            "a@{1}",
            "a.",
        ] {
            assert!(bad.parse::<Branch>().is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn a_branch_is_named_after_its_task() {
        for (title, branch) in [
            ("Paint the door", "vine/T-7-paint-the-door"),
            ("Fix `a/b`: it's *broken*!", "vine/T-7-fix-a-b-it-s-broken"),
            ("Über größe", "vine/T-7-ber-gr-e"),
            ("日本", "vine/T-7-task"),
            (&"x".repeat(100), "vine/T-7-task"),
        ] {
            let title: Title = title.parse().expect("a title");
            let made = Branch::of_task(TaskId(7), &title);
            assert_eq!(made.as_str(), branch);
            assert!(branch.parse::<Branch>().is_ok());
        }
    }

    #[test]
    fn prompts_have_a_size_and_no_control_characters() {
        assert!("a\nb\tc".parse::<Prompt>().is_ok());
        let long = "x"
            .repeat(1024 * 1024)
            .parse::<Prompt>()
            .expect_err("1 MiB is too long");
        assert!(long.why.contains("1024 KiB"), "{long}");
        let bell = "a\u{7}b".parse::<Prompt>().expect_err("a bell is refused");
        assert!(bell.why.contains("\\u{7}"), "{bell}");
    }

    #[test]
    fn any_text_has_a_slug() {
        assert_eq!(Slug::from_text("My Project!").as_str(), "my-project-");
        assert_eq!(Slug::from_text("../..").as_str(), "repo");
        assert!("-rf".parse::<Slug>().is_err());
    }
}
