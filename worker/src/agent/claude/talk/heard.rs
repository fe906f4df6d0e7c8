//! What Claude Code says.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use vine_domain::{DeliveredOutcome, Progress, attempt::Usage};

use crate::agent::claude::{
    ending,
    frames::{self, StreamFrame},
    own_tools::{self, OwnToolCall},
    parking, rules,
    talk::{Conversation, LOGGED},
};

impl Conversation<'_> {
    pub(super) async fn heard(&mut self, line: &str) {
        let (frame, lossy) = match frames::parse(line) {
            Ok(read) => read,
            Err(unreadable) => return self.unreadable(line, unreadable.request).await,
        };
        self.keep_session().await;
        self.count(&frame);
        if frames::is_work(&frame) {
            self.active = Instant::now();
        }
        let frame = frames::read(frame);
        match frame {
            StreamFrame::Initialized => self.deferred.started(),
            StreamFrame::Said {
                texts,
                tools,
                steps,
                wrote,
                error,
            } => {
                let told = std::mem::take(&mut self.told);
                self.confirm(told).await;
                self.begun();
                self.wrote = wrote.or(self.wrote.take());
                self.said(texts, tools, error);
                for call in &steps {
                    self.steps.called(call);
                }
                self.tell_progress();
            }
            StreamFrame::Results(results) => {
                let calls: Vec<String> = results.iter().map(|(call, _)| call.clone()).collect();
                parking::arrived(self.job, &calls);
                for (call, words) in &results {
                    self.steps.returned(call, words);
                }
                let arrived = results
                    .iter()
                    .filter_map(|(call, words)| self.arrived(call, words))
                    .collect();
                self.confirm(arrived).await;
                self.resumes = false;
                if let Some((heard, pictures)) = self.late_pictures.take() {
                    self.show_pictures(Some(heard), pictures).await;
                }
            }
            StreamFrame::Taken(uuid) => {
                self.pictures.remove(&uuid);
                if let Some(words) = self.sent.remove(&uuid) {
                    let _over = self.host.words_delivered(&words).await;
                }
            }
            StreamFrame::Ask { request, call } => self.ask(request, call.read_with_loss(lossy)),
            StreamFrame::SkillLine { request } => {
                let decided = rules::skill(self.job.sandbox.preset);
                let _stdout_tells = self.write(&frames::skill_line(&request, decided)).await;
            }
            StreamFrame::Withdrawn { request } => self.withdrawn(&request),
            StreamFrame::Retrying {
                attempt,
                of,
                status,
            } => {
                self.host.log(format!(
                    "the model service answered {status}; retrying ({attempt} of {of})"
                ));
            }
            StreamFrame::Limited(until) => self.limited = Some(until),
            StreamFrame::Idle(idle) => self.idle = Some(idle),
            StreamFrame::Result(result) => {
                self.result = Some(result);
            }
            StreamFrame::Tool { request, message } => self.called(request, &message),
            StreamFrame::Unsupported { request, subtype } => {
                let error = format!("{subtype} is not supported here");
                let _stdout_tells = self.write(&frames::refusal(&request, &error)).await;
            }
            StreamFrame::Other => {}
        }
    }

    /// A call of one of our own tools.
    fn called(&mut self, request: String, message: &Value) {
        let door = Arc::clone(&self.job.sandbox.door);
        let call = own_tools::read(message);
        self.showing.spawn(async move {
            let reply = match call {
                OwnToolCall::Reply(reply) => reply,
                OwnToolCall::Show { id, file } => {
                    let shown = door.show(&file).await;
                    let shown = shown.map(|()| "It will be posted in the thread.".to_owned());
                    own_tools::outcome(&id, shown.map_err(|why| format!("{why:#}")))
                }
            };
            frames::tool_reply(&request, &reply)
        });
    }

    /// Usage so far counts however the run ends: tokens come with each message, the cost with the
    /// result.
    pub(super) fn count(&mut self, frame: &Value) {
        let usage = match frame["type"].as_str() {
            Some("assistant") => &frame["message"]["usage"],
            Some("result") => &frame["usage"],
            _ => return,
        };
        if let Some(id) = frame["message"]["id"].as_str() {
            self.counted.insert(id.to_owned(), ending::tokens(usage));
        }
        let result = match frame["type"] == "result" {
            true => ending::usage(frame),
            false => Usage::default(),
        };
        let sum = |of: fn(&(u64, u64)) -> u64| self.counted.values().map(of).sum::<u64>();
        self.host.spends(Usage {
            turns: result.turns.max(self.counted.len() as u64),
            input_tokens: result.input_tokens.max(sum(|(input, _)| *input)),
            output_tokens: result.output_tokens.max(sum(|(_, output)| *output)),
            cost_microdollars: result.cost_microdollars,
        });
    }

    /// A line that is not JSON. If it contains a request, the request is refused by its id and
    /// people are informed; the agent continues without it.
    pub(super) async fn unreadable(&mut self, line: &str, request: Option<String>) {
        self.host.log(format!("(unreadable) {line}"));
        let Some(request) = request else { return };
        let why = "AgentVine could not read this request, so nobody was asked";
        let _stdout_tells = self.write(&frames::refusal(&request, why)).await;
        let _over = self
            .host
            .tell(
                "AgentVine could not read a request of the agent, so the request was refused and \
                 nobody was asked. See the log."
                    .into(),
            )
            .await;
    }

    /// The answer that a call's result contains, if it does.
    pub(super) fn arrived(&mut self, call: &str, words: &str) -> Option<DeliveredOutcome> {
        let sent = self.unconfirmed.get(call)?;
        if !sent.words.iter().all(|part| words.contains(part.as_str())) {
            self.host.log(format!(
                "the result of the call does not contain the answer to {}",
                sent.heard.question
            ));
            return None;
        }
        self.unconfirmed.remove(call).map(|sent| sent.heard)
    }

    /// Reports at once that the agent has begun: from now on the session knows its task.
    pub(super) fn begun(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let host = self.host.clone();
            let session = self.job.session;
            tokio::spawn(async move { host.session_beat(session, None).await });
        }
    }

    /// What the agent is at now: as its own steps say, or else its last call.
    fn tell_progress(&self) {
        let (steps, doing) = self.steps.now();
        let doing = doing.unwrap_or_else(|| self.last_call.clone());
        self.host.is_at(Progress { steps, doing });
    }

    pub(super) fn said(&mut self, texts: Vec<String>, tools: Vec<String>, error: Option<String>) {
        // A new turn has begun, so the previous result was not the last one.
        self.result = None;
        self.idle = self.idle.map(|_| false);
        self.last_error = error.or(self.last_error.take());
        for text in texts {
            let text = self.host.clean(text);
            self.host.log(&text);
            self.last_text = text;
        }
        for tool in tools {
            // Redact before cutting.
            let line: String = self.host.clean(tool).chars().take(LOGGED).collect();
            self.last_call.clone_from(&line);
            self.host.log(line);
        }
    }
}
