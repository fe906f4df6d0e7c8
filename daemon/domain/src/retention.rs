//! What is kept, and for how long.

use std::time::Duration;

/// The retention limits. `None` means forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Agents' log lines.
    pub log: Option<Duration>,
    /// The thread, notes, sessions and attempts of tasks that are over (the task itself, its
    /// questions and their answers stay), messages outside of tasks, and inbound events.
    pub history: Option<Duration>,
    /// Decisions in the audit.
    pub audit: Option<Duration>,
    /// The maximum size of the database, in bytes. The oldest log lines are removed first, then the
    /// history of the tasks that ended first.
    pub size: Option<u64>,
    /// How much of one attempt's log is kept.
    pub attempt: LogCap,
}

/// How much of one attempt's log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCap {
    /// Maximum lines.
    pub lines: u64,
    /// Maximum bytes.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |count: u64| Duration::from_secs(count * 24 * 3600);
        Self {
            log: Some(days(30)),
            history: Some(days(180)),
            audit: None,
            size: Some(10 << 30),
            attempt: LogCap::default(),
        }
    }
}

impl Default for LogCap {
    fn default() -> Self {
        Self {
            lines: 20_000,
            bytes: 20 << 20,
        }
    }
}

impl LogCap {
    /// The lines to store of an attempt that has already written `before` (lines, bytes). One final
    /// line states that the rest is dropped.
    pub fn of<'a>(&self, before: (u64, u64), new: &'a [String]) -> Vec<std::borrow::Cow<'a, str>> {
        let (mut lines, mut bytes) = before;
        let mut kept = Vec::new();
        for line in new {
            let was_full = lines >= self.lines || bytes >= self.bytes;
            (lines, bytes) = (lines + 1, bytes + line.len() as u64);
            if !was_full {
                kept.push(line.into());
                if lines >= self.lines || bytes >= self.bytes {
                    let said = format!(
                        "The log of this attempt ends here: {lines} lines and {bytes} bytes are stored, the \
                         rest is dropped."
                    );
                    kept.push(said.into());
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_ends_with_a_sentence_said_once() {
        let cap = LogCap {
            lines: 3,
            bytes: 100,
        };
        let four = ["1", "2", "3", "4"].map(String::from);
        let kept = cap.of((0, 0), &four);
        assert_eq!(kept.len(), 4);
        assert!(kept[3].contains("3 lines and 3 bytes"), "{}", kept[3]);
        assert!(cap.of((4, 4), &four).is_empty());
        assert_eq!(cap.of((2, 2), &four).len(), 2);
        let long = ["x".repeat(90), "y".repeat(90), "z".into()];
        let kept = cap.of((0, 0), &long);
        assert_eq!(kept.len(), 3);
        assert!(kept[2].contains("2 lines and 180 bytes"));
    }
}
