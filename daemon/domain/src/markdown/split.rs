//! Splits long messages into parts. Nothing is lost: a fence that is split is closed and reopened.

use super::fence;

/// The text in parts of at most `limit` bytes each. If a part does not fit, since what is shown may
/// be longer than what was written, the limit is halved until all do.
pub fn split_to_fit(text: &str, limit: usize, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut limit = limit;
    loop {
        let parts = split(text, limit);
        if limit < 8 || parts.iter().all(|part| fits(part)) {
            return parts;
        }
        limit /= 2;
    }
}

/// The text in parts of at most `limit` bytes each, split between lines where possible. `limit`
/// does not count fences that are closed and reopened.
///
/// Panics when `limit` is below 4, the length of the longest character.
pub fn split(text: &str, limit: usize) -> Vec<String> {
    assert!(limit >= 4, "a part must hold a character");
    let mut parts = Parts {
        limit,
        done: Vec::new(),
        current: String::new(),
        fence: None,
    };
    for line in text.split_inclusive('\n') {
        parts.add(line);
    }
    parts.finish()
}

/// Begins a quoted line.
const QUOTE: &str = "> ";

struct Parts {
    limit: usize,
    done: Vec<String>,
    current: String,
    /// The line that opened the fence we are in.
    fence: Option<String>,
}

impl Parts {
    fn add(&mut self, line: &str) {
        let mut rest = line;
        while rest.len() > self.limit {
            let end = (0..=self.limit)
                .rev()
                .find(|end| rest.is_char_boundary(*end))
                .unwrap_or(rest.len());
            self.put_piece(line, rest, end);
            rest = &rest[end..];
        }
        self.put_piece(line, rest, rest.len());
        let bare = line.trim_end();
        self.fence = match self.fence.take() {
            Some(open) if fence(&open) == Some(bare) => None,
            Some(open) => Some(open),
            None => fence(bare).map(|_| bare.to_owned()),
        };
    }

    /// Adds a piece of a line; a quoted line that is split stays quoted.
    fn put_piece(&mut self, line: &str, rest: &str, end: usize) {
        let goes_on = rest.len() < line.len();
        if goes_on && self.fence.is_none() && line.starts_with(QUOTE) {
            self.put(&format!("{QUOTE}{}", &rest[..end]));
        } else {
            self.put(&rest[..end]);
        }
    }

    fn put(&mut self, piece: &str) {
        if self.current.len() + piece.len() > self.limit && !self.current.is_empty() {
            self.cut();
        }
        self.current.push_str(piece);
    }

    fn cut(&mut self) {
        let mut part = std::mem::take(&mut self.current);
        if let Some(open) = &self.fence {
            let close = fence(open).unwrap_or("```");
            part = format!("{}\n{close}", part.trim_end_matches('\n'));
            self.current = format!("{open}\n");
        }
        self.done.push(part);
    }

    fn finish(mut self) -> Vec<String> {
        if !self.current.is_empty() || self.done.is_empty() {
            self.done.push(self.current);
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_text_stays_whole_and_long_text_is_cut_between_lines() {
        assert_eq!(split("hello", 10), ["hello"]);
        assert_eq!(split("", 10), [""]);
        assert_eq!(split("one\ntwo\nthree\n", 9), ["one\ntwo\n", "three\n"]);
    }

    #[test]
    fn a_fence_that_is_cut_is_closed_and_opened_again() {
        let parts = split("see\n````sh\naaaa\nbbbb\n````\nend", 17);
        assert_eq!(
            parts,
            ["see\n````sh\naaaa\n````", "````sh\nbbbb\n````\n", "end"].map(String::from)
        );
    }

    #[test]
    fn a_quoted_line_that_is_cut_stays_quoted() {
        assert_eq!(split("> aaaabbbbcc", 6), ["> aaaa", "> bbbbcc"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_part_is_too_long(text in "[a-zäß€ \n]{0,300}", limit in 4usize..60) {
            let parts = split(&text, limit);
            prop_assert_eq!(parts.concat(), text);
            prop_assert!(parts.iter().all(|part| part.len() <= limit));
        }
    }
}
