//! What people do with the request of a task.

use uuid::Uuid;
use vine_domain::{
    Task, TaskId, Timestamp, Verb,
    chat::Outbound,
    forge::{
        Act, ActKind, ChangeRequest, Finding, FindingState, MergeMethod, OpenedRequest,
        RequestBrief, RequestState,
    },
    ports::{SaveRequest, StoreError},
    uuid_of,
};

use crate::{AppError, AppResult, Caller, change_requests::ChangeRequests};

/// Each try that fails means that something else about the request was stored.
const TRIES: usize = 10;

/// What a person wants fixed.
#[derive(Debug, Clone, Copy)]
pub struct FixOrder {
    /// The task.
    pub task: TaskId,
    /// The finding, by its number; all that are open if it is not named.
    pub finding: Option<u32>,
}

/// How a person wants a request merged.
#[derive(Debug, Clone, Default)]
pub struct MergeWish {
    /// How; as its repository says if it is not named.
    pub method: Option<MergeMethod>,
    /// As soon as its checks pass, not immediately.
    pub when_passed: bool,
    /// The beginning of the commit that they have seen.
    pub head: Option<String>,
}

/// The request of a task, for people.
#[derive(Debug, Clone)]
pub struct RequestView {
    /// The task.
    pub task: TaskId,
    /// The request.
    pub brief: Option<RequestBrief>,
    /// What can be fixed: each finding with its number and its first line.
    pub findings: Vec<(u32, String)>,
    /// Why the forge cannot be used.
    pub trouble: Option<String>,
}

impl ChangeRequests {
    /// The request of a task, for a person who may view the task.
    pub async fn view(&self, caller: &Caller, task: TaskId) -> AppResult<RequestView> {
        self.tasks.look_at(caller, task).await?;
        let request = self.store.request(task).await?;
        let request = request.unwrap_or_else(|| ChangeRequest::of(task));
        let open = request.findings.iter();
        let open = open.filter(|one| one.state == FindingState::Open);
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        Ok(RequestView {
            task,
            brief: request.brief(),
            findings: open.map(|one| (one.number, first(&one.text))).collect(),
            trouble: request.trouble,
        })
    }

    /// Has the work of a task offered to its forge, although its repository does not do that by itself.
    pub async fn want(&self, caller: &Caller, task: TaskId) -> AppResult<String> {
        let known = self.operated(caller, task, "open a pull request").await?;
        let repo = self.tasks.repo(&known.repo).await?;
        if self.forges.of(&repo).is_none() {
            return Err(AppError::Unreadable(format!(
                "no forge is configured for {}; add one to the configuration, under `[[forges]]`",
                repo.source.shown()
            )));
        }
        if known.left_on().is_none_or(|branch| branch == known.base) {
            return Err(AppError::Unreadable(format!(
                "{task} has no pushed work; `task show {task}` shows its state"
            )));
        }
        self.change(task, |request| {
            request.wanted = true;
            Ok(())
        })
        .await?;
        Ok(format!("Opening a pull request for {task}."))
    }

    /// Merges the request of a task, at the commit that people have seen.
    pub async fn merge(
        &self,
        caller: &Caller,
        task: TaskId,
        order: MergeWish,
    ) -> AppResult<String> {
        let known = self.operated(caller, task, "merge").await?;
        let repo = self.tasks.repo(&known.repo).await?;
        let method = order.method.unwrap_or(repo.requests.merge);
        let when_passed = order.when_passed;
        let named = self
            .order(caller, task, |request, opened| {
                if request.state == RequestState::Draft {
                    return Err(AppError::Unreadable(format!(
                        "{} is a draft; mark it as ready on its page first: {}",
                        opened.named(),
                        opened.url
                    )));
                }
                let head = request.seen_head();
                if !order
                    .head
                    .as_ref()
                    .is_none_or(|shown| head.starts_with(shown.as_str()))
                {
                    return Err(AppError::Unreadable(format!(
                        "the branch of {} has changed since that was shown; look at it again: {}",
                        opened.named(),
                        opened.url
                    )));
                }
                Ok(ActKind::Merge {
                    method,
                    head,
                    when_passed,
                })
            })
            .await?;
        Ok(match when_passed {
            true => format!("{task}: {named} will be merged as soon as its checks pass."),
            false => format!("{task}: merging {named}."),
        })
    }

    /// Closes the request of a task without merging it.
    pub async fn close(&self, caller: &Caller, task: TaskId) -> AppResult<String> {
        self.operated(caller, task, "close its pull request")
            .await?;
        let named = self.order(caller, task, |_, _| Ok(ActKind::Close)).await?;
        Ok(format!("{task}: closing {named}."))
    }

    /// Merges the base into the branch of the request of a task.
    pub async fn update(&self, caller: &Caller, task: TaskId) -> AppResult<String> {
        self.operated(caller, task, "update its pull request")
            .await?;
        let update = |request: &ChangeRequest, _: &OpenedRequest| {
            let head = request.seen_head();
            Ok(ActKind::Update { head })
        };
        let named = self.order(caller, task, update).await?;
        Ok(format!("{task}: updating {named} from its base."))
    }

    /// Has an agent fix what checks or reviews found: a round with that as its text, or a note if one is
    /// running.
    pub async fn fix(&self, caller: &Caller, order: FixOrder) -> AppResult<Task> {
        let FixOrder { task, finding } = order;
        self.tasks.look_at(caller, task).await?;
        let request = self.store.request(task).await?;
        let found = request.iter().flat_map(|request| &request.findings);
        let wanted: Vec<(u32, String)> = found
            .filter(|one| match finding {
                Some(number) => one.number == number,
                // What strangers wrote is chosen one by one.
                None => one.state == FindingState::Open && !one.foreign,
            })
            .map(|one| (one.number, one.text.clone()))
            .collect();
        if wanted.is_empty() {
            let what = match finding {
                Some(number) => format!("its pull request has no finding {number}"),
                None => "its checks and reviews found nothing that is open".to_owned(),
            };
            return Err(AppError::Unreadable(format!("{task}: {what}")));
        }
        let now = self.tasks.get(task).await?;
        let is_given = |one: &Finding| matches!(one.state, FindingState::Given { .. });
        let found = request.iter().flat_map(|request| &request.findings);
        let mut given = found.filter(|one| wanted.iter().any(|(number, _)| *number == one.number));
        if !now.is_over() && given.any(is_given) {
            return Err(AppError::Unreadable(format!(
                "{task}: an agent is at it already, in round {}",
                now.round.number
            )));
        }
        let numbers: Vec<u32> = wanted.iter().map(|(number, _)| *number).collect();
        let texts: Vec<&str> = wanted.iter().map(|(_, text)| text.as_str()).collect();
        // Pressed twice, it is one round.
        let opened = request.as_ref().and_then(|request| request.opened.as_ref());
        let url = opened.map_or("", |opened| opened.url.as_str());
        let key = uuid_of(&format!(
            "fix {task} {url} {numbers:?} {}",
            now.round.number
        ));
        self.questions
            .go_on(caller, task, &texts.join("\n\n"), key)
            .await?;
        let now = self.tasks.get(task).await?;
        let round = now.round.number;
        self.change(task, |request| {
            request.own_fixes = 0;
            for number in &numbers {
                request.settle(*number, FindingState::Given { round });
            }
            Ok(())
        })
        .await?;
        Ok(now)
    }

    async fn operated(&self, caller: &Caller, id: TaskId, what: &str) -> AppResult<Task> {
        let task = self.tasks.look_at(caller, id).await?;
        let what = format!("{id} ({what})");
        self.people
            .allow(caller, Verb::Operate, Some(&task.repo), &what)
            .await?;
        Ok(task)
    }

    /// Adds an act to a request that is open. Returns how people call the request.
    async fn order(
        &self,
        caller: &Caller,
        task: TaskId,
        kind: impl Fn(&ChangeRequest, &OpenedRequest) -> AppResult<ActKind> + Send + Sync,
    ) -> AppResult<String> {
        let mut named = String::new();
        self.change(task, |request| {
            let opened = request.opened.clone().ok_or_else(|| {
                AppError::Unreadable(format!(
                    "{task} has no pull request; `task request {task} --open` opens one"
                ))
            })?;
            if !request.state.is_live() {
                return Err(AppError::Unreadable(format!(
                    "{} is {} already",
                    opened.named(),
                    request.state.as_str()
                )));
            }
            let kind = kind(request, &opened)?;
            named = opened.named();
            let is_same = |act: &Act| act.kind == kind;
            if !request.acts.iter().any(is_same) {
                request.add(Act {
                    key: self.new_key(),
                    by: caller.name().to_owned(),
                    kind,
                });
            }
            Ok(())
        })
        .await?;
        Ok(named)
    }

    fn new_key(&self) -> Uuid {
        self.ids.uuid()
    }

    /// Changes a request, and has it tended now.
    async fn change(
        &self,
        task: TaskId,
        mut change: impl FnMut(&mut ChangeRequest) -> AppResult<()>,
    ) -> AppResult<()> {
        for _ in 0..TRIES {
            let request = self.store.request(task).await?;
            let mut request = request.unwrap_or_else(|| ChangeRequest::of(task));
            change(&mut request)?;
            let due: Timestamp = self.clock.now();
            let messages: Vec<Outbound> = Vec::new();
            let save = SaveRequest {
                request,
                due: Some(due),
                messages,
            };
            match self.writes.save_request(save).await {
                Err(AppError::Store(StoreError::Conflict)) => {}
                other => {
                    self.wakeups.outbox();
                    return other;
                }
            }
        }
        Err(StoreError::Conflict.into())
    }
}
