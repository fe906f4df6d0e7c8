//! Things as programs see them: one object with `id`, `state` and its fields. Times are RFC 3339,
//! durations seconds.

use serde_json::{Value, json};
use vine_domain::{
    Lane, Note, Question, QuestionState, Repo, Session, SessionState, Task, TaskState, Timestamp,
    Worker, attempt::Execution, question::Milestones, queue::QueueDepths,
};

use crate::health::PlatformHealth;

/// A task.
pub fn task(task: &Task) -> Value {
    let mut value = json!({
        "id": task.id, "state": task.state.as_str(), "title": task.title, "prompt": task.prompt, "repo": task.repo,
        "base": task.base, "branch": task.branch, "priority": task.lane, "requester": task.requester,
        "created": task.created, "updated": task.updated, "attempt": task.epoch, "failures": task.failures,
    });
    let own = match &task.state {
        TaskState::Queued { due, resumes } => json!({ "due": due, "resumes": resumes }),
        TaskState::Running { lease } | TaskState::Waiting { lease: Some(lease) } => {
            json!({ "worker": lease.worker, "claimed": lease.since, "lease_until": lease.until })
        }
        TaskState::Waiting { lease: None } => json!({ "parked": true }),
        TaskState::Done { report } => json!({ "report": report }),
        TaskState::Failed { failure, discarded } => {
            json!({ "failure": { "kind": failure.kind, "message": failure.what, "hint": failure.advice() }, "discarded": discarded })
        }
        TaskState::Cancelled { by } => json!({ "cancelled_by": by }),
    };
    merge(&mut value, own);
    value
}

/// A task in a list: without its prompt, which may be long.
pub fn task_row(one: &Task) -> Value {
    let mut value = task(one);
    if let Value::Object(fields) = &mut value {
        fields.remove("prompt");
    }
    value
}

/// A task with everything that belongs to it.
pub fn task_whole(
    one: &Task,
    questions: &[Question],
    notes: &[Note],
    executions: &[Execution],
) -> Value {
    let mut value = task(one);
    merge(
        &mut value,
        json!({
            "questions": questions.iter().map(question).collect::<Vec<_>>(),
            "notes": notes,
            "executions": executions,
            "session": executions.iter().rev().find_map(|execution| execution.session),
        }),
    );
    value
}

/// A question.
pub fn question(question: &Question) -> Value {
    let mut value = json!({
        "id": question.id, "state": question.state.as_str(), "task": question.task(), "attempt": question.attempt.epoch,
        "session": question.session, "call": question.call, "kind": question.ask.kind(), "ask": question.ask.masked(),
        "headline": question.ask.headline(), "context": question.context, "asked": question.asked_at,
        "expired": question.expired,
    });
    let own = match &question.state {
        QuestionState::Open => {
            json!({ "looked_at_again": question.alarm, "reminders": question.pings.reminders })
        }
        QuestionState::Expired { told } => json!({ "told": told }),
        QuestionState::Answered { answer } => json!({ "answer": answer }),
        QuestionState::Delivered { answer, at } => json!({ "answer": answer, "delivered": at }),
        QuestionState::Withdrawn { why } => json!({ "why": why }),
    };
    merge(&mut value, own);
    value
}

/// A question, whole, with the time of each station on its way, and how long each hop took.
pub fn question_whole(one: &Question, stations: &Milestones) -> Value {
    let mut value = question(one);
    let mut before = one.asked_at;
    let mut timeline = Vec::new();
    for (station, at) in timeline_of(one, stations) {
        timeline.push(json!({ "station": station, "at": at, "after_seconds": at.since(before).as_secs_f64() }));
        before = at;
    }
    merge(&mut value, json!({ "ask": one.ask, "timeline": timeline }));
    value
}

/// The stations that a question has reached, in the order in which it did.
pub fn timeline_of(question: &Question, stations: &Milestones) -> Vec<(&'static str, Timestamp)> {
    let delivered = if let QuestionState::Delivered { at, .. } = question.state {
        Some(at)
    } else {
        None
    };
    let reached = [
        ("asked", Some(question.asked_at)),
        ("posted", stations.posted),
        ("seen", stations.seen),
        ("expired", question.expired),
        ("answered", question.answer().map(|answer| answer.at)),
        ("resumed", stations.resumed),
        ("delivered", delivered),
    ];
    let mut reached: Vec<_> = reached
        .into_iter()
        .filter_map(|(station, at)| Some((station, at?)))
        .collect();
    reached.sort_by_key(|(_, at)| *at);
    reached
}

/// A worker, with how many of its leases run and how many wait.
pub fn worker((worker, running, waiting): &(Worker, usize, usize), now: Timestamp) -> Value {
    json!({
        "id": worker.name, "uuid": worker.id, "state": worker.state(*running, *waiting, now), "slots": worker.slots,
        "running": running, "waiting": waiting, "draining": worker.draining, "version": worker.version,
        "trouble": worker.trouble, "seen": worker.seen, "gone": worker.gone, "most_slots": worker.limits.slots, "only_repos": worker.limits.repos,
        "wall": worker.standing.as_ref().map(|standing| standing.wall), "wall_why": worker.standing.as_ref().map(|standing| &standing.why).filter(|why| !why.is_empty()),
        "login_readable": worker.standing.as_ref().is_some_and(|standing| standing.login),
        "without": worker.without.iter().map(|(repo, why)| json!({ "repo": repo, "why": why })).collect::<Vec<_>>(),
    })
}

/// How a chat platform's adapter is.
pub fn adapter(platform: &str, health: &PlatformHealth) -> Value {
    let state = if health.trouble.is_some() {
        "trouble"
    } else {
        "ok"
    };
    json!({ "id": platform, "state": state, "account": health.account, "since": health.since, "trouble": health.trouble, "remark": health.remark, "checked": health.checked })
}

/// What was allowed for a session.
pub fn grant(question: &Question) -> Value {
    let rules = match &question.ask {
        vine_domain::Ask::Permission { rules, .. } => rules.as_slice(),
        _ => &[],
    };
    json!({
        "question": question.id, "by": question.answer().map(|answer| &answer.name), "task": question.task(), "rules": rules,
    })
}

/// A session.
pub fn session(session: &Session, now: Timestamp) -> Value {
    let mut value = json!({
        "id": session.id, "task": session.task, "worker": session.worker, "worktree": session.worktree, "agent": session.agent,
        "started": session.started, "active": session.active, "age_seconds": now.since(session.started).as_secs(),
        "idle_seconds": now.since(session.active).as_secs(), "context_percent": session.context, "kept": session.kept,
        "reused": session.reused,
    });
    let own = match &session.state {
        SessionState::Active | SessionState::Warm => json!({ "state": session.state.as_str() }),
        SessionState::Ended { at, reason } => {
            json!({ "state": "ended", "ended": at, "reason": reason })
        }
    };
    merge(&mut value, own);
    value
}

/// A repository.
pub fn repo(repo: &Repo) -> Value {
    let state = if repo.paused { "paused" } else { "open" };
    json!({ "id": repo.name, "state": state, "source": repo.source.shown(), "base": repo.base, "trusted": repo.trusted, "encrypted": repo.encrypted, "push": repo.push, "preset": repo.guard.preset, "egress": repo.guard.egress, "hosts": repo.guard.hosts, "wall": repo.guard.wall })
}

/// The plan's queues under their names, each with its depth.
pub fn queues(depths: &QueueDepths) -> Vec<(&'static str, u64)> {
    let lanes = Lane::ALL.iter().map(|lane| {
        (
            lane.queue_name(),
            depths.lanes[usize::try_from(lane.rank()).unwrap_or(0)],
        )
    });
    let rest = [
        ("worker_requests", depths.open_questions),
        ("controller_responses", depths.undelivered_answers),
        ("dead", depths.dead),
    ];
    lanes.chain(rest).collect()
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
