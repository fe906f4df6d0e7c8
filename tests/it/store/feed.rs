//! The feed of everything that was said, in every store: whoever reads on after a number misses
//! nothing and never stands still.

use std::time::Duration;

use vine_domain::{
    MessageId,
    chat::{MessagePlace, Outbound, OutboundKind, PrivateReply},
    clock::{Ids, System},
};

use crate::store::{contract::Bed, one_write::OneWrite as _};

/// The numbers that a reader gets.
async fn read(bed: &Bed, after: u64, limit: u32) -> Vec<u64> {
    bed.store
        .messages(after, limit)
        .await
        .expect("read")
        .iter()
        .map(|message| message.seq)
        .collect()
}

#[tokio::test]
async fn what_was_said_aside_is_not_shown_and_stops_no_reader() {
    let bed = Bed::new().await;
    for number in 0..3 {
        let aside = PrivateReply {
            platform: "chat".into(),
            room: "site".into(),
            thread: None,
            to: format!("e-{number}"),
            author: "ann".into(),
        };
        let message = Outbound::new(
            MessageId(System.uuid()),
            MessagePlace::Aside(aside),
            OutboundKind::Notice,
            "only for you",
        );
        bed.store.say(&[message]).await.expect("stored");
    }
    let task = bed.task().await;
    for limit in [1, 2, 3, 10] {
        let shown = bed.store.messages(0, limit).await.expect("read");
        assert_eq!(
            shown.iter().map(|message| message.task).collect::<Vec<_>>(),
            [Some(task)],
            "at most {limit}"
        );
    }
}

#[tokio::test]
async fn a_number_that_may_still_come_holds_back_what_follows_until_it_cannot_come_any_more() {
    let bed = Bed::new().await;
    for _ in 0..3 {
        bed.task().await;
    }
    let [first, second, third] = read(&bed, 0, 10).await[..] else {
        panic!("three cards")
    };
    for statement in [
        "DELETE FROM outbox WHERE seq = ",
        "DELETE FROM chat_messages WHERE seq = ",
    ] {
        bed.base.sql(&format!("{statement}{second}"));
    }
    assert_eq!(
        read(&bed, 0, 10).await,
        [first],
        "as if its transaction had not ended"
    );
    assert_eq!(read(&bed, first, 10).await, [0; 0]);
    assert_eq!(
        read(&bed, second, 10).await,
        [third],
        "a reader who has it reads on"
    );
    bed.clock.pass(Duration::from_secs(20));
    assert_eq!(
        read(&bed, first, 10).await,
        [third],
        "no transaction lives that long"
    );
}
