//! Tables of what agents wrote.

use super::Span;

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
