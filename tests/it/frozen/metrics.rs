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
    assert_snapshot!(names(&text), @r"
    vine_answer_delivery_seconds (help) Time from answered to confirmed by the agent's worker.
    vine_answer_delivery_seconds (type) histogram
    vine_answer_delivery_seconds_bucket {le}
    vine_attempts_ended_total (help) Attempts that ended.
    vine_attempts_ended_total (type) counter
    vine_attempts_ended_total {outcome}
    vine_auth_denied_total (help) Requests that were refused.
    vine_auth_denied_total (type) counter
    vine_auth_denied_total {why}
    vine_claim_to_complete_seconds (help) Time from the claim of an attempt to its result.
    vine_claim_to_complete_seconds (type) histogram
    vine_claim_to_complete_seconds_bucket {le}
    vine_db_clock_skew_seconds (help) Difference between the clocks of this machine and of the database.
    vine_db_clock_skew_seconds (type) gauge
    vine_dead_letters (help) Failed tasks that wait to be replayed or discarded.
    vine_dead_letters (type) gauge
    vine_forge_events_total (help) Webhooks of forges, by their outcome.
    vine_forge_events_total (type) counter
    vine_forge_events_total {outcome}
    vine_human_response_seconds (help) Time from asked to answered.
    vine_human_response_seconds (type) histogram
    vine_human_response_seconds_bucket {le}
    vine_ill (help) What is unhealthy: whole workers, and repositories on a worker.
    vine_ill (type) gauge
    vine_ill {what}
    vine_inbox_depth (help) Inbound events not yet processed.
    vine_inbox_depth (type) gauge
    vine_inbox_oldest_seconds (help) How long the oldest unprocessed event has been waiting.
    vine_inbox_oldest_seconds (type) gauge
    vine_lease_expired_total (help) Leases that expired or whose worker was gone.
    vine_lease_expired_total (type) counter
    vine_lease_granted_total (help) Leases granted with claimed tasks.
    vine_lease_granted_total (type) counter
    vine_lease_renewed_total (help) Leases that were renewed.
    vine_lease_renewed_total (type) counter
    vine_lease_stale_write_rejected_total (help) Rejected writes for attempts that were over.
    vine_lease_stale_write_rejected_total (type) counter
    vine_oldest_lease_seconds (help) How long the oldest running attempt has been running.
    vine_oldest_lease_seconds (type) gauge
    vine_oldest_open_question_seconds (help) How long the oldest open question has been waiting.
    vine_oldest_open_question_seconds (type) gauge
    vine_oldest_queued_seconds (help) How long the oldest claimable task has been waiting.
    vine_oldest_queued_seconds (type) gauge
    vine_outbox_depth (help) Messages not yet posted.
    vine_outbox_depth (type) gauge
    vine_outbox_oldest_seconds (help) How long the oldest unposted message has been waiting.
    vine_outbox_oldest_seconds (type) gauge
    vine_questions_answered_total (help) Questions that a person answered, by where they did.
    vine_questions_answered_total (type) counter
    vine_questions_answered_total {via}
    vine_questions_asked_total (help) Questions that agents asked.
    vine_questions_asked_total (type) counter
    vine_questions_asked_total {kind}
    vine_questions_late_total (help) Answers that came after their question had expired.
    vine_questions_late_total (type) counter
    vine_questions_timed_out_total (help) Questions that expired.
    vine_questions_timed_out_total (type) counter
    vine_queue_depth (help) Entries in each queue.
    vine_queue_depth (type) gauge
    vine_queue_depth {queue}
    vine_queue_latency_seconds (help) Time from when a task could be claimed until it was.
    vine_queue_latency_seconds (type) histogram
    vine_queue_latency_seconds_bucket {queue, le}
    vine_queue_latency_seconds_count {queue}
    vine_queue_latency_seconds_sum {queue}
    vine_redactions_total (help) Secrets that were removed from agents' output.
    vine_redactions_total (type) counter
    vine_session_lived_seconds_total (help) Total lifetime of ended sessions; divided by `vine_sessions_ended_total` it gives the average.
    vine_session_lived_seconds_total (type) counter
    vine_sessions (help) Live sessions in each state.
    vine_sessions (type) gauge
    vine_sessions {state}
    vine_sessions_ended_total (help) Sessions that ended, by reason.
    vine_sessions_ended_total (type) counter
    vine_sessions_ended_total {reason}
    vine_sessions_reused_total (help) Tasks that started in the session of an earlier one.
    vine_sessions_reused_total (type) counter
    vine_spent_dollars (help) Cost of all attempts of the last 30 days, at list prices.
    vine_spent_dollars (type) gauge
    vine_spent_tokens (help) Input and output tokens of all attempts of the last 30 days.
    vine_spent_tokens (type) gauge
    vine_store_transactions_total (help) Database transactions of this daemon.
    vine_store_transactions_total (type) counter
    vine_tasks_created_total (help) Tasks that were created.
    vine_tasks_created_total (type) counter
    vine_tasks_ended_total (help) Tasks that ended.
    vine_tasks_ended_total (type) counter
    vine_tasks_ended_total {state}
    vine_thread_messages_total (help) Messages in the threads of tasks.
    vine_thread_messages_total (type) counter
    vine_thread_messages_total {by}
    vine_worker_slots (help) Slots of the online workers; agents that wait for people take none.
    vine_worker_slots (type) gauge
    vine_worker_slots {state}
    vine_worker_uptime_ratio (help) Share of the enrolled workers that are online; its average over time is their uptime.
    vine_worker_uptime_ratio (type) gauge
    vine_worker_walls (help) Online workers, by the wall around their agents.
    vine_worker_walls (type) gauge
    vine_worker_walls {wall}
    vine_workers (help) Workers in each state.
    vine_workers (type) gauge
    vine_workers {state}
    vine_workers_with_readable_login (help) Online workers whose agents can read the login of the model's account.
    vine_workers_with_readable_login (type) gauge
    vine_worktree_bytes (help) Disk space of the worktrees of all workers, as last reported.
    vine_worktree_bytes (type) gauge
    ");
}
