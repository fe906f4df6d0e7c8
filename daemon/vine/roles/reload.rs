//! Applies a changed configuration while the daemon runs: people, decision rules, reminders,
//! sessions, retention, forges and the chat platforms. A file that is not valid changes nothing.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Result;
use tokio::signal::unix::Signal;
use vine_app::{App, Settings};
use vine_http::ForgeHooks;

use super::chat::RunningAdapters;
use crate::config::{BUILT_IN, Config, grants};

/// How often the files are checked. A person who is removed from one is refused at most two seconds
/// later: one check sees the change, the next one that it is complete.
const LOOK: Duration = Duration::from_millis(500);

/// What distinguishes one write of a file from the next; `None` while the file does not exist.
type FileStamp = Vec<Option<(SystemTime, u64, u64)>>;

fn stamp(files: &[PathBuf]) -> FileStamp {
    let of = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len(), found.ino()))
    };
    files.iter().map(of).collect()
}

/// The settings that a configuration asks for.
pub fn settings(config: &Config, link: &str, batches: usize) -> Result<Settings> {
    Ok(Settings {
        patience: std::sync::Arc::new(config.questions.patience()?),
        sessions: config.sessions.policy(),
        retention: config.keep.retention(),
        people: grants(&config.people)?,
        rules: config.rules()?,
        batches,
        ..Settings::at(link)
    })
}

/// Watches the configuration.
pub struct ConfigReload {
    pub app: App,
    /// As it was read when the daemon started, or last applied.
    pub config: Config,
    pub adapters: RunningAdapters,
    /// How forges sign their webhooks.
    pub hooks: ForgeHooks,
    /// The signal that requests a reload.
    pub hangup: Option<Signal>,
}

impl ConfigReload {
    /// Runs until the daemon stops, then stops the chat platforms.
    pub async fn run(mut self) {
        let Some(file) = self.config.file.clone() else {
            self.app.stop().cancelled().await;
            return self.adapters.end().await;
        };
        // Options of the command line do not count as a change.
        if let Ok(read) = Config::load(Some(&file)) {
            self.config = read;
        }
        let mut taken = stamp(&self.files(&file));
        let mut before = taken.clone();
        loop {
            let asked = tokio::select! {
                () = self.app.stop().cancelled() => break,
                () = tokio::time::sleep(LOOK) => false,
                () = hung_up(self.hangup.as_mut()) => true,
            };
            let now = stamp(&self.files(&file));
            // A file that is being written is read when the write is complete.
            let whole = now == std::mem::replace(&mut before, now.clone());
            let changed = asked || (whole && now != taken);
            if changed && self.apply_settings(&file).await {
                taken = stamp(&self.files(&file));
                before.clone_from(&taken);
            }
        }
        self.adapters.end().await;
    }

    fn files(&self, file: &Path) -> Vec<PathBuf> {
        let mut files = vec![file.to_owned()];
        files.extend(self.config.chat.secret_files().cloned());
        let forges = self.config.forges.iter();
        files.extend(forges.flat_map(|forge| forge.secret_files()).cloned());
        files
    }

    /// Whether the change is dealt with; if not, it is tried again.
    async fn apply_settings(&mut self, file: &Path) -> bool {
        let read = match self.read(file) {
            Ok(read) => read,
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!("{} is not valid, nothing changed: {why}", file.display());
                self.app.refuse_settings(Some(why));
                return true;
            }
        };
        match self.apply(file, read).await {
            Ok(()) => {
                self.app.refuse_settings(None);
                true
            }
            Err(error) => {
                let why = format!("{error:#}");
                tracing::error!("could not apply all of {} yet: {why}", file.display());
                self.app.refuse_settings(Some(why));
                false
            }
        }
    }

    /// Reads and checks everything, without changing anything.
    fn read(&self, file: &Path) -> Result<(Config, Settings)> {
        let wanted = Config::load(Some(file))?;
        let before = self.app.settings();
        let settings = settings(&wanted, &before.link, before.batches)?;
        wanted.chat.check_built_in(BUILT_IN)?;
        wanted.chat.wanted()?;
        for forge in &wanted.forges {
            forge.settings()?;
            forge.webhook_secret()?;
        }
        Ok((wanted, settings))
    }

    async fn apply(&mut self, file: &Path, read: (Config, Settings)) -> Result<()> {
        let (wanted, settings) = read;
        let before = self.app.settings();
        let news = *before != settings;
        self.app.apply_settings(settings).await?;
        let platforms = self.adapters.adjust(&wanted).await?;
        super::forges::adjust(&self.app, &self.hooks, &wanted)?;
        let news = news || wanted.forges != self.config.forges;
        if news || !platforms.is_empty() {
            let restarted: Vec<String> = platforms
                .iter()
                .map(|one| format!("; {one} restarted"))
                .collect();
            tracing::info!("{} was applied{}", file.display(), restarted.concat());
        }
        let later = self.config.needs_a_restart(&wanted);
        if !later.is_empty() {
            tracing::warn!(
                "changes in these sections take effect at the next start of the daemon: {}",
                later.join(", ")
            );
        }
        self.config = wanted;
        Ok(())
    }
}

async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
