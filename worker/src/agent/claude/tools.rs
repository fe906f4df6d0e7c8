//! A tool call that waits for a person: what people see, and the reply.

use serde_json::{Map, Value, json};
use vine_domain::{
    Answer, Ask, Decision, QuestionOutcome,
    question::{Choice, Item},
};

use crate::agent::claude::own_tools;

/// A call as described by `can_use_tool`.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The `tool_use` id.
    pub id: String,
    tool: String,
    input: Value,
    why: String,
    suggestions: Vec<Value>,
    /// A path outside the folder that the call would touch.
    blocked_path: Option<String>,
    /// Claude Code requires a person for this very call, regardless of earlier permissions.
    insists: bool,
    /// It came through our hook; only such calls can be deferred.
    hooked: bool,
    /// Part of it could not be decoded and is shown as a replacement character.
    lossy: bool,
}

impl ToolCall {
    /// Whether it is a call of our own tool, which only tells people something.
    pub fn is_own(&self) -> bool {
        self.tool == own_tools::SHOW
    }
}

/// What the agent receives when its question has expired.
pub const NOBODY: &str = "Nobody answered in time. This is not a refusal: no decision has been \
                          made. Do what you can without an answer, and say in your \
                          final message what is still undecided.";

/// Shown when there is no plan to approve.
const NO_PLAN: &str = "(The agent showed no plan. Send it back and ask for one.)";

/// Tool name for a question that no tool call asked.
const LAST_WORDS: &str = "(last words)";

impl ToolCall {
    /// Reads the request's body.
    pub fn read(body: &Value) -> Self {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let flag = |key: &str| body[key] == true;
        let why = [text("decision_reason"), text("description")]
            .into_iter()
            .find(|why| !why.is_empty())
            .unwrap_or_default();
        Self {
            id: text("tool_use_id"),
            tool: text("tool_name"),
            input: body["input"].clone(),
            why,
            suggestions: body["permission_suggestions"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            blocked_path: body["blocked_path"].as_str().map(str::to_owned),
            insists: body["decision_reason_type"] == "safetyCheck"
                || flag("suppress_always_allow_rule")
                || flag("default_to_no"),
            hooked: false,
            lossy: false,
        }
    }

    /// Reads the body of a hook's request.
    pub fn read_hook(body: &Value) -> Self {
        let input = &body["input"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: text(&body["tool_use_id"]),
            tool: text(&input["tool_name"]),
            input: input["tool_input"].clone(),
            why: String::new(),
            suggestions: vec![],
            blocked_path: None,
            insists: false,
            hooked: true,
            lossy: false,
        }
    }

    /// A question at the end of a turn: no call waits for it, and the answer is the next message.
    pub fn last_words(number: usize, question: &str) -> Self {
        let input = json!({ "questions": [{ "question": question }] });
        let id = format!("turn-{number}");
        Self {
            id,
            tool: LAST_WORDS.into(),
            input,
            why: String::new(),
            suggestions: vec![],
            blocked_path: None,
            insists: false,
            hooked: false,
            lossy: false,
        }
    }

    /// Whether no call waits for it.
    pub fn is_last_words(&self) -> bool {
        self.tool == LAST_WORDS
    }

    /// The tool's name.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The tool's input.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// The permissions that Claude Code suggests to grant along with it.
    pub fn suggestions(&self) -> &[Value] {
        &self.suggestions
    }

    /// A path outside the folder that the call would touch, according to Claude Code.
    pub fn blocked_path(&self) -> Option<&str> {
        self.blocked_path.as_deref()
    }

    /// Claude Code requires a person for this very call, regardless of earlier permissions.
    pub fn insists(&self) -> bool {
        self.insists
    }

    /// Whether it can be deferred until the session is resumed.
    pub fn can_defer(&self) -> bool {
        self.hooked
    }

    /// Wraps a decision in the format that its request requires.
    pub fn shaped(&self, decision: Value) -> Value {
        if !self.hooked {
            return decision;
        }
        let mut output =
            json!({ "hookEventName": "PreToolUse", "permissionDecision": decision["behavior"] });
        if decision["behavior"] == "allow" {
            output["updatedInput"] = decision["updatedInput"].clone();
        } else {
            output["permissionDecisionReason"] = decision["message"].clone();
        }
        json!({ "hookSpecificOutput": output })
    }

    /// Defers the call: the turn ends, and resuming the session repeats the call under the same id.
    pub fn defer() -> Value {
        let reason = "nobody has answered yet";
        json!({ "hookSpecificOutput": { "hookEventName": "PreToolUse", "permissionDecision": "defer", "permissionDecisionReason": reason } })
    }

    /// A call that was permitted earlier; recognized by its tool and what it does.
    pub fn granted(tool: &str, what: &str) -> Self {
        let input = json!({ "vine_shown": what });
        Self {
            id: String::new(),
            tool: tool.into(),
            input,
            why: String::new(),
            suggestions: vec![],
            blocked_path: None,
            insists: false,
            hooked: false,
            lossy: false,
        }
    }

    /// Whether both calls do exactly the same; `shown` maps a call's text to what people saw.
    pub fn same_as(&self, other: &Self, shown: impl Fn(String) -> String) -> bool {
        self.tool == other.tool && self.what() == shown(other.what())
    }

    /// The question for people. If the call does not contain its plan, the agent's preceding text,
    /// `context`, is used; `rules` are what allowing it for the session would cover.
    pub fn ask(&self, context: &str, rules: Vec<String>) -> Ask {
        match self.tool.as_str() {
            "AskUserQuestion" | LAST_WORDS => Ask::Clarify {
                items: self.items(),
            },
            "ExitPlanMode" => Ask::Plan {
                plan: self.input["plan"]
                    .as_str()
                    .unwrap_or(if context.is_empty() { NO_PLAN } else { context })
                    .to_owned(),
            },
            _ => Ask::Permission {
                tool: self.tool.clone(),
                what: self.what(),
                why: self.why.clone(),
                rules,
            },
        }
    }

    fn items(&self) -> Vec<Item> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let choice = |value: &Value| Choice {
            label: text(&value["label"]),
            description: text(&value["description"]),
            preview: text(&value["preview"]),
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        list(&self.input["questions"])
            .iter()
            .map(|question| Item {
                question: text(&question["question"]),
                header: text(&question["header"]),
                options: list(&question["options"]).iter().map(choice).collect(),
                multi: question["multiSelect"].as_bool().unwrap_or(false),
            })
            .collect()
    }

    /// The complete command, file or change: people must see everything that they approve.
    fn what(&self) -> String {
        let text = |key: &str| self.input[key].as_str();
        match (self.tool.as_str(), text("vine_shown")) {
            (_, Some(shown)) => shown.to_owned(),
            ("Bash", _) if text("command").is_some() => {
                format!(
                    "{}{}",
                    text("command").unwrap_or_default(),
                    self.rest(&["command", "description"])
                )
            }
            ("Write", _) => {
                let file = text("file_path").unwrap_or_default();
                let content = text("content").unwrap_or_default();
                format!(
                    "{file}\n{}{}",
                    prefixed('+', content),
                    self.rest(&["file_path", "content"])
                )
            }
            ("Edit", _) => {
                let file = text("file_path").unwrap_or_default();
                let old = text("old_string").unwrap_or_default();
                let new = text("new_string").unwrap_or_default();
                let rest = self.rest(&["file_path", "old_string", "new_string"]);
                format!(
                    "{file}\n{}\n{}{rest}",
                    prefixed('-', old),
                    prefixed('+', new)
                )
            }
            _ => serde_json::to_string_pretty(&self.input).unwrap_or_default(),
        }
    }

    /// One line per input field that is not shown otherwise: nothing is approved unseen.
    fn rest(&self, shown: &[&str]) -> String {
        let fields = self.input.as_object().into_iter().flatten();
        let unseen = fields
            .filter(|(key, value)| !shown.contains(&key.as_str()) && **value != Value::Bool(false));
        unseen
            .map(|(key, value)| format!("\n({key}: {value})"))
            .collect()
    }

    /// The reply to the call, given the question's outcome.
    pub fn reply(&self, reply: Option<QuestionOutcome<'_>>) -> Value {
        match reply {
            Some(QuestionOutcome::Answered(answer)) => self.decided(answer),
            Some(QuestionOutcome::Nobody) | None => {
                json!({ "behavior": "deny", "message": NOBODY })
            }
        }
    }

    fn decided(&self, answer: &Answer) -> Value {
        let name = &answer.name;
        match &answer.decision {
            Decision::Chosen { labels } => {
                self.answers(labels.iter().map(|item| item.join(", ")).collect())
            }
            // A free-text answer counts for every question. As `response` without `answers` it
            // would reach the model only through `can_use_tool`; the hook drops it.
            Decision::Words { text } => self.answers(vec![text.clone(); self.items().len()]),
            Decision::Allow { .. } | Decision::Approve => self.allow(),
            Decision::Deny { reason } if reason.is_empty() => {
                json!({ "behavior": "deny", "message": format!("{name} denied this.") })
            }
            Decision::Deny { reason } => {
                json!({ "behavior": "deny", "message": format!("{name} denied this: {reason}") })
            }
            Decision::SendBack { words } => {
                json!({ "behavior": "deny", "message": format!("{name} wants the plan changed: \
                 {words}") })
            }
        }
    }

    /// Answers are keyed by the full text of their question.
    fn answers(&self, texts: Vec<String>) -> Value {
        let answers: Map<String, Value> = self
            .items()
            .into_iter()
            .map(|item| item.question)
            .zip(texts.into_iter().map(Value::from))
            .collect();
        json!({ "behavior": "allow", "updatedInput": merged(&self.input, json!({ "answers": answers })) })
    }

    /// Marks whether the call was decoded with loss.
    pub fn read_with_loss(self, lossy: bool) -> Self {
        Self { lossy, ..self }
    }

    /// Allows this call only. Input that was decoded with loss is not sent back.
    pub fn allow(&self) -> Value {
        if self.lossy {
            return json!({ "behavior": "allow" });
        }
        json!({ "behavior": "allow", "updatedInput": self.input })
    }
}

fn prefixed(mark: char, text: &str) -> String {
    text.lines()
        .map(|line| format!("{mark} {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn merged(value: &Value, more: Value) -> Value {
    let mut merged = value.clone();
    if let (Some(merged), Value::Object(more)) = (merged.as_object_mut(), more) {
        merged.extend(more);
    }
    merged
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use vine_domain::{Timestamp, UserId};

    use super::*;

    fn answer(decision: Decision) -> Answer {
        let key = Uuid::nil();
        let by = UserId(Uuid::nil());
        Answer {
            key,
            decision,
            by,
            name: "Bob".into(),
            via: "console".into(),
            at: Timestamp(0),
        }
    }

    /// The request as recorded from the real CLI.
    fn recorded(file: &str, tool: &str) -> ToolCall {
        let path = format!("{}/../tests/data/claude/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect(&path);
        let frames = text.lines().map(|line| {
            serde_json::from_str::<Value>(line).expect("a JSON line")["data"]["request"].clone()
        });
        let body = frames
            .into_iter()
            .find(|request| request["tool_name"] == tool)
            .expect("the recording holds the call");
        ToolCall::read(&body)
    }

    #[test]
    fn a_recorded_question_becomes_one_of_ours_and_its_answer_is_keyed_by_the_whole_question() {
        let call = recorded("03-ask-user-question.jsonl", "AskUserQuestion");
        let Ask::Clarify { items } = call.ask("", vec![]) else {
            panic!("{call:?}")
        };
        assert_eq!(items[0].question, "Which database should we use?");
        assert_eq!(items[0].options[0].label, "PostgreSQL");
        let reply = call.decided(&answer(Decision::Chosen {
            labels: vec![vec!["SQLite".into()], vec!["Auth".into(), "Export".into()]],
        }));
        assert_eq!(
            reply["updatedInput"]["answers"]["Which database should we use?"],
            "SQLite"
        );
        assert_eq!(
            reply["updatedInput"]["answers"]["Which features should be enabled?"],
            "Auth, Export"
        );
        assert_eq!(reply["updatedInput"]["questions"], call.input["questions"]);
        let words = call.decided(&answer(Decision::Words {
            text: "Neither".into(),
        }));
        for item in &items {
            let answered = &words["updatedInput"]["answers"][&item.question];
            assert_eq!(answered, "Neither", "{}", item.question);
        }
    }

    #[test]
    fn a_recorded_permission_shows_the_whole_command_and_is_allowed_for_this_call_only() {
        let call = recorded("02-bash-allowed-then-denied.jsonl", "Bash");
        let Ask::Permission { tool, what, .. } = call.ask("", vec![]) else {
            panic!("{call:?}")
        };
        assert_eq!(
            (tool.as_str(), what.as_str()),
            ("Bash", call.input["command"].as_str().expect("a command"))
        );
        for session in [false, true] {
            let allowed = call.decided(&answer(Decision::Allow { session }));
            assert_eq!(allowed, call.allow(), "no rule is left with the agent");
        }
        let denied = call.decided(&answer(Decision::Deny {
            reason: "keep the file".into(),
        }));
        assert_eq!(denied["message"], "Bob denied this: keep the file");
    }

    #[test]
    fn nothing_of_a_call_is_hidden_from_who_approves_it() {
        let body = json!({ "tool_name": "Bash", "input": { "command": "serve", "run_in_background": true, "description": "d" } });
        let Ask::Permission { what, .. } = ToolCall::read(&body).ask("", vec![]) else {
            panic!()
        };
        assert_eq!(what, "serve\n(run_in_background: true)");
        let body = json!({ "tool_name": "Edit", "input": { "file_path": "a", "old_string": "x", "new_string": "y", "replace_all": true } });
        let Ask::Permission { what, .. } = ToolCall::read(&body).ask("", vec![]) else {
            panic!()
        };
        assert_eq!(what, "a\n- x\n+ y\n(replace_all: true)");
    }

    #[test]
    fn a_grant_is_good_for_exactly_what_was_shown() {
        let call = recorded("02-bash-allowed-then-denied.jsonl", "Bash");
        let what = call.input["command"].as_str().expect("a command");
        assert!(ToolCall::granted("Bash", what).same_as(&call, |what| what));
        assert!(!ToolCall::granted("Bash", &format!("{what} ")).same_as(&call, |what| what));
        assert!(!ToolCall::granted("Write", what).same_as(&call, |what| what));
    }
}
