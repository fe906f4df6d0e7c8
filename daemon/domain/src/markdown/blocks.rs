//! The parts of a message.

use crate::clock::Timestamp;

/// A part of a message that has its own lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Lines that belong together.
    Paragraph(Vec<Vec<Span>>),
    /// A quote: what agents and people wrote.
    Quote {
        /// Its parts.
        blocks: Vec<Block>,
        /// The same as it was written, for readers that know more of Markdown.
        text: String,
    },
    /// A heading; only in quotes.
    Heading(Vec<Span>),
    /// A list.
    List(Vec<ListEntry>),
    /// A table; only in quotes.
    Table(Table),
    /// A fenced block, verbatim.
    Code(String),
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// How many lists it is nested in, besides its own; 0 outside of quotes.
    pub depth: usize,
    /// Its number, in a numbered list.
    pub number: Option<u32>,
    /// What it says.
    pub spans: Vec<Span>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Plain text.
    Text(String),
    /// `**bold**`
    Bold(String),
    /// `` `code` ``
    Code(String),
    /// An `http` or `https` address.
    Link(String),
    /// A time as [`Timestamp::to_minute`] writes it, which platforms show in the reader's zone.
    Time(Timestamp),
}

/// A table: its heads and its rows, each with the cells of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The heads first.
    pub(super) lines: Vec<Vec<Vec<Span>>>,
}

impl Table {
    /// The heads of its columns.
    pub fn heads(&self) -> &[Vec<Span>] {
        self.lines.first().map_or(&[], Vec::as_slice)
    }

    /// Its rows below the heads.
    pub fn body(&self) -> impl Iterator<Item = &[Vec<Span>]> {
        self.lines.iter().skip(1).map(Vec::as_slice)
    }

    /// Its heads and rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Vec<Span>]> {
        self.lines.iter().map(Vec::as_slice)
    }

    /// The table in columns, for a font of fixed width.
    pub fn to_text(&self) -> String {
        let lines: Vec<Vec<String>> = self
            .rows()
            .map(|cells| cells.iter().map(|cell| plain(cell)).collect())
            .collect();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let shown = |cells: &[String]| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let mut out: Vec<String> = lines.iter().map(|line| shown(line)).collect();
        out.insert(1.min(out.len()), rule.join("  "));
        out.join("\n")
    }
}

fn plain(cell: &[Span]) -> String {
    let words = cell.iter().map(|span| match span {
        Span::Text(text) | Span::Bold(text) | Span::Code(text) | Span::Link(text) => text.clone(),
        Span::Time(at) => at.to_minute(),
    });
    words.collect()
}
