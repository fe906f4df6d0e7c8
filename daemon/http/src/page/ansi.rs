//! Colours of terminals (ECMA-48, "Select Graphic Rendition") as classes; other sequences are left out.

use maud::{Markup, html};

/// A line of a log.
pub fn line(text: &str) -> Markup {
    html! {
        @for (look, part) in parts(text) {
            @if look.is_plain() { (part) } @else { span.(look.classes()) { (part) } }
        }
    }
}

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    /// 0 to 7: black, red, green, yellow, blue, magenta, cyan, white.
    colour: Option<u8>,
    bold: bool,
}

impl Look {
    fn is_plain(self) -> bool {
        self == Self::default()
    }

    fn classes(self) -> String {
        let colour = self.colour.map(|colour| format!("ansi-{colour}"));
        let bold = self.bold.then(|| "ansi-bold".to_owned());
        colour.into_iter().chain(bold).collect::<Vec<_>>().join(" ")
    }

    fn after_all(self, codes: &str) -> Self {
        let mut all = codes.split(';');
        let mut look = self;
        while let Some(code) = all.next() {
            match code {
                // Of 256 colours, or of all: shown as the text around it.
                "38" | "48" => {
                    let more = if all.next() == Some("5") { 1 } else { 3 };
                    all.by_ref().take(more).for_each(drop);
                }
                code => look = look.after(code),
            }
        }
        look
    }

    fn after(self, code: &str) -> Self {
        match code.parse::<u8>() {
            Err(_) if code.is_empty() => Self::default(),
            Ok(0) => Self::default(),
            Ok(1) => Self { bold: true, ..self },
            Ok(22) => Self {
                bold: false,
                ..self
            },
            Ok(code @ (30..=37 | 90..=97)) => Self {
                colour: Some(code % 10),
                ..self
            },
            Ok(39) => Self {
                colour: None,
                ..self
            },
            _ => self,
        }
    }
}

fn parts(text: &str) -> Vec<(Look, &str)> {
    let mut look = Look::default();
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        parts.push((look, before));
        let is_parameter = |c: char| ('\u{20}'..='\u{3f}').contains(&c);
        let (codes, tail) = after.split_at(after.find(|c| !is_parameter(c)).unwrap_or(after.len()));
        match tail.chars().next() {
            Some('m') => look = look.after_all(codes),
            Some('\u{40}'..='\u{7e}') => {}
            // Not a sequence: nothing of it is hidden.
            _ => {
                rest = after;
                continue;
            }
        }
        rest = &tail[1..];
    }
    parts.push((look, rest));
    shown(parts)
}

fn shown(mut parts: Vec<(Look, &str)>) -> Vec<(Look, &str)> {
    parts.retain(|(_, text)| !text.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_classes_and_nothing_else_is_obeyed() {
        let shown = |text: &str| line(text).into_string();
        assert_eq!(
            shown("a \u{1b}[1;31mred\u{1b}[0m b"),
            "a <span class=\"ansi-1 ansi-bold\">red</span> b"
        );
        assert_eq!(
            shown("\u{1b}[2K\u{1b}[32mok"),
            "<span class=\"ansi-2\">ok</span>"
        );
        assert_eq!(shown("<b>\u{1b}[31"), "&lt;b&gt;31");
        assert_eq!(shown("\u{1b}[ж gone?"), "ж gone?");
        assert_eq!(
            shown("\u{1b}[38;5;1;1mö"),
            "<span class=\"ansi-bold\">ö</span>"
        );
    }
}
