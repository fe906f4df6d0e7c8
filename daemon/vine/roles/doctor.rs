//! `vine doctor`: what works on this machine, what does not, and what to do about it.

use crate::output::say;
use std::{
    process::{Command, ExitCode},
    sync::Arc,
};

use anyhow::Result;
use serde_json::Value;
use vine_domain::{clock::System, forge::ForgeProject, guard::LOGIN};
use vine_worker::{INSTALL, NoWall, Walls, WorkerConfig, find_program};

use crate::{
    config::{BUILT_IN, Config},
    endpoint::Endpoint,
    paths::state_root,
    roles::worker,
};

/// A check: what was checked, and the result.
struct Check {
    what: String,
    found: CheckResult,
}

enum CheckResult {
    /// All is well.
    Fine(String),
    /// Nothing is wrong, but something could be better.
    Advice(String),
    /// What is wrong, and what to do about it.
    Problem(String),
}

impl Check {
    fn new(what: &str, found: Result<String, String>) -> Self {
        Self {
            what: what.into(),
            found: found.map_or_else(CheckResult::Problem, CheckResult::Fine),
        }
    }

    /// A check of something that may not be configured.
    fn of(what: &'static str, looked: Result<Option<String>>) -> Option<Self> {
        let found = looked.transpose()?;
        Some(Self::new(what, found.map_err(|error| error.to_string())))
    }
}

pub async fn run(config: &Config) -> Result<ExitCode> {
    let mut checks = vec![git(), claude(config), state()];
    checks.push(platforms(config, BUILT_IN));
    checks.extend(wall(config));
    checks.extend(database(config).await);
    checks.extend(redis(config).await);
    checks.extend(forges(config).await);
    checks.extend(daemon(config).await);
    for Check { what, found } in &checks {
        match found {
            CheckResult::Fine(fine) => say!("ok       {what:<12} {fine}"),
            CheckResult::Advice(advice) => say!("advice   {what:<12} {advice}"),
            CheckResult::Problem(problem) => say!("problem  {what:<12} {problem}"),
        }
    }
    let well = !checks
        .iter()
        .any(|check| matches!(check.found, CheckResult::Problem(_)));
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn git() -> Check {
    Check::new(
        "git",
        version("git").ok_or_else(|| "git was not found; workers need it".into()),
    )
}

fn claude(config: &Config) -> Check {
    let program = config
        .agents
        .claude
        .command
        .first()
        .and_then(|program| find_program(program));
    let found = program.and_then(|program| {
        version(&program.display().to_string())
            .map(|version| format!("{version} at {}", program.display()))
    });
    Check::new(
        "claude",
        found.ok_or_else(|| {
            format!(
                "Claude Code was not found; install it with `{INSTALL}`. Until then, tasks wait in the queue"
            )
        }),
    )
}

fn state() -> Check {
    let found = state_root()
        .map_err(|error| error.to_string())
        .and_then(|root| {
            std::fs::create_dir_all(&root)
                .map(|()| root.display().to_string())
                .map_err(|error| format!("could not create {}: {error}", root.display()))
        });
    Check::new("state", found)
}

/// The chat platforms of this build.
fn platforms(config: &Config, built_in: &[&str]) -> Check {
    let found = match (config.chat.check_built_in(built_in), built_in) {
        (Err(missing), _) => CheckResult::Problem(missing.to_string()),
        (Ok(()), []) => CheckResult::Advice(
            "this `vine` was built without chat platforms; questions are on the page. \
             `cargo install --path . --features chat` adds them"
                .into(),
        ),
        (Ok(()), built_in) => CheckResult::Fine(built_in.join(", ")),
    };
    Check {
        what: "platforms".into(),
        found,
    }
}

/// The wall that a worker here would use, and what it does not prevent.
fn wall(config: &Config) -> Vec<Check> {
    let work = worker::agent(config, None).and_then(|agent| {
        let state = match &config.worker.state {
            Some(state) => state.clone(),
            None => state_root()?.join("worker"),
        };
        Ok(WorkerConfig {
            state,
            ..worker::of(config, agent)?
        })
    });
    let walls = match work {
        Ok(work) => Walls::stand(&work).map_err(|NoWall(why)| why),
        // There is no agent to put behind a wall.
        Err(_) => return Vec::new(),
    };
    let standing = match walls {
        Ok(walls) => walls.standing,
        Err(why) => {
            let found = CheckResult::Advice(format!(
                "no wall works here, so `vine worker` does not start and `vine up` asks first: {why}"
            ));
            return vec![Check {
                what: "wall".into(),
                found,
            }];
        }
    };
    let not_held = standing.wall.not_held();
    let mut checks = vec![Check {
        what: "wall".into(),
        found: match not_held.is_empty() && standing.why.is_empty() {
            true => CheckResult::Fine(format!("agents run behind {}", standing.wall)),
            false => CheckResult::Advice(standing.said()),
        },
    }];
    if !not_held.is_empty() {
        checks.push(Check {
            what: "wall".into(),
            found: CheckResult::Advice(format!(
                "`{}` does not contain an agent completely:\n         - {}",
                standing.wall,
                not_held.join("\n         - ")
            )),
        });
    }
    if standing.login {
        let advice = format!(
            "{LOGIN}: set a key in `agents.claude.env_files`, or a long-lived token (`claude setup-token`) as CLAUDE_CODE_OAUTH_TOKEN; the worker then adds it outside the sandbox"
        );
        checks.push(Check {
            what: "model login".into(),
            found: CheckResult::Advice(advice),
        });
    }
    checks
}

/// The forges that are configured: whose token ours is, and what it may not do in our repositories.
async fn forges(config: &Config) -> Vec<Check> {
    let projects = match config.forges.is_empty() {
        true => Vec::new(),
        false => projects().await,
    };
    let mut checks = Vec::new();
    for forge in &config.forges {
        let looked = async {
            let connected = vine_forges::connect(&forge.settings()?, Arc::new(System))?;
            let account = connected.account().await?;
            let mut missing = Vec::new();
            for project in projects
                .iter()
                .filter(|one| one.host == forge.host.to_lowercase())
            {
                missing.extend(connected.missing_rights(project).await?);
            }
            anyhow::Ok((account.name, missing))
        };
        let found = match looked.await {
            Ok((name, missing)) if missing.is_empty() => {
                Ok(format!("{}: the token of {name}", forge.host))
            }
            Ok((_, missing)) => Err(format!("{}: {}", forge.host, missing.join("; "))),
            Err(error) => Err(format!("{}: {error:#}", forge.host)),
        };
        checks.push(Check::new("forge", found));
    }
    checks
}

/// The projects of the daemon's repositories; none while no daemon runs here.
pub async fn projects() -> Vec<ForgeProject> {
    let Ok(endpoint) = Endpoint::find() else {
        return Vec::new();
    };
    let listed = endpoint
        .client()
        .run(&["repo".into(), "list".into()], "")
        .await;
    let listed = listed.map(|reply| reply.data).unwrap_or_default();
    let sources = listed.as_array().into_iter().flatten();
    sources
        .filter_map(|repo| ForgeProject::of_address(repo["source"].as_str()?))
        .collect()
}

/// The database that several daemons share; SQLite needs no check.
async fn database(config: &Config) -> Option<Check> {
    let looked = async {
        let Some(url) = config.database.postgres()? else {
            return Ok(None);
        };
        anyhow::Ok(Some(vine_postgres::Database::look(&url).await?))
    };
    Check::of("database", looked.await)
}

/// Redis, which carries wake-ups between daemons; without it PostgreSQL does.
async fn redis(config: &Config) -> Option<Check> {
    let looked = async {
        let Some(url) = config.redis.address()? else {
            return Ok(None);
        };
        let answer = vine_redis::Redis::look(&vine_redis::Address::parse(&url)?).await;
        let hint = "; start it, or correct redis.url. Until then, PostgreSQL carries wake-ups";
        answer
            .map(Some)
            .map_err(|why| anyhow::anyhow!("Redis cannot be used ({why}){hint}"))
    };
    Check::of("redis", looked.await)
}

/// The daemon, and its chat platforms as it sees them.
async fn daemon(config: &Config) -> Vec<Check> {
    let endpoint = match Endpoint::find() {
        Err(error) => return vec![Check::new("daemon", Err(error.to_string()))],
        Ok(endpoint) => endpoint,
    };
    let client = endpoint.client();
    let found = client.run(&["whoami".into()], "").await;
    let mut checks = vec![Check::new(
        "daemon",
        found
            .map(|reply| format!("{}: {}", endpoint.url, reply.text))
            .map_err(|error| error.to_string()),
    )];
    let written = client.get_text("/readyz").await;
    checks.push(Check::new(
        "store",
        match written {
            Ok(said) if said == "ready" => Ok("accepts writes".into()),
            Ok(said) => Err(said),
            Err(error) => Err(error.to_string()),
        },
    ));
    if let Ok(status) = client.run(&["status".into()], "").await {
        let adapters = status.data["adapters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        checks.extend(
            adapters
                .iter()
                .flat_map(|adapter| platform(config, adapter)),
        );
    }
    checks
}

fn platform(config: &Config, adapter: &Value) -> Vec<Check> {
    let text = |key: &str| adapter[key].as_str();
    let name = text("id").unwrap_or_default();
    let account = text("account").unwrap_or_default();
    let mut checks = vec![Check::new(
        name,
        text("trouble").map_or_else(
            || {
                let checked = text("checked_at").map(|at| format!(", checked {at}"));
                Ok(format!(
                    "connected as {account}{}",
                    checked.unwrap_or_default()
                ))
            },
            |why| Err(why.into()),
        ),
    )];
    if let Some(remark) = text("remark") {
        checks.push(Check {
            what: name.into(),
            found: CheckResult::Advice(remark.into()),
        });
    }
    if let ("matrix", false, Some(homeserver)) =
        (name, account.is_empty(), &config.chat.matrix.homeserver_url)
    {
        checks.push(Check {
            what: name.into(),
            found: CheckResult::Advice(limits(homeserver, account)),
        });
    }
    checks
}

/// Synapse's limits, and how its admin lifts them for one account (measured: 40 of 40 messages
/// under default limits).
fn limits(homeserver: &str, account: &str) -> String {
    let call = format!(
        "{}/_synapse/admin/v1/users/{account}/override_ratelimit",
        homeserver.trim_end_matches('/')
    );
    format!(
        "Synapse limits an account to one message in five seconds, unless its admin lifts the \
         limit:\n         curl -X POST -H \"Authorization: \
         Bearer $ADMIN_TOKEN\" -d '{{\"messages_per_second\": 0, \"burst_count\": 0}}' '{call}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_platforms_says_how_to_get_them() {
        let mut config = Config::default();
        let advice = platforms(&config, &[]).found;
        assert!(matches!(advice, CheckResult::Advice(said) if said.contains("--features chat")));
        let fine = platforms(&config, &["matrix"]).found;
        assert!(matches!(fine, CheckResult::Fine(said) if said == "matrix"));
        config.chat.discord.token = Some("x".into());
        let problem = platforms(&config, &["matrix"]).found;
        assert!(
            matches!(problem, CheckResult::Problem(said) if said.contains("built without discord"))
        );
    }
}
