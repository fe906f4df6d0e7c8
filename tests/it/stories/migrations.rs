//! Tables of several versions: filled ones are brought up to date, newer ones are used as long as
//! they allow that.

use vine_domain::{QuestionState, TaskId, TaskState, lifecycle::About, ports::TaskFilter};
use vine_postgres::Database as Postgres;
use vine_sqlite::Database as Sqlite;

use crate::{
    harness::base::Base,
    store::contract::{Manual, open, try_open},
};

/// A row or more for each table, in the tables of the first version.
const SAMPLE: &str = include_str!("../../data/sample_0001.sql");

#[tokio::test]
async fn migrations_run_over_filled_tables_of_the_first_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = Base::new(folder.path());
    match &base {
        Base::Sqlite(file) => Sqlite::make(file, 1).await.expect("made"),
        Base::Postgres(database, _) => Postgres::make(&database.url(), 1).await.expect("made"),
    }
    for statement in SAMPLE
        .split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        base.sql(statement);
    }
    let store = open(&base, Manual::new()).await;
    let tasks = store
        .tasks(&TaskFilter {
            limit: 10,
            ..TaskFilter::default()
        })
        .await
        .expect("read");
    let states: Vec<&str> = tasks.iter().map(|task| task.state.as_str()).collect();
    assert_eq!(states, ["queued", "waiting", "done"]);
    let situation = store
        .snapshots(&[(TaskId(2), About::Everything)])
        .await
        .expect("read")
        .pop()
        .expect("there");
    assert!(matches!(
        situation.task.state,
        TaskState::Waiting { lease: None }
    ));
    assert!(
        matches!(situation.questions[0].state, QuestionState::Open) && situation.notes.len() == 1
    );
    let thread = store.thread(TaskId(1), 0, 10).await.expect("read");
    assert_eq!(thread.len(), 2);
    let card = thread.iter().find(|message| message.kind == "card");
    let buttons = card.expect("a card").buttons.iter();
    let says: Vec<&str> = buttons.map(|button| button.says.as_str()).collect();
    assert_eq!(
        says,
        [
            "/vine task cancel T-1",
            "/vine task retry T-1",
            "/vine task log T-1 --limit 20",
            "/vine task diff T-1"
        ],
        "a press on a card of that version finds them"
    );
    assert_eq!(store.sessions(None, true, 10).await.expect("read").len(), 1);
    assert_eq!(store.rooms().await.expect("read").len(), 1);
    assert_eq!(base.sql("SELECT needs FROM settings"), ["1"]);
}

#[tokio::test]
async fn migrations_of_a_newer_program_are_left_alone_until_they_take_something_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (base, clock) = (Base::new(folder.path()), Manual::new());
    drop(open(&base, clock.clone()).await);
    base.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 9999, 'of tomorrow', success, checksum, execution_time FROM _sqlx_migrations WHERE \
         version = 1",
    );
    drop(open(&base, clock.clone()).await);
    base.sql("UPDATE settings SET needs = 9999");
    let refused = try_open(&base, clock.clone()).await.err().expect("refused");
    assert!(
        refused.contains("needs schema version 9999") && refused.contains("restore a backup"),
        "{refused}"
    );

    base.sql("UPDATE settings SET needs = 1");
    base.sql(
        "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM _sqlx_migrations WHERE \
     version = 2) WHERE version = 1",
    );
    let refused = try_open(&base, clock).await.err().expect("refused");
    assert!(
        refused.contains("created by a development version"),
        "{refused}"
    );
}
