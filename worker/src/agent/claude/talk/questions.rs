//! What Claude Code asks, and what people answer.

use std::sync::Arc;

use serde_json::Value;
use vine_domain::{
    DeliveredOutcome, Question,
    clock::{Ids, System},
    uuid_of,
};

use crate::{
    agent::claude::{
        frames::{self},
        grants::{self},
        lines::OutputLines,
        parking, records,
        talk::{AnswerForCall, Conversation, EXIT, PendingReply, SentReply, carried},
        tools::ToolCall,
        words,
    },
    agent_host::AttemptOver,
    sent_files::{Picture, SentFiles, WordsWithPictures},
};

/// What a call gets for the outcome of its question.
async fn answer_for(call: &ToolCall, question: Question, sent: &SentFiles) -> AnswerForCall {
    let (question, pictures) = sent.resolve_answer(question).await;
    let payload = match call.is_last_words() {
        true => words::to_last_words(&question).into(),
        false => call.shaped(call.reply(question.reply())),
    };
    AnswerForCall {
        question: Some(question),
        payload,
        pictures,
    }
}

impl Conversation<'_> {
    pub(super) fn ask(&mut self, request: String, call: ToolCall) {
        self.result = None;
        self.open.insert(request.clone(), call.clone());
        if call.is_own() {
            self.asking
                .spawn(async move { (request, Ok(call.allow().into())) });
            return;
        }
        if let Some(question) = self.deferred.take_if(&call.id) {
            self.resumes = true;
            let sent = Arc::clone(&self.job.sandbox.sent);
            self.asking.spawn(async move {
                let answer = answer_for(&call, question, &sent).await;
                (request, Ok(answer))
            });
            return;
        }
        if let Some(at) = self
            .granted
            .iter()
            .position(|(_, granted)| granted.same_as(&call, |text| self.host.named(text)))
        {
            let (question, _) = self.granted.remove(at);
            self.host
                .log(format!("allowed by the answer to {question}"));
            self.asking
                .spawn(async move { (request, Ok(call.allow().into())) });
            return;
        }
        if let Some(question) = self.grants.covering(&call, &self.job.folder) {
            self.host.log(format!(
                "allowed for this session by the answer to {question}"
            ));
            self.asking
                .spawn(async move { (request, Ok(call.allow().into())) });
            return;
        }
        let host = self.host.clone();
        let session = self.job.session;
        let key = request.clone();
        let plan = self
            .wrote
            .as_deref()
            .and_then(|file| records::plan(self.job, file));
        let said = plan.unwrap_or_else(|| self.last_text.clone());
        let context = words::shortened(&self.last_text);
        let rules = grants::offered(&call, &self.job.folder);
        let sent = Arc::clone(&self.job.sandbox.sent);
        let wait = self.asking.spawn(async move {
            host.flush().await;
            let asked = host
                .ask(Some(session), &call.id, call.ask(&said, rules), context)
                .await;
            let answer = match asked {
                Ok(question) => Ok(answer_for(&call, question, &sent).await),
                Err(over) => Err(over),
            };
            (request, answer)
        });
        self.waits.insert(key, wait);
    }

    /// Defers the only waiting call, if possible, so that resuming repeats it under the same id.
    /// With two deferred calls one would be lost, and a permission cannot be deferred: their
    /// answers are sent as messages later. Returns whether the call was deferred.
    pub async fn defer(&mut self, lines: &mut OutputLines) -> bool {
        let mut open = self.open.iter();
        let (Some((request, call)), None) = (open.next(), open.next()) else {
            return false;
        };
        if !call.can_defer() || parking::keep(self.job, &call.id).is_err() {
            return false;
        }
        let reply = frames::reply(request, &ToolCall::defer());
        let deferred = async {
            self.write(&reply).await.ok()?;
            while let Ok(Some(line)) = lines.next().await {
                let frame = serde_json::from_str::<Value>(&line).unwrap_or_default();
                if frame["type"] == "result" {
                    return (frame["terminal_reason"] == "tool_deferred").then_some(());
                }
            }
            None
        };
        let done = tokio::time::timeout(EXIT, deferred).await;
        let is_deferred = matches!(done, Ok(Some(())));
        if !is_deferred {
            parking::forget(self.job);
        }
        is_deferred
    }

    /// Forwards an answer. It counts as delivered once the agent shows that it has it, see
    /// [`StreamFrame::Results`](crate::agent::claude::frames::StreamFrame::Results).
    pub(super) async fn answer(
        &mut self,
        (request, answered): PendingReply,
    ) -> Result<(), AttemptOver> {
        self.waits.remove(&request);
        let AnswerForCall {
            question,
            payload,
            pictures,
        } = answered?;
        if let Some(question) = &question {
            self.grants.add(question);
        }
        let words = question.as_ref().map(carried).unwrap_or_default();
        let question = question.map(|question| question.heard());
        let written = match self.open.remove(&request) {
            Some(call) if call.is_last_words() => {
                self.told.extend(question);
                let uuid = question
                    .and_then(|heard| heard.answer)
                    .unwrap_or_else(|| System.uuid());
                self.idle = self.idle.map(|_| false);
                let text = payload.as_str().unwrap_or_default().to_owned();
                let words = WordsWithPictures { text, pictures };
                self.write(&frames::user_message(&words, uuid)).await
            }
            Some(call) => {
                // A message waits until the call has its answer, and comes with that. A resumed session would
                // lose one that comes before the call is over.
                match self.resumes {
                    true => self.late_pictures = question.map(|heard| (heard, pictures)),
                    false => self.show_pictures(question, pictures).await,
                }
                self.unconfirmed
                    .extend(question.map(|heard| (call.id, SentReply { heard, words })));
                self.write(&frames::reply(&request, &payload)).await
            }
            // The agent withdrew the call while the answer came in: nothing shows that it has it.
            None => {
                self.unread.extend(question.map(|heard| heard.question));
                Ok(())
            }
        };
        written.or(Ok(()))
    }

    /// Sends the pictures that came with an answer.
    pub(super) async fn show_pictures(
        &mut self,
        answered: Option<DeliveredOutcome>,
        pictures: Vec<Picture>,
    ) {
        let Some(answered) = answered.filter(|_| !pictures.is_empty()) else {
            return;
        };
        let text = format!(
            "The pictures that came with the answer to {}:",
            answered.question
        );
        let words = WordsWithPictures { text, pictures };
        let uuid = uuid_of(&format!("pictures of {}", answered.question));
        self.idle = self.idle.map(|_| false);
        if self
            .write(&frames::user_message(&words, uuid))
            .await
            .is_ok()
        {
            self.pictures.insert(uuid);
        }
    }

    pub(super) async fn confirm(&self, heard: Vec<DeliveredOutcome>) {
        for heard in heard {
            let _over = self.host.delivered(heard).await;
        }
    }

    /// The agent has ended. Answers sent as messages have arrived, since it continued after them;
    /// answers without a trace in a result are reported.
    pub async fn confirm_all(&mut self) {
        let told = std::mem::take(&mut self.told);
        self.confirm(told).await;
        let unconfirmed = std::mem::take(&mut self.unconfirmed).into_values();
        let unread = unconfirmed
            .map(|sent| sent.heard.question)
            .chain(std::mem::take(&mut self.unread));
        for question in unread.collect::<Vec<_>>() {
            let text = format!(
                "The agent ended, and nothing shows that it read the answer to {question}."
            );
            let _over = self.host.tell(text).await;
        }
    }

    pub(super) fn withdrawn(&mut self, request: &str) {
        if let Some(wait) = self.waits.remove(request) {
            wait.abort();
        }
        if let Some(call) = self.open.remove(request) {
            let host = self.host.clone();
            let session = self.job.session;
            tokio::spawn(async move {
                host.withdraw(&call.id, Some(session), call.ask("", vec![]))
                    .await;
                host.reclaim().await;
            });
        }
    }
}
