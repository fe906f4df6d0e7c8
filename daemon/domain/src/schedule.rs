//! Who gets which order.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    clock::Timestamp,
    ids::{SessionId, TaskId, WorkerId},
    input::Slug,
    queue::{LaneHead, serve_order},
};

/// An order at the head of its lane, the worker it is kept for, and what it is similar to.
#[derive(Debug, Clone)]
pub struct LaneCandidate {
    /// The order.
    pub order: LaneHead,
    /// Only this worker may have it.
    pub kept_for: Option<WorkerId>,
    /// It was never claimed before, so it has no session of its own.
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

/// An order that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    /// Which.
    pub order: LaneHead,
    /// To this worker.
    pub worker: WorkerId,
    /// The session that it is begun in.
    pub warm: Option<SessionId>,
}

/// Who gets what: orders in the order in which they are to be served, each to a worker that still
/// has room. New work goes to a worker with a warm session for it, else to the roomiest one.
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
        let ill = |want: &ClaimRequest| {
            want.worker == worker && want.without.iter().any(|one| one.as_str() == repo)
        };
        !wants.iter().any(ill)
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
        // The roomiest worker first, then one whose sessions are not for others, then the one with
        // the fewest: that spreads work over machines.
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

/// A worker's wish for work.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// Who.
    pub worker: WorkerId,
    /// At most this many.
    pub slots: u32,
    /// None of these repositories, which are ill there.
    pub without: Vec<Slug>,
}

impl ClaimRequest {
    /// A wish for any work.
    pub fn of(worker: WorkerId, slots: u32) -> Self {
        Self {
            worker,
            slots,
            without: Vec::new(),
        }
    }
}
