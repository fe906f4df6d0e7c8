//! Lanes and the order inside and between them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{clock::Timestamp, ids::TaskId, invalid::Invalid};

/// A queue of work orders. A lane is served only while the ones before it are empty, except for
/// orders that have waited so long that they count as one lane higher ([`AGEING`]).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Urgent.
    High,
    /// Normal.
    Default,
    /// Background.
    Low,
}

/// An order rises by one lane for each full span of this length that it has waited, so `low` work
/// starts after at most two of them ahead of everything that came later.
pub const AGEING: Duration = Duration::from_secs(10 * 60);

impl Lane {
    /// All lanes, first served first.
    pub const ALL: [Self; 3] = [Self::High, Self::Default, Self::Low];

    /// The word people type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Default => "default",
            Self::Low => "low",
        }
    }

    /// The name of the lane's queue in listings, as the plan calls it.
    pub fn queue_name(self) -> &'static str {
        match self {
            Self::High => "high_priority",
            Self::Default => "default",
            Self::Low => "low_priority",
        }
    }

    /// 0 for the lane that is served first.
    pub fn rank(self) -> i64 {
        self as i64
    }

    /// Reads [`Lane::rank`] back.
    pub fn from_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.rank() == rank)
    }
}

impl std::str::FromStr for Lane {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|lane| lane.as_str() == text)
            .ok_or_else(|| {
                Invalid::new(
                    "priority",
                    format!("`{}`", crate::invalid::shown(text)),
                    "use high, default or low",
                )
            })
    }
}

/// The head of a lane, as far as choosing between lanes goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneHead {
    /// The order's task.
    pub task: TaskId,
    /// The lane it was put into.
    pub lane: Lane,
    /// When it became ready to run.
    pub due: Timestamp,
    /// It carries an answer for a task that was already under way; such orders go before new work
    /// of every lane.
    pub resumes: bool,
}

/// Sorts `orders` into the order in which they are to be claimed at `now`.
pub fn serve_order(orders: &mut [LaneHead], now: Timestamp) {
    orders.sort_by_key(|order| {
        let waited = now.since(order.due).as_millis() / AGEING.as_millis();
        let risen = order
            .lane
            .rank()
            .saturating_sub(i64::try_from(waited).unwrap_or(i64::MAX))
            .max(0);
        (!order.resumes, risen, order.due, order.task)
    });
}

/// Depths of everything that queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QueueDepths {
    /// Orders ready or waiting for their time, per lane in the order of [`Lane::ALL`].
    pub lanes: [u64; 3],
    /// Questions that wait for a person.
    pub open_questions: u64,
    /// Answers that have not reached their agent.
    pub undelivered_answers: u64,
    /// Tasks set aside.
    pub dead: u64,
    /// Messages not yet posted.
    pub outbox: u64,
    /// Workers that are enrolled.
    pub workers: u64,
    /// Nothing is claimed anywhere.
    pub paused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(task: u64, lane: Lane, due: i64) -> LaneHead {
        LaneHead {
            task: TaskId(task),
            lane,
            due: Timestamp(due),
            resumes: false,
        }
    }

    fn served(mut orders: Vec<LaneHead>, now: i64) -> Vec<u64> {
        serve_order(&mut orders, Timestamp(now));
        orders.iter().map(|order| order.task.0).collect()
    }

    #[test]
    fn lanes_are_strict_and_fifo_inside() {
        let orders = vec![
            order(1, Lane::Low, 0),
            order(2, Lane::Default, 5),
            order(3, Lane::High, 9),
            order(4, Lane::High, 8),
        ];
        assert_eq!(served(orders, 10), [4, 3, 2, 1]);
    }

    #[test]
    fn low_work_overtakes_later_high_work_after_two_spans() {
        let span = i64::try_from(AGEING.as_millis()).expect("small");
        let orders = || vec![order(1, Lane::Low, 0), order(2, Lane::High, span + 1)];
        assert_eq!(served(orders(), span + 2), [2, 1]);
        assert_eq!(served(orders(), 2 * span), [1, 2]);
    }

    #[test]
    fn answered_tasks_go_before_new_work() {
        let resumed = LaneHead {
            resumes: true,
            ..order(7, Lane::Low, 50)
        };
        assert_eq!(served(vec![order(1, Lane::High, 0), resumed], 60), [7, 1]);
    }
}
