//! `cargo run -p vine-count [ROOT]` prints measures of the product's code (`daemon`, `bots`,
//! `worker`), without blank lines, comments and tests. `tests/run` prints them too.
//!
//! - functions: lines from the signature to the closing brace
//! - files over 350 lines
//! - circles: files of one crate that need each other, see [`circles`]
//! - methods of ports: traits in `daemon/domain/src/ports`
//! - fields: the largest structs

mod circles;
mod source;

use std::path::PathBuf;

use anyhow::Result;

use crate::source::{Counted, File};

/// What is product; the rest is tests, deployment and documents.
const PRODUCT: [&str; 3] = ["daemon", "bots", "worker"];
const LONG_FILE: usize = 350;
const PORTS: &str = "daemon/domain/src/ports";

fn main() -> Result<()> {
    let root = std::env::args()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let files = source::read(&root, &PRODUCT)?;
    print!("{}", report(&files));
    Ok(())
}

/// All measures, a line each.
fn report(files: &[File]) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| out.push_str(&format!("{name:<12}{value}\n"));
    let counted: Vec<&Counted> = files.iter().map(|file| &file.counted).collect();
    let lines: usize = counted.iter().map(|file| file.lines).sum();
    line("lines", format!("{lines} in {} files", files.len()));

    let mut functions: Vec<(usize, String)> = files
        .iter()
        .flat_map(|file| {
            file.counted
                .functions
                .iter()
                .map(|(name, lines)| (*lines, format!("{name} in {}", file.path)))
        })
        .collect();
    functions.sort();
    if let Some((longest, name)) = functions.last() {
        let (median, p90) = (share(&functions, 0.5), share(&functions, 0.9));
        let count = functions.len();
        line(
            "functions",
            format!("{count}: median {median}, p90 {p90}, longest {longest} ({name})"),
        );
    }

    let mut long: Vec<_> = files
        .iter()
        .filter(|file| file.counted.lines > LONG_FILE)
        .collect();
    long.sort_by_key(|file| std::cmp::Reverse(file.counted.lines));
    line(
        "long files",
        format!("{} over {LONG_FILE} lines", long.len()),
    );
    for file in long {
        line("", format!("{} {}", file.counted.lines, file.path));
    }

    let circles = circles::find(files);
    let within: usize = circles.iter().map(Vec::len).sum();
    line(
        "circles",
        format!("{}, with {within} files in them", circles.len()),
    );
    for circle in circles {
        line("", format!("{} in {}", circle.len(), few(&circle)));
    }

    let mut ports: Vec<(usize, &str)> = files
        .iter()
        .filter(|file| file.path.starts_with(PORTS))
        .flat_map(|file| {
            file.counted
                .traits
                .iter()
                .map(|(name, methods)| (*methods, name.as_str()))
        })
        .collect();
    ports.sort_by_key(|port| std::cmp::Reverse(*port));
    let methods: usize = ports.iter().map(|(methods, _)| methods).sum();
    line("ports", format!("{methods} methods in {}", ports.len()));
    line("", listed(&ports));

    let mut structs: Vec<(usize, &str)> = counted
        .iter()
        .flat_map(|file| {
            file.structs
                .iter()
                .map(|(name, fields)| (*fields, name.as_str()))
        })
        .collect();
    structs.sort_by_key(|one| std::cmp::Reverse(*one));
    structs.truncate(8);
    line("fields", listed(&structs));
    out
}

/// The smallest length that this share of all functions does not exceed.
fn share(sorted: &[(usize, String)], share: f64) -> usize {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted[at.clamp(1, sorted.len()) - 1].0
}

fn listed(counted: &[(usize, &str)]) -> String {
    let words: Vec<_> = counted
        .iter()
        .map(|(count, name)| format!("{name} {count}"))
        .collect();
    words.join(", ")
}

/// The first files of a circle, by their folder, and how many more there are.
fn few(paths: &[String]) -> String {
    const SHOWN: usize = 8;
    let folders = paths
        .iter()
        .map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder));
    let shared = folders
        .min_by_key(|folder| folder.len())
        .unwrap_or_default();
    let short = |path: &String| {
        path.strip_prefix(shared)
            .unwrap_or(path)
            .trim_start_matches('/')
            .to_owned()
    };
    let first = paths
        .iter()
        .take(SHOWN)
        .map(short)
        .collect::<Vec<_>>()
        .join(" ");
    match paths.len().saturating_sub(SHOWN) {
        0 => format!("{shared}: {first}"),
        more => format!("{shared}: {first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_sorted_lengths() {
        let lengths: Vec<_> = (1..=10).map(|length| (length, String::new())).collect();
        assert_eq!(
            (
                share(&lengths, 0.5),
                share(&lengths, 0.9),
                share(&lengths, 1.0)
            ),
            (5, 9, 10)
        );
        assert_eq!(share(&lengths[..1], 0.5), 1);
    }

    #[test]
    fn a_small_house_is_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, text).expect("written");
        };
        write(
            "worker/src/lib.rs",
            "//! Words.\nmod a;\nmod b;\n\npub struct App {\n    pub one: u8,\n}\n",
        );
        write(
            "worker/src/a.rs",
            "use crate::b::B;\n\nimpl crate::App {\n    fn long(&self) {\n        // why\n\n        go();\n    }\n}\n",
        );
        write(
            "worker/src/b.rs",
            "pub struct B;\n\n#[cfg(test)]\nmod tests {\n    use crate::a;\n    fn helper() {}\n}\n",
        );
        let said = report(&source::read(folder.path(), &PRODUCT).expect("read"));
        assert!(said.contains("lines       12 in 3 files"), "{said}");
        assert!(
            said.contains("1: median 3, p90 3, longest 3 (long in worker/src/a.rs)"),
            "{said}"
        );
        assert!(
            said.contains("circles     1, with 2 files in them"),
            "{said}"
        );
        assert!(said.contains("2 in worker/src: a.rs lib.rs"), "{said}");
        assert!(said.contains("fields      App 1"), "{said}");
    }
}
