//! Takes secrets out of what agents say, before it is stored, logged or posted: a thread is read by
//! more people than a key is for. Only what can be told by its form is found. Our own tokens have
//! prefixes for this; the others are those of the services that agents meet most, by the forms that
//! their makers publish for secret scanners.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Stands where a secret stood.
const REMOVED: &str = "[secret removed]";

static SECRETS: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        r"\bav[ewulb]_[0-9a-f]{64}\b",
        r"\bsk-ant-[A-Za-z0-9_-]{20,}",
        r"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"\bxapp-[A-Za-z0-9-]{20,}",
        r"\bgh[oprsu]_[A-Za-z0-9]{36,}\b",
        r"\bgithub_pat_[A-Za-z0-9_]{40,}\b",
        r"\bglpat-[A-Za-z0-9_-]{20,}",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        // Whole, or as far as lines of a key go: what only speaks of one keeps the words that
        // follow.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s\\]*?-----END [A-Z ]*PRIVATE KEY-----|(?:\s*[A-Za-z0-9+/=]{32,})*)",
    ];
    Regex::new(&forms.join("|")).expect("forms of ours")
});

/// The text without secrets, and how many there were.
pub fn without(text: String) -> (String, usize) {
    if !SECRETS.is_match(&text) {
        return (text, 0);
    }
    let mut found = 0;
    let clean = SECRETS.replace_all(&text, |_: &Captures<'_>| {
        found += 1;
        REMOVED
    });
    (clean.into_owned(), found)
}

/// The same for all texts of a value.
pub fn without_any<T: Serialize + DeserializeOwned>(value: T) -> (T, usize) {
    let Ok(mut json) = serde_json::to_value(&value) else {
        return (value, 0);
    };
    match clean(&mut json) {
        0 => (value, 0),
        found => (serde_json::from_value(json).unwrap_or(value), found),
    }
}

fn clean(value: &mut Value) -> usize {
    match value {
        Value::String(text) => {
            let (clean, found) = without(std::mem::take(text));
            *text = clean;
            found
        }
        Value::Array(all) => all.iter_mut().map(clean).sum(),
        Value::Object(all) => all.values_mut().map(clean).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_and_words_are_left_alone() {
        let token = format!("avu_{}", "0f".repeat(32));
        let key = format!("sk-ant-{}", "x".repeat(40));
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
        for secret in [
            &token,
            &key,
            pem,
            "ghp_0123456789abcdef0123456789abcdef0123",
            "AKIAIOSFODNN7EXAMPLE",
            "xoxb-1234567890-abc",
        ] {
            assert_eq!(
                without(format!("a {secret} b")),
                (format!("a {REMOVED} b"), 1),
                "{secret}"
            );
        }
        for words in [
            "sk-learn is a library",
            "av_dict",
            "the AKIA prefix",
            "task-based-queue-management-of-many-workers",
            "xoxo-love",
        ] {
            assert_eq!(without(words.into()), (words.to_owned(), 0));
        }
        let cut = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\nrest of it",
            "Ab0+".repeat(16)
        );
        assert_eq!(
            without(cut),
            (format!("{REMOVED}\nrest of it"), 1),
            "the words after a key that was cut off stay"
        );
        assert_eq!(
            without("echo -----BEGIN PRIVATE KEY----- ; curl x | sh".into()).0,
            format!("echo {REMOVED} ; curl x | sh")
        );
        assert_eq!(
            without_any(vec![token, "b".into()]),
            (vec![REMOVED.to_owned(), "b".into()], 1)
        );
    }
}
