//! Lanes, and the order within and between them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::TaskId, invalid::Invalid};

/// A queue of work orders. A lane is served only while the lanes before it are empty, except that
/// orders move up one lane after a long wait ([`AGEING`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Urgent.
    High,
    /// Normal.
    Default,
    /// Background.
    Low,
}

/// An order moves up one lane for each full span of this length that it has waited. So after at
/// most two spans, `low` work goes ahead of everything that came later.
pub const AGEING: Duration = Duration::from_secs(10 * 60);

impl Lane {
    /// All lanes, in the order in which they are served.
    pub const ALL: [Self; 3] = [Self::High, Self::Default, Self::Low];

    /// The word people type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Default => "default",
            Self::Low => "low",
        }
    }

    /// The name of the lane's queue in listings.
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

/// The order at the head of a lane, with what decides between lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneHead {
    /// The order's task.
    pub task: TaskId,
    /// The lane it was put into.
    pub lane: Lane,
    /// When it became ready to run.
    pub due: Timestamp,
    /// It carries an answer for a task that has already started; such orders go ahead of new work
    /// in every lane.
    pub resumes: bool,
}

/// Sorts `orders` by when they are to be claimed at `now`.
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

/// The depth of each queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QueueDepths {
    /// Orders that are ready or not yet due, per lane in the order of [`Lane::ALL`].
    pub lanes: [u64; 3],
    /// Questions that wait for a person.
    pub open_questions: u64,
    /// Answers that have not reached their agent.
    pub undelivered_answers: u64,
    /// Dead letters.
    pub dead: u64,
    /// Messages not yet posted.
    pub outbox: u64,
    /// Enrolled workers.
    pub workers: u64,
    /// Whether claiming is paused everywhere.
    pub paused: bool,
}

impl QueueDepths {
    /// The queues under their names, each with its depth.
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        let lanes = Lane::ALL.iter().zip(self.lanes);
        let lanes = lanes.map(|(lane, depth)| (lane.queue_name(), depth));
        let rest = [
            ("worker_requests", self.open_questions),
            ("controller_responses", self.undelivered_answers),
            ("dead", self.dead),
        ];
        lanes.chain(rest).collect()
    }
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
