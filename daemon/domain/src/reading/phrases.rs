//! How people agree and refuse: the table of phrases that have a meaning on their own, and the
//! meaning of a text that consists only of them.
//!
//! A text with anything else in it, or a question in return, has no certain meaning. Digits are not
//! among the phrases: a stray `1` belongs to another question.

use std::{collections::HashMap, sync::LazyLock};

/// What a phrase means on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Yes.
    Assent,
    /// Yes, but only once.
    Once,
    /// Yes, for the whole session.
    Session,
    /// No.
    Refusal,
    /// No, unless it negates something that follows: `don't stop`.
    Negation,
    /// An answer is still to come: `let me think`.
    Pause,
    /// Nothing; it may accompany the others.
    Filler,
}

/// Each line has a kind and its phrases: `refusal: no | nope`.
const PHRASES: &str = include_str!("phrases.txt");

/// Words of the longest phrase.
const LONGEST: usize = 5;

static TABLE: LazyLock<HashMap<Vec<String>, Meaning>> = LazyLock::new(|| {
    let all = phrases();
    all.map(|(phrase, meaning)| (words(phrase), meaning))
        .collect()
});

fn phrases() -> impl Iterator<Item = (&'static str, Meaning)> {
    let lines = PHRASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| {
        let (kind, phrases) = line.split_once(": ").expect("a kind and its phrases");
        let meaning = match kind {
            "assent" => Meaning::Assent,
            "once" => Meaning::Once,
            "session" => Meaning::Session,
            "refusal" => Meaning::Refusal,
            "negation" => Meaning::Negation,
            "pause" => Meaning::Pause,
            "filler" => Meaning::Filler,
            other => unreachable!("{other} is not a kind of phrase"),
        };
        phrases.split(" | ").map(move |phrase| (phrase, meaning))
    })
}

/// All phrases that have a meaning on their own.
pub fn all() -> impl Iterator<Item = &'static str> {
    phrases().map(|(phrase, _)| phrase)
}

/// The meaning of a text that consists only of known phrases; `None` if it contains anything else,
/// contradicts itself, or asks something. A negation with nothing after it is returned as a
/// refusal.
pub fn meaning(text: &str) -> Option<Meaning> {
    said(text).filter(|meant| *meant != Meaning::Pause)
}

/// Whether a text only announces that an answer is still to come.
pub fn is_pause(text: &str) -> bool {
    said(text) == Some(Meaning::Pause)
}

fn said(text: &str) -> Option<Meaning> {
    let words = words(text);
    let mut meant = None;
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let (length, phrase) = longest(rest)?;
        rest = &rest[length..];
        meant = match (meant, phrase) {
            (known, Meaning::Filler) => known,
            (None, first) => Some(first),
            (Some(known), next) => Some(together(known, next)?),
        };
    }
    meant.map(|meant| match meant {
        Meaning::Negation => Meaning::Refusal,
        Meaning::Once => Meaning::Assent,
        other => other,
    })
}

/// The meaning of two phrases in a row. The result never allows more than either phrase, and a
/// negation reverses what follows it.
fn together(known: Meaning, next: Meaning) -> Option<Meaning> {
    use Meaning::{Assent, Negation, Once, Pause, Refusal, Session};
    match (known, next) {
        (Pause, Pause) => Some(Pause),
        (Assent, Assent) => Some(Assent),
        (Once | Assent, Once) | (Once, Assent) => Some(Once),
        (Session | Assent, Session) | (Session, Assent) => Some(Session),
        (Refusal, Refusal) => Some(Refusal),
        (Refusal, Negation) => Some(Negation),
        _ => None,
    }
}

/// The longest phrase at the start of the words.
fn longest(words: &[String]) -> Option<(usize, Meaning)> {
    let lengths = (1..=words.len().min(LONGEST)).rev();
    lengths
        .filter_map(|length| Some((length, *TABLE.get(&words[..length])?)))
        .next()
}

/// The words of a text in lower case, without marks, invisible characters, skin tones and
/// punctuation. An emoji is a word, as a character or by its Slack name.
pub fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().filter_map(plain).collect();
    let mut words: Vec<String> = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let length = emoji_name(rest)
            .or_else(|| signed(rest))
            .unwrap_or_else(|| letters(rest));
        let word: String = rest[..length.max(1)].iter().collect();
        at += length.max(1);
        if !word.starts_with(":skin-tone-") && (length > 0 || is_symbol(&word)) {
            words.push(word.to_lowercase());
        }
    }
    words
}

/// A normalised character: one kind of quote, no invisible characters, no skin tones.
fn plain(c: char) -> Option<char> {
    match c {
        '’' | '‘' | 'ʼ' | '´' | '`' => Some('\''),
        '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' => None,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => None,
        // Gender signs after a joiner: 🙅‍♂️.
        '\u{feff}' | '♀' | '♂' => None,
        other => Some(other),
    }
}

/// The length of a name such as `:+1:`.
fn emoji_name(text: &[char]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let name = rest
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-'))
        .count();
    (*first == ':' && name > 0 && rest.get(name) == Some(&':')).then_some(name + 2)
}

/// The length of `+1` or `-1`.
fn signed(text: &[char]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    (matches!(first, '+' | '-') && digits > 0).then_some(digits + 1)
}

/// How many letters, digits and inner quotes come first; one letter in scripts without spaces
/// between words.
fn letters(text: &[char]) -> usize {
    if text.first().is_some_and(|first| is_unspaced(*first)) {
        return 1;
    }
    let is_of_word = |(at, c): (usize, &char)| {
        c.is_alphanumeric() && !is_unspaced(*c)
            || *c == '\'' && at > 0 && text.get(at + 1).is_some_and(|next| next.is_alphanumeric())
    };
    text.iter()
        .enumerate()
        .take_while(|(at, c)| is_of_word((*at, c)))
        .count()
}

/// Thai, kana and Han.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// Whether text other than a word has its own meaning. Emphasis marks and the usual punctuation
/// have none. Emoji have one, and so do `?`, `/`, `>`, `~` and `=`: they ask, offer, quote, strike
/// out or compare.
fn is_symbol(text: &str) -> bool {
    const PLAIN: &str = ".,;:!()-*_@\"'…–—“”„«»¡•·";
    text.chars()
        .all(|c| !c.is_whitespace() && !c.is_control() && !PLAIN.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(meant: Option<Meaning>, texts: &str) -> usize {
        let texts = texts
            .lines()
            .flat_map(|line| line.split('|'))
            .map(str::trim);
        let texts = texts.filter(|text| !text.is_empty());
        texts
            .inspect(|text| assert_eq!(meaning(text), meant, "{text:?}"))
            .count()
    }

    #[test]
    fn no_phrase_means_two_things() {
        assert_eq!(TABLE.len(), phrases().count());
        assert!(TABLE.len() >= 300, "{}", TABLE.len());
        assert!(TABLE.keys().all(|phrase| phrase.len() <= LONGEST));
        for (phrase, meaning) in phrases() {
            let meant = match meaning {
                Meaning::Filler | Meaning::Pause => None,
                Meaning::Once => Some(Meaning::Assent),
                Meaning::Negation => Some(Meaning::Refusal),
                other => Some(other),
            };
            assert_eq!(super::meaning(phrase), meant, "{phrase}");
        }
    }

    #[test]
    fn people_agree_in_many_spellings() {
        let agreed = "yes | Yes! | YES | yes. | y | yep | Yup!! | yeah, sure | ok | OK | Ok. | okay | Okay! | k | kk
            okay, go ahead | ok go | yes please | Yes, please! | please do | sure | Sure thing! | of course | absolutely
            lgtm | LGTM | LGTM! | LGTM 👍 | lgtm :+1: | sgtm | looks good | Looks good! | looks good to me | Looks great
            looks fine to me | sounds good | Sounds good, go ahead | sounds good to me! | go | go ahead | Go ahead! | go for it
            go ahead please | ship it | Ship it! | ship it 🚀 | shipit | :shipit: | do it | Do it! | do it now
            make it so | proceed | please proceed | approve | Approved | approved! | I approve | allow | allow once | Allow it.
            let's go | let’s go | lets go | let's do it | let’s do this | that works | That works for me | works for me
            fine | fine by me | that's fine | that’s fine | good | all good | perfect | Perfect, thanks! | great, thank you
            agreed | I agree | confirmed | +1 | +1! | 👍 | 👍🏽 | 👍🏿 | 👍️ | 👍👍 | 👌 | 👌🏻 | ✅ | ✔️ | ☑️ | 🆗 | 💯
            :+1: | :+1::skin-tone-3: | :thumbsup: | :thumbsup::skin-tone-6: | :ok_hand: | :white_check_mark: | :heavy_check_mark:
            yes 👍 | yes :+1: | ok thanks | ok, thx! | yes, thank you 🙏 | yes then | ok now | well, yes | oh yes | hey vine, yes
            **yes** | *yes* | _yes_ | `yes` | 'yes' | \"yes\" | “yes” | (yes) | yes… | yes... | yes,yes | yes yes | ok ok ok
            you may | yes, you may | yes you can | no objections | No objections, go ahead | this once | yes, once | yes — once
            yes\u{200b} | \u{200b}yes | ok\u{fe0f} | okey dokey | okie dokie | affirmative | aye | certainly | definitely
            sure, go for it | Great, ship it! | looks ok | sounds like a plan | Thumbs up | thumbs up! | green light | granted";
        let session = "always | Always! | always allow | allow always | for this session | yes, for this session
            allow for this session | Allow for the session. | yes, always | always, please | ok for the whole session
            this session | session | 👍 always | always 👍🏽 | allow for session";
        let count = expect(Some(Meaning::Assent), agreed) + expect(Some(Meaning::Session), session);
        assert!(count >= 160, "{count}");
    }

    #[test]
    fn people_refuse_in_many_spellings() {
        let refused = "no | No! | NO | no. | n | nope | Nope! | nah | no way | No way! | NO WAY!!! | no thanks | No, thanks.
            no thank you | never | never ever | deny | Denied. | deny it | refuse | I refuse | reject | rejected | decline
            don't | don’t | dont | do not | don't do it | don’t do it! | please don't | please don’t | Please do not.
            absolutely not | certainly not | definitely not | of course not | hell no | by no means | negative | veto
            disagree | I disagree | stop | stop it | Stop! | you may not | not allowed | -1 | thumbs down | 👎 | 👎🏻 | 👎🏿
            ❌ | ✖️ | 🚫 | ⛔ | 🛑 | 🙅 | 🙅‍♂️ | 🙅🏽‍♀️ | :-1: | :-1::skin-tone-2: | :thumbsdown: | :x: | :no_entry: | :no_good:
            no no no | no, stop | no, don't | **no** | 'no' | “no” | no 👎 | no, please don't | oh no
            no-go | no go | forbid | forbidden | disallow | nay";
        let count = expect(Some(Meaning::Refusal), refused);
        assert!(count >= 75, "{count}");
    }

    #[test]
    fn what_could_mean_something_else_means_nothing() {
        let neither = "1 | 2 | 3 | 1. | 1) | 12 | 1️⃣ | perhaps | maybe | hm | hmm | not sure | unsure | who knows | no idea | I do not know
            nobody knows | yes? | ok? | no? | really? | sure? | ok…? | yes but only if it is safe | yes, but test first | no problem
            no problem, go ahead | no, go ahead | don't go ahead | yes and no | ok no | not yet | later | wait | Let me think
            yesterday | okapi | nothing | noon | node | noted | going | goal | alloway | go left | do it twice | ship it to Bob
            approve nothing | allow nothing | never mind | thanks | thank you | please | 🙏 | 🎉 | 🤷 | 🤔 | ❓ | 😕 | :shrug: | :thinking_face:
            :eyes: | 👀 | rm -rf / | npm test | blue | Blue | the second one | both | all of them | see above | same as before
            yes no | no yes | 👍👎 | :+1: :-1: | always no | no always | not always | not ok | not good | isn't good | no good reason
            don't stop | don’t stop! | do not stop | don't deny it | never refuse | please don't stop | never no | do not reject
            once, always | always, just once | allow once for this session | ~yes~ | ~~yes~~ | > yes | yes/always | yes = no | [yes] | != ok
            y/n | y or n | yes or no | + | - | -- | — | . | … | ! | \" | '' | () | ** | ` | \u{200b} | \u{feff}";
        let count = expect(None, neither);
        assert_eq!(meaning(""), None);
        assert!(count >= 100, "{count}");
    }
}
