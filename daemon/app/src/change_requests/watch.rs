//! Looks at a request on its forge, and tells in the thread what is new.

use std::{collections::BTreeMap, time::Duration};

use vine_domain::{
    MessageId, Prompt, UserId, Verb, access,
    chat::Outbound,
    forge::{
        ChangeRequest, ChecksVerdict, FindingState, ForgeUser, RequestSnapshot, RequestState,
        SeenState,
        news::{self, Look, News, Speaker},
        text,
    },
    ports::ForgeError,
    secrets, uuid_of,
};

use crate::{
    AppError, AppResult, Caller,
    change_requests::{ChangeRequests, Tended, tend::Interrupted},
    texts,
};

/// While something happens, a request is looked at more often than the pace of its forge, by this factor.
const BUSY: u32 = 4;
/// How often a closed request is looked at, and for how long after its task has changed.
const CLOSED: Duration = Duration::from_secs(600);
const WATCHED: Duration = Duration::from_secs(7 * 24 * 3600);

impl ChangeRequests {
    pub(super) async fn watch(&self, tended: &Tended) -> Result<(), Interrupted> {
        let Some(opened) = &tended.request.opened else {
            return Ok(());
        };
        let (forge, project) = (&tended.forge, &tended.project);
        let mut seen = forge.look(project, opened.number).await?;
        let us = forge.account().await?;
        for check in &mut seen.checks {
            check.summary = clean(&check.summary);
        }
        let logs = self.logs(tended, &seen).await?;
        let speakers = self.speakers(tended, &seen).await?;
        let look = Look {
            opened,
            us: &us,
            speakers: &speakers,
            logs: &logs,
            fixes: tended.repo.requests.fix_checks,
        };
        let (mut next, news) = news::observe(&tended.request, &seen, &look);
        let mut messages = Vec::new();
        for (place, one) in news.iter().enumerate() {
            // Repeated after a crash, it is the same message.
            let id = MessageId(uuid_of(&format!(
                "news {} {} {place}",
                tended.task.id, tended.request.version
            )));
            match one {
                News::Told {
                    person,
                    finding,
                    text,
                    key,
                } => match self.told(tended, *person, text, key).await? {
                    Ok(round) => next.settle(*finding, FindingState::Given { round }),
                    Err(why) => messages.push(texts::notice(id, tended.task.id, why)),
                },
                other => messages.push(texts::request_news(id, &tended.task, &next, other)),
            }
        }
        self.keep(tended, next, messages).await?;
        Ok(())
    }

    /// Stores what was seen, and when to look again.
    async fn keep(
        &self,
        tended: &Tended,
        mut next: ChangeRequest,
        messages: Vec<Outbound>,
    ) -> AppResult<()> {
        next.trouble = None;
        next.failures = 0;
        let pace = tended.forge.pace();
        let is_busy =
            next.checks == ChecksVerdict::Running || next.is_unsure() || !messages.is_empty();
        let pause = match next.ready_act() {
            Some(_) => Duration::ZERO,
            None if is_busy => pace / BUSY,
            None => pace,
        };
        let now = self.clock.now();
        let due = match next.state {
            state if state.is_live() || next.ready_act().is_some() => Some(now.plus(pause)),
            // Somebody may open it again.
            RequestState::Closed if now.since(tended.task.updated) < WATCHED => {
                Some(now.plus(CLOSED))
            }
            _ => None,
        };
        self.save(tended, next, due, messages).await
    }

    /// The ends of the logs of checks that failed just now.
    async fn logs(
        &self,
        tended: &Tended,
        seen: &RequestSnapshot,
    ) -> Result<BTreeMap<String, String>, ForgeError> {
        let mut logs = BTreeMap::new();
        for check in news::wanted_logs(&tended.request, seen) {
            let Some(name) = &check.log else { continue };
            // Without its log a failure is still news; a forge that is away is asked once more.
            let log = match tended.forge.log(&tended.project, check).await {
                Err(error @ ForgeError::Retry { .. }) if tended.request.failures == 0 => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::info!("{}: no log of {}: {error}", tended.task.id, check.name);
                    None
                }
                Ok(log) => log,
            };
            logs.extend(log.map(|log| (name.clone(), clean(&log))));
        }
        Ok(logs)
    }

    /// Who the authors are to us. An account counts only by the number that its forge gave it.
    async fn speakers(
        &self,
        tended: &Tended,
        seen: &RequestSnapshot,
    ) -> AppResult<BTreeMap<String, Speaker>> {
        let mut authors: Vec<&ForgeUser> = seen.authors().into_values().collect();
        if let SeenState::Merged { by: Some(by) } | SeenState::Closed { by: Some(by) } = &seen.state
        {
            authors.push(by);
        }
        let platform = tended.forge.kind().as_str();
        let mut speakers = BTreeMap::new();
        for author in authors {
            if let Some(user) = self.store.user(platform, &author.id).await? {
                let repo = Some(&tended.repo.name);
                let speaker = Speaker {
                    name: user.name.clone(),
                    person: access::decide(Some(&user), Verb::See, repo)
                        .is_ok()
                        .then_some(user.id),
                    may_operate: access::decide(Some(&user), Verb::Operate, repo).is_ok(),
                };
                speakers.insert(author.id.clone(), speaker);
            }
        }
        Ok(speakers)
    }

    /// Somebody told the agent what to do next. Returns the round that does it, or why none does.
    async fn told(
        &self,
        tended: &Tended,
        person: UserId,
        text: &str,
        key: &str,
    ) -> AppResult<Result<u32, String>> {
        let user = self
            .store
            .user(access::OURSELVES, &person.to_string())
            .await?;
        let caller = Caller {
            user,
            via: tended.forge.kind().as_str().to_owned(),
        };
        let key = uuid_of(&format!("{} {key}", tended.project));
        let text: Prompt = match text.parse() {
            Ok(text) => text,
            Err(error) => return Ok(Err(format!("Not done: {error}"))),
        };
        let went = self
            .questions
            .go_on(&caller, tended.task.id, text.as_str(), key)
            .await;
        match went {
            Ok(_) => Ok(Ok(self.tasks.get(tended.task.id).await?.round.number)),
            Err(AppError::Store(error)) => Err(error.into()),
            Err(other) => Ok(Err(format!(
                "{} could not continue: {other}",
                tended.task.id
            ))),
        }
    }
}

/// What a program wrote, as people and agents read it.
fn clean(text: &str) -> String {
    secrets::without(text::plain_log(text)).0
}
