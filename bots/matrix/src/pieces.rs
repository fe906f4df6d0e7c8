//! Splits texts into parts that fit into events.

use vine_domain::markdown::split_to_fit;

use crate::markup::marked;

/// Maximum bytes of text and HTML in one event. An edit has both twice, encryption adds a third,
/// and an event has at most 65,536 bytes (specification, "Size limits").
const EVENT: usize = 20_000;
/// Initial size of a part in bytes; less if its HTML is much longer.
const TEXT: usize = 6_000;

/// The parts of a text.
pub fn parts(text: &str) -> Vec<String> {
    split_to_fit(text, TEXT, |part| {
        let shown = marked(part, &[]);
        shown.plain.len() + shown.html.len() <= EVENT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_one_part_and_long_text_several_of_which_none_is_too_big() {
        assert_eq!(parts("hello"), ["hello"]);
        let all = parts(&"\"\n".repeat(6_000));
        assert!(all.len() > 1, "{}", all.len());
        for part in &all {
            let shown = marked(part, &[]);
            assert!(
                shown.plain.len() + shown.html.len() <= EVENT,
                "{} bytes",
                shown.html.len()
            );
        }
    }
}
