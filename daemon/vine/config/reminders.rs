//! The section `[questions]` as a policy for reminders.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use vine_domain::reminder::{QuietHours, ReminderPolicy};

use super::QuestionsConfig;

impl QuestionsConfig {
    /// The policy, or what is wrong with the section.
    pub fn patience(&self) -> Result<ReminderPolicy> {
        let seconds = Duration::from_secs;
        if self.remind_after_seconds == 0
            || self.expire_after_seconds == 0
            || self.expire_permission_after_seconds == 0
        {
            bail!("a time in [questions] is 0; people need longer to answer");
        }
        if self.digest_from == 0 {
            bail!(
                "questions.digest_from is 0; use 1 to always post digests, or a large number to \
                 never post them"
            );
        }
        Ok(ReminderPolicy {
            remind: seconds(self.remind_after_seconds),
            escalate: seconds(self.escalate_after_seconds),
            escalate_to: self.escalate_to.clone(),
            expire: seconds(self.expire_after_seconds),
            expire_permission: seconds(self.expire_permission_after_seconds),
            quiet: self
                .quiet_hours
                .as_deref()
                .map(|hours| quiet(hours, &self.time_zone))
                .transpose()?,
            digest: self.digest_from,
        })
    }
}

/// `22:00-07:00` in a zone such as `Europe/Berlin`.
fn quiet(hours: &str, zone: &str) -> Result<QuietHours> {
    let (from, until) = hours.split_once('-').with_context(|| {
        format!("questions.quiet_hours is `{hours}`; write it like 22:00-07:00")
    })?;
    let time = |text: &str| {
        text.trim()
            .parse()
            .with_context(|| format!("questions.quiet_hours has `{text}`; write a time like 22:00"))
    };
    let zone = jiff::tz::TimeZone::get(zone).with_context(|| {
        format!("questions.time_zone is `{zone}`; use a name like Europe/Berlin")
    })?;
    Ok(QuietHours {
        from: time(from)?,
        until: time(until)?,
        zone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_quiet_hours_is_said() {
        for (hours, zone, words) in [
            ("22:00", "UTC", "22:00-07:00"),
            ("22-x", "UTC", "a time like"),
            ("22:00-07:00", "Mars", "Mars"),
        ] {
            let questions = QuestionsConfig {
                quiet_hours: Some(hours.into()),
                time_zone: zone.into(),
                ..QuestionsConfig::default()
            };
            let error = questions.patience().expect_err("wrong");
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
        let fine = QuestionsConfig {
            quiet_hours: Some("22:00-07:00".into()),
            time_zone: "Europe/Berlin".into(),
            ..QuestionsConfig::default()
        };
        assert!(fine.patience().expect("fine").quiet.is_some());
    }
}
