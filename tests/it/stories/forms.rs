//! A question's form, filled in on each surface, with the real Claude Code: judged by what the model
//! reads in its next request. `answers.rs` has the same for words.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{
    Agent, PATIENCE, Place, channel::Channel, guild::Guild, until, visitor::Browser,
};

/// One field as it is filled in: positions of choices, and words.
type Filled = (&'static str, &'static str);

/// A question, how its form is filled in, and what the model has to read then.
struct Row {
    steps: &'static str,
    fields: &'static [Filled],
    reads: &'static [&'static str],
}

const TWO: &str = "MODEL: call AskUserQuestion {\"questions\":[\
    {\"question\":\"Which database?\",\"header\":\"Database\",\"multiSelect\":false,\"options\":[\
    {\"label\":\"PostgreSQL\",\"description\":\"a server\"},{\"label\":\"SQLite\",\"description\":\"a file\"}]},\
    {\"question\":\"Which features?\",\"header\":\"Features\",\"multiSelect\":true,\"options\":[\
    {\"label\":\"Auth\",\"description\":\"log in\"},{\"label\":\"Export\",\"description\":\"as CSV\"},{\"label\":\"Themes\",\"description\":\"colours\"}]}]}";
const ONE: &str = "MODEL: ask Which colour? | Red | Blue";

#[rustfmt::skip]
const ROWS: [Row; 5] = [
    Row { steps: TWO, fields: &[("1", ""), ("0,2", "")], reads: &["\"Which database?\"=\"SQLite\"", "\"Which features?\"=\"Auth, Themes\""] },
    Row { steps: TWO, fields: &[("0", "but the managed one"), ("", "none of them yet")], reads: &["PostgreSQL (but the managed one)", "none of them yet"] },
    Row { steps: ONE, fields: &[("", "Green\nlike the old one")], reads: &["Green", "like the old one"] },
    Row { steps: "MODEL: bash rm README.md", fields: &[("", "yes, but only on Mondays")], reads: &["denied this: yes, but only on Mondays"] },
    Row { steps: "MODEL: call EnterPlanMode {}\nMODEL: plan 1. Paint it red.\nMODEL: call ExitPlanMode {}", fields: &[("", "ok\nbut in blue")], reads: &["wants the plan changed: ok", "but in blue"] },
];

/// The names and values of a form's inputs that were filled in: `pick:0` is `1`.
fn inputs(fields: &[Filled]) -> Vec<(String, String)> {
    let field = |(place, field): (usize, &Filled)| {
        let (picks, words) = *field;
        let all = [("pick", picks), ("words", words)];
        let filled = all.into_iter().filter(|(_, value)| !value.is_empty());
        filled.map(move |(name, value)| (format!("{name}:{place}"), value.to_owned()))
    };
    fields.iter().enumerate().flat_map(field).collect()
}

/// Where people fill in forms.
enum Surface {
    Slack(Channel),
    Discord(Guild),
    Page(Place, Browser),
    Api(Place),
}

impl Surface {
    fn place(&self) -> &Place {
        match self {
            Self::Slack(channel) => &channel.place,
            Self::Discord(guild) => &guild.place,
            Self::Page(place, _) | Self::Api(place) => place,
        }
    }

    async fn fill(&self, task: &str, question: &str, fields: &[Filled]) {
        match self {
            Self::Slack(channel) => in_slack(channel, question, fields).await,
            Self::Discord(guild) => in_discord(guild, question, fields).await,
            Self::Page(_, visitor) => on_the_page(visitor, task, question, fields).await,
            Self::Api(place) => by_the_api(place, question, fields).await,
        }
    }
}

async fn in_slack(channel: &Channel, question: &str, fields: &[Filled]) {
    let asked = channel.hears(&format!("({question})")).await;
    let ts = asked["ts"].as_str().expect("a ts");
    channel.click("U0ANN", ts, "vine_write").await;
    let view = channel.modal().await;
    let mut values = json!({});
    for (name, value) in inputs(fields) {
        let action = name.split(':').next().unwrap_or_default().to_owned();
        values[&name] = json!({ action: value });
    }
    channel
        .act("submit", json!({ "view": view["id"], "values": values }))
        .await;
    channel
        .wait("the modal closes", |state| {
            state["views"].as_array().is_none_or(Vec::is_empty)
        })
        .await;
}

async fn in_discord(guild: &Guild, question: &str, fields: &[Filled]) {
    let asked = guild.hears(&format!("({question})")).await;
    guild
        .press(vine_doubles::discord::world::ANN, &asked, "v1:write")
        .await;
    guild
        .wait("the modal opens", |state| state["modals"][0].is_object())
        .await;
    let values: serde_json::Map<String, Value> = inputs(fields)
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    guild.act("submit", json!({ "values": values })).await;
}

async fn on_the_page(visitor: &Browser, task: &str, question: &str, fields: &[Filled]) {
    let page = visitor.page(&format!("/tasks/{task}")).await;
    let filled = fields.len().to_string();
    let mut sent = vec![
        ("reply_to".to_owned(), question.to_owned()),
        ("filled".into(), filled),
    ];
    for (name, value) in inputs(fields) {
        let name = name.replace(':', ".");
        assert!(page.contains(&format!("name=\"{name}\"")), "{name}: {page}");
        match name.starts_with("pick") {
            true => sent.extend(value.split(',').map(|one| (name.clone(), one.to_owned()))),
            false => sent.push((name, value)),
        }
    }
    let sent: Vec<(&str, &str)> = sent
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let status = visitor
        .send(&format!("/tasks/{task}/say"), &sent, "same-origin")
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

async fn by_the_api(place: &Place, question: &str, fields: &[Filled]) {
    let field = |(picks, words): &Filled| {
        let picks: Vec<usize> = picks
            .split(',')
            .filter_map(|pick| pick.parse().ok())
            .collect();
        json!({ "picks": picks, "words": words })
    };
    let fields: Vec<Value> = fields.iter().map(field).collect();
    let answer = json!({ "form": { "fields": fields } });
    let path = format!("/questions/{question}/answer");
    let answered = place.client().post::<_, Value>(&path, &answer);
    answered.await.expect("taken");
}

/// Fills in the form of each question, and looks at what the model reads.
async fn each_form_arrives(surface: &Surface) {
    let place = surface.place();
    let steps: Vec<&str> = ROWS.iter().map(|row| row.steps).collect();
    let prompt = format!("Ask a lot.\n{}\nMODEL: finish Done.", steps.join("\n"));
    let task = place.task("Ask a lot", &prompt).await;
    for row in &ROWS {
        let (question, _) = place.question(&task).await;
        let before = place.model.seen().len();
        surface.fill(&task, &question, row.fields).await;
        until(
            PATIENCE,
            &format!("the model reads {:?}", row.reads),
            || {
                let seen = place.model.seen();
                let read = seen.iter().skip(before);
                let mut read = read.map(|seen| seen.conversation.as_str());
                let all = |text: &str| row.reads.iter().all(|words| text.contains(words));
                read.any(all).then_some(())
            },
        )
        .await;
    }
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_forms_arrive_from_slack() {
    each_form_arrives(&Surface::Slack(Channel::new(Agent::Claude).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_forms_arrive_from_discord() {
    each_form_arrives(&Surface::Discord(Guild::new(Agent::Claude).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_forms_arrive_from_the_page() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let visitor = Browser::of(&place).await;
    each_form_arrives(&Surface::Page(place, visitor)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_forms_arrive_by_the_api() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    each_form_arrives(&Surface::Api(place)).await;
}

/// What is not complete stays where it was written.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_complete_is_shown_again_with_what_was_written() {
    let script = "vine ask 'Which of these?' --option Tea --option Coffee --multi";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Drinks", "Ask").await;
    let (question, _) = place.question(&task).await;
    let visitor = Browser::of(&place).await;
    let sent = [("reply_to", &*question), ("filled", "1"), ("words.0", " ")];
    let (status, page) = visitor.sends(&format!("/tasks/{task}/say"), &sent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Choose at least one"), "{page}");
    // The same again, because the first reply was lost: it had no effect, and that is said.
    let key = "0123456789abcdef0123456789abcdef";
    let empty = [("reply_to", &*question), ("filled", "1"), ("key", key)];
    for _ in 0..2 {
        let (status, page) = visitor.sends(&format!("/tasks/{task}/say"), &empty).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    }
    // Somebody else was faster.
    place.answer(&task, &question, "Tea").await;
    place.wait(&task, "done").await;
    let late = [
        ("reply_to", &*question),
        ("filled", "1"),
        ("words.0", "Only water, please"),
    ];
    let (status, page) = visitor.sends(&format!("/tasks/{task}/say"), &late).await;
    assert!(
        !status.is_success() && page.contains("Only water, please"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_a_form_that_comes_second_gives_its_words_back() {
    let script = "vine ask 'Which of these?' --option Tea --option Coffee --multi; sleep 5";
    let channel = Channel::new(Agent::Script(script)).await;
    let (task, _) = channel.task("Drinks").await;
    let asked = channel.hears("(Q-1)").await;
    channel
        .click("U0ANN", asked["ts"].as_str().expect("a ts"), "vine_write")
        .await;
    let view = channel.modal().await;
    let submit = |values: Value| json!({ "view": view["id"], "values": values });
    channel.act("submit", submit(json!({}))).await;
    let wrong = |state: &Value| state["views"][0]["view"]["errors"]["pick:0"].is_string();
    channel.wait("it says what is missing", wrong).await;
    channel.place.answer(&task, "Q-1", "Tea").await;
    let words = json!({ "words:0": { "words": "Only water, please" } });
    channel.act("submit", submit(words)).await;
    channel.whispers("U0ANN", "Only water, please").await;
}
