//! `vine setup`: a forge is connected, and nothing is saved before its token has been tried.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Stdio};

use serde_json::json;

use super::{forges::hook, terminal::at_terminal};
use crate::harness::{
    Agent, PATIENCE,
    forge::{ForgePlace, TOKEN},
    until,
};

const PUBLIC: &str = "https://vine.example.org";

/// A place whose daemon knows no forge yet, and the words that set one up.
async fn place(kind: &str) -> (ForgePlace, Vec<String>) {
    let place = ForgePlace::new(kind, Agent::Script("true"), "", "").await;
    let config = fs::read_to_string(place.place.config()).expect("there");
    place.forge.world().add_user("judge", true);
    let (before, _) = config.split_once("[[forges]]").expect("an entry");
    fs::write(place.place.config(), before).expect("written");
    let (host, api) = (place.server.host(), place.forge.api(kind));
    let words = ["setup", kind, "--host", &host, "--api-url", &api];
    (place, words.map(str::to_owned).to_vec())
}

/// Runs it with a token on its standard input.
fn sets_up(place: &ForgePlace, words: &[String], token: &str) -> Result<String, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = place.place.vine(&words);
    command
        .env("VINE_STATE", place.place.state("daemon"))
        .env("VINE_DAEMON__PUBLIC_URL", PUBLIC)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(token.as_bytes()).expect("written");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

fn config(place: &ForgePlace) -> String {
    fs::read_to_string(place.place.config()).expect("there")
}

/// What `vine doctor` finds, problems or not.
pub fn doctor(place: &ForgePlace) -> String {
    let mut command = place.place.vine(&["doctor"]);
    command.env("VINE_STATE", place.place.state("daemon"));
    let output = command.output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The file that an entry of the configuration names.
fn file_of(config: &str, key: &str) -> PathBuf {
    let line = config
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{key} = ")));
    line.expect(key).trim_matches('"').into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_is_connected_once_its_token_works_and_sends_signed_webhooks() {
    for kind in ["github", "gitlab", "forgejo"] {
        let (mut place, words) = place(kind).await;
        let _daemon = place.daemon().await;
        let before = config(&place);
        for (token, why) in [
            ("invented", "does not accept the token"),
            ("token-of-eve", "may not write"),
            ("two words", "a token is one word"),
            ("", "there is no token"),
        ] {
            let refused = sets_up(&place, &words, token).expect_err(why);
            assert!(refused.contains(why), "{refused}");
            assert!(token.is_empty() || !refused.contains(token), "{refused}");
            assert_eq!(config(&place), before, "nothing was changed");
        }
        assert!(place.forge.world().project().hooks.is_empty());

        let said = sets_up(&place, &words, &format!("{TOKEN}\n")).expect("connected");
        assert!(
            said.contains("vine-bot") && said.contains("org/site: it may read"),
            "{said}"
        );
        assert!(!said.contains(TOKEN), "{said}");
        let after = config(&place);
        assert!(
            after.starts_with(before.trim_end()) && !after.contains(TOKEN),
            "{after}"
        );
        place.place.shell(&["config", "check"]);
        let secret = file_of(&after, "webhook_secret_file");
        for file in [&file_of(&after, "token_file"), &secret] {
            let mode = fs::metadata(file).expect("kept").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
        let secret = fs::read_to_string(secret).expect("kept");
        let url = format!("{PUBLIC}/forges/{}", place.server.host());
        {
            let mut world = place.forge.world();
            let hooks = &world.project().hooks;
            assert_eq!(
                (hooks.len(), hooks[0].url(), hooks[0].secret()),
                (1, url.as_str(), secret.as_str())
            );
        }

        let again = sets_up(&place, &words, "").expect("checked again");
        assert!(again.contains(&url), "{again}");
        assert_eq!(config(&place), after, "no second entry");
        assert_eq!(place.forge.world().project().hooks.len(), 1, "one webhook");
        // Another token takes the place of the first one.
        let replaced = sets_up(&place, &words, "token-of-judge").expect("connected");
        assert!(replaced.contains("Replaced the token"), "{replaced}");
        let token = fs::read_to_string(file_of(&after, "token_file")).expect("kept");
        assert_eq!(
            (token.as_str(), config(&place)),
            ("token-of-judge", after.clone())
        );
        sets_up(&place, &words, TOKEN).expect("connected");
        if kind == "github" {
            let end = std::time::Instant::now() + PATIENCE;
            while hook(&place, "ping", "{}", &secret).await != 204 {
                assert!(std::time::Instant::now() < end, "the daemon has read it");
            }
            assert_eq!(hook(&place, "ping", "{}", "guessed").await, 401);
        }
        let found = doctor(&place);
        assert!(found.contains("the token of vine-bot"), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_the_forge_refuses_is_explained_and_the_rest_counts() {
    let (mut place, words) = place("gitlab").await;
    let _daemon = place.daemon().await;
    for user in &mut place.forge.world().users {
        user.administers = false;
    }
    let said = sets_up(&place, &words, TOKEN).expect("connected");
    let by_hand = ["could not be made", "Make it by hand", "/forges/127.0.0.1"];
    assert!(by_hand.iter().all(|words| said.contains(words)), "{said}");
    assert!(config(&place).contains("[[forges]]"));
    let wrong: Vec<String> = ["setup", "github", "--host", &place.server.host()]
        .map(str::to_owned)
        .to_vec();
    let refused = sets_up(&place, &wrong, TOKEN).expect_err("it is GitLab");
    assert!(refused.contains("use `vine setup gitlab`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_it_says_what_to_click_and_shows_no_token() {
    let (mut place, mut words) = place("github").await;
    let _daemon = place.daemon().await;
    words.push("--no-webhook".into());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (worked, said) = at_terminal(&place.place, &words, &json!([["Paste the token: ", TOKEN]]));
    assert!(worked, "{said}");
    for shown in [
        "personal-access-tokens/new",
        "Contents and Pull requests",
        "vine-bot",
        "No webhook was made",
    ] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
    assert!(!said.contains(TOKEN), "{said}");
    until(PATIENCE, "the daemon speaks with the forge", || {
        doctor(&place)
            .contains("the token of vine-bot")
            .then_some(())
    })
    .await;
}
