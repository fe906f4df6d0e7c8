//! What people write after a task is over. Thanks, praise and plans of their own ask for nothing; what
//! is not clear is asked about.

use super::{
    followup_words::{
        EAGER, FILLERS, GO, LEAVE, MODALS, NEEDS, NEGATIONS, OBJECTS, ORDERS, OWN, PHRASES,
        QUESTIONS, STRONG, SUBJECTS, THANKED, THANKS, TURNS, WEAK,
    },
    phrases::meaning,
};

/// What words in the thread of a task that is over ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followup {
    /// Nothing: they agree, thank or praise.
    Nothing,
    /// They are addressed to another person.
    ToAnother,
    /// Perhaps nothing: they tell what their author will do, or what is, or are too few.
    Unclear,
    /// Something.
    Request,
}

/// Reads what `text` asks for. A text is read clause by clause: it asks for nothing only if each of
/// them closes the conversation.
pub fn followup(text: &str) -> Followup {
    let text = text.trim().to_lowercase().replace(['’', '‘'], "'");
    if text.starts_with("<@") || text.starts_with('@') {
        return Followup::ToAnother;
    }
    if goes(&text) {
        return Followup::Unclear;
    }
    if meaning(&text).is_some() {
        return Followup::Nothing;
    }
    let (mut closed, mut unclear) = (false, false);
    for clause in clauses(&text) {
        if clause.closes() {
            closed = true;
        } else if !clause.asks() {
            // `Thanks for the fix and the test` is one sentence.
            unclear |= !(closed && clause.joined);
        } else {
            return Followup::Request;
        }
    }
    match unclear {
        true => Followup::Unclear,
        false => Followup::Nothing,
    }
}

/// Whether a text only tells the agent to continue with what it proposed.
fn goes(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let rest: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !is_in(FILLERS, word))
        .collect();
    is_in(GO, &rest.join(" ")) || is_in(GO, &words.join(" "))
}

/// A part of a sentence that can ask for something by itself.
#[derive(Debug, Default)]
struct Clause {
    words: Vec<String>,
    /// It follows a word like `but` or `please`.
    turned: bool,
    /// It follows `and`.
    joined: bool,
    /// It ends with a question mark.
    asked: bool,
}

impl Clause {
    /// Whether it only thanks, praises or agrees.
    fn closes(&self) -> bool {
        let whole = self.words.join(" ");
        if self.words.is_empty() || is_in(PHRASES, &whole) {
            return true;
        }
        if self.asked || self.words.iter().any(|word| is_negation(word)) {
            return false;
        }
        meaning(&whole).is_some() || self.thanks() || {
            let known = |word: &String| is_in(STRONG, word) || is_in(WEAK, word);
            let strong = |word: &String| is_in(STRONG, word);
            self.words.iter().all(known) && self.words.iter().any(strong)
        }
    }

    /// `Thanks for fixing the login`, `we really appreciate your help`.
    fn thanks(&self) -> bool {
        let mut words = self.words.iter().skip_while(|word| is_in(EAGER, word));
        if !words.next().is_some_and(|word| is_in(THANKS, word)) {
            return false;
        }
        let rest: Vec<&String> = words.collect();
        // `Thanks for that can you make it green`
        if rest
            .iter()
            .any(|word| is_in(NEEDS, word) || is_in(MODALS, word))
        {
            return false;
        }
        let closing =
            |word: &&String| is_in(STRONG, word) || is_in(WEAK, word) || is_in(THANKED, word);
        let reason = rest
            .iter()
            .position(|word| matches!(word.as_str(), "for" | "to"));
        rest.iter().take(reason.unwrap_or(rest.len())).all(closing)
            || (rest
                .first()
                .is_some_and(|word| matches!(word.as_str(), "the" | "your")))
    }

    /// Whether its author tells what they themselves do.
    fn tells(&self) -> bool {
        !self.turned && begins_with(OWN, &self.words.join(" "))
    }

    /// Whether it clearly asks for something: an order, a question, or what is wrong or missing.
    fn asks(&self) -> bool {
        let whole = self.words.join(" ");
        if self.words.len() < 2
            || self.tells()
            || begins_with(LEAVE, &whole)
            || whole.ends_with("as it is")
        {
            return false;
        }
        let first = &self.words[0];
        // `Oil the hinges`: a verb that is not known here, and what it is for.
        let verb = !is_in(SUBJECTS, first) && is_in(OBJECTS, &self.words[1]);
        let ordered = is_in(ORDERS, first) || is_in(QUESTIONS, first) || verb;
        let lacks = self
            .words
            .iter()
            .any(|word| is_in(NEEDS, word) || word.ends_with("n't"));
        self.asked || self.turned || ordered || lacks
    }

    /// `Can you …` asks, with or without a question mark.
    fn ask_politely(&mut self) {
        let polite = matches!(
            self.words.first().map(String::as_str),
            Some("can" | "could" | "would" | "will")
        ) && matches!(
            self.words.get(1).map(String::as_str),
            Some("you" | "we" | "somebody" | "someone" | "it" | "this")
        );
        self.turned |= polite;
    }
}

fn begins_with(list: &str, text: &str) -> bool {
    lines(list).any(|start| {
        text.strip_prefix(start)
            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

/// Splits a text at punctuation, at emoji, and at words that turn to something else.
fn clauses(text: &str) -> Vec<Clause> {
    let mut all = vec![Clause::default()];
    let begin = |all: &mut Vec<Clause>, turned: bool, joined: bool| {
        let next = Clause {
            turned,
            joined,
            ..Clause::default()
        };
        match all.last_mut() {
            // `and please` is one turn.
            Some(last) if last.words.is_empty() && !last.asked => {
                last.turned |= turned;
                last.joined &= joined;
            }
            _ => all.push(next),
        }
    };
    for part in text.split_whitespace() {
        let inner = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let begins_with_sign = part.starts_with(is_separator);
        if begins_with_sign || inner.is_empty() {
            begin(&mut all, false, false);
        }
        let word: String = inner
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '\'' | '-' | '.' | '/' | '_'))
            .collect();
        let word = word
            .trim_matches(|c: char| !c.is_alphanumeric() && c != '\'')
            .to_owned();
        match word.as_str() {
            "" => {}
            "and" => begin(&mut all, false, true),
            word if is_in(TURNS, word) => begin(&mut all, true, false),
            _ => {
                if let Some(last) = all.last_mut() {
                    last.words.push(word);
                }
            }
        }
        let ending = &part[inner.len()..];
        if ending.contains('?')
            && let Some(last) = all.last_mut()
        {
            last.asked = !last.words.is_empty();
        }
        if ending.contains(is_separator) {
            begin(&mut all, false, false);
        }
    }
    for clause in &mut all {
        clause.ask_politely();
    }
    all
}

fn is_separator(sign: char) -> bool {
    matches!(
        sign,
        '.' | '!' | '?' | ';' | ',' | ':' | '(' | ')' | '—' | '–' | '-'
    ) || !(sign.is_ascii() || sign.is_alphanumeric())
}

fn is_negation(word: &str) -> bool {
    word.ends_with("n't") || is_in(NEGATIONS, word)
}

/// Whether a list, of words or of lines, has this.
fn is_in(list: &str, text: &str) -> bool {
    match list.contains('\n') {
        true => lines(list).any(|one| one == text),
        false => list.split_whitespace().any(|one| one == text),
    }
}

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.split('\n')
        .map(str::trim)
        .filter(|line| !line.is_empty())
}
