//! The document of the API is whole and true: a program that knows nothing but the document calls
//! everything, with each kind of token, and finds no error of ours, no answer that is not in it,
//! and nothing that the token does not give.

use std::{path::Path, time::Duration};

use reqwest::Method;
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{Agent, Place, Sections, api::Api};

/// Rules that the document cannot tell (names of branches, what may follow what) refuse data that
/// fits its shapes; and no object belongs to one person alone.
const NOT_CHECKED: &str = "positive_data_acceptance,object_level_authorization";
const PEOPLE: &str = "[[people]]\nname = \"Vic\"\nrole = \"viewer\"\nmatrix = \"@vic:x\"\n\
                      [[people]]\nname = \"Olga\"\nrole = \"operator\"\nmatrix = \"@olga:x\"\n\
                      [[people]]\nname = \"Nobody\"\nmatrix = \"@no:x\"\n";

/// A place with people, a worker, and something of everything.
struct Reached {
    place: Place,
    api: Api,
    _processes: [crate::harness::Process; 2],
}

impl Reached {
    async fn new() -> Self {
        let sections = Sections {
            more: PEOPLE,
            ..Sections::default()
        };
        let (place, processes) = Place::with_sections(Agent::Script("vine ask 'Which?'"), sections)
            .await
            .at_work()
            .await;
        let task = place.task("Ask", "ask").await;
        place.question(&task).await;
        let api = Api::of(&place);
        Self {
            place,
            api,
            _processes: processes,
        }
    }

    fn token_for(&self, name: &str) -> String {
        self.place
            .shell(&["token", "user", "--for", name])
            .trim()
            .to_owned()
    }

    /// An enrolled worker's token.
    async fn worker(&self) -> String {
        let code = self.place.secret("enrolment").await;
        let enrol =
            serde_json::json!({ "code": code, "name": "by-hand", "slots": 1, "version": "test" });
        let (_, enrolled) = self
            .api
            .call(Method::POST, "/workers", None, enrol.to_string())
            .await;
        enrolled["token"].as_str().expect("a token").to_owned()
    }

    async fn document(&self) -> Value {
        let answer = self
            .api
            .http
            .get(format!("{}/api/v1/openapi.json", self.api.base))
            .send()
            .await
            .expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Lets the program loose on everything.
    async fn explored_with(&self, token: Option<&str>) {
        let tool = std::env::var("VINE_TEST_SCHEMATHESIS")
            .expect("VINE_TEST_SCHEMATHESIS is not set; `tests/run` installs it and sets it");
        let mut command = Command::new(Path::new(&tool).join("bin/schemathesis"));
        command.args([
            "run",
            &format!("{}/api/v1/openapi.json", self.api.base),
            "--no-color",
            "--continue-on-failure",
            "--seed",
            "1",
        ]);
        command.args([
            "--max-examples",
            "8",
            "--phases",
            "examples,coverage,fuzzing",
            "--exclude-checks",
            NOT_CHECKED,
        ]);
        command.args([
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--request-timeout",
            "90",
        ]);
        if let Some(token) = token {
            // In lower case, as clients may write it; ours write it in upper case.
            command.args(["-H", &format!("Authorization: bearer {token}")]);
        }
        command
            .current_dir(self.place.folder.path())
            .kill_on_drop(true);
        let done = tokio::time::timeout(Duration::from_secs(220), command.output())
            .await
            .expect("it ends")
            .expect("it runs");
        let said = String::from_utf8_lossy(&done.stdout);
        println!("{}", said.split("= SUMMARY =").nth(1).unwrap_or_default());
        assert!(
            done.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// Lines of the audit that allowed anything to somebody of that name, but for looks.
    fn done_by(&self, name: &str) -> Vec<String> {
        let allowed = format!(
            "SELECT verb, subject FROM audit WHERE allowed = {} AND actor LIKE '{name} (%'",
            self.truth()
        );
        self.place.base.sql(&allowed)
    }

    fn truth(&self) -> &'static str {
        if env!("CARGO_CRATE_NAME") == "it" {
            "1"
        } else {
            "true"
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_with_an_administrators_token() {
    let reached = Reached::new().await;
    let token = reached.place.secret("user").await;
    reached.explored_with(Some(&token)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_with_a_viewers_token_and_changes_nothing() {
    let reached = Reached::new().await;
    let before = reached
        .place
        .base
        .sql("SELECT id, state, version FROM tasks");
    reached.explored_with(Some(&reached.token_for("Vic"))).await;
    assert_eq!(
        reached
            .place
            .base
            .sql("SELECT id, state, version FROM tasks"),
        before
    );
    assert!(
        reached
            .done_by("Vic")
            .iter()
            .all(|line| line.starts_with("make token") || line.starts_with("revoke token")),
        "{:?}",
        reached.done_by("Vic")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_with_a_workers_token() {
    let reached = Reached::new().await;
    let token = reached.worker().await;
    reached.explored_with(Some(&token)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_without_a_token_or_with_one_that_is_for_something_else() {
    let reached = Reached::new().await;
    reached.explored_with(None).await;
    let code = reached.place.secret("enrolment").await;
    reached.explored_with(Some(&code)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_takes_the_tokens_that_its_document_names_and_no_others() {
    let reached = Reached::new().await;
    let (person, worker, stranger) = (
        reached.place.secret("user").await,
        reached.worker().await,
        format!("avu_{}", "0".repeat(64)),
    );
    let document = reached.document().await;
    let mut seen = 0;
    for (path, endpoints) in document["paths"].as_object().expect("paths") {
        let address = path
            .trim_start_matches("/api/v1")
            .replace("{id}", "T-999")
            .replace("{key}", "018f4e6a-7b1c-7d2e-9f3a-4b5c6d7e8f90");
        for (method, endpoint) in endpoints.as_object().expect("endpoints") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let needs = endpoint["security"][0]
                .as_object()
                .expect("it says who may")
                .keys()
                .next()
                .cloned();
            for (kind, token) in [
                ("person", Some(&person)),
                ("worker", Some(&worker)),
                ("stranger", Some(&stranger)),
                ("nobody", None),
            ] {
                let (status, body) = reached
                    .api
                    .call(method.clone(), &address, token.map(String::as_str), "{}")
                    .await;
                let refused = status == 401;
                let meant = needs.as_deref().is_none_or(|needs| needs == kind);
                // Trading a code without a code is refused too, after it was read.
                assert_eq!(
                    refused, !meant,
                    "{method} {path} with the token of a {kind}: {status} {body}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 140, "{seen} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_do_what_their_role_says_and_only_administrators_make_tokens_for_others() {
    let reached = Reached::new().await;
    let (viewer, operator, nobody) = (
        reached.token_for("Vic"),
        reached.token_for("Olga"),
        reached.token_for("Nobody"),
    );
    let api = &reached.api;
    let task = r#"{"title":"One more"}"#;
    api.refused(Method::POST, "/tasks", Some(&viewer), task, 403)
        .await;
    assert_eq!(
        api.call(Method::POST, "/tasks", Some(&operator), task)
            .await
            .0,
        201
    );
    assert_eq!(
        api.call(Method::GET, "/tasks", Some(&viewer), "").await.0,
        200
    );
    api.refused(Method::GET, "/tasks", Some(&nobody), "", 403)
        .await;
    for (token, status) in [(&viewer, 403), (&operator, 403)] {
        api.refused(
            Method::POST,
            "/tokens",
            Some(token),
            r#"{"kind":"user","for":"Olga"}"#,
            status,
        )
        .await;
        api.refused(
            Method::POST,
            "/tokens",
            Some(token),
            r#"{"kind":"enrolment"}"#,
            status,
        )
        .await;
    }
    let admin = reached.place.secret("user").await;
    let unknown = api
        .refused(
            Method::POST,
            "/tokens",
            Some(&admin),
            r#"{"kind":"user","for":"Eve"}"#,
            404,
        )
        .await;
    assert!(
        unknown["message"].as_str().expect("text").contains("Eve"),
        "{unknown}"
    );
    let link = reached.place.shell(&["login", "--for", "Vic"]);
    let browser =
        crate::harness::visitor::Browser::log_in(link.split_whitespace().next().expect("a link"))
            .await;
    assert!(browser.page("/").await.contains("Vic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_is_served_from_here_alone_and_wrong_methods_are_told_the_right_ones() {
    let reached = Reached::new().await;
    let page = reached
        .api
        .http
        .get(format!("{}/api/v1/docs/", reached.api.base))
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .contains("default-src 'none'")
    );
    let html = page.text().await.expect("a page");
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "{html}"
    );
    let wrong = reached
        .api
        .http
        .put(format!("{}/api/v1/tasks", reached.api.base))
        .send()
        .await
        .expect("an answer");
    assert_eq!(wrong.status(), 405);
    let allowed = wrong.headers()["allow"].to_str().expect("text").to_owned();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
    assert_eq!(
        wrong.json::<Value>().await.expect("our form")["code"],
        "wrong_method"
    );
}
