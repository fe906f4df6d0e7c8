//! When an open question reminds people, whom, and when it expires.
//!
//! A reminder is sent after [`ReminderPolicy::remind`] and then each time the wait has doubled. An
//! escalation is sent once, to more people. Expiry ends the wait. Quiet hours postpone reminders
//! and escalations to their end, but not expiry, which is only recorded.

use std::time::Duration;

use jiff::{
    civil::{DateTime, Time},
    tz::TimeZone,
};

use crate::{
    clock::Timestamp,
    question::{Ask, Question},
};

/// All time settings for open questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderPolicy {
    /// The first reminder, this long after the question.
    pub remind: Duration,
    /// The escalation, this long after the question.
    pub escalate: Duration,
    /// Whom the escalation mentions: a role, or a person's name.
    pub escalate_to: String,
    /// When clarifying questions and plans expire.
    pub expire: Duration,
    /// When permissions expire: what was right to allow yesterday may be wrong today.
    pub expire_permission: Duration,
    /// When nobody is reminded.
    pub quiet: Option<QuietHours>,
    /// With at least this many open questions in a room, one digest replaces all reminders.
    pub digest: usize,
}

impl Default for ReminderPolicy {
    fn default() -> Self {
        let hours = |count: u64| Duration::from_secs(count * 3600);
        Self {
            remind: Duration::from_secs(30 * 60),
            escalate: hours(4),
            escalate_to: "operator".into(),
            expire: hours(7 * 24),
            expire_permission: hours(24),
            quiet: None,
            digest: 3,
        }
    }
}

/// A span of each day, in one time zone; it crosses midnight if it ends before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub until: Time,
    /// The time zone.
    pub zone: TimeZone,
}

/// What is due for an open question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderStep {
    /// Nothing yet.
    Nothing,
    /// Remind those who may answer.
    Remind,
    /// Mention more people.
    Escalate,
    /// Stop waiting.
    Expire,
}

impl ReminderPolicy {
    /// What is due for an open question at `now`.
    pub fn due(&self, question: &Question, now: Timestamp) -> ReminderStep {
        let waited = now.since(question.asked_at);
        match () {
            () if waited >= self.expiry(&question.ask) => ReminderStep::Expire,
            () if self.quiet_until(now).is_some() => ReminderStep::Nothing,
            () if !question.pings.escalated && waited >= self.escalate => ReminderStep::Escalate,
            () if waited >= self.reminder(question.pings.reminders) => ReminderStep::Remind,
            () => ReminderStep::Nothing,
        }
    }

    /// When to check an open question again. Always later than `now` once what was due is done.
    pub fn alarm(&self, question: &Question, now: Timestamp) -> Timestamp {
        let after = |span| question.asked_at.plus(span);
        let escalation = (!question.pings.escalated).then(|| after(self.escalate));
        let ping = escalation
            .into_iter()
            .chain([after(self.reminder(question.pings.reminders))])
            .min()
            .unwrap_or(now);
        let ping = self.quiet_until(ping.max(now)).unwrap_or(ping);
        ping.min(after(self.expiry(&question.ask)))
    }

    /// Whether a digest that lists the question replaces its next reminder, which it does unless
    /// that is still far away.
    pub fn covers(&self, question: &Question, now: Timestamp) -> bool {
        now.since(question.asked_at) * 2 >= self.reminder(question.pings.reminders)
    }

    /// How many reminders are due after `waited`; several at once if the daemon was away.
    pub fn reminders_by(&self, waited: Duration) -> u32 {
        (0..32)
            .take_while(|count| waited >= self.reminder(*count))
            .count()
            .try_into()
            .unwrap_or(32)
    }

    /// How long a question of this kind may wait.
    pub fn expiry(&self, ask: &Ask) -> Duration {
        match ask {
            Ask::Permission { .. } => self.expire_permission,
            Ask::Clarify { .. } | Ask::Plan { .. } => self.expire,
        }
    }

    fn reminder(&self, count: u32) -> Duration {
        self.remind.saturating_mul(1 << count.min(31))
    }

    /// Whether nobody is reminded at `now`.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet_until(now).is_some()
    }

    fn quiet_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.quiet.as_ref()?.end(at)
    }
}

impl QuietHours {
    /// When the quiet hours around `at` end; `None` outside of them.
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let local = jiff::Timestamp::from_millisecond(at.0)
            .ok()?
            .to_zoned(self.zone.clone());
        let time = local.time();
        let today = local.date();
        let quiet = match self.from <= self.until {
            true => self.from <= time && time < self.until,
            false => self.from <= time || time < self.until,
        };
        let day = if time < self.until {
            today
        } else {
            today.tomorrow().ok()?
        };
        let end = DateTime::from_parts(day, self.until)
            .to_zoned(self.zone.clone())
            .ok()?;
        quiet.then(|| Timestamp(end.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(
            text.parse::<jiff::Timestamp>()
                .expect("a time")
                .as_millisecond(),
        )
    }

    fn nights(zone: &str) -> QuietHours {
        let time = |text: &str| text.parse().expect("a time");
        QuietHours {
            from: time("22:00"),
            until: time("07:00"),
            zone: TimeZone::get(zone).expect("a zone"),
        }
    }

    #[test]
    fn quiet_hours_span_midnight_in_the_time_of_their_zone() {
        let quiet = nights("Europe/Berlin");
        for (now, end) in [
            ("2026-11-24T20:59:00Z", None),
            ("2026-11-24T21:00:00Z", Some("2026-11-25T06:00:00Z")),
            ("2026-11-25T05:59:00Z", Some("2026-11-25T06:00:00Z")),
            ("2026-11-25T06:00:00Z", None),
            // Summer time begins this night, so the morning comes an hour earlier in UTC.
            ("2027-03-27T22:30:00Z", Some("2027-03-28T05:00:00Z")),
        ] {
            assert_eq!(quiet.end(at(now)), end.map(at), "{now}");
        }
    }
}
