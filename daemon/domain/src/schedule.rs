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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::queue::Lane;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn worker(number: u128) -> WorkerId {
        WorkerId(Uuid::from_u128(number))
    }

    fn session(number: u128) -> SessionId {
        SessionId(Uuid::from_u128(number))
    }

    fn candidate(task: u64, lane: Lane) -> LaneCandidate {
        LaneCandidate {
            order: LaneHead {
                task: TaskId(task),
                lane,
                due: Timestamp(0),
                resumes: false,
            },
            kept_for: None,
            fresh: true,
            like: ("site".into(), "main".into()),
        }
    }

    fn kept(task: u64, by: u128) -> LaneCandidate {
        LaneCandidate {
            kept_for: Some(worker(by)),
            fresh: false,
            ..candidate(task, Lane::Default)
        }
    }

    fn warm(number: u128, by: u128, repo: &str) -> WarmSession {
        WarmSession {
            id: session(number),
            worker: worker(by),
            like: (repo.into(), "main".into()),
        }
    }

    fn wants(slots: &[(u128, u32)]) -> Vec<ClaimRequest> {
        let wants = slots.iter();
        wants
            .map(|(number, slots)| ClaimRequest::of(worker(*number), *slots))
            .collect()
    }

    /// Task, worker and warm session of each order that was assigned.
    fn assigned(
        heads: Vec<LaneCandidate>,
        warm: Vec<WarmSession>,
        wants: &[ClaimRequest],
    ) -> Vec<(u64, u128, Option<u128>)> {
        let all = schedule(heads, warm, wants, NOW);
        all.iter()
            .map(|one| {
                let session = one.warm.map(|id| id.0.as_u128());
                (one.order.task.0, one.worker.0.as_u128(), session)
            })
            .collect()
    }

    #[test]
    fn who_gets_which_order() {
        type Case = (
            &'static str,
            Vec<LaneCandidate>,
            Vec<WarmSession>,
            Vec<ClaimRequest>,
            Vec<(u64, u128, Option<u128>)>,
        );
        let low = || candidate(1, Lane::Low);
        let high = || candidate(2, Lane::High);
        let refusing = |number: u128| ClaimRequest {
            without: vec![Slug::from_text("site")],
            ..ClaimRequest::of(worker(number), 1)
        };
        let cases: Vec<Case> = vec![
            ("nothing waits", vec![], vec![], wants(&[(1, 2)]), vec![]),
            ("nobody asks", vec![low()], vec![], vec![], vec![]),
            (
                "the higher lane first, and no more than fit",
                vec![low(), high()],
                vec![],
                wants(&[(1, 1)]),
                vec![(2, 1, None)],
            ),
            (
                "the roomiest worker first",
                vec![low(), high()],
                vec![],
                wants(&[(1, 1), (2, 3)]),
                vec![(2, 2, None), (1, 2, None)],
            ),
            (
                "new work to the worker with a similar warm session",
                vec![high()],
                vec![warm(7, 1, "site")],
                wants(&[(1, 1), (2, 3)]),
                vec![(2, 1, Some(7))],
            ),
            (
                "a warm session of another repository is left for its own",
                vec![high()],
                vec![warm(7, 1, "shop")],
                wants(&[(1, 1), (2, 1)]),
                vec![(2, 2, None)],
            ),
            (
                "one warm session takes one task",
                vec![low(), high()],
                vec![warm(7, 1, "site")],
                wants(&[(1, 2)]),
                vec![(2, 1, Some(7)), (1, 1, None)],
            ),
            (
                "a kept order waits for its worker",
                vec![kept(3, 1)],
                vec![],
                wants(&[(2, 5)]),
                vec![],
            ),
            (
                "a kept order goes to its worker, without another session",
                vec![kept(3, 1)],
                vec![warm(7, 1, "site")],
                wants(&[(1, 1), (2, 5)]),
                vec![(3, 1, None)],
            ),
            (
                "a worker that takes none of a repository gets none, warm or not",
                vec![high()],
                vec![warm(7, 1, "site")],
                vec![refusing(1), ClaimRequest::of(worker(2), 1)],
                vec![(2, 2, None)],
            ),
            (
                "a full worker gets nothing, and its warm session stays",
                vec![high()],
                vec![warm(7, 1, "site")],
                wants(&[(1, 0), (2, 1)]),
                vec![(2, 2, None)],
            ),
        ];
        for (what, heads, warm, wants, expected) in cases {
            assert_eq!(assigned(heads, warm, &wants), expected, "{what}");
        }
    }
}
