//! A database or a Redis that cannot be used is named, with what to do; its password is not.

use crate::harness::{Agent, Place, base::Base};

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
            "does not let nobody-we-know in",
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
