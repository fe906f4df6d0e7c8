//! Which worker gets which order.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    clock::Timestamp,
    ids::{SessionId, TaskId, WorkerId},
    input::Slug,
    queue::{LaneHead, serve_order},
};

/// An order at the head of its lane, with the worker it is reserved for and its similarity key.
#[derive(Debug, Clone)]
pub struct LaneCandidate {
    /// The order.
    pub order: LaneHead,
    /// Only this worker may have it.
    pub kept_for: Option<WorkerId>,
    /// Whether it was never claimed before, so that it has no session.
    pub fresh: bool,
    /// What it is similar to.
    pub like: SimilarityKey,
}

/// Tasks with the same repository and base branch are similar.
pub type SimilarityKey = (String, String);

/// A session that may do another task.
#[derive(Debug, Clone)]
pub struct WarmSession {
    /// Which.
    pub id: SessionId,
    /// Who holds it.
    pub worker: WorkerId,
    /// What its last task was similar to.
    pub like: SimilarityKey,
}

/// An order that was given to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// Which.
    pub order: LaneHead,
    /// To this worker.
    pub worker: WorkerId,
    /// The warm session in which it starts.
    pub warm: Option<SessionId>,
}

/// Assigns orders, in the order in which they are served, to workers with free slots. New work goes
/// to a worker with a warm session for it, otherwise to the one with the most free slots.
pub fn schedule(
    heads: Vec<LaneCandidate>,
    mut warm: Vec<WarmSession>,
    wants: &[ClaimRequest],
    now: Timestamp,
) -> Vec<Assigned> {
    let mut orders: Vec<LaneHead> = heads.iter().map(|head| head.order).collect();
    let heads: HashMap<TaskId, LaneCandidate> = heads
        .into_iter()
        .map(|head| (head.order.task, head))
        .collect();
    serve_order(&mut orders, now);
    let mut room: Vec<(WorkerId, u32)> =
        wants.iter().map(|want| (want.worker, want.slots)).collect();
    let takes = |worker: WorkerId, repo: &str| {
        let is_unhealthy = |want: &ClaimRequest| {
            want.worker == worker && want.without.iter().any(|one| one.as_str() == repo)
        };
        !wants.iter().any(is_unhealthy)
    };
    let mut taken: Vec<Assigned> = Vec::new();
    for order in orders {
        let head = &heads[&order.task];
        let has_room = |worker: WorkerId| {
            room.iter()
                .any(|(other, slots)| *other == worker && *slots > 0)
        };
        let fits = |session: &WarmSession| {
            head.fresh
                && session.like == head.like
                && has_room(session.worker)
                && takes(session.worker, &head.like.0)
        };
        let session = warm.iter().position(fits).map(|at| warm.remove(at));
        let wanted = session
            .as_ref()
            .map(|session| session.worker)
            .or(head.kept_for);
        let cold = |worker: &WorkerId| !warm.iter().any(|session| session.worker == *worker);
        let given =
            |worker: &WorkerId| taken.iter().filter(|other| other.worker == *worker).count();
        // Prefers the worker with the most free slots, then one without warm sessions for other
        // tasks, then the one with the fewest new orders: this spreads work over machines.
        let free = room
            .iter_mut()
            .filter(|(worker, slots)| *slots > 0 && wanted.is_none_or(|wanted| wanted == *worker))
            .filter(|(worker, _)| takes(*worker, &head.like.0));
        if let Some((worker, slots)) =
            free.max_by_key(|(worker, slots)| (*slots, cold(worker), Reverse(given(worker))))
        {
            *slots -= 1;
            taken.push(Assigned {
                order,
                worker: *worker,
                warm: session.map(|session| session.id),
            });
        }
    }
    taken
}

/// A worker's request for work.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who.
    pub worker: WorkerId,
    /// At most this many.
    pub slots: u32,
    /// Not of these repositories, which are unhealthy on this worker.
    pub without: Vec<Slug>,
}

impl ClaimRequest {
    /// A request for any work.
    pub fn of(worker: WorkerId, slots: u32) -> Self {
        Self {
            worker,
            slots,
            without: Vec::new(),
        }
    }
}
