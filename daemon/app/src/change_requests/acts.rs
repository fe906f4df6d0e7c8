//! Carries out what people pressed, one act at a time. An act is repeated until the forge has done it or
//! refused it, so each looks first at what is there.

use vine_domain::{
    MessageId,
    forge::{
        Act, ActKind, ChangeRequest, Finding, FindingState, OpenedRequest, RequestState, text,
    },
    ports::{ForgeError, MergeOrder},
    uuid_of,
};

use crate::{
    AppError,
    change_requests::{ChangeRequests, Tended, tend::Interrupted},
    texts,
};

/// The outcome of an act.
enum Done {
    /// It is done; the thread gets this sentence, if there is one.
    Said(Option<String>),
    /// It cannot be done, and why.
    Refused(String),
}

impl ChangeRequests {
    /// Carries out the oldest act. Returns whether there was one; the outcome is stored then.
    pub(super) async fn act(&self, tended: &Tended) -> Result<bool, Interrupted> {
        let (Some(act), Some(opened)) = (tended.request.ready_act(), &tended.request.opened) else {
            return Ok(false);
        };
        let mut next = tended.request.clone();
        let done = match self.carry_out(tended, opened, act, &mut next).await {
            Err(Interrupted::Forge(ForgeError::Refused(why) | ForgeError::Conflict(why))) => {
                Done::Refused(why)
            }
            Err(Interrupted::Forge(error @ ForgeError::Moved)) => Done::Refused(error.to_string()),
            other => other?,
        };
        next.acts.retain(|one| one.key != act.key);
        next.failures = 0;
        let text = match done {
            Done::Said(text) => text,
            Done::Refused(why) => Some(texts::act_refused(opened, tended.task.id, act, &why)),
        };
        // Repeated after a crash, it is the same message.
        let id = MessageId(uuid_of(&format!("act {}", act.key)));
        let messages = text.map(|text| texts::notice(id, tended.task.id, text));
        let due = Some(self.clock.now());
        self.save(tended, next, due, messages.into_iter().collect())
            .await?;
        Ok(true)
    }

    async fn carry_out(
        &self,
        tended: &Tended,
        opened: &OpenedRequest,
        act: &Act,
        next: &mut ChangeRequest,
    ) -> Result<Done, Interrupted> {
        let (forge, project) = (&tended.forge, &tended.project);
        let number = opened.number;
        match &act.kind {
            ActKind::Merge { method, head, .. } => {
                let order = MergeOrder {
                    method: *method,
                    head,
                };
                forge.merge(project, number, order).await?;
                next.state = RequestState::Merged;
            }
            ActKind::Close => {
                forge.close(project, number).await?;
                next.state = RequestState::Closed;
            }
            ActKind::Update { head } => forge.update(project, number, head).await?,
            ActKind::Reply { finding, text } => {
                self.reply(tended, number, act, next.finding(*finding), text)
                    .await?;
                return Ok(Done::Said(None));
            }
            ActKind::Fix { finding } => {
                return Ok(self.fix_by_rule(tended, act, *finding, next).await?);
            }
        }
        Ok(Done::Said(Some(texts::act_done(opened, act))))
    }

    /// Replies below each remark of a finding; those that have no thread of their own get one reply together.
    async fn reply(
        &self,
        tended: &Tended,
        number: u64,
        act: &Act,
        finding: Option<&Finding>,
        text: &str,
    ) -> Result<(), Interrupted> {
        let (forge, project) = (&tended.forge, &tended.project);
        let remarks = finding.map(Finding::remarks).unwrap_or_default();
        let (below, rest): (Vec<&String>, Vec<&String>) =
            remarks.iter().partition(|remark| forge.has_thread(remark));
        for remark in below.into_iter().chain(rest.first().copied()) {
            let key = uuid_of(&format!("{} {remark}", act.key));
            let marked = text::marked(text, key);
            match forge.reply(project, number, remark, key, &marked).await {
                // It was deleted, or its thread is locked: the others get theirs.
                Err(ForgeError::Refused(why)) => {
                    tracing::info!("{}: no reply to {remark}: {why}", tended.task.id);
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// A round that the repository's rule begins.
    async fn fix_by_rule(
        &self,
        tended: &Tended,
        act: &Act,
        finding: u32,
        next: &mut ChangeRequest,
    ) -> Result<Done, AppError> {
        let Some(text) = next.finding(finding).map(|one| one.text.clone()) else {
            return Ok(Done::Said(None));
        };
        let task = tended.task.id;
        match self.tasks.go_on_by_rule(task, &text, act.key).await {
            Ok(task) => {
                let round = task.round.number;
                next.settle(finding, FindingState::Given { round });
                Ok(Done::Said(None))
            }
            Err(AppError::Store(error)) => Err(error.into()),
            Err(other) => Ok(Done::Refused(other.to_string())),
        }
    }
}
