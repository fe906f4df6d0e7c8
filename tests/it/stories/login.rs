//! The doors of the page: links, passwords, cookies, and those who come from elsewhere.

use reqwest::{StatusCode, header};

use crate::harness::{Agent, Place, Process, visitor::Browser};

const PASSWORD: &str = "four unusual words do";

/// A place with a daemon, its address, and a link.
async fn begun(more: &str) -> (Place, Process, String) {
    let sections = crate::harness::Sections {
        more,
        ..crate::harness::Sections::default()
    };
    let mut place = Place::with_sections(Agent::Script("true"), sections).await;
    let daemon = place.daemon().await;
    let base = place.client().base().to_owned();
    (place, daemon, base)
}

fn link(place: &Place, base: &str) -> String {
    let said = place.shell(&["login"]);
    let code = said
        .split("/login")
        .nth(1)
        .expect("a link")
        .split_whitespace()
        .next()
        .expect("a code");
    format!("{base}/login{code}")
}

/// Tries a name and a password.
async fn tried(base: &str, name: &str, password: &str) -> reqwest::Response {
    let http = Browser::client();
    let form = [("name", name), ("password", password)];
    http.post(format!("{base}/login"))
        .header("sec-fetch-site", "same-origin")
        .form(&form)
        .send()
        .await
        .expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sets_a_password_and_comes_back_with_it() {
    let (place, _daemon, base) = begun("").await;
    let (browser, other) = (
        Browser::log_in(&link(&place, &base)).await,
        Browser::log_in(&link(&place, &base)).await,
    );
    let set = async |old: &str, new: &str| {
        browser
            .send("/password", &[("old", old), ("new", new)], "same-origin")
            .await
    };
    assert_eq!(set("", "too short").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(set("", PASSWORD).await, StatusCode::SEE_OTHER);
    browser.page("/settings").await;
    let logged_out = other
        .http
        .get(format!("{base}/"))
        .header("cookie", &other.cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        logged_out.status(),
        StatusCode::SEE_OTHER,
        "the other browser has to log in again"
    );
    assert_eq!(
        set("wrong", "another one that is long").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "only with the present one"
    );

    let entered = tried(&base, "admin", PASSWORD).await;
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    let cookie = entered.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        cookie.starts_with("vine_session_") && cookie.contains("; HttpOnly; SameSite=Lax; Path=/"),
        "{cookie}"
    );
    for (name, password) in [
        ("admin", "four unusual words don't"),
        ("nobody", PASSWORD),
        ("", ""),
        ("admin' OR '1'='1", PASSWORD),
    ] {
        let refused = tried(&base, name, password).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{name}");
        assert!(
            refused
                .text()
                .await
                .expect("a page")
                .contains("Incorrect name or password."),
            "{name}"
        );
    }
    let dump = place.base.dump();
    let stored = |words: &[u8]| dump.windows(words.len()).any(|window| window == words);
    assert!(
        !stored(PASSWORD.as_bytes()) && stored(b"$argon2id$v=19$m=19456,t=2,p=1$"),
        "only its hash is kept"
    );
    let audit = place
        .base
        .sql("SELECT subject, reason FROM audit WHERE verb = 'log in'")
        .join("\n");
    for line in [
        "with a link",
        "with a password\tknown",
        "with a password\twrong password",
        "new password",
    ] {
        assert!(audit.contains(line), "{line} in {audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_taken_out_of_the_configuration_leaves_no_password_and_no_token_behind() {
    let ann = "[[people]]\nname = \"Ann\"\nrole = \"operator\"\nmatrix = \"@ann:x\"\n";
    let (mut place, daemon, base) = begun(ann).await;
    let said = place.shell(&["login", "--for", "Ann"]);
    let browser = Browser::log_in(said.split_whitespace().next().expect("a link")).await;
    assert_eq!(
        browser
            .send("/password", &[("new", PASSWORD)], "same-origin")
            .await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        tried(&base, "Ann", PASSWORD).await.status(),
        StatusCode::SEE_OTHER
    );
    let count = |place: &Place, table: &str| {
        place.base.sql(&format!("SELECT count(*) FROM {table}"))[0].clone()
    };
    assert_eq!(count(&place, "passwords"), "1");
    daemon.stop().await;
    let config = std::fs::read_to_string(place.config()).expect("read");
    std::fs::write(place.config(), config.replace(ann, "")).expect("written");
    let daemon = place.daemon().await;
    assert_eq!(
        tried(&base, "Ann", PASSWORD).await.status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(count(&place, "passwords"), "0");
    daemon.stop().await;
    std::fs::write(place.config(), config).expect("written");
    let _daemon = place.daemon().await;
    assert_eq!(
        tried(&base, "Ann", PASSWORD).await.status(),
        StatusCode::UNAUTHORIZED,
        "another Ann, perhaps"
    );
    let old = browser
        .http
        .get(format!("{base}/"))
        .header("cookie", &browser.cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        old.status(),
        StatusCode::SEE_OTHER,
        "nor does her browser come back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_forgotten_here_too() {
    let people = "[[people]]\nname = \"Ann\"\nrole = \"operator\"\nmatrix = \"@ann:x\"\n";
    let (place, _daemon, base) = begun(people).await;
    let opened = async |arguments: &[&str]| {
        let said = place.shell(arguments);
        Browser::log_in(said.split_whitespace().next().expect("a link")).await
    };
    let first = opened(&["login", "--for", "Ann"]).await;
    assert_eq!(
        first
            .send("/password", &[("new", PASSWORD)], "same-origin")
            .await,
        StatusCode::SEE_OTHER
    );

    let unused = place.shell(&["login", "--for", "Ann"]);
    let second = opened(&["login", "--for", "Ann", "--new-password"]).await;
    let unused = Browser::client()
        .get(unused.split_whitespace().next().expect("a link"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        unused.status(),
        StatusCode::UNAUTHORIZED,
        "links from before are gone"
    );
    assert_eq!(
        tried(&base, "Ann", PASSWORD).await.status(),
        StatusCode::UNAUTHORIZED,
        "the old one is gone"
    );
    let old = first
        .http
        .get(format!("{base}/"))
        .header("cookie", &first.cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(old.status(), StatusCode::SEE_OTHER, "so is the old session");
    assert_eq!(
        second
            .send(
                "/password",
                &[("new", "another one that is long")],
                "same-origin"
            )
            .await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        tried(&base, "Ann", "another one that is long")
            .await
            .status(),
        StatusCode::SEE_OTHER
    );
    assert!(
        place
            .base
            .sql("SELECT actor, subject FROM audit WHERE verb = 'administer'")
            .concat()
            .contains("password of Ann")
    );

    let secret = place.shell(&["token", "user", "--for", "Ann"]);
    let ann = vine_api::Client::new(
        &base,
        Some(vine_domain::token::Token::presented(
            secret.trim().to_owned(),
        )),
    );
    let wish = |kind: &str| serde_json::json!({ "kind": kind, "new_password": true });
    let refused = ann
        .post::<_, serde_json::Value>("/tokens", &wish("login"))
        .await
        .expect_err("an operator");
    assert!(
        refused.to_string().contains("requires role `admin`"),
        "{refused}"
    );
    let refused = place
        .client()
        .post::<_, serde_json::Value>("/tokens", &wish("user"))
        .await
        .expect_err("no login");
    assert!(refused.to_string().contains("only a login"), "{refused}");
    assert_eq!(
        tried(&base, "Ann", "another one that is long")
            .await
            .status(),
        StatusCode::SEE_OTHER,
        "neither changed anything"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_too_often_has_to_wait() {
    let (place, _daemon, base) = begun("").await;
    let browser = Browser::log_in(&link(&place, &base)).await;
    assert_eq!(
        browser
            .send("/password", &[("new", PASSWORD)], "same-origin")
            .await,
        StatusCode::SEE_OTHER
    );
    let mut last = tried(&base, "admin", "a wrong one").await;
    for _ in 0..6 {
        last = tried(&base, "admin", "a wrong one").await;
    }
    assert_eq!(last.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = last.headers()[header::RETRY_AFTER]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        tried(&base, "admin", PASSWORD).await.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "also with the right one"
    );
    Browser::log_in(&link(&place, &base)).await;
    // A name that is none is bounded just as soon: the limit tells nobody who has a password.
    for number in 0..6 {
        let expected = if number < 5 {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::TOO_MANY_REQUESTS
        };
        assert_eq!(
            tried(&base, "nobody", "a wrong one").await.status(),
            expected,
            "try {number}"
        );
    }
    // Guesses at links are bounded too.
    let http = Browser::client();
    let mut refused = StatusCode::OK;
    for number in 0..40 {
        refused = http
            .get(format!("{base}/login?code=avl_{number}"))
            .send()
            .await
            .expect("an answer")
            .status();
    }
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    Browser::log_in(&link(&place, &base)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_work_once_and_nothing_comes_in_from_elsewhere() {
    let (place, _daemon, base) = begun("").await;
    let once = link(&place, &base);
    let browser = Browser::log_in(&once).await;
    let http = Browser::client();
    assert_eq!(
        http.get(&once).send().await.expect("an answer").status(),
        StatusCode::UNAUTHORIZED,
        "a replayed link"
    );

    // Framing, sniffing, leaking addresses: said no to, on every page.
    for path in ["/", "/login", "/settings"] {
        let answer = http
            .get(format!("{base}{path}"))
            .header("cookie", &browser.cookie)
            .send()
            .await
            .expect("an answer");
        let of = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        let policy = of("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'")
                && policy.contains("default-src 'none'")
                && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(
            (of("x-content-type-options"), of("referrer-policy")),
            ("nosniff".into(), "no-referrer".into())
        );
    }
    // Rebinding: another name for our address, on reads and writes alike.
    for path in ["/", "/tasks", "/login", "/assets/vine.js"] {
        let answer = http
            .get(format!("{base}{path}"))
            .header("host", "evil.example")
            .header("cookie", &browser.cookie)
            .send()
            .await;
        assert_eq!(
            answer.expect("an answer").status(),
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    // Writes of other sites, old browsers among them, which say nothing or only where they come
    // from.
    for path in [
        "/login",
        "/logout",
        "/command",
        "/do",
        "/tasks",
        "/tasks/T-1/say",
        "/password",
    ] {
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(
                browser.send(path, &[("line", "queue pause")], site).await,
                StatusCode::FORBIDDEN,
                "{path} {site}"
            );
        }
        let request = || {
            http.post(format!("{base}{path}"))
                .header("cookie", &browser.cookie)
                .form(&[("line", "queue pause")])
        };
        assert_eq!(
            request().send().await.expect("an answer").status(),
            StatusCode::FORBIDDEN,
            "{path} without any sign"
        );
        let foreign = request()
            .header("origin", "https://evil.example")
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            foreign.status(),
            StatusCode::FORBIDDEN,
            "{path} from another origin"
        );
    }
    assert!(!browser.page("/").await.contains("Paused everywhere"));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_the_cookie_cannot_be_set_by_others() {
    let (place, _daemon, base) =
        begun("[daemon]\npublic_url = \"https://vine.example.org\"\n").await;
    let link = link(&place, &base);
    let code = link.split("code=").nth(1).expect("a code");
    let answer = Browser::client()
        .post(format!("{base}/login/link"))
        .header("host", "vine.example.org")
        .header("sec-fetch-site", "same-origin")
        .form(&[("code", code)])
        .send()
        .await
        .expect("an answer");
    let cookie = answer.headers()[header::SET_COOKIE]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        cookie.starts_with("__Host-vine_session=")
            && cookie.ends_with("; Secure")
            && cookie.contains("; Path=/"),
        "{cookie}"
    );
    let (named, value) = cookie
        .split(';')
        .next()
        .expect("a pair")
        .split_once('=')
        .expect("a pair");
    for (name, status) in [
        (named, StatusCode::OK),
        ("vine_session", StatusCode::SEE_OTHER),
    ] {
        let request = Browser::client()
            .get(format!("{base}/"))
            .header("host", "vine.example.org")
            .header("cookie", format!("{name}={value}"));
        assert_eq!(
            request.send().await.expect("an answer").status(),
            status,
            "{name}"
        );
    }
}
