//! Interprets the last `result`. `subtype: success` with `is_error: true` is an API failure; exit
//! codes are less specific.

use serde_json::Value;
use vine_domain::{
    Failure, FailureKind,
    attempt::Usage,
    clock::{Clock, System},
};

use super::{frames::telling, resets};
use crate::agent::{FinishedRun, RunOutcome};

/// The outcome of a run that ended with `result`. `error` is the kind named by the last synthetic
/// message.
pub fn outcome(result: &Value, error: Option<&str>, resumed: bool) -> RunOutcome {
    let said = words(result);
    if resumed && said.contains("No conversation found") {
        return RunOutcome::NoSession;
    }
    if is_whole(result) {
        return RunOutcome::Finished(FinishedRun {
            summary: said,
            usage: usage(result),
            denied: denied(result),
        });
    }
    RunOutcome::Failed(failure(result, error, &said))
}

fn words(result: &Value) -> String {
    let errors = || {
        result["errors"].as_array().map(|errors| {
            errors
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join("; ")
        })
    };
    result["result"]
        .as_str()
        .map(str::to_owned)
        .or_else(errors)
        .unwrap_or_default()
}

/// Whether the turn completed. An aborted one also reports success.
fn is_whole(result: &Value) -> bool {
    let ended = matches!(result["terminal_reason"].as_str(), None | Some("completed"));
    result["is_error"] != true && result["subtype"] == "success" && ended
}

/// The calls that were denied, one line each.
fn denied(result: &Value) -> Vec<String> {
    let denials = result["permission_denials"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let of_people = denials
        .iter()
        .filter(|denial| denial["tool_name"] != "AskUserQuestion");
    of_people
        .map(|denial| {
            format!(
                "{}: {}",
                denial["tool_name"].as_str().unwrap_or("a tool"),
                telling(&denial["tool_input"])
            )
        })
        .collect()
}

/// The question that a turn ended in: its last paragraph, if it ends with a question mark.
pub fn asks(result: &Value) -> Option<String> {
    let said = Some(words(result)).filter(|_| is_whole(result))?;
    let last = said.trim().rsplit("\n\n").next()?.trim().to_owned();
    let asks = last
        .trim_end_matches(['*', '_', '`', ')', '"', '”'])
        .ends_with('?');
    asks.then_some(last)
}

/// Tokens of the last turn; turns and cost as counted by the process, which must not be summed.
pub fn usage(result: &Value) -> Usage {
    let (input_tokens, output_tokens) = tokens(&result["usage"]);
    let dollars = result["total_cost_usd"].as_f64().unwrap_or(0.0).max(0.0);
    Usage {
        turns: result["num_turns"].as_u64().unwrap_or(0),
        input_tokens,
        output_tokens,
        cost_microdollars: (dollars * 1e6).round().min(1e15) as u64,
    }
}

/// Input tokens, including cached ones, and output tokens.
pub fn tokens(usage: &Value) -> (u64, u64) {
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    let read = [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    ];
    (
        read.iter().map(|key| count(key)).sum(),
        count("output_tokens"),
    )
}

fn failure(result: &Value, error: Option<&str>, said: &str) -> Failure {
    let reason = result["terminal_reason"].as_str().unwrap_or_default();
    let status = result["api_error_status"].as_u64();
    let kind = kind(result["subtype"].as_str(), reason, error, status, said);
    let said = if said.is_empty() {
        "it gave no reason"
    } else {
        said
    };
    let mut failure = Failure::new(
        kind,
        format!(
            "{}: {}",
            headline(kind),
            said.chars().take(600).collect::<String>()
        ),
    );
    failure.retry_at = resets::in_words(said, System.now());
    failure
}

fn kind(
    subtype: Option<&str>,
    reason: &str,
    error: Option<&str>,
    status: Option<u64>,
    said: &str,
) -> FailureKind {
    let lower = said.to_lowercase();
    match (reason, error, status) {
        ("prompt_too_long", ..) => FailureKind::ContextTooLong,
        _ if lower.contains("prompt is too long") => FailureKind::ContextTooLong,
        _ if lower.contains("not logged in") || lower.contains("credit balance") => {
            FailureKind::BadCredentials
        }
        (_, Some("authentication_failed" | "billing_error"), _) | (_, _, Some(401 | 403)) => {
            FailureKind::BadCredentials
        }
        (_, Some("rate_limit"), _) | (_, _, Some(429)) => FailureKind::UsageLimit,
        _ if lower.contains("limit reached") => FailureKind::UsageLimit,
        (_, Some("server_error" | "overloaded"), _) | (_, _, Some(500..)) => {
            FailureKind::Overloaded
        }
        ("api_error", None, None) => FailureKind::Overloaded,
        ("api_error", ..) => FailureKind::ApiRefused,
        _ if subtype != Some("success") || reason.starts_with("aborted") => {
            FailureKind::StoppedEarly
        }
        _ => FailureKind::ApiRefused,
    }
}

fn headline(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::ContextTooLong => "The conversation no longer fits into the model's context",
        FailureKind::BadCredentials => "The model service rejected the agent's credentials",
        FailureKind::UsageLimit => "The usage limit of the agent's account is reached",
        FailureKind::Overloaded => "The model service had no capacity, even after several retries",
        FailureKind::StoppedEarly => "Claude Code stopped before it finished",
        _ => "The model service rejected the request",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vine_domain::Timestamp;

    use super::*;

    fn failed(result: &Value, error: Option<&str>) -> Failure {
        match outcome(result, error, false) {
            RunOutcome::Failed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn api_error(status: u64, text: &str) -> Value {
        json!({ "subtype": "success", "is_error": true, "terminal_reason": "api_error", "api_error_status": status, "result": text })
    }

    #[test]
    fn each_kind_of_trouble_is_told_apart() {
        use FailureKind as K;
        let too_long = json!({ "subtype": "success", "is_error": true, "terminal_reason": "prompt_too_long", "result": "Prompt is too long" });
        let limit = "Claude AI usage limit reached|1795544395";
        for (result, error, kind) in [
            (too_long, None, K::ContextTooLong),
            (
                api_error(529, "Overloaded"),
                Some("server_error"),
                K::Overloaded,
            ),
            (api_error(500, "Internal"), None, K::Overloaded),
            (
                api_error(401, "Invalid API key"),
                Some("authentication_failed"),
                K::BadCredentials,
            ),
            (
                api_error(403, "Forbidden"),
                Some("authentication_failed"),
                K::BadCredentials,
            ),
            (
                api_error(400, "Credit balance is too low"),
                Some("billing_error"),
                K::BadCredentials,
            ),
            (api_error(429, limit), Some("rate_limit"), K::UsageLimit),
            (
                api_error(404, "model: x"),
                Some("model_not_found"),
                K::ApiRefused,
            ),
            (
                json!({ "subtype": "error_max_turns", "is_error": true, "errors": ["Reached maximum number of turns (3)"] }),
                None,
                K::StoppedEarly,
            ),
            (
                json!({ "subtype": "success", "is_error": true, "result": "Not logged in · Please run /login" }),
                None,
                K::BadCredentials,
            ),
        ] {
            assert_eq!(failed(&result, error).kind, kind, "{result}");
        }
        assert_eq!(
            failed(&api_error(429, limit), None).retry_at,
            Some(Timestamp(1_795_544_395_000))
        );
    }

    #[test]
    fn success_that_is_an_error_is_no_success() {
        assert!(matches!(
            outcome(&api_error(529, "x"), None, false),
            RunOutcome::Failed(_)
        ));
        let fine = json!({ "subtype": "success", "is_error": false, "result": "Done.", "num_turns": 2, "total_cost_usd": 0.1086 });
        let RunOutcome::Finished(FinishedRun { summary, usage, .. }) = outcome(&fine, None, false)
        else {
            panic!()
        };
        assert_eq!(
            (summary.as_str(), usage.turns, usage.cost_microdollars),
            ("Done.", 2, 108_600)
        );
    }

    #[test]
    fn an_aborted_turn_is_no_success_and_what_was_denied_is_kept() {
        let aborted = json!({ "subtype": "success", "is_error": false, "terminal_reason": "aborted_streaming", "result": "Half" });
        assert_eq!(failed(&aborted, None).kind, FailureKind::StoppedEarly);
        let denials = json!([{ "tool_name": "Bash", "tool_use_id": "t", "tool_input": { "command": "rm x" } }]);
        let fine = json!({ "subtype": "success", "is_error": false, "result": "Done.", "permission_denials": denials });
        let RunOutcome::Finished(finished) = outcome(&fine, None, false) else {
            panic!()
        };
        assert_eq!(finished.denied, ["Bash: rm x"]);
    }

    #[test]
    fn a_turn_that_ends_in_a_question_is_known_by_its_last_paragraph() {
        let ended = |text: &str| asks(&json!({ "subtype": "success", "result": text }));
        assert_eq!(
            ended("I looked.\n\nShall I **continue?**").as_deref(),
            Some("Shall I **continue?**")
        );
        assert_eq!(ended("Why so late? Because.\n\nIt works now."), None);
        assert_eq!(ended(""), None);
    }
}
