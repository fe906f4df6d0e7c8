//! Claude Code's own list of steps, from its calls of the tools for it: `TaskCreate` and `TaskUpdate`, or
//! `TodoWrite` of other versions (2.1.332, with `CLAUDE_CODE_ENABLE_TODO_TOOLS`).

use serde_json::Value;
use vine_domain::progress::{Step, StepState};

/// A call of one of these tools.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCall {
    /// The call.
    pub call: String,
    /// The tool.
    pub tool: StepTool,
    /// Its input.
    pub input: Value,
}

/// A tool for steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepTool {
    /// Adds a step; the result has its number.
    Create,
    /// Changes a step, by its number.
    Update,
    /// Replaces all steps.
    Write,
}

impl StepTool {
    /// The tool of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "TaskCreate" => Some(Self::Create),
            "TaskUpdate" => Some(Self::Update),
            "TodoWrite" => Some(Self::Write),
            _ => None,
        }
    }
}

/// The steps that are known of a session's process.
#[derive(Debug, Default)]
pub struct StepList(Vec<Item>);

#[derive(Debug)]
struct Item {
    /// The call that added it, until its number is known.
    call: String,
    number: Option<String>,
    step: Step,
    /// What it is called while it is done.
    active: String,
}

impl StepList {
    /// Takes a call into account.
    pub fn called(&mut self, StepCall { call, tool, input }: &StepCall) {
        match tool {
            StepTool::Create => self
                .0
                .push(Item::of(call, input, "subject", StepState::Pending)),
            StepTool::Update => self.update(input),
            StepTool::Write => {
                let all = input["todos"].as_array().into_iter().flatten();
                let item = |todo: &Value| {
                    let state = state(&todo["status"]).unwrap_or(StepState::Pending);
                    Item::of(call, todo, "content", state)
                };
                self.0 = all.map(item).collect();
            }
        }
    }

    fn update(&mut self, input: &Value) {
        let number = text(&input["taskId"]);
        let known = |item: &Item| item.number.as_deref() == Some(&number);
        if input["status"] == "deleted" {
            self.0.retain(|item| !known(item));
            return;
        }
        let Some(item) = self.0.iter_mut().find(|item| known(item)) else {
            return;
        };
        item.step.state = state(&input["status"]).unwrap_or(item.step.state);
        if let Some(subject) = input["subject"].as_str() {
            subject.clone_into(&mut item.step.text);
        }
        if let Some(active) = input["activeForm"].as_str() {
            active.clone_into(&mut item.active);
        }
    }

    /// The result of a call: `Task #3 created successfully: …`.
    pub fn returned(&mut self, call: &str, words: &str) {
        let mut items = self.0.iter_mut();
        let Some(item) = items.find(|item| item.number.is_none() && item.call == call) else {
            return;
        };
        let digits = words.split_once('#').map_or("", |(_, rest)| rest);
        let number: String = digits.chars().take_while(char::is_ascii_digit).collect();
        item.number = Some(number).filter(|number| !number.is_empty());
    }

    /// The steps, and what the active one is called while it is done.
    pub fn now(&self) -> (Vec<Step>, Option<String>) {
        let active = self
            .0
            .iter()
            .find(|item| item.step.state == StepState::Active);
        let doing = active
            .map(|item| item.active.clone())
            .filter(|text| !text.is_empty());
        (self.0.iter().map(|item| item.step.clone()).collect(), doing)
    }
}

impl Item {
    fn of(call: &str, input: &Value, name: &str, state: StepState) -> Self {
        Self {
            call: call.to_owned(),
            number: None,
            step: Step {
                text: text(&input[name]),
                state,
            },
            active: text(&input["activeForm"]),
        }
    }
}

fn state(status: &Value) -> Option<StepState> {
    match status.as_str()? {
        "pending" => Some(StepState::Pending),
        "in_progress" => Some(StepState::Active),
        "completed" => Some(StepState::Done),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(call: &str, tool: &str, input: Value) -> StepCall {
        StepCall {
            call: call.into(),
            tool: StepTool::named(tool).expect("a tool for steps"),
            input,
        }
    }

    #[test]
    fn steps_are_added_changed_and_deleted_by_their_numbers() {
        let mut list = StepList::default();
        for (id, subject) in [("a", "Read"), ("b", "Paint"), ("c", "Wait")] {
            list.called(&call(
                id,
                "TaskCreate",
                json!({ "subject": subject, "activeForm": "" }),
            ));
        }
        for (id, number) in [("b", 2), ("a", 1), ("c", 3)] {
            list.returned(id, &format!("Task #{number} created successfully: x"));
        }
        for input in [
            json!({ "taskId": "1", "status": "completed" }),
            json!({ "taskId": "2", "status": "in_progress", "activeForm": "Painting" }),
            json!({ "taskId": "3", "status": "deleted" }),
            json!({ "taskId": "9", "status": "completed" }),
        ] {
            list.called(&call("u", "TaskUpdate", input));
        }
        let (steps, doing) = list.now();
        let shown: Vec<_> = steps
            .iter()
            .map(|step| (step.text.as_str(), step.state))
            .collect();
        assert_eq!(
            shown,
            [("Read", StepState::Done), ("Paint", StepState::Active)]
        );
        assert_eq!(doing.as_deref(), Some("Painting"));
        let todos =
            json!({ "todos": [{ "content": "All again", "status": "pending", "activeForm": "" }] });
        list.called(&call("w", "TodoWrite", todos));
        assert_eq!(list.now().0.len(), 1);
    }
}
