//! Callers hang up at any moment. What they had begun must not stay open in a connection that
//! others use after them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use vine_domain::access::AuditEntry;

use crate::store::{
    contract::{Bed, notice},
    one_write::OneWrite as _,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_at_any_moment_leaves_no_transaction_open() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    // Moments from the first microsecond of a call to after its end, many times over.
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state \
     LIKE 'idle in transaction%'";
    for round in 0..300_u64 {
        let store = Arc::clone(&bed.store);
        let message = notice(task, vine_domain::chat::OutboundKind::Notice);
        let call = tokio::spawn(async move { store.say(&[message]).await });
        // The runtime's clock knows milliseconds only.
        let end = Instant::now() + Duration::from_micros(round % 100 * 3);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        call.abort();
        // The next call on that connection would end it, so each one is looked at.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(bed.base.sql(open), ["0"], "round {round}");
    }
    let entry = AuditEntry {
        actor: "Ann".into(),
        verb: "see".into(),
        subject: "x".into(),
        allowed: true,
        reason: "viewer".into(),
    };
    for _ in 0..40 {
        bed.store
            .audit(std::slice::from_ref(&entry))
            .await
            .expect("stored");
    }
    assert_eq!(
        bed.base
            .sql("SELECT count(*) FROM audit WHERE actor = 'Ann'"),
        ["40"],
        "what is stored is there for others"
    );
}
