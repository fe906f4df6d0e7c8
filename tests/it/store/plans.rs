//! How PostgreSQL goes about our statements. Plans are made once for each connection, perhaps while
//! there is nothing to walk yet.

use vine_domain::{Lane, Slug, lifecycle::Event, ports::TaskFilter, task::Report};

use crate::store::contract::{Bed, open};

/// What a connection has read is known for certain when it has ended.
fn hang_up(bed: &Bed) {
    let others =
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while bed
        .base
        .sql(&format!("SELECT count(pg_terminate_backend(pid)) {others}"))
        != ["0"]
    {}
}

#[tokio::test]
async fn what_is_claimed_ended_and_listed_is_found_by_its_key_however_much_is_queued() {
    const QUEUED: i64 = 1_000;
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    for _ in 0..QUEUED {
        bed.task().await;
    }
    for _ in 0..20 {
        let attempt = bed.claim(worker, 1).await[0];
        let done = Event::Finished {
            by: worker,
            attempt,
            report: Report::default(),
        };
        bed.step(attempt.task, done).await.expect("stored");
    }
    for state in [None, Some("queued"), Some("dead")] {
        let filter = TaskFilter {
            state: state.map(str::to_owned),
            limit: 10,
            ..TaskFilter::default()
        };
        bed.store.tasks(&filter).await.expect("read");
    }
    hang_up(&bed);
    let read = |rows: &str| {
        let tables =
            "('tasks', 'work_orders', 'executions', 'task_log', 'chat_messages', 'outbox')";
        let sum = bed.base.sql(&format!(
            "SELECT sum({rows}) FROM pg_stat_user_tables WHERE relname IN {tables}"
        ));
        sum[0].parse::<i64>().expect("a number")
    };
    assert!(read("n_tup_ins") >= 4 * QUEUED, "what was done is counted");
    assert!(
        read("seq_tup_read") < QUEUED,
        "a table was walked: {} rows",
        read("seq_tup_read")
    );
}

#[tokio::test]
async fn the_tasks_of_a_small_repository_are_found_among_many_of_others() {
    const OTHERS: i64 = 1_000;
    let bed = Bed::new().await;
    for _ in 0..OTHERS {
        bed.task().await;
    }
    // As far as PostgreSQL knows, all tasks are of one repository.
    bed.base.sql("ANALYZE tasks");
    let own = bed.task_in("shop", Lane::Default).await;
    let read = || {
        hang_up(&bed);
        let walked = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'tasks'";
        let sum = bed.base.sql(&format!(
            "SELECT seq_tup_read + ({walked}) FROM pg_stat_user_tables WHERE relname = 'tasks'"
        ));
        sum[0].parse::<i64>().expect("a number")
    };
    let before = read();
    let filter = TaskFilter {
        repo: Some(Slug::from_text("shop")),
        limit: 10,
        ..TaskFilter::default()
    };
    let listed = open(&bed.base, bed.clock.clone())
        .await
        .tasks(&filter)
        .await
        .expect("read");
    assert_eq!(listed.iter().map(|task| task.id).collect::<Vec<_>>(), [own]);
    assert!(
        read() - before < OTHERS / 10,
        "all tasks were walked: {} entries",
        read() - before
    );
}
