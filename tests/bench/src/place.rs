//! A daemon of our own, and clients for it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use vine_api::{Client, Enrol, Enrolled, MadeToken, MakeToken};
use vine_domain::{
    WorkerId,
    clock::{Ids, System},
    token::Token,
};

pub struct Place {
    pub user: Client,
    daemon: Child,
    _folder: TempDir,
}

/// A worker that does nothing by itself.
#[derive(Clone)]
pub struct WorkerClient {
    pub client: Client,
    pub id: WorkerId,
    pub boot: Uuid,
}

impl Place {
    pub async fn start(program: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("state");
        let mut command = Command::new(program);
        command.args(["daemon", "--listen", "127.0.0.1:0", "--state"]).arg(&state).env("VINE_LOG__FILTER", "error");
        let daemon = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
        let endpoint = endpoint(&state.join("endpoint.json")).await?;
        let token = Token::presented(endpoint["token"].as_str().context("a token")?);
        let user = Client::new(endpoint["url"].as_str().context("an address")?, Some(token));
        let place = Self { user, daemon, _folder: folder };
        tokio::time::sleep(Duration::from_millis(300)).await;
        let words = ["repo", "add", "bench", "/nowhere"].map(str::to_owned);
        place.user.run(&words, "").await?;
        Ok(place)
    }

    pub async fn create(&self) -> Result<()> {
        self.user.post::<_, Value>("/tasks", &json!({ "title": "A task that does nothing" })).await?;
        Ok(())
    }

    /// Creates tasks from eight connections.
    pub async fn create_many(&self, count: usize) -> Result<()> {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let user = self.user.clone();
            running.spawn(async move {
                for _ in 0..count / 8 {
                    user.post::<_, Value>("/tasks", &json!({ "title": "A task that does nothing" })).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(one) = running.join_next().await {
            one??;
        }
        Ok(())
    }

    pub async fn worker(&self, name: &str) -> Result<WorkerClient> {
        let code: MadeToken = self.user.post("/tokens", &MakeToken { kind: "enrolment".into() }).await?;
        let enrol = Enrol { code: code.token, name: name.into(), slots: 1, version: "bench".into() };
        let Enrolled { id, token } = Client::new(self.user.base(), None).post("/workers", &enrol).await?;
        Ok(WorkerClient { client: Client::new(self.user.base(), Some(token)), id, boot: System.uuid() })
    }

    fn proc(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(PathBuf::from("/proc").join(self.daemon.id().to_string()).join(file))?)
    }

    /// Resident memory of the daemon.
    pub fn rss_mib(&self) -> Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
        Ok((kib / 1024.0 * 10.0).round() / 10.0)
    }

    /// Processor time of the daemon so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        let fields: Vec<&str> = stat.rsplit_once(") ").context("a stat line")?.1.split(' ').collect();
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

async fn endpoint(file: &std::path::Path) -> Result<Value> {
    for _ in 0..200 {
        if let Ok(bytes) = fs::read(file) {
            return Ok(serde_json::from_slice(&bytes)?);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the daemon did not start within 10 s")
}
