//! When a usage limit resets, in the formats that Claude Code uses: a `rate_limit_event` with a
//! unix time, text that ends in `|1795544395`, or text with a time of day and usually a zone, like
//! `resets 3pm (Europe/Berlin)` or `resets Nov 30 at 9:30am (UTC)`.

use std::sync::LazyLock;

use jiff::{ToSpan, civil, tz::TimeZone};
use regex::{Captures, Regex};
use serde_json::Value;
use vine_domain::Timestamp;

/// The time in a `rate_limit_event`, if the limit is reached.
pub fn in_event(frame: &Value) -> Option<Timestamp> {
    let info = &frame["rate_limit_info"];
    let reached = info["status"] == "rejected";
    reached.then(|| of_unix(info["resetsAt"].as_i64()))?
}

/// The time in a text, as seen at `now`.
pub fn in_words(said: &str, now: Timestamp) -> Option<Timestamp> {
    after_bar(said).or_else(|| of_day(said, now))
}

fn after_bar(said: &str) -> Option<Timestamp> {
    let rest = said.rsplit_once('|')?.1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    of_unix(digits.parse().ok())
}

/// Seconds, or milliseconds if the number is too large for seconds.
fn of_unix(number: Option<i64>) -> Option<Timestamp> {
    match number? {
        seconds @ 1_000_000_000..=9_999_999_999 => Some(Timestamp(seconds * 1000)),
        millis @ 1_000_000_000_000..=9_999_999_999_999 => Some(Timestamp(millis)),
        _ => None,
    }
}

static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?xi) \bresets?\b (?:\s+at)? \s+
          (?: (?<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \s+ (?<day>\d{1,2}) (?:,|\s+at)* \s+ )?
          (?<hour>\d{1,2}) (?: : (?<minute>\d{2}) )? \s* (?<half>am|pm)?
          (?: \s* \( (?<zone>[A-Za-z0-9_/+-]+) \) )?",
    )
    .expect("a fixed pattern")
});

const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";

/// The next matching time; UTC if there is no zone.
fn of_day(said: &str, now: Timestamp) -> Option<Timestamp> {
    let found = WORDS.captures(said)?;
    let zone = match found.name("zone") {
        Some(name) => TimeZone::get(name.as_str()).ok()?,
        None => TimeZone::UTC,
    };
    let now = jiff::Timestamp::from_millisecond(now.0)
        .ok()?
        .to_zoned(zone.clone());
    let time = time(&found)?;
    let (mut day, step) = match month(&found) {
        Some(month) => {
            let day: i8 = found["day"].parse().ok()?;
            (civil::Date::new(now.year(), month, day).ok()?, 1.year())
        }
        None => (now.date(), 1.day()),
    };
    if day.to_datetime(time) <= now.datetime() {
        day = day.checked_add(step).ok()?;
    }
    let reset = day.to_datetime(time).to_zoned(zone).ok()?;
    Some(Timestamp(reset.timestamp().as_millisecond()))
}

fn month(found: &Captures<'_>) -> Option<i8> {
    let name = found.name("month")?.as_str().to_lowercase();
    i8::try_from(MONTHS.find(&name)? / 3 + 1).ok()
}

fn time(found: &Captures<'_>) -> Option<civil::Time> {
    let said: i8 = found["hour"].parse().ok()?;
    let minute = found
        .name("minute")
        .map_or(Ok(0), |text| text.as_str().parse());
    let hour = match found.name("half").map(|half| half.as_str().to_lowercase()) {
        Some(_) if said > 12 => return None,
        Some(half) if half == "pm" => said % 12 + 12,
        Some(_) => said % 12,
        // A bare number is not a time of day.
        None if found.name("minute").is_none() => return None,
        None => said,
    };
    civil::Time::new(hour, minute.ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_gives_the_moment() {
        // 2026-11-28 18:00 UTC
        let now = Timestamp(1_795_888_800_000);
        let hours = |count: i64| Some(Timestamp(now.0 + count * 3_600_000));
        for (said, reset) in [
            ("Claude AI usage limit reached|1795899600", hours(3)),
            ("limit reached|1795899600000", hours(3)),
            (
                "You've hit your limit · resets 10pm (Europe/Berlin)",
                hours(3),
            ),
            ("5-hour limit reached ∙ resets 9pm (UTC)", hours(3)),
            ("limit reached, resets 21:00", hours(3)),
            ("resets at 3pm (UTC)", hours(21)),
            (
                "Weekly limit reached · resets Nov 29 at 6:00pm (UTC)",
                hours(24),
            ),
            ("resets Nov 29, 1pm (America/New_York)", hours(24)),
            ("resets soon", None),
            ("it resets 3 counters", None),
            ("resets 3pm (Nowhere/Land)", None),
            ("resets 99pm (UTC)", None),
        ] {
            assert_eq!(in_words(said, now), reset, "{said}");
        }
        let event =
            |status| json!({ "rate_limit_info": { "status": status, "resetsAt": 1_795_899_600 } });
        assert_eq!(in_event(&event("rejected")), hours(3));
        assert_eq!(in_event(&event("allowed_warning")), None);
    }
}
