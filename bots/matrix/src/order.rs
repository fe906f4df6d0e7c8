//! Timestamps of events, checked against the order of the homeserver's stream.
//!
//! Events of our own homeserver have its time. Events of other servers have the time that those
//! servers claim, so it is limited by the events around them: not earlier than what came before,
//! and not later than what came after.

use serde_json::Value;

use crate::translate::AccountIdentity;

/// Corrects the timestamps of consecutive events of a room. `latest` is the time of the last event
/// of our own server in that room, kept from one sync to the next.
pub fn date(events: &mut [Value], us: &AccountIdentity, latest: &mut i64) {
    let home = us.id.split_once(':').map_or("", |(_, home)| home);
    let is_ours = |event: &Value| {
        event["sender"]
            .as_str()
            .and_then(|sender| sender.split_once(':'))
            .is_some_and(|(_, server)| server == home)
    };
    for event in events.iter_mut() {
        let Some(at) = event["origin_server_ts"].as_i64() else {
            continue;
        };
        if is_ours(event) {
            *latest = at.max(*latest);
        } else {
            event["origin_server_ts"] = at.max(*latest).into();
        }
    }
    let mut next = i64::MAX;
    for event in events.iter_mut().rev() {
        let Some(at) = event["origin_server_ts"].as_i64() else {
            continue;
        };
        if is_ours(event) {
            next = at.min(next);
        } else {
            event["origin_server_ts"] = at.min(next).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_clock_of_another_server_moves_nothing_past_what_stands_beside_it() {
        let event = |sender: &str, at: i64| json!({ "sender": sender, "origin_server_ts": at });
        let us = AccountIdentity {
            id: "@vine:here".into(),
        };
        let ours = "@vine:here";
        let theirs = "@carol:there";
        let mut latest = 0;
        let mut events = [
            event(theirs, 90_000),
            event(ours, 100_000),
            event(theirs, 50_000),
            event("@ann:here", 110_000),
            event(theirs, 900_000),
        ];
        date(&mut events, &us, &mut latest);
        let dated = |events: &[Value]| -> Vec<i64> {
            events
                .iter()
                .filter_map(|event| event["origin_server_ts"].as_i64())
                .collect()
        };
        assert_eq!(dated(&events), [90_000, 100_000, 100_000, 110_000, 900_000]);
        let mut more = [event(theirs, 1), event(ours, 120_000)];
        date(&mut more, &us, &mut latest);
        assert_eq!(dated(&more), [110_000, 120_000]);
    }
}
