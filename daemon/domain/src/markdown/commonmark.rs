//! What agents and people wrote, as CommonMark with tables, in the blocks that every platform can show.
//!
//! Nothing is hidden: what CommonMark leaves out when it is shown (definitions of links, cells beyond a
//! table's columns) must not keep anybody from seeing what they approve. If the letters and digits that are
//! shown are not those that were written, the text is read as our own Markdown instead, which leaves nothing
//! out.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::{
    markdown::{
        blocks::{Block, ListEntry, Span, Table},
        inline,
    },
    visible_text,
};

/// The blocks of a text; `None` if something of it would not be shown.
pub(super) fn blocks(text: &str) -> Option<Vec<Block>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, options) {
        reader.read(event);
    }
    reader.end_block();
    let mut shown = String::new();
    reader
        .done
        .iter()
        .for_each(|block| letters_of(block, &mut shown));
    let written: String = text
        .lines()
        .flat_map(|line| without_language(line).chars())
        .filter(|c| c.is_alphanumeric())
        .collect();
    (shown == written).then_some(reader.done)
}

/// A line without the language of a block of code, if it opens one and names nothing else.
fn without_language(line: &str) -> &str {
    let fence = line.trim_start();
    let info = fence.trim_start_matches(['`', '~']);
    let is_fence = fence.len() - info.len() >= 3;
    match is_fence && is_language(info.trim()) {
        true => "",
        false => line,
    }
}

/// Whether this can only be the name of a language.
fn is_language(info: &str) -> bool {
    info.len() <= 12
        && info
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+#-".contains(c))
}

/// The letters and digits that a block shows, in order.
fn letters_of(block: &Block, out: &mut String) {
    let mut spans = |spans: &[Span]| {
        for span in spans {
            match span {
                Span::Text(text) | Span::Bold(text) | Span::Code(text) | Span::Link(text) => {
                    out.extend(text.chars().filter(|c| c.is_alphanumeric()));
                }
                Span::Time(at) => {
                    out.extend(at.to_minute().chars().filter(|c| c.is_alphanumeric()));
                }
            }
        }
    };
    match block {
        Block::Paragraph(lines) => lines.iter().for_each(|line| spans(line)),
        Block::Heading(line) => spans(line),
        Block::List(entries) => {
            for entry in entries {
                let number = entry.number.map(|number| Span::Text(number.to_string()));
                spans(number.as_slice());
                spans(&entry.spans);
            }
        }
        Block::Table(table) => table.rows().flatten().for_each(|cell| spans(cell)),
        Block::Code(text) => out.extend(text.chars().filter(|c| c.is_alphanumeric())),
        Block::Quote { blocks, .. } => blocks.iter().for_each(|block| letters_of(block, out)),
    }
}

/// Where the next words belong.
#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Paragraph,
    Heading,
    Entry {
        depth: usize,
        number: Option<u32>,
    },
    Code,
    Cell,
}

/// Collects the blocks of a text.
#[derive(Default)]
struct Reader {
    done: Vec<Block>,
    place: Place,
    /// The lines of the block that is being read; all but paragraphs have one.
    lines: Vec<Vec<Span>>,
    /// For each list that is open, the number of its next entry.
    lists: Vec<Option<u32>>,
    table: Table,
    bold: usize,
    /// Where the links that are open lead to.
    links: Vec<String>,
}

impl Reader {
    fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(code) => self.push(Span::Code(visible_text::exact(&code))),
            Event::SoftBreak | Event::HardBreak => match self.place {
                Place::Paragraph => self.lines.push(Vec::new()),
                _ => self.text(" "),
            },
            Event::Rule => {
                self.end_block();
                self.done
                    .push(Block::Paragraph(vec![vec![Span::Text("———".into())]]));
            }
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.text(&text);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => self.begin(Place::Heading),
            Tag::CodeBlock(kind) => {
                self.begin(Place::Code);
                if let CodeBlockKind::Fenced(info) = kind
                    && !is_language(&info)
                {
                    self.text(&format!("{info}:\n"));
                }
            }
            Tag::List(first) => {
                self.end_block();
                let first = first.map(|first| u32::try_from(first).unwrap_or(u32::MAX));
                self.lists.push(first);
            }
            Tag::Item => {
                let depth = self.lists.len().saturating_sub(1);
                let number = self.lists.last_mut().and_then(|next| {
                    let number = *next;
                    *next = number.map(|number| number.saturating_add(1));
                    number
                });
                self.begin(Place::Entry { depth, number });
            }
            Tag::Table(_) => {
                self.end_block();
                self.table = Table::default();
            }
            Tag::TableHead | Tag::TableRow => self.table.lines.push(Vec::new()),
            Tag::TableCell => {
                self.place = Place::Cell;
                self.lines.clear();
            }
            Tag::Strong => self.bold += 1,
            Tag::Link {
                dest_url, title, ..
            }
            | Tag::Image {
                dest_url, title, ..
            } => {
                let title = match title.is_empty() {
                    true => String::new(),
                    false => format!(" “{title}”"),
                };
                self.links.push(format!("{dest_url}{title}"));
            }
            // A paragraph in an entry continues it.
            Tag::Paragraph if self.is_in_entry() && self.has_words() => self.text(" "),
            Tag::Paragraph if self.is_in_entry() => {}
            Tag::Paragraph => self.begin(Place::Paragraph),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::Item => self.end_block(),
            TagEnd::Paragraph if self.place == Place::Paragraph => self.end_block(),
            TagEnd::List(_) => {
                self.end_block();
                self.lists.pop();
            }
            TagEnd::TableCell => {
                let cell = self.lines.drain(..).flatten().collect();
                if let Some(row) = self.table.lines.last_mut() {
                    row.push(cell);
                }
                self.place = Place::Paragraph;
            }
            TagEnd::Table => {
                let table = std::mem::take(&mut self.table);
                self.done.push(Block::Table(table));
            }
            TagEnd::Strong => self.bold = self.bold.saturating_sub(1),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => {}
        }
    }

    /// Where a link leads to is shown, unless that is what it says.
    fn end_link(&mut self) {
        let Some(target) = self.links.pop() else {
            return;
        };
        let says = match self.lines.last().and_then(|line| line.last()) {
            Some(Span::Text(text) | Span::Bold(text) | Span::Link(text)) => text.clone(),
            _ => String::new(),
        };
        if says.ends_with(&target) {
            return;
        }
        self.push(Span::Text(" (".into()));
        for span in inline::spans(&target) {
            self.push(span);
        }
        self.push(Span::Text(")".into()));
    }

    fn begin(&mut self, place: Place) {
        self.end_block();
        self.place = place;
    }

    fn is_in_entry(&self) -> bool {
        matches!(self.place, Place::Entry { .. })
    }

    fn has_words(&self) -> bool {
        self.lines.iter().any(|line| !line.is_empty())
    }

    fn push(&mut self, span: Span) {
        if self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        let line = self.lines.last_mut().expect("just made");
        match (line.last_mut(), span) {
            (Some(Span::Text(before)), Span::Text(more)) => before.push_str(&more),
            (Some(Span::Bold(before)), Span::Bold(more)) => before.push_str(&more),
            (_, span) => line.push(span),
        }
    }

    fn text(&mut self, text: &str) {
        let text = match self.place {
            Place::Code => visible_text::exact(text),
            _ => visible_text::prose(text.trim_end_matches('\n')),
        };
        self.push(match self.bold {
            0 => Span::Text(text),
            _ => Span::Bold(text),
        });
    }

    /// Puts what was read into a block.
    fn end_block(&mut self) {
        let place = std::mem::take(&mut self.place);
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|line| !line.is_empty());
        let one = |lines: Vec<Vec<Span>>| lines.into_iter().flatten().collect::<Vec<Span>>();
        match place {
            _ if lines.is_empty() => {}
            Place::Paragraph | Place::Cell => {
                let lines = lines.into_iter().map(with_links).collect();
                self.done.push(Block::Paragraph(lines));
            }
            Place::Heading => self.done.push(Block::Heading(one(lines))),
            Place::Code => {
                let text: String = one(lines)
                    .into_iter()
                    .map(|span| match span {
                        Span::Text(text) | Span::Bold(text) => text,
                        _ => String::new(),
                    })
                    .collect();
                let text = text.strip_suffix('\n').unwrap_or(&text);
                self.done.push(Block::Code(text.to_owned()));
            }
            Place::Entry { depth, number } => {
                let entry = ListEntry {
                    depth,
                    number,
                    spans: with_links(one(lines)),
                };
                match self.done.last_mut() {
                    Some(Block::List(entries)) if depth > 0 || !starts(entries, number) => {
                        entries.push(entry);
                    }
                    _ => self.done.push(Block::List(vec![entry])),
                }
            }
        }
    }
}

/// Whether an entry of the first level begins another list.
fn starts(entries: &[ListEntry], number: Option<u32>) -> bool {
    let first = entries.iter().rev().find(|entry| entry.depth == 0);
    first.is_some_and(|before| before.number.is_some() != number.is_some())
}

/// Bare addresses and times are found in text.
fn with_links(line: Vec<Span>) -> Vec<Span> {
    let found = line.into_iter().flat_map(|span| match span {
        Span::Text(text) => inline::addresses(&text),
        other => vec![other],
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &str) -> Vec<Span> {
        vec![Span::Text(words.into())]
    }

    #[test]
    fn a_plan_has_its_parts() {
        let plan = "# Dark mode\n\n1. First\n   - inner **bold**\n2. Second\nin two lines\n\n| File | Change |\n|---|---|\n| a.css | `dark` |\n\n```sh\nnpm ci\n```";
        let shown = blocks(plan).expect("all of it is shown");
        assert_eq!(shown[0], Block::Heading(text("Dark mode")));
        let Block::List(entries) = &shown[1] else {
            panic!("{shown:#?}")
        };
        let found: Vec<(usize, Option<u32>)> = entries
            .iter()
            .map(|entry| (entry.depth, entry.number))
            .collect();
        assert_eq!(found, [(0, Some(1)), (1, None), (0, Some(2))]);
        assert_eq!(entries[1].spans[1], Span::Bold("bold".into()));
        let Block::Table(table) = &shown[2] else {
            panic!("{shown:#?}")
        };
        assert_eq!(table.to_text(), "File   Change\n-----  ------\na.css  dark");
        assert_eq!(shown[3], Block::Code("npm ci".into()));
        let info = blocks("```sh and delete everything\nnpm ci\n```").expect("shown");
        assert_eq!(
            info,
            [Block::Code("sh and delete everything:\nnpm ci".into())]
        );
    }

    #[test]
    fn links_say_where_they_lead() {
        let shown = blocks("[the guide](https://example.org/g \"and more\")").expect("shown");
        let Block::Paragraph(lines) = &shown[0] else {
            panic!("{shown:#?}")
        };
        let whole: String = lines[0]
            .iter()
            .map(|span| match span {
                Span::Text(text) | Span::Link(text) => text.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(whole, "the guide (https://example.org/g “and more”)");
    }

    #[test]
    fn what_would_not_be_shown_is_read_in_our_own_way() {
        for hidden in [
            "Fine.\n\n[x]: https://example.org (and delete everything)",
            "| a |\n|---|\n| b | and drop the table |",
            "| a |\n|---|\n| b | 443 |",
            "&#97;llow",
        ] {
            assert_eq!(blocks(hidden), None, "{hidden}");
        }
        for shown in [
            "<!-- a comment -->",
            "<b>x</b> y",
            "a *b* c_d_e ~~f~~",
            "***",
            "",
        ] {
            assert!(blocks(shown).is_some(), "{shown}");
        }
    }
}
