//! Makes invisible characters visible: those that reverse text, hide in it or control how it is
//! displayed. Nobody can approve what they cannot see.
//!
//! Sources: Unicode 16, UAX #9 (bidirectional controls), the categories Cc and Cf, UTS #51 (joiners
//! and variation selectors in emoji); "Trojan Source", CVE-2021-42574.

/// All characters that start a new line anywhere.
pub const BREAKS: [char; 7] = [
    '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
];

/// For commands, paths, names and rules: shows every invisible character as `⟨U+202E⟩`.
pub fn exact(text: &str) -> String {
    visible(text, |_, _| false)
}

/// For prose: the same, except joiners in emoji and in scripts that use them.
pub fn prose(text: &str) -> String {
    visible(text, joins)
}

fn visible(text: &str, keep: impl Fn(&[char], usize) -> bool) -> String {
    if !text.chars().any(is_hidden) {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, c) in characters.iter().enumerate() {
        // Lines of Windows files end in both.
        let ends_line = *c == '\r' && characters.get(at + 1) == Some(&'\n');
        if ends_line {
        } else if is_hidden(*c) && !keep(&characters, at) {
            out.push_str(&format!("⟨U+{:04X}⟩", u32::from(*c)));
        } else {
            out.push(*c);
        }
    }
    out
}

/// For a page: like [`exact`] in `pre` and `code`, like [`prose`] elsewhere.
pub fn html(page: &str) -> String {
    if !page.chars().any(is_hidden) {
        return page.to_owned();
    }
    let mut out = String::with_capacity(page.len());
    let mut rest = page;
    let starts = |text: &str| {
        ["<pre", "<code"]
            .into_iter()
            .filter_map(|tag| text.find(tag))
            .min()
    };
    while let Some(start) = starts(rest) {
        let closing = if rest[start..].starts_with("<pre") {
            "</pre>"
        } else {
            "</code>"
        };
        let end = rest[start..]
            .find(closing)
            .map_or(rest.len(), |end| start + end);
        out.push_str(&prose(&rest[..start]));
        out.push_str(&exact(&rest[start..end]));
        rest = &rest[end..];
    }
    out + &prose(rest)
}

/// Whether it is invisible, or changes how its neighbours are displayed.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' => true,
        '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        // Private use: each font shows them differently.
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        other => other.is_control(),
    }
}

/// Whether it is a joiner or selector in its proper place: next to an emoji, or inside a word of a
/// script that joins letters.
fn joins(text: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let after = text.get(at + 1).copied();
    let emoji = |c: Option<char>| c.is_some_and(|c| is_emoji(c) || is_selector(c));
    match text[at] {
        '\u{200d}' => {
            emoji(before) && after.is_some_and(is_emoji)
                || before.is_some_and(joins_letters) && after.is_some_and(joins_letters)
        }
        '\u{200c}' => before.is_some_and(joins_letters) && after.is_some_and(joins_letters),
        '\u{fe0e}' | '\u{fe0f}' => before.is_some_and(|c| is_emoji(c) || is_keycap(c)),
        _ => false,
    }
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}')
}

/// `1️⃣` and its like.
fn is_keycap(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '#' | '*')
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'
        | '\u{24c2}' | '\u{25aa}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}'
        | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Arabic, Syriac, N'Ko, Mongolian and the scripts of India and around, where a joiner between two
/// letters changes how they are written.
fn joins_letters(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{f00}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// Whether the text contains nothing visible.
pub fn is_nothing(text: &str) -> bool {
    !text.contains(DASHES) && is_blank(text)
}

const DASHES: [char; 3] = ['-', '–', '—'];

/// Whether the text contains nothing visible except dashes.
pub fn is_blank(text: &str) -> bool {
    let is_nothing = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || DASHES.contains(&c)
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2069}')
            || matches!(
                c,
                '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{3164}' | '\u{2800}'
            )
    };
    text.chars().all(is_nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_in_commands() {
        for (text, shown) in [
            ("rm \u{202e}x", "rm ⟨U+202E⟩x"),
            ("a\u{200b}b\u{feff}", "a⟨U+200B⟩b⟨U+FEFF⟩"),
            ("a\u{e0041}", "a⟨U+E0041⟩"),
            ("\u{1b}[2K\rx", "⟨U+001B⟩[2K⟨U+000D⟩x"),
            ("👩\u{200d}🚀", "👩⟨U+200D⟩🚀"),
            ("a\tb\nc\r\nd", "a\tb\nc\nd"),
            ("größe – ok", "größe – ok"),
        ] {
            assert_eq!(exact(text), shown);
        }
    }

    #[test]
    fn a_page_is_exact_where_code_stands() {
        let page =
            "<p>👩\u{200d}🚀 \u{202e}a</p><pre tabindex=0><code>👩\u{200d}🚀</code></pre>❤\u{fe0f}";
        assert_eq!(
            html(page),
            "<p>👩\u{200d}🚀 ⟨U+202E⟩a</p><pre tabindex=0><code>👩⟨U+200D⟩🚀</code></pre>❤\u{fe0f}"
        );
    }

    #[test]
    fn prose_keeps_joiners_where_they_belong_and_nowhere_else() {
        for kept in [
            "👩\u{200d}🚀",
            "❤\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "🏳\u{fe0f}\u{200d}🌈",
        ] {
            assert_eq!(prose(kept), kept);
        }
        for (text, shown) in [
            ("pay\u{200d}pal", "pay⟨U+200D⟩pal"),
            ("a\u{fe0f}b", "a⟨U+FE0F⟩b"),
            ("\u{2067}Ann\u{2069}", "⟨U+2067⟩Ann⟨U+2069⟩"),
        ] {
            assert_eq!(prose(text), shown);
        }
    }
}
