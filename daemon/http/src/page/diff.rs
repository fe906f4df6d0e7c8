//! A patch: a part for each file, which folds, with the numbers of its lines.

use maud::{Markup, html};

/// Files that are open at first; with more of them all are folded.
const OPEN: usize = 5;

/// A file of a patch.
#[derive(Debug, Default, PartialEq, Eq)]
struct File<'a> {
    path: &'a str,
    lines: Vec<Line<'a>>,
}

/// A line of a file, and its number in the new file or, if it was removed, in the old one.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    kind: &'static str,
    number: Option<u32>,
    text: &'a str,
}

/// A patch as `git diff` prints it.
pub fn diff(patch: &str) -> Markup {
    let files = files(patch);
    let open = files.len() <= OPEN;
    html! {
        @for file in &files {
            details.diff open[open] {
                summary { code { (file.path) } " " (counts(file)) }
                pre tabindex="0" { code {
                    @for line in &file.lines { span.(line.kind) data-n=[line.number] { (line.text) "\n" } }
                } }
            }
        }
    }
}

fn counts(file: &File<'_>) -> Markup {
    let of = |kind: &str| file.lines.iter().filter(|line| line.kind == kind).count();
    html! { span.dim { "+" (of("added")) " −" (of("removed")) } }
}

fn files(patch: &str) -> Vec<File<'_>> {
    let mut files: Vec<File<'_>> = Vec::new();
    let (mut old, mut new) = (0, 0);
    let mut in_hunk = false;
    for text in patch.lines() {
        if let Some(names) = text.strip_prefix("diff --git ") {
            in_hunk = false;
            let path = names.rsplit_once(" b/").map_or(names, |(_, path)| path);
            files.push(File {
                path,
                lines: Vec::new(),
            });
            continue;
        }
        if files.is_empty() {
            files.push(File::default());
        }
        let (kind, number) = match text.chars().next() {
            Some('@') if text.starts_with("@@ ") => {
                (old, new) = starts(text).unwrap_or((old, new));
                in_hunk = true;
                ("hunk", None)
            }
            Some('+') if in_hunk => ("added", take(&mut new)),
            Some('-') if in_hunk => ("removed", take(&mut old)),
            Some(' ') | None if in_hunk => {
                take(&mut old);
                ("same", take(&mut new))
            }
            _ => ("head", None),
        };
        if let Some(file) = files.last_mut() {
            file.lines.push(Line { kind, number, text });
        }
    }
    files
}

fn take(number: &mut u32) -> Option<u32> {
    let now = *number;
    *number += 1;
    Some(now)
}

/// `@@ -3,7 +3,9 @@`: the first lines of both sides.
fn starts(head: &str) -> Option<(u32, u32)> {
    let mut words = head.split_whitespace().skip(1);
    let mut first = |sign: char| {
        let side = words.next()?.strip_prefix(sign)?;
        side.split(',').next()?.parse().ok()
    };
    Some((first('-')?, first('+')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_numbers_of_their_side() {
        let patch = "diff --git a/src/a.rs b/src/a.rs\nindex 1..2 100644\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -3,3 +3,3 @@ fn main\n same\n-old\n+new\n last\ndiff --git a/b b/b\nnew file mode 100644\n@@ -0,0 +1 @@\n+one";
        let files = files(patch);
        let shown: Vec<_> = files[0]
            .lines
            .iter()
            .map(|line| (line.kind, line.number))
            .collect();
        assert_eq!(files[0].path, "src/a.rs");
        assert_eq!(
            shown[4..],
            [
                ("same", Some(3)),
                ("removed", Some(4)),
                ("added", Some(4)),
                ("same", Some(5))
            ]
        );
        assert_eq!(
            (files[1].path, files[1].lines.last().map(|line| line.number)),
            ("b", Some(Some(1)))
        );
        assert!(diff("--- a\n<b>").into_string().contains("&lt;b&gt;"));
    }
}
