//! How an agent is started inside its sandbox.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

use crate::{
    config::WorkerConfig,
    process::{self},
    supervise,
    wall::{
        bubblewrap::{self, RUN, SandboxPlan},
        container,
        sandbox::{EGRESS, MODEL, Sandbox, SandboxParts},
        stand::{WallMeans, inside, own_program},
    },
};

impl Sandbox {
    /// The variables through which the agent finds its door.
    pub fn door_variables(&self) -> Vec<(String, String)> {
        let (socket, bin) = match self.holds_network() {
            true => (
                format!("{RUN}/door"),
                Some(PathBuf::from(format!("{RUN}/bin"))),
            ),
            false => {
                let beside = own_program().and_then(|own| own.parent().map(Path::to_owned));
                let bin = self.lent.clone().or(beside);
                (self.run.0.join("door").display().to_string(), bin)
            }
        };
        let known = self
            .env
            .iter()
            .find(|(name, _)| name == "PATH")
            .map(|(_, path)| path.clone());
        let mut path = known
            .or_else(|| std::env::var("PATH").ok())
            .unwrap_or_default();
        if let Some(bin) = bin {
            path = format!("{}:{path}", bin.display());
        }
        vec![("PATH".into(), path), ("VINE_SOCKET".into(), socket)]
    }

    /// The command that starts the agent, with `more` added to its environment.
    pub fn command(
        &self,
        config: &WorkerConfig,
        program: &[String],
        more: Vec<(String, String)>,
    ) -> Result<Command> {
        let agent = &config.agent;
        let command = match &self.walls.means {
            WallMeans::Plain => {
                let mut command =
                    process::supervised(program, &self.folder, &self.mark, &agent.env, &agent.pass);
                command.envs(more);
                return Ok(command);
            }
            WallMeans::User => {
                let user = self.user.as_ref().context("no user id was reserved")?;
                let numbers = [
                    u64::from(user.id),
                    u64::from(user.group),
                    self.walls.most.processes,
                ];
                let own = [
                    vec![supervise::GATED.to_owned(), supervise::AS.to_owned()],
                    numbers.map(|number| number.to_string()).into(),
                ]
                .concat();
                let mut command = process::supervised_by(&own, program, &self.folder, &self.mark);
                command.envs(self.env.clone()).envs(more);
                command
            }
            WallMeans::Bubblewrap { bwrap } => {
                let words = bubblewrap::arguments(&self.planned(&self.plan_parts(program, more)?));
                self.walled(&bwrap.display().to_string(), words)
            }
            WallMeans::Container { engine, image } => {
                let parts = self.plan_parts(program, more)?;
                let words = container::arguments(
                    &self.planned(&parts),
                    (engine, image),
                    (&self.name, &config.state),
                    self.walls.most,
                );
                self.walled(engine, words)
            }
        };
        Ok(command)
    }

    /// Starts the agent, within its limits from the beginning. Its input is piped.
    pub async fn start(&self, mut command: Command) -> Result<Child> {
        let mut child = command.spawn()?;
        if let (Some(bounds), Some(process)) = (&self.bounds, child.id()) {
            let held = bounds.hold(process).await;
            held.context("could not limit the agent's memory and processes")?;
        }
        if let (true, Some(input)) = (self.is_walled(), &mut child.stdin) {
            input.write_all(b"\n").await?;
            input.flush().await?;
        }
        Ok(child)
    }

    pub(super) fn walled(&self, program: &str, words: Vec<std::ffi::OsString>) -> Command {
        let gated = [supervise::GATED.to_owned()];
        let program = [program.to_owned()];
        let mut command = process::supervised_by(&gated, &program, Path::new("/"), &self.mark);
        command.args(words);
        command
    }

    pub(super) fn plan_parts(
        &self,
        program: &[String],
        more: Vec<(String, String)>,
    ) -> Result<SandboxParts> {
        let mut env = self.env.clone();
        for (name, value) in more {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        let ports = [(MODEL, "model"), (EGRESS, "egress")];
        let ports = ports
            .iter()
            .filter(|(_, name)| self.run.0.join(name).exists());
        let is_grouped = self.bounds.is_some();
        let most = self.walls.most;
        let spec = vine_inside::SandboxSpec {
            program: program.to_vec(),
            folder: self.folder.clone(),
            env,
            ports: ports
                .map(|(port, name)| (*port, Path::new(RUN).join(name)))
                .collect(),
            processes: Some(most.processes),
            memory: (!is_grouped).then_some(most.memory),
        };
        fs::write(self.run.0.join("spec.json"), serde_json::to_vec(&spec)?)?;
        let home = self.home.as_ref().context("the sandbox has no home")?;
        Ok(SandboxParts {
            etc: self.etc.clone(),
            home: home.home(),
            temp: home.temp(),
            inside: inside().context("`vine-inside` is missing; it belongs beside `vine`")?,
            vine: own_program().context("`vine` was moved while it was running")?,
        })
    }

    pub(super) fn planned<'a>(&'a self, parts: &'a SandboxParts) -> SandboxPlan<'a> {
        SandboxPlan {
            seen: &self.seen,
            etc: &parts.etc,
            folder: &self.folder,
            home: &parts.home,
            sent: Some(self.sent.folder()),
            temp: &parts.temp,
            run: &self.run.0,
            objects: self.objects.as_deref(),
            files: &self.files,
            own: &self.own,
            inside: &parts.inside,
            vine: &parts.vine,
        }
    }
}
