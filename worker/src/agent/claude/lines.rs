//! A process's output, line by line: of any length and in any encoding.

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::ChildStdout,
};

/// The lines of a process's output.
pub struct OutputLines {
    from: BufReader<ChildStdout>,
    /// The incomplete current line: waiting for the rest may be cancelled and resumed.
    part: Vec<u8>,
}

impl OutputLines {
    /// Starts reading.
    pub fn new(stdout: ChildStdout) -> Self {
        Self {
            from: BufReader::with_capacity(256 * 1024, stdout),
            part: Vec::new(),
        }
    }

    /// The next line, with replacement characters for invalid UTF-8; `None` at the end.
    pub async fn next(&mut self) -> std::io::Result<Option<String>> {
        let read = self.from.read_until(b'\n', &mut self.part).await?;
        if read == 0 && self.part.is_empty() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.part);
        Ok(Some(
            String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
        ))
    }
}
