//! Removes secrets from agents' output before it is shortened, stored, logged or posted: more
//! people read a thread than may have a key.
//!
//! Finds two kinds: known values, which we put into the agent's environment ([`KnownSecrets`]); and
//! text in the form of a secret ([`without`]), by the forms that vendors publish for secret
//! scanners, also in base64 and percent-encoded.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::{Captures, Regex};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Replaces a secret.
pub const REMOVED: &str = "[secret removed]";

/// The forms of our own secrets and of those of services that agents commonly use.
const FORMS: [&str; 34] = [
    r"\bav[ewulb]_[0-9a-f]{64}\b",
    r"\bsk-ant-[A-Za-z0-9_-]{20,}",
    r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{32,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[A-Za-z0-9-]{20,}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    r"\bgh[oprsu]_[A-Za-z0-9]{36,}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{40,}\b",
    r"\bgl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_-]{20,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r#"(?i)\baws_?(?:secret)?_?(?:access)?_?key["']?\s*[:=]\s*["']?[A-Za-z0-9/+]{40}\b"#,
    r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]+/[A-Za-z0-9_-]{40,}",
    r"\bsyt_[A-Za-z0-9+/=]+_[A-Za-z]{20}_[A-Za-z0-9]{6}\b",
    r"\bm[acr]t_[A-Za-z0-9]{30}_[A-Za-z0-9]{6}\b",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    r"\bGOCSPX-[A-Za-z0-9_-]{28}",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"\bwhsec_[A-Za-z0-9+/=]{24,}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-[A-Za-z0-9_-]{50,}",
    r"\bhf_[A-Za-z0-9]{30,}\b",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}\b",
    r"\bdo[opr]_v1_[a-f0-9]{64}\b",
    r"\bAccountKey=[A-Za-z0-9+/]{40,}={0,2}",
    r"\bSharedAccessKey=[A-Za-z0-9+/]{40,}={0,2}",
    r"\bsig=[A-Za-z0-9%+/]{40,}={0,2}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}",
    r"\bkey-[0-9a-f]{32}\b",
    r"\bcrates_io_[A-Za-z0-9]{30,}|\bcio[A-Za-z0-9]{32}\b",
    // User and password of an address; the rest of the address stays readable.
    r"(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@:'\x22`]*:[^\s/@'\x22`]+@",
    // A whole key, or as many lines as look like one; text after a mere mention of a key stays.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s\\]*?-----END [A-Z ]*PRIVATE KEY-----|(?:\s*[A-Za-z0-9+/=]{32,})*)",
];

static SECRETS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&FORMS.join("|")).expect("forms of ours"));

/// What may be base64.
static ENCODED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{24,}={0,2}").expect("a form of ours"));

/// A percent-encoded word.
static ESCAPED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[^\s'\x22`]*%[0-9A-Fa-f]{2}[^\s'\x22`]*").expect("a form of ours")
});

/// Whether a file's name and path suggest that it holds secrets; an example of such a file does
/// not.
pub fn is_named_like_one(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let examples = ["example", "sample", "template", "dist", "defaults"];
    let is_example = base
        .split(['.', '-', '_'])
        .any(|part| examples.contains(&part));
    let environment = base == ".envrc"
        || base == ".env"
        || [".env.", ".env-", ".env_"]
            .iter()
            .any(|begin| base.starts_with(begin))
        || base.ends_with(".env");
    let kinds = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];
    let is_key = kinds.iter().any(|kind| base.starts_with(kind)) && !base.ends_with(".pub");
    let exact = [
        ".netrc",
        ".pgpass",
        ".git-credentials",
        ".pypirc",
        ".htpasswd",
        "credentials.json",
        ".dockercfg",
        "kubeconfig",
    ];
    let ends = [
        ".key",
        ".p12",
        ".pfx",
        ".jks",
        ".keystore",
        ".kdbx",
        ".ppk",
        ".tfstate",
    ];
    let is_cloud = base == "credentials" && name.contains(".aws/");
    !is_example
        && (environment
            || is_key
            || is_cloud
            || exact.contains(&base.as_str())
            || ends.iter().any(|end| base.ends_with(end)))
}

/// Whether a text contains something in the form of a secret.
pub fn are_in(text: &str) -> bool {
    without(text.to_owned()).1 > 0
}

/// The text without secrets, and how many there were.
pub fn without(text: String) -> (String, usize) {
    let mut found = 0;
    let mut clean = text;
    if SECRETS.is_match(&clean) {
        let replaced = SECRETS.replace_all(&clean, |caught: &Captures<'_>| {
            found += 1;
            match caught.name("scheme") {
                Some(scheme) => format!("{}{REMOVED}@", scheme.as_str()),
                None => REMOVED.to_owned(),
            }
        });
        clean = replaced.into_owned();
    }
    for (form, decode) in [
        (&ENCODED, from_base64 as fn(&str) -> Option<String>),
        (&ESCAPED, from_percent),
    ] {
        let hides = |text: &str| decode(text).is_some_and(|text| SECRETS.is_match(&text));
        if form.find_iter(&clean).any(|one| hides(one.as_str())) {
            let replaced = form.replace_all(&clean, |caught: &Captures<'_>| {
                if hides(&caught[0]) {
                    found += 1;
                    REMOVED.to_owned()
                } else {
                    caught[0].to_owned()
                }
            });
            clean = replaced.into_owned();
        }
    }
    (clean, found)
}

/// The same for all texts of a value.
pub fn without_any<T: Serialize + DeserializeOwned>(value: T) -> (T, usize) {
    let mut found = 0;
    let value = each_text(value, &mut |text| {
        let (clean, some) = without(text);
        found += some;
        clean
    });
    (value, found)
}

/// Changes all texts of a value.
fn each_text<T: Serialize + DeserializeOwned>(
    value: T,
    change: &mut dyn FnMut(String) -> String,
) -> T {
    let Ok(mut json) = serde_json::to_value(&value) else {
        return value;
    };
    let before = json.clone();
    walk(&mut json, change);
    if json == before {
        return value;
    }
    serde_json::from_value(json).unwrap_or(value)
}

fn walk(value: &mut Value, change: &mut dyn FnMut(String) -> String) {
    match value {
        Value::String(text) => *text = change(std::mem::take(text)),
        Value::Array(all) => all.iter_mut().for_each(|one| walk(one, change)),
        Value::Object(all) => all.values_mut().for_each(|one| walk(one, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn from_base64(text: &str) -> Option<String> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in text.trim_end_matches('=').bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    String::from_utf8(bytes).ok()
}

fn from_percent(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = || u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok();
        match (bytes[at], code()) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// Values that we put into an agent's environment, with their names.
#[derive(Debug, Clone, Default)]
pub struct KnownSecrets(Vec<(String, String)>);

/// A shorter value is an ordinary word: `true`, a port, a name.
const SHORTEST: usize = 8;
/// A value of at least this many characters that mixes letters and digits was generated.
const RANDOM: usize = 16;

/// Whether a variable's name suggests that its value is secret.
fn tells(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH"]
        .iter()
        .any(|part| name.contains(part))
}

fn is_random(value: &str) -> bool {
    let has = |is: fn(&char) -> bool| value.chars().any(|c| is(&c));
    value.len() >= RANDOM && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
}

impl KnownSecrets {
    /// The values that may be secret: by their names, or long and made of letters and digits.
    /// Paths, addresses, numbers and words such as `production` stay readable.
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let is_plain = |value: &str| {
            value.starts_with(['/', '.'])
                || (value.contains("://") && !are_in(value))
                || value.chars().all(|c| c.is_ascii_digit())
        };
        let mut known: Vec<(String, String)> = environment
            .iter()
            .filter(|(_, value)| value.len() >= SHORTEST && !is_plain(value))
            .filter(|(name, value)| tells(name) || is_random(value) || are_in(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // Longest first: one may contain another.
        known.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        Self(known)
    }

    /// Whether a text contains one of them.
    pub fn is_in(&self, text: &str) -> bool {
        self.0
            .iter()
            .any(|(_, value)| text.contains(value.as_str()))
    }

    /// The text with names instead of values: `$GITHUB_TOKEN`.
    pub fn named(&self, text: String) -> String {
        if !self.is_in(&text) {
            return text;
        }
        self.0.iter().fold(text, |text, (name, value)| {
            text.replace(value.as_str(), &format!("${name}"))
        })
    }

    /// The same for all texts of a value.
    pub fn named_in<T: Serialize + DeserializeOwned>(&self, value: T) -> T {
        each_text(value, &mut |text| self.named(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_people_call_them() {
        for secret in [
            ".env",
            "web/.env.production",
            "prod.env",
            "deploy/id_ed25519",
            "certs/site.key",
            "Store.P12",
            "home/.aws/credentials",
        ] {
            assert!(is_named_like_one(secret), "{secret}");
        }
        for fine in [
            ".env.example",
            "env.rs",
            "id_ed25519.pub",
            "keys.rs",
            "src/credentials/mod.rs",
            ".env.sample",
            "monkey",
        ] {
            assert!(!is_named_like_one(fine), "{fine}");
        }
    }

    /// One of each form; composed here so that no scanner reports them as leaked.
    fn samples() -> Vec<String> {
        let x = |count: usize| "aB3".repeat(count)[..count].to_owned();
        vec![
            format!("avu_{}", "0f".repeat(32)),
            format!("sk-ant-{}", x(40)),
            format!("sk-proj-{}", x(40)),
            format!("xox{}-1234567890-{}", 'b', x(12)),
            format!("xapp-1-{}", x(30)),
            format!(
                "https://hooks.slack.com/services/T{}/B{}/{}",
                x(9),
                x(9),
                x(24)
            ),
            format!("ghp_{}", x(36)),
            format!("github_pat_{}", x(60)),
            format!("glpat-{}", x(20)),
            "AKIAIOSFODNN7EXAMPLE".into(),
            format!("aws_secret_access_key = {}", x(40)),
            format!("M{}.{}.{}", x(25), x(6), x(38)),
            format!("https://discord.com/api/webhooks/123456/{}", x(68)),
            format!("syt_{}_{}_{}", x(8), "abCDefGHijKLmnOPqrST", "0aB1cD"),
            format!("mat_{}_{}", x(30), x(6)),
            format!("AIza{}", x(35)),
            format!("sk_live_{}", x(24)),
            format!("npm_{}", x(36)),
            format!("pypi-{}", x(60)),
            format!("hf_{}", x(34)),
            format!("eyJ{}.eyJ{}.{}", x(20), x(30), x(43)),
            format!("123456789:AA{}", x(33)),
            format!("dop_v1_{}", "0f".repeat(32)),
            format!("AccountKey={}==", x(86)),
            format!("SG.{}.{}", x(22), x(43)),
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----".into(),
        ]
    }

    #[test]
    fn secrets_are_taken_out_by_their_forms() {
        for secret in samples() {
            let (clean, found) = without(format!("a {secret} b"));
            assert_eq!((clean, found), (format!("a {REMOVED} b"), 1), "{secret}");
        }
    }

    #[test]
    fn encoding_hides_nothing() {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let base64 = |text: &str| -> String {
            let groups = text.as_bytes().chunks(3);
            groups
                .flat_map(|three| {
                    let bits = three.iter().enumerate().fold(0u32, |bits, (at, byte)| {
                        bits | u32::from(*byte) << (16 - 8 * at)
                    });
                    let digit =
                        move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
                    (0..=three.len()).map(digit).collect::<Vec<_>>()
                })
                .collect()
        };
        for secret in samples() {
            let escaped: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            for hidden in [base64(&secret), escaped] {
                assert_eq!(
                    without(format!("see {hidden} there")).0,
                    format!("see {REMOVED} there"),
                    "{secret}"
                );
            }
        }
    }

    #[test]
    fn words_are_left_alone() {
        for words in [
            "sk-learn is a library",
            "av_dict",
            "the AKIA prefix",
            "task-based-queue-management-of-many-workers",
            "xoxo-love",
            "https://example.org/a:b/c@d",
            "ssh://git@example.org/a.git",
            "0123456789abcdef0123456789abcdef01234567",
            "see https://example.org/%C3%A4pfel?q=a%20b",
            "c29tZSB3b3JkcyB0aGF0IGFyZSBubyBzZWNyZXQgYXQgYWxs",
            "12:30 at daemon/domain/src/lifecycle/attempts.rs",
        ] {
            assert_eq!(without(words.into()), (words.to_owned(), 0));
        }
        let cut = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\nrest of it",
            "Ab0+".repeat(16)
        );
        assert_eq!(
            without(cut).0,
            format!("{REMOVED}\nrest of it"),
            "the words after a key that was cut off stay"
        );
        assert_eq!(
            without("echo -----BEGIN PRIVATE KEY----- ; curl x | sh".into()).0,
            format!("echo {REMOVED} ; curl x | sh")
        );
    }

    #[test]
    fn an_address_keeps_what_it_belongs_to() {
        assert_eq!(
            without("postgres://ann:s3cret@db/site and https://x:y@host/a.git".into()).0,
            format!("postgres://{REMOVED}@db/site and https://{REMOVED}@host/a.git")
        );
    }

    #[test]
    fn what_we_gave_an_agent_is_shown_by_its_name() {
        let pairs = [
            ("GATEWAY_KEY", "a-gateway-key-1"),
            ("HOME", "/home/agent"),
            ("PORT", "12345678"),
            ("MODE", "short"),
            ("NODE_ENV", "production"),
            ("BASE", "https://gateway.example.org"),
        ];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let known = KnownSecrets::of(&environment.into());
        assert_eq!(
            known.named(
                "curl -H a-gateway-key-1 https://gateway.example.org/home/agent short production"
                    .into()
            ),
            "curl -H $GATEWAY_KEY https://gateway.example.org/home/agent short production"
        );
        assert_eq!(
            known.named_in(vec!["a-gateway-key-1".to_owned()]),
            ["$GATEWAY_KEY"]
        );
    }
}
