//! Secrets: in the configuration itself or, better, in files of their own.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// A secret that is in the configuration, or in a file of its own.
pub struct Secret<'a> {
    pub key: &'static str,
    pub text: Option<&'a String>,
    pub file: Option<&'a PathBuf>,
}

impl Secret<'_> {
    pub fn is_set(&self) -> bool {
        self.text.is_some() || self.file.is_some()
    }

    pub fn check(&self) -> Result<()> {
        if self.text.is_some() && self.file.is_some() {
            bail!("both `{0}` and `{0}_file` are set; keep one", self.key);
        }
        Ok(())
    }

    pub fn read(&self) -> Result<String> {
        let read = match (self.text, self.file) {
            (Some(text), _) => text.clone(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .with_context(|| format!("could not read {}_file {}", self.key, file.display()))?
                .trim_end()
                .to_owned(),
            (None, None) => bail!("{} is not set", self.key),
        };
        if read.is_empty() {
            bail!("{} is empty", self.key);
        }
        Ok(read)
    }
}
