//! What `/metrics` says, read as Prometheus reads it.

use std::collections::HashMap;

/// Values by name and labels, as they are written: `vine_workers{state="IDLE"}`.
#[derive(Debug, Clone)]
pub struct Numbers(HashMap<String, f64>);

impl Numbers {
    /// Reads the text format, and refuses what Prometheus would: a name twice, a value that is
    /// none, a name without its type.
    pub fn read(text: &str) -> Self {
        let mut values = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line
                .rsplit_once(' ')
                .unwrap_or_else(|| panic!("no value: {line}"));
            let value = value
                .parse()
                .unwrap_or_else(|_| panic!("no number: {line}"));
            let bare = name.split('{').next().unwrap_or(name);
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| bare.strip_suffix(end))
                .unwrap_or(bare);
            let typed = [bare, family].iter().any(|name| {
                text.contains(&format!("# TYPE {name} "))
                    && text.contains(&format!("# HELP {name} "))
            });
            assert!(typed, "{line} has no type or help");
            assert!(
                values.insert(name.to_owned(), value).is_none(),
                "twice: {name}"
            );
        }
        Self(values)
    }

    /// A value; what is not there is a failure of the test.
    pub fn of(&self, name: &str) -> f64 {
        *self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    /// By how much a value has grown; what was not there was 0.
    pub fn since(&self, before: &Self, name: &str) -> f64 {
        self.of(name) - before.0.get(name).copied().unwrap_or(0.0)
    }
}
