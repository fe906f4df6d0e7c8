//! A daemon of our own, and clients for it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use vine_api::{Client, CreatedTasks};
use vine_domain::token::Token;

pub struct Place {
    pub user: Client,
    daemon: Child,
    /// How the daemon is started.
    command: Command,
    state: PathBuf,
    names: AtomicU32,
    _folder: TempDir,
}

impl Place {
    /// Starts a daemon; `more` is environment.
    pub async fn start(program: &str, more: &[(&str, String)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("state");
        let mut command = Command::new(program);
        command
            .args(["daemon", "--listen", "127.0.0.1:0", "--state"])
            .arg(&state)
            .env("VINE_LOG__FILTER", "error");
        command.envs(more.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let daemon = command.spawn()?;
        let user = user_of(&state).await?;
        let place = Self {
            user,
            daemon,
            command,
            state,
            names: AtomicU32::new(0),
            _folder: folder,
        };
        tokio::time::sleep(Duration::from_millis(300)).await;
        add_repo(&place.user).await?;
        Ok(place)
    }

    /// Kills the daemon and starts it again. Returns how long it took to answer.
    pub async fn restart(&mut self) -> Result<Duration> {
        self.daemon.kill()?;
        self.daemon.wait()?;
        fs::remove_file(self.state.join("endpoint.json"))?;
        let begun = Instant::now();
        self.daemon = self.command.spawn()?;
        self.user = user_of(&self.state).await?;
        self.transactions().await?;
        Ok(begun.elapsed())
    }

    /// A name that no worker here has.
    pub fn fresh_name(&self) -> String {
        format!("bench-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// One task.
    pub async fn create(&self) -> Result<()> {
        self.user
            .post::<_, Value>("/tasks", &json!({ "title": "A task that does nothing" }))
            .await?;
        Ok(())
    }

    /// Creates many tasks, a thousand at once.
    pub async fn create_many(&self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let tasks = vec![json!({ "title": "A task that does nothing" }); left.min(1000)];
            left -= tasks.len();
            self.user
                .post::<_, CreatedTasks>("/tasks/bulk", &json!({ "tasks": tasks }))
                .await?;
        }
        Ok(())
    }

    fn proc(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(
            PathBuf::from("/proc")
                .join(self.daemon.id().to_string())
                .join(file),
        )?)
    }

    /// Resident memory of the daemon.
    pub fn rss_mib(&self) -> Result<f64> {
        let status = self.proc("status")?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("VmRSS")?;
        let kib: f64 = line
            .split_whitespace()
            .nth(1)
            .context("a number")?
            .parse()?;
        Ok((kib / 1024.0 * 10.0).round() / 10.0)
    }

    /// Transactions of the daemon at its database so far.
    pub async fn transactions(&self) -> Result<f64> {
        let text = self.user.get_text("/metrics").await?;
        let line = text
            .lines()
            .find(|line| line.starts_with("vine_store_transactions_total "))
            .context("the counter")?;
        Ok(line.rsplit(' ').next().context("a number")?.parse()?)
    }

    /// Processor time of the daemon so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        let fields: Vec<&str> = stat
            .rsplit_once(") ")
            .context("a stat line")?
            .1
            .split(' ')
            .collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ended_before = self.daemon.kill();
        let _ended_before = self.daemon.wait();
    }
}

/// The person who started the daemon with this state folder.
pub async fn user_of(state: &std::path::Path) -> Result<Client> {
    let endpoint = endpoint(&state.join("endpoint.json")).await?;
    let token = Token::presented(endpoint["token"].as_str().context("a token")?);
    Ok(Client::new(
        endpoint["url"].as_str().context("an address")?,
        Some(token),
    ))
}

/// The repository of all tasks; there is nothing in it.
pub async fn add_repo(user: &Client) -> Result<()> {
    let words = ["repo", "add", "bench", "/nowhere"].map(str::to_owned);
    user.run(&words, "").await?;
    Ok(())
}

async fn endpoint(file: &std::path::Path) -> Result<Value> {
    for _ in 0..200 {
        if let Ok(bytes) = fs::read(file) {
            return Ok(serde_json::from_slice(&bytes)?);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the daemon did not start within 10 s")
}
