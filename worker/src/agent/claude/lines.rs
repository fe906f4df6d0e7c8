//! What a process says, line by line: of any length, and read whatever its encoding.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;

/// Lines of a process.
pub struct OutputLines {
    from: BufReader<ChildStdout>,
    /// A line as far as it has come: a wait for its rest may be given up and taken up again.
    part: Vec<u8>,
}

impl OutputLines {
    /// Begins to read.
    pub fn new(stdout: ChildStdout) -> Self {
        Self {
            from: BufReader::with_capacity(256 * 1024, stdout),
            part: Vec::new(),
        }
    }

    /// The next line, with signs in place of what is no UTF-8; `None` at the end.
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
