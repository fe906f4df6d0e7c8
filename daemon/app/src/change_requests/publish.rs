//! Opens the request of a task once its work is pushed, and describes it again after each round.

use vine_domain::{
    Branch, MessageId, Question, QuestionState, Timestamp,
    forge::{
        Act, ActKind, ChangeRequest, Finding, FindingState, OpenRule, RequestState, SeenState,
        text::{self, Described, RequestText},
    },
    lifecycle::About,
    ports::{FoundRequest, NewRequest},
    task::Report,
    uuid_of,
};

use crate::{
    AppResult,
    change_requests::{ChangeRequests, Tended, tend::Interrupted},
    texts,
};

/// Work of a task that is pushed and can be merged.
struct PushedWork<'a> {
    report: &'a Report,
    commit: &'a str,
    branch: &'a Branch,
}

impl<'a> PushedWork<'a> {
    fn of(tended: &'a Tended) -> Option<Self> {
        let vine_domain::TaskState::Done { report } = &tended.task.state else {
            return None;
        };
        Some(Self {
            report,
            commit: report.commit.as_deref()?,
            branch: report.branch.as_ref()?,
        })
    }
}

impl ChangeRequests {
    /// Returns whether it did something, and stored it.
    pub(super) async fn publish(&self, tended: &Tended) -> Result<bool, Interrupted> {
        let request = &tended.request;
        let Some(work) = PushedWork::of(tended) else {
            return Ok(self.end_round(tended, None).await?);
        };
        match &request.opened {
            None if tended.repo.requests.open == OpenRule::Off && !request.wanted => Ok(false),
            None => {
                self.open(tended, &work).await?;
                Ok(true)
            }
            Some(_) if request.described.as_deref() == Some(work.commit) => {
                Ok(self.end_round(tended, Some(&work)).await?)
            }
            Some(_)
                if request
                    .branches
                    .as_ref()
                    .is_some_and(|(head, _)| head != work.branch) =>
            {
                self.elsewhere(tended, &work).await?;
                Ok(true)
            }
            Some(opened) if !request.state.is_live() => {
                self.after_the_end(tended, opened.number).await?;
                Ok(true)
            }
            Some(opened) => {
                let said = self.said_of(tended, &work).await?;
                tended
                    .forge
                    .describe(&tended.project, opened.number, &said)
                    .await?;
                let mut next = request.clone();
                next.described = Some(work.commit.to_owned());
                next.is_pushed = true;
                self.settle(&mut next, tended, Some(&work)).await?;
                self.save(tended, next, Some(self.clock.now()), Vec::new())
                    .await?;
                Ok(true)
            }
        }
    }

    async fn open(&self, tended: &Tended, work: &PushedWork<'_>) -> Result<(), Interrupted> {
        let Tended {
            forge,
            project,
            repo,
            task,
            request,
        } = tended;
        let base = self.base_of(tended).await?;
        let new = NewRequest {
            branch: work.branch,
            base: &base,
            draft: repo.requests.open == OpenRule::Draft,
            text: self.said_of(tended, work).await?,
            labels: &repo.requests.labels,
            reviewers: &repo.requests.reviewers,
            assignees: &repo.requests.assignees,
        };
        let found = match forge.find(project, work.branch).await? {
            Some(found) => found,
            None => forge.open(project, &new).await?,
        };
        let FoundRequest { opened, draft } = found;
        let mut notes = forge.decorate(project, opened.number, &new).await?;
        if new.draft && !draft {
            notes.push("It is not a draft.".into());
        }
        let state = match draft {
            true => RequestState::Draft,
            false => RequestState::Open,
        };
        let message = MessageId(uuid_of(&format!("opened {} {}", task.id, opened.url)));
        let next = ChangeRequest {
            project: Some(project.clone()),
            opened: Some(opened),
            branches: Some((work.branch.clone(), base)),
            state,
            described: Some(work.commit.to_owned()),
            head: Some(work.commit.to_owned()),
            trouble: None,
            failures: 0,
            ..request.clone()
        };
        let messages = texts::request_opened(message, task, &next, &notes);
        let messages = messages.into_iter().collect();
        self.save(tended, next, Some(self.clock.now()), messages)
            .await?;
        Ok(())
    }

    /// The work of a later round is on another branch, since somebody else's work is on the first one.
    async fn elsewhere(&self, tended: &Tended, work: &PushedWork<'_>) -> AppResult<()> {
        let id = MessageId(uuid_of(&format!(
            "elsewhere {} {}",
            tended.task.id, work.branch
        )));
        let text = texts::request_elsewhere(&tended.request, work.branch);
        let messages = vec![texts::notice(id, tended.task.id, text)];
        let next = Self::another(tended);
        self.save(tended, next, Some(self.clock.now()), messages)
            .await
    }

    /// A new request for a task that had one.
    fn another(tended: &Tended) -> ChangeRequest {
        ChangeRequest {
            wanted: true,
            version: tended.request.version,
            ..ChangeRequest::of(tended.task.id)
        }
    }

    /// The branch to merge into: the task's base, or the repository's default one.
    async fn base_of(&self, tended: &Tended) -> Result<Branch, Interrupted> {
        let base = &tended.task.base;
        match base.as_str() == Branch::DEFAULT {
            false => Ok(base.clone()),
            true => Ok(tended.forge.default_branch(&tended.project).await?),
        }
    }

    /// A round was pushed after its request was merged or closed. Unless somebody opened that again, there is
    /// a new one.
    async fn after_the_end(&self, tended: &Tended, number: u64) -> Result<(), Interrupted> {
        let seen = tended.forge.look(&tended.project, number).await?;
        let next = match seen.state {
            SeenState::Open { draft } => ChangeRequest {
                state: match draft {
                    true => RequestState::Draft,
                    false => RequestState::Open,
                },
                ..tended.request.clone()
            },
            SeenState::Merged { .. } | SeenState::Closed { .. } => Self::another(tended),
        };
        self.save(tended, next, Some(self.clock.now()), Vec::new())
            .await?;
        Ok(())
    }

    async fn said_of(&self, tended: &Tended, work: &PushedWork<'_>) -> AppResult<RequestText> {
        let task = &tended.task;
        let whole = self.tasks.snapshot(task.id, About::Everything).await?;
        let settings = self.settings.get();
        let link = Some(texts::link(&settings.link, task.id));
        let described = Described {
            task: task.id.to_string(),
            title: task.title.as_str(),
            requester: &task.requester,
            summary: &work.report.summary,
            answers: whole.questions.iter().filter_map(answered).collect(),
            link: link.filter(|_| !texts::is_local(&settings.link)),
        };
        Ok(described.text())
    }

    /// A round about findings is over, and has pushed nothing new. Returns whether something was stored.
    async fn end_round(&self, tended: &Tended, work: Option<&PushedWork<'_>>) -> AppResult<bool> {
        let mut next = tended.request.clone();
        if !tended.task.is_over() {
            return Ok(false);
        }
        self.settle(&mut next, tended, work).await?;
        if next == tended.request {
            return Ok(false);
        }
        let due: Timestamp = self.clock.now();
        self.save(tended, next, Some(due), Vec::new()).await?;
        Ok(true)
    }

    /// Findings whose round is over: those of people get a reply. Of a round that was taken back, failed or was
    /// cancelled they are open again.
    async fn settle(
        &self,
        next: &mut ChangeRequest,
        tended: &Tended,
        work: Option<&PushedWork<'_>>,
    ) -> AppResult<()> {
        let round = tended.task.round.number;
        let given = |finding: &Finding| match finding.state {
            FindingState::Given { round: given } if given <= round => {
                Some((given, finding.clone()))
            }
            _ => None,
        };
        let over: Vec<(u32, Finding)> = next.findings.iter().filter_map(given).collect();
        if over.is_empty() {
            return Ok(());
        }
        let rounds = self.store.rounds(tended.task.id).await?;
        let is_withdrawn = |number: u32| {
            rounds
                .iter()
                .any(|one| one.number == number && one.withdrawn)
        };
        for (round, finding) in over {
            let Some(work) = work.filter(|_| !is_withdrawn(round)) else {
                next.settle(finding.number, FindingState::Open);
                continue;
            };
            next.settle(finding.number, FindingState::Over);
            if finding.remarks().is_empty() {
                continue;
            }
            let key = uuid_of(&format!("reply {} {} {round}", next.task, finding.number));
            let is_new = tended.request.described.as_deref() != Some(work.commit);
            let commit = work.commit.get(..12).unwrap_or(work.commit);
            next.add(Act {
                key,
                by: String::new(),
                kind: ActKind::Reply {
                    finding: finding.number,
                    text: text::reply(is_new.then_some(commit), &work.report.summary),
                },
            });
        }
        Ok(())
    }
}

/// An answered question, for the description.
fn answered(question: &Question) -> Option<(String, String, String)> {
    let answer = match &question.state {
        QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } => answer,
        _ => return None,
    };
    // Permissions would be a list of commands, and may name secrets.
    matches!(
        question.ask,
        vine_domain::Ask::Clarify { .. } | vine_domain::Ask::Plan { .. }
    )
    .then(|| {
        (
            question.ask.masked().headline(),
            answer.decision.headline(),
            answer.name.clone(),
        )
    })
}
