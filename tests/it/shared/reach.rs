//! A database or a Redis that cannot be used is named, with what to do; its password is not.

use crate::harness::{
    Agent, Place,
    base::Base,
    servers::{Pooler, psql},
};

/// Whether a program ended well, and all that it said.
fn ran(place: &Place, arguments: &[&str]) -> (bool, String) {
    let output = place
        .vine(arguments)
        .env("VINE_STATE", place.folder.path().join("daemon"))
        .output()
        .expect("the program runs");
    (
        output.status.success(),
        [output.stdout, output.stderr]
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .concat(),
    )
}

fn refused(place: &Place, arguments: &[&str]) -> String {
    let (well, said) = ran(place, arguments);
    assert!(!well, "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_is_named_with_what_to_do() {
    let mut place = Place::new(Agent::Script("true")).await;
    let Base::Postgres(database, _) = &place.base else {
        panic!("on PostgreSQL")
    };
    let url = database.url();
    let (server, name) = url.rsplit_once('/').expect("a name");
    let (_, address) = server.rsplit_once('@').expect("a user");
    let cases = [
        (
            "postgres://vine:hush@127.0.0.1:1/vine".to_owned(),
            "PostgreSQL does not answer at 127.0.0.1:1 (",
            "start it",
        ),
        (
            format!("postgres://nobody-we-know:hush@{address}/{name}"),
            "rejected the login of nobody-we-know",
            "correct the user or the password",
        ),
        (
            format!("{server}/not_there"),
            "has no database `not_there`",
            "createdb not_there",
        ),
    ];
    for (url, what, hint) in cases {
        place.env = vec![("VINE_DATABASE__URL".into(), url.clone())];
        for arguments in [&["doctor"][..], &["daemon", "--listen", "127.0.0.1:0"]] {
            let said = refused(&place, arguments);
            assert!(said.contains(what) && said.contains(hint), "{url}: {said}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_the_database_and_at_redis() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let (_, said) = ran(&place, &["doctor"]);
    assert!(said.contains("ok       database     PostgreSQL "), "{said}");
    let redis = matches!(&place.base, Base::Postgres(_, Some(_)));
    assert_eq!(
        said.contains("ok       redis        answers"),
        redis,
        "{said}"
    );
    place.env = vec![(
        "VINE_REDIS__URL".into(),
        "redis://:hush@127.0.0.1:1/".into(),
    )];
    let said = refused(&place, &["doctor"]);
    assert!(
        said.contains("problem  redis        Redis cannot be used (")
            && said.contains("correct redis.url"),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused_by_name_and_one_in_session_mode_works() {
    let mut place = Place::new(Agent::Script("vine ask 'Go?'")).await;
    let Base::Postgres(database, _) = &place.base else {
        panic!("on PostgreSQL")
    };
    let pooler = |mode: &str, more: &str| Pooler::before(database, mode, more);
    let refusing = [
        pooler("transaction", ""),
        pooler("transaction", "server_round_robin = 1"),
        pooler("statement", ""),
    ];
    let session = pooler("session", "");
    for pooler in &refusing {
        place.env = vec![("VINE_DATABASE__URL".into(), pooler.url())];
        for arguments in [&["doctor"][..], &["daemon", "--listen", "127.0.0.1:0"]] {
            let said = refused(&place, arguments);
            assert!(
                said.contains("PgBouncer") && said.contains("pool_mode = session"),
                "{said}"
            );
        }
    }
    place.env = vec![("VINE_DATABASE__URL".into(), session.url())];
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let task = place.task("Through a pooler", "x").await;
    let (question, _) = place.question(&task).await;
    place.answer(&task, &question, "Go").await;
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_hands_out_no_number_again() {
    let mut place = Place::new(Agent::Script("vine ask 'Go?'")).await;
    let Base::Postgres(database, _) = &place.base else {
        panic!("on PostgreSQL")
    };
    let (url, copy) = (database.url(), format!("{}_copy", database.url()));
    let (server, name) = url.rsplit_once('/').expect("a name");
    let (server, name) = (format!("{server}/postgres"), name.to_owned());
    let daemon = place.daemon().await;
    assert_eq!(place.task("Before", "x").await, "T-1");
    daemon.stop().await;
    let daemon = place.daemon().await;
    assert_eq!(place.task("The same server", "x").await, "T-2");
    daemon.stop().await;
    psql(
        &server,
        &format!("CREATE DATABASE {name}_copy TEMPLATE {name}"),
    )
    .expect("copied");
    place.env = vec![("VINE_DATABASE__URL".into(), copy)];
    let daemon = place.daemon().await;
    assert_eq!(place.task("Back at the copy", "x").await, "T-1003");
    assert!(
        daemon.output().contains("restored from a copy"),
        "{}",
        daemon.output()
    );
    daemon.stop().await;
    let daemon = place.daemon().await;
    assert_eq!(place.task("Once is enough", "x").await, "T-1004");
    daemon.stop().await;
    psql(&server, &format!("DROP DATABASE {name}_copy")).expect("dropped");
}
