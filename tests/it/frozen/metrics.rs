//! Names of metrics, with their kinds, labels and help.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use super::served::Served;

/// Each metric with its kind and its help, and the labels that it comes with.
fn names(text: &str) -> String {
    let mut lines = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let (name, more) = rest.split_once(' ').unwrap_or((rest, ""));
            lines.insert(format!("{name} ({}) {more}", what.to_lowercase()));
        } else if let Some((name, labels)) = line.split_once('{') {
            let labels = labels.split('}').next().unwrap_or_default();
            let keys: Vec<_> = labels
                .split("\",")
                .filter_map(|label| label.split_once('='))
                .map(|(key, _)| key)
                .collect();
            lines.insert(format!("{name} {{{}}}", keys.join(", ")));
        }
    }
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_names_of_metrics() {
    let served = Served::begin().await;
    served.day.choice_and_done().await;
    served.day.every_decision().await;
    served.day.failures().await;
    let (status, text) = served.get("/metrics").await;
    assert_eq!(status, 200);
    assert_snapshot!(names(&text), @"
    vine_answer_delivery_seconds (help) From answered to confirmed by the agent's worker.
    vine_answer_delivery_seconds (type) histogram
    vine_answer_delivery_seconds_bucket {le}
    vine_attempts_ended_total (help) Attempts that ended.
    vine_attempts_ended_total (type) counter
    vine_attempts_ended_total {outcome}
    vine_auth_denied_total (help) Requests that were refused.
    vine_auth_denied_total (type) counter
    vine_auth_denied_total {why}
    vine_claim_to_complete_seconds (help) From the claim of an attempt to its result.
    vine_claim_to_complete_seconds (type) histogram
    vine_claim_to_complete_seconds_bucket {le}
    vine_db_clock_skew_seconds (help) How far the clocks of this machine and of the database are apart.
    vine_db_clock_skew_seconds (type) gauge
    vine_dead_letters (help) Tasks that failed and wait for somebody to replay or discard them.
    vine_dead_letters (type) gauge
    vine_human_response_seconds (help) From asked to answered.
    vine_human_response_seconds (type) histogram
    vine_human_response_seconds_bucket {le}
    vine_ill (help) What is ill: whole workers, and repositories each on one worker.
    vine_ill (type) gauge
    vine_ill {what}
    vine_inbox_depth (help) Events of platforms not yet dealt with.
    vine_inbox_depth (type) gauge
    vine_inbox_oldest_seconds (help) How long the oldest event waits to be dealt with.
    vine_inbox_oldest_seconds (type) gauge
    vine_lease_expired_total (help) Leases that ran out or whose worker was gone.
    vine_lease_expired_total (type) counter
    vine_lease_granted_total (help) Leases that were given with claimed tasks.
    vine_lease_granted_total (type) counter
    vine_lease_renewed_total (help) Leases that beats extended.
    vine_lease_renewed_total (type) counter
    vine_lease_stale_write_rejected_total (help) Writes for attempts that were over.
    vine_lease_stale_write_rejected_total (type) counter
    vine_oldest_lease_seconds (help) How long the oldest attempt under way goes on.
    vine_oldest_lease_seconds (type) gauge
    vine_oldest_open_question_seconds (help) How long the oldest open question waits.
    vine_oldest_open_question_seconds (type) gauge
    vine_oldest_queued_seconds (help) How long the oldest task that could be claimed waits.
    vine_oldest_queued_seconds (type) gauge
    vine_outbox_depth (help) Messages not yet posted.
    vine_outbox_depth (type) gauge
    vine_outbox_oldest_seconds (help) How long the oldest message waits to be posted.
    vine_outbox_oldest_seconds (type) gauge
    vine_questions_answered_total (help) Questions that a person answered, by where.
    vine_questions_answered_total (type) counter
    vine_questions_answered_total {via}
    vine_questions_asked_total (help) Questions of agents.
    vine_questions_asked_total (type) counter
    vine_questions_asked_total {kind}
    vine_questions_late_total (help) Answers that came after their question was given up.
    vine_questions_late_total (type) counter
    vine_questions_timed_out_total (help) Questions that were given up.
    vine_questions_timed_out_total (type) counter
    vine_queue_depth (help) Entries in each queue.
    vine_queue_depth (type) gauge
    vine_queue_depth {queue}
    vine_queue_latency_seconds (help) From when a task could be claimed to when it was.
    vine_queue_latency_seconds (type) histogram
    vine_queue_latency_seconds_bucket {queue, le}
    vine_queue_latency_seconds_count {queue}
    vine_queue_latency_seconds_sum {queue}
    vine_redactions_total (help) Secrets that were taken out of what agents say.
    vine_redactions_total (type) counter
    vine_session_lived_seconds_total (help) How long sessions that ended had lived, together; by `vine_sessions_ended_total` it gives their average.
    vine_session_lived_seconds_total (type) counter
    vine_sessions (help) Live sessions in each state.
    vine_sessions (type) gauge
    vine_sessions {state}
    vine_sessions_ended_total (help) Sessions that ended, by reason.
    vine_sessions_ended_total (type) counter
    vine_sessions_ended_total {reason}
    vine_sessions_reused_total (help) Tasks begun in the session of an earlier one.
    vine_sessions_reused_total (type) counter
    vine_spent_dollars (help) What attempts of the last 30 days cost, however they ended, from list prices.
    vine_spent_dollars (type) gauge
    vine_spent_tokens (help) Tokens that attempts of the last 30 days read and wrote, however they ended.
    vine_spent_tokens (type) gauge
    vine_store_transactions_total (help) Transactions of this daemon at its database.
    vine_store_transactions_total (type) counter
    vine_tasks_created_total (help) Tasks that were created.
    vine_tasks_created_total (type) counter
    vine_tasks_ended_total (help) Tasks that came to an end.
    vine_tasks_ended_total (type) counter
    vine_tasks_ended_total {state}
    vine_thread_messages_total (help) Messages in the threads of tasks.
    vine_thread_messages_total (type) counter
    vine_thread_messages_total {by}
    vine_worker_slots (help) Slots of the workers that are heard of; agents that wait for people take none.
    vine_worker_slots (type) gauge
    vine_worker_slots {state}
    vine_worker_uptime_ratio (help) Share of the enrolled workers that are heard of; its average over time is their uptime.
    vine_worker_uptime_ratio (type) gauge
    vine_worker_walls (help) Workers that are heard of, by the wall around their agents.
    vine_worker_walls (type) gauge
    vine_worker_walls {wall}
    vine_workers (help) Workers in each state.
    vine_workers (type) gauge
    vine_workers {state}
    vine_workers_with_readable_login (help) Workers that are heard of whose agents can read the login of the model's account.
    vine_workers_with_readable_login (type) gauge
    vine_worktree_bytes (help) What the worktrees of all workers take on their disks, as last heard.
    vine_worktree_bytes (type) gauge
    ");
}
