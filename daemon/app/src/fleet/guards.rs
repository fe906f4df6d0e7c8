//! Guards: what agents of a repository may do and reach. People set it, workers read it, and a
//! thread shows when an agent was refused.

use vine_domain::{
    Effort, Followups, Guard, MessageId, ModelChoice, ModelName, Repo, Slug, Verb, Wall, WorkerId,
    WorkerLoad,
    attempt::Attempt,
    chat::Button,
    conventions::{BranchPattern, Conventions, Trailers},
    forge::{
        MergeMethod, OpenRule, RequestRule,
        rule::{ForgeName, ForgeNames},
    },
    guard::{Egress, Host, Preset},
    markdown::quoted,
    ports::Say,
};

use crate::{AppError, AppResult, Caller, fleet::Fleet, texts};

/// Changes to a repository's guard, its model, and what continues its tasks.
#[derive(Debug, Clone, Default)]
pub struct RepoPatch {
    /// Another preset; `Some(None)` for the default of the wall.
    pub preset: Option<Option<Preset>>,
    /// Another egress rule.
    pub egress: Option<Egress>,
    /// More hosts that agents may reach.
    pub allow: Vec<Host>,
    /// Hosts to remove from the list.
    pub refuse: Vec<Host>,
    /// Another minimum wall; `Some(None)` for none.
    pub wall: Option<Option<Wall>>,
    /// Another model; `Some(None)` for the agent's own.
    pub model: Option<Option<ModelName>>,
    /// Another effort; `Some(None)` for the agent's own.
    pub effort: Option<Option<Effort>>,
    /// Another rule for what continues a task that is over.
    pub followups: Option<Followups>,
    /// What it wants of its pull requests.
    pub requests: RequestPatch,
    /// Another pattern for branches; `Some(None)` for ours.
    pub branches: Option<Option<BranchPattern>>,
    /// Other last lines of commits; `Some(None)` for ours.
    pub trailers: Option<Option<Trailers>>,
}

/// Changes to what a repository wants of its pull requests.
#[derive(Debug, Clone, Default)]
pub struct RequestPatch {
    /// Whether they are opened by themselves.
    pub open: Option<OpenRule>,
    /// Other labels.
    pub labels: Option<ForgeNames>,
    /// Other reviewers.
    pub reviewers: Option<ForgeNames>,
    /// Other assignees.
    pub assignees: Option<ForgeNames>,
    /// How they are merged.
    pub merge: Option<MergeMethod>,
    /// How often failed checks start a round by themselves.
    pub fix_checks: Option<u8>,
}

impl RequestPatch {
    /// Operators may say how often failed checks are fixed; what is opened under our name, and whom that
    /// calls, is for administrators.
    fn opens_elsewhere(&self) -> bool {
        let names = [&self.labels, &self.reviewers, &self.assignees];
        self.open.is_some() || names.iter().any(|names| names.is_some())
    }

    fn said(&self) -> Vec<String> {
        let open = self.open.map(|rule| format!(" requests {rule}"));
        let merge = self.merge.map(|method| format!(" merge {method}"));
        let fixes = self.fix_checks.map(|times| format!(" fix-checks {times}"));
        let list = |word: &str, names: &Option<ForgeNames>| {
            let names = names.as_ref()?.0.iter().map(ForgeName::as_str);
            Some(format!(" {word} {}", names.collect::<Vec<_>>().join("+")))
        };
        let lists = [
            list("labels", &self.labels),
            list("reviewers", &self.reviewers),
            list("assignees", &self.assignees),
        ];
        open.into_iter()
            .chain(lists.into_iter().flatten())
            .chain(merge)
            .chain(fixes)
            .collect()
    }

    fn applied(&self, rule: RequestRule) -> RequestRule {
        let names = |new: &Option<ForgeNames>, old: Vec<ForgeName>| match new {
            Some(names) => names.0.clone(),
            None => old,
        };
        RequestRule {
            open: self.open.unwrap_or(rule.open),
            labels: names(&self.labels, rule.labels),
            reviewers: names(&self.reviewers, rule.reviewers),
            assignees: names(&self.assignees, rule.assignees),
            merge: self.merge.unwrap_or(rule.merge),
            fix_checks: self.fix_checks.unwrap_or(rule.fix_checks),
        }
    }
}

impl RepoPatch {
    /// Operators may allow one more host; everything else is for administrators.
    fn verb(&self) -> Verb {
        let wider = self.allow.iter().any(|host| host.as_str().starts_with('*'));
        let other = self.preset.is_some()
            || self.egress.is_some()
            || self.wall.is_some()
            || self.model.is_some()
            || self.effort.is_some()
            || self.followups.is_some()
            || self.branches.is_some()
            || self.trailers.is_some()
            || self.requests.opens_elsewhere();
        match other || wider || !self.refuse.is_empty() {
            true => Verb::Administer,
            false => Verb::Operate,
        }
    }

    /// As the audit shows it: ` preset test, allow example.org`.
    fn said(&self) -> String {
        let preset = self
            .preset
            .map(|one| format!(" preset {}", one.map_or("default", Preset::as_str)));
        let egress = self.egress.map(|rule| format!(" egress {rule}"));
        let wall = self
            .wall
            .map(|one| format!(" wall {}", one.map_or("default", Wall::as_str)));
        let model = self.model.as_ref().map(|one| match one {
            Some(model) => format!(" model {model}"),
            None => " model default".into(),
        });
        let effort = self
            .effort
            .map(|one| format!(" effort {}", one.map_or("default", Effort::as_str)));
        let followups = self.followups.map(|rule| format!(" followups {rule}"));
        let branches = self.branches.as_ref().map(|one| match one {
            Some(pattern) => format!(" branches {}", pattern.as_str()),
            None => " branches default".into(),
        });
        let trailers = self.trailers.as_ref().map(|one| match one {
            Some(lines) => format!(" trailers \"{lines}\""),
            None => " trailers default".into(),
        });
        let allow = self.allow.iter().map(|host| format!(" allow {host}"));
        let refuse = self.refuse.iter().map(|host| format!(" refuse {host}"));
        let parts = preset
            .into_iter()
            .chain(egress)
            .chain(wall)
            .chain(model)
            .chain(effort)
            .chain(followups)
            .chain(self.requests.said())
            .chain(branches)
            .chain(trailers)
            .chain(allow)
            .chain(refuse);
        parts.collect::<Vec<_>>().join(",")
    }

    fn applied(&self, mut guard: Guard) -> Guard {
        guard.preset = self.preset.unwrap_or(guard.preset);
        guard.egress = self.egress.unwrap_or(guard.egress);
        guard.wall = self.wall.unwrap_or(guard.wall);
        guard.hosts.extend(self.allow.iter().cloned());
        guard.hosts.retain(|host| !self.refuse.contains(host));
        guard.hosts.sort();
        guard.hosts.dedup();
        guard
    }
}

/// At most this many hosts in one list.
const HOSTS: usize = 200;
/// At most this many refused hosts are named in one message.
const NAMED: usize = 5;

/// A button that allows exactly this host; `None` if it is not a host name.
fn allows(repo: &Slug, host: &str) -> Option<Button> {
    let host: Host = host.parse().ok()?;
    let says = format!("/vine repo set {repo} --allow {host}");
    // No reaction presses it: the person who allows a host must see which one.
    let confirm = format!("Let agents in {repo} reach {host}?");
    Some(Button::saying(format!("Allow {host}"), says).dangerous(confirm))
}

fn not_reached(repo: &Slug, guard: &Guard, hosts: &[&String]) -> String {
    let named: Vec<String> = hosts
        .iter()
        .take(NAMED)
        .map(|host| host.to_string())
        .collect();
    let more = match hosts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(
            "\nand {}; the log lists all of them.",
            texts::counted(more as u64, "more", "more")
        ),
    };
    let next = match guard.egress {
        Egress::Off => format!(
            "Agents of `{repo}` may not reach any host. `repo set {repo} --egress list` allows the usual registries."
        ),
        Egress::Open => {
            "They belong to the worker's machine or network, which agents may never reach.".into()
        }
        Egress::List => format!(
            "They are not on the list of `{repo}`. An operator can allow one with its button or with `repo set {repo} --allow HOST`; running agents can then reach it immediately."
        ),
    };
    format!(
        "**Network access denied.** The agent tried to reach these hosts:\n\n{}{more}\n\n{next}",
        quoted(&named.join("\n"))
    )
}

impl Fleet {
    /// Changes the guard of a repository; running agents can reach a new host immediately.
    pub async fn guard(&self, caller: &Caller, name: &Slug, wish: &RepoPatch) -> AppResult<Repo> {
        self.people
            .allow(
                caller,
                wish.verb(),
                Some(name),
                &format!("repo {name}:{}", wish.said()),
            )
            .await?;
        let repo = self.tasks.repo(name).await?;
        let guard = wish.applied(repo.guard.clone());
        if guard.hosts.len() > HOSTS {
            return Err(AppError::Unreadable(format!(
                "a list holds at most {HOSTS} hosts; `*.example.org` allows all subdomains of one"
            )));
        }
        let model = ModelChoice {
            model: wish.model.clone().unwrap_or(repo.model.model.clone()),
            effort: wish.effort.unwrap_or(repo.model.effort),
        };
        let repo = Repo {
            guard,
            model,
            followups: wish.followups.unwrap_or(repo.followups),
            requests: wish.requests.applied(repo.requests.clone()),
            conventions: Conventions {
                branches: wish.branches.clone().unwrap_or(repo.conventions.branches),
                trailers: wish.trailers.clone().unwrap_or(repo.conventions.trailers),
            },
            ..repo
        };
        self.tasks.add_repo(&repo).await?;
        self.wakeups.work();
        Ok(repo)
    }

    /// Why no worker is good enough for a repository; `None` if one is, or if there are no workers.
    pub async fn nobody_can(&self, repo: &Repo) -> AppResult<Option<String>> {
        let workers = self.store.workers().await?;
        let why = |load: &WorkerLoad| {
            repo.guard.refuses(
                load.worker
                    .standing
                    .as_ref()
                    .map_or(Wall::Plain, |standing| standing.wall),
            )
        };
        let all: Option<Vec<String>> = workers.iter().map(why).collect();
        Ok(all.and_then(|all| all.into_iter().next()))
    }

    /// The guard for an attempt that the worker holds a lease on.
    pub async fn guard_of(&self, by: WorkerId, attempt: Attempt) -> AppResult<Guard> {
        let task = self.tasks.get(attempt.task).await?;
        let holds = |lease: &vine_domain::Lease| lease.worker == by;
        if task.epoch != attempt.epoch || !task.lease().is_some_and(holds) {
            return Err(vine_domain::lifecycle::Refusal::Stale(attempt).into());
        }
        Ok(self.tasks.repo(&task.repo).await?.guard)
    }

    /// Posts in the thread which hosts an agent was refused, with a button for each.
    pub async fn refused_hosts(
        &self,
        by: WorkerId,
        attempt: Attempt,
        hosts: &[String],
    ) -> AppResult<()> {
        let guard = self.guard_of(by, attempt).await?;
        let task = self.tasks.get(attempt.task).await?;
        // Some may have been allowed meanwhile.
        let hosts: Vec<&String> = hosts.iter().filter(|host| !guard.lets_out(host)).collect();
        if hosts.is_empty() {
            return Ok(());
        }
        let id = MessageId(self.ids.uuid());
        let text = not_reached(&task.repo, &guard, &hosts);
        let buttons = match guard.egress {
            Egress::List => hosts
                .iter()
                .take(NAMED)
                .filter_map(|host| allows(&task.repo, host))
                .collect(),
            Egress::Off | Egress::Open => Vec::new(),
        };
        let mut message = texts::notice(id, task.id, text);
        message.buttons = buttons;
        self.writes.say(Say::one(message)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_host_is_for_operators_and_all_else_for_administrators() {
        let allow = |host: &str| RepoPatch {
            allow: vec![host.parse().expect("a host")],
            ..RepoPatch::default()
        };
        assert_eq!(allow("example.org").verb(), Verb::Operate);
        assert_eq!(allow("*.example.org").verb(), Verb::Administer);
        let wall = RepoPatch {
            wall: Some(None),
            ..allow("example.org")
        };
        assert_eq!(wall.verb(), Verb::Administer);
        assert_eq!(wall.said(), " wall default, allow example.org");
    }

    #[test]
    fn a_button_names_just_the_host_and_nothing_else_is_one() {
        let repo = Slug::from_text("site");
        let pressed = |host: &str| allows(&repo, host).map(|button| button.says);
        assert_eq!(
            pressed("xn--pypal-4ve.example").as_deref(),
            Some("/vine repo set site --allow xn--pypal-4ve.example")
        );
        for other in [
            "a b.example",
            "a.example --preset open",
            "*",
            "10.0.0.1",
            "локал.example",
        ] {
            assert_eq!(pressed(other), None, "{other}");
        }
    }
}
