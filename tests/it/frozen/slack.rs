//! Messages in Slack as they were posted and edited last, in Block Kit.

use insta::assert_snapshot;
use serde_json::{Value, json};
use vine_app::adapters::{self, AdapterEvents};
use vine_domain::TaskId;
use vine_doubles::slack::{APP_TOKEN, BOT_TOKEN};
use vine_slack::{Slack, SlackSettings, Transport};

use super::{
    day::{Day, Subjects, Where, Who, name, permission, plan, plants, several, tools},
    text::{Names, shown},
};
use crate::harness::{
    double::messages,
    workspace::{Workspace, of_bot},
};

/// The day on Slack.
struct Scene {
    day: Day,
    slack: Workspace,
    channel: String,
}

impl Scene {
    async fn begin() -> Self {
        let slack = Workspace::open().await;
        let vic = json!({ "id": "U0VIC", "name": "vic" });
        slack.act("user", vic).await;
        let day = Day::begin("slack", &Subjects("U0ANN", "U0VIC")).await;
        let settings = SlackSettings {
            api_url: format!("{}/api", slack.url),
            bot_token: BOT_TOKEN.into(),
            way: Transport::Socket {
                app_token: APP_TOKEN.into(),
            },
            channel_prefix: "vine-".into(),
            team: None,
        };
        let app = day.app().clone();
        let (chat, ear) = (
            Slack::new(settings),
            AdapterEvents::new(app.clone(), "slack"),
        );
        let listens = chat.clone();
        tokio::spawn(adapters::run(
            app.clone(),
            app.stop().clone(),
            chat,
            move || listens.clone().run(ear.clone()),
        ));
        tokio::spawn(vine_app::inbox::run(day.team.inbox.clone()));
        let ready = |state: &Value| {
            room(state, "vine-site")
                .zip(room(state, "vine-shop"))
                .is_some()
        };
        let state = slack.wait("both channels are made", ready).await;
        day.has_rooms().await;
        let channel = room(&state, "vine-site").expect("just seen");
        for user in ["U0VIC", "U0BEN"] {
            let admitted = json!({ "channel": channel, "user": user });
            slack.act("admit", admitted).await;
        }
        Self {
            day,
            slack,
            channel,
        }
    }

    /// The root of a task's thread.
    async fn root(&self, task: TaskId) -> Value {
        let begins = format!("*{task}*");
        let is = |one: &Value| {
            one["text"]
                .as_str()
                .is_some_and(|text| text.starts_with(&begins))
        };
        let state = self.slack.state().await;
        let root = of_bot(&state)
            .find(|one| is(one) && (one["thread_ts"].is_null() || one["thread_ts"] == one["ts"]));
        root.unwrap_or_else(|| panic!("no card of {task}")).clone()
    }

    /// A task's thread, with what single people see in it.
    async fn thread(&self, task: TaskId) -> String {
        let ts = self.root(task).await["ts"].clone();
        self.those(|one| one["ts"] == ts || one["thread_ts"] == ts)
            .await
    }

    async fn those(&self, is: impl Fn(&Value) -> bool) -> String {
        let state = self.slack.state().await;
        let all: Vec<Value> = messages(&state).filter(|one| is(one)).map(posted).collect();
        Names::default().redact(&shown(&json!(all)))
    }

    /// What a person says, as the event that it is to us.
    async fn says(&self, who: Who, at: Where, words: &str) -> String {
        let user = match who {
            Who::Ann => "U0ANN",
            Who::Vic => "U0VIC",
            Who::Stranger => "U0BEN",
        };
        let root = match at {
            Where::Thread(task) => self.root(task).await["ts"].as_str().map(str::to_owned),
            Where::Room => None,
        };
        let ts = self
            .slack
            .say(user, &self.channel, words, root.as_deref())
            .await;
        format!("{}:{ts}", self.channel)
    }
}

fn room(state: &Value, name: &str) -> Option<String> {
    let channels = state["channels"].as_array()?;
    let room = channels.iter().find(|one| one["name"] == name)?;
    let is_joined = room["members"].to_string().contains("U0ANN");
    is_joined.then(|| room["id"].as_str().map(str::to_owned))?
}

/// What we chose of a message; Slack adds the rest.
fn posted(message: &Value) -> Value {
    let mut kept = json!({ "user": message["user"], "text": message["text"] });
    for file in message["files"].as_array().into_iter().flatten() {
        kept["file"] = json!({ "name": file["name"], "size": file["size"] });
    }
    for key in ["blocks", "reactions"] {
        let known = &message[key];
        if !known.is_null() && known.as_array().is_none_or(|all| !all.is_empty()) {
            kept[key] = known.clone();
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_slack_threads() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.choice_and_done().await;
    assert_snapshot!(scene.thread(task).await, @r"
    - blocks:
        - text:
            text: |
              *T-1* Plant a hedge
              ✅ Done · requested by Ann
              `site` · from `main` to `vine/T-1-plant-a-hedge` · <https://vine.example.org/tasks/T-1>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - { action_id: vine_pick_3, text: { text: Diff, type: plain_text }, type: button, value: 3 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-1* Plant a hedge
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-1-plant-a-hedge` · <https://vine.example.org/tasks/T-1>
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *Hornbeam* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-1)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Hornbeam* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-1)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *T-1 is done.*

              > The hedge is planted.

              Commit `0123456789ab` on `vine/T-1-plant-a-hedge`:

              ```
               hedge.md | 2 ++
               1 file changed, 2 insertions(+)
              ```

              Merge it with `git merge vine/T-1-plant-a-hedge`, or with `vine task merge T-1` in your clone.
              3 turns, 12345 tokens in, 678 out, about $0.12
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        <@U0ANN> *T-1 is done.*

        > The hedge is planted.

        Commit `0123456789ab` on `vine/T-1-plant-a-hedge`:

        ```
         hedge.md | 2 ++
         1 file changed, 2 insertions(+)
        ```

        Merge it with `git merge vine/T-1-plant-a-hedge`, or with `vine task merge T-1` in your clone.
        3 turns, 12345 tokens in, 678 out, about $0.12
      user: U0BOT
    ");
    let task = day.every_decision().await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-2* Decide everything
              ✅ Done · requested by Ann
              `site` · from `main` to `vine/T-2-decide-everything` · <https://vine.example.org/tasks/T-2>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - { action_id: vine_pick_3, text: { text: Diff, type: plain_text }, type: button, value: 3 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-2* Decide everything
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-2-decide-everything` · <https://vine.example.org/tasks/T-2>
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *Hornbeam (but a small one)* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-2)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Hornbeam (but a small one)* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-2)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *Neither; build a wall* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-3)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Neither; build a wall* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-3)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *Hornbeam; Spade, Shears* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-4)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves

              > Tools: Which tools may be bought?

              Choose all that apply:

              1. *Spade*
              2. *Rake*
              3. *Shears*
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Hornbeam; Spade, Shears* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-4)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves

        > Tools: Which tools may be bought?

        Choose all that apply:

        1. *Spade*
        2. *Rake*
        3. *Shears*
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *You decide both* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-5)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves

              > Tools: Which tools may be bought?

              Choose all that apply:

              1. *Spade*
              2. *Rake*
              3. *Shears*
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *You decide both* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-5)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves

        > Tools: Which tools may be bought?

        Choose all that apply:

        1. *Spade*
        2. *Rake*
        3. *Shears*
      user: U0BOT
    - blocks:
        - text:
            text: |
              ✅ *Allowed once* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-6)

              Allow *Bash*?

              ```
              npm test -- --watch=false
              ```

              The agent's reason:

              > To see whether the beds are dry.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        ✅ *Allowed once* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-6)

        Allow *Bash*?

        ```
        npm test -- --watch=false
        ```

        The agent's reason:

        > To see whether the beds are dry.
      user: U0BOT
    - blocks:
        - text:
            text: |
              ✅ *Allowed for this session* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-7)

              Allow *Bash*?

              ```
              npm test -- --watch=false
              ```

              The agent's reason:

              > To see whether the beds are dry.

              “Allow for this session” also allows, until this task is over:

              • every command that begins with “npm test”, with any files and addresses after it
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        ✅ *Allowed for this session* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-7)

        Allow *Bash*?

        ```
        npm test -- --watch=false
        ```

        The agent's reason:

        > To see whether the beds are dry.

        “Allow for this session” also allows, until this task is over:

        • every command that begins with “npm test”, with any files and addresses after it
      user: U0BOT
    - blocks:
        - text:
            text: |
              🚫 *Denied* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-8)

              Allow *Bash*?

              ```
              npm test -- --watch=false
              ```

              The agent's reason:

              > To see whether the beds are dry.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        🚫 *Denied* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-8)

        Allow *Bash*?

        ```
        npm test -- --watch=false
        ```

        The agent's reason:

        > To see whether the beds are dry.
      user: U0BOT
    - blocks:
        - text:
            text: |
              🚫 *Denied: use the script* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-9)

              Allow *Bash*?

              ```
              npm test -- --watch=false
              ```

              The agent's reason:

              > To see whether the beds are dry.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        🚫 *Denied: use the script* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-9)

        Allow *Bash*?

        ```
        npm test -- --watch=false
        ```

        The agent's reason:

        > To see whether the beds are dry.
      user: U0BOT
    - blocks:
        - text:
            text: |
              ✅ *Approved* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-10)

              Approve this plan?

              > *Plan*
              >
              > 1. Dig
              > 2. Plant *two* rows
              >
              > `make water`
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        ✅ *Approved* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-10)

        Approve this plan?

        > *Plan*
        >
        > 1. Dig
        > 2. Plant *two* rows
        >
        > `make water`
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *Sent back: Water it first* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-11)

              Approve this plan?

              > *Plan*
              >
              > 1. Dig
              > 2. Plant *two* rows
              >
              > `make water`
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Sent back: Water it first* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-11)

        Approve this plan?

        > *Plan*
        >
        > 1. Dig
        > 2. Plant *two* rows
        >
        > `make water`
      user: U0BOT
    - blocks:
        - text:
            text: |
              *Q-12* no longer needs an answer: the agent withdrew it.

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *Q-12* no longer needs an answer: the agent withdrew it.

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *T-2 ended without changes.*

              > The hedge is planted.

              No changes; `vine/T-2-decide-everything` is untouched.

              • not allowed: Bash: rm -rf beds

              3 turns, 12345 tokens in, 678 out, about $0.12
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        <@U0ANN> *T-2 ended without changes.*

        > The hedge is planted.

        No changes; `vine/T-2-decide-everything` is untouched.

        • not allowed: Bash: rm -rf beds

        3 turns, 12345 tokens in, 678 out, about $0.12
      user: U0BOT
    ");
    let task = day.nobody_answers().await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-3* Wait for somebody
              ⚪ Cancelled by Ann · requested by Ann
              `shop` · from `main` to `vine/T-3-wait-for-somebody` · <https://vine.example.org/tasks/T-3>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_1
              text: { text: Retry, type: plain_text }
              type: button
              value: 1
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-3* Wait for somebody
        ⚪ Cancelled by Ann · requested by Ann
        `shop` · from `main` to `vine/T-3-wait-for-somebody` · <https://vine.example.org/tasks/T-3>
      user: U0BOT
    - blocks:
        - text:
            text: |
              💬 *Hornbeam* — Ann, <!date^1800619200^{date_short_pretty} {time}|2027-01-22 12:00 UTC> (Q-13)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Hornbeam* — Ann, <!date^1800619200^{date_short_pretty} {time}|2027-01-22 12:00 UTC> (Q-13)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Reminder:* “Plant: Which plant should the hedge be of?” (Q-13)
              Still waiting for Ann, 30 min so far · <http://LOOPBACK/archives/C00000001/pTS>
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        <@U0ANN> *Reminder:* “Plant: Which plant should the hedge be of?” (Q-13)
        Still waiting for Ann, 30 min so far · <http://LOOPBACK/archives/C00000001/pTS>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Escalated:* “Plant: Which plant should the hedge be of?” (Q-13)
              Nobody has answered for 4 h, so this goes to *operator* · <http://LOOPBACK/archives/C00000001/pTS>
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        <@U0ANN> *Escalated:* “Plant: Which plant should the hedge be of?” (Q-13)
        Nobody has answered for 4 h, so this goes to *operator* · <http://LOOPBACK/archives/C00000001/pTS>
      user: U0BOT
    - blocks:
        - text:
            text: |
              *No answer:* “Plant: Which plant should the hedge be of?” (Q-13)
              Nobody answered within 7 days. The agent was told that no answer came (this is not a “no”) and continues without one.
              You can still answer: press a button of the question, reply to it, or type `Q-13 your answer`.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *No answer:* “Plant: Which plant should the hedge be of?” (Q-13)
        Nobody answered within 7 days. The agent was told that no answer came (this is not a “no”) and continues without one.
        You can still answer: press a button of the question, reply to it, or type `Q-13 your answer`.
      user: U0BOT
    - blocks:
        - text: { text: The agent receives the late answer to Q-13., type: mrkdwn, verbatim: true }
          type: section
      text: The agent receives the late answer to Q-13.
      user: U0BOT
    - blocks:
        [{ text: { text: *T-3 was cancelled* by Ann., type: mrkdwn, verbatim: true }, type: section }]
      text: *T-3 was cancelled* by Ann.
      user: U0BOT
    ");
    let task = day.failures().await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-4* Fail again and again
              ⚪ Cancelled by Ann · requested by Ann
              `site` · from `main` to `vine/T-4-fail-again-and-again` · <https://vine.example.org/tasks/T-4>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_1
              text: { text: Retry, type: plain_text }
              type: button
              value: 1
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-4* Fail again and again
        ⚪ Cancelled by Ann · requested by Ann
        `site` · from `main` to `vine/T-4-fail-again-and-again` · <https://vine.example.org/tasks/T-4>
      user: U0BOT
    - blocks:
        - text: { text: The session is gone; starting afresh., type: mrkdwn, verbatim: true }
          type: section
      text: The session is gone; starting afresh.
      user: U0BOT
    - blocks:
        - text:
            text: |
              *An attempt failed.* the agent ended with exit code 1: out of paper
              Retrying in 25 s.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *An attempt failed.* the agent ended with exit code 1: out of paper
        Retrying in 25 s.
      user: U0BOT
    - blocks:
        - text: { text: The session is gone; starting afresh., type: mrkdwn, verbatim: true }
          type: section
      text: The session is gone; starting afresh.
      user: U0BOT
    - blocks:
        - text:
            text: |
              *An attempt failed.* the agent ended with exit code 1: out of paper
              Retrying in 48 s.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *An attempt failed.* the agent ended with exit code 1: out of paper
        Retrying in 48 s.
      user: U0BOT
    - blocks:
        - text: { text: The session is gone; starting afresh., type: mrkdwn, verbatim: true }
          type: section
      text: The session is gone; starting afresh.
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *T-4 failed.* the agent ended with exit code 1: out of paper
              Check the end of `task log`, then run `task retry`.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        <@U0ANN> *T-4 failed.* the agent ended with exit code 1: out of paper
        Check the end of `task log`, then run `task retry`.
      user: U0BOT
    - blocks: [{ text: { text: Ann retried T-4., type: mrkdwn, verbatim: true }, type: section }]
      text: Ann retried T-4.
      user: U0BOT
    - blocks:
        [{ text: { text: *T-4 was cancelled* by Ann., type: mrkdwn, verbatim: true }, type: section }]
      text: *T-4 was cancelled* by Ann.
      user: U0BOT
    ");
    let task = day.losses().await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-5* Lose the worker
              ⚪ Cancelled by Ann · requested by Ann
              `site` · from `main` to `vine/T-5-lose-the-worker` · <https://vine.example.org/tasks/T-5>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_1
              text: { text: Retry, type: plain_text }
              type: button
              value: 1
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-5* Lose the worker
        ⚪ Cancelled by Ann · requested by Ann
        `site` · from `main` to `vine/T-5-lose-the-worker` · <https://vine.example.org/tasks/T-5>
      user: U0BOT
    - blocks:
        - text:
            text: |
              *An attempt was lost:* the worker sent no heartbeat for a minute.
              Restarting now.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *An attempt was lost:* the worker sent no heartbeat for a minute.
        Restarting now.
      user: U0BOT
    - blocks:
        - text:
            text: |
              *Q-14* no longer needs an answer: the task was cancelled.

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *Q-14* no longer needs an answer: the task was cancelled.

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - text:
            text: |
              *The agent was lost:* the worker sent no heartbeat for a minute.
              Open questions stay open; an answer resumes the same session.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *The agent was lost:* the worker sent no heartbeat for a minute.
        Open questions stay open; an answer resumes the same session.
      user: U0BOT
    - blocks:
        [{ text: { text: *T-5 was cancelled* by Ann., type: mrkdwn, verbatim: true }, type: section }]
      text: *T-5 was cancelled* by Ann.
      user: U0BOT
    ");
    let task = day.hand_backs().await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-6* Hand it back
              ⚪ Cancelled by Ann · requested by Ann
              `site` · from `main` to `vine/T-6-hand-it-back` · <https://vine.example.org/tasks/T-6>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_1
              text: { text: Retry, type: plain_text }
              type: button
              value: 1
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-6* Hand it back
        ⚪ Cancelled by Ann · requested by Ann
        `site` · from `main` to `vine/T-6-hand-it-back` · <https://vine.example.org/tasks/T-6>
      user: U0BOT
    - blocks:
        - text:
            text: The worker handed the task back without a failure; it restarts in the next free slot.
            type: mrkdwn
            verbatim: true
          type: section
      text: The worker handed the task back without a failure; it restarts in the next free slot.
      user: U0BOT
    - blocks:
        - text:
            text: |
              *Q-15* no longer needs an answer: the task was cancelled.

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *Q-15* no longer needs an answer: the task was cancelled.

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - text:
            text: The agent has ended. Open questions stay open; an answer resumes the same session.
            type: mrkdwn
            verbatim: true
          type: section
      text: The agent has ended. Open questions stay open; an answer resumes the same session.
      user: U0BOT
    - blocks:
        [{ text: { text: *T-6 was cancelled* by Ann., type: mrkdwn, verbatim: true }, type: section }]
      text: *T-6 was cancelled* by Ann.
      user: U0BOT
    ");
    let task = day.too_long().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - blocks:
        - text:
            text: |
              *T-7* Say a lot
              ✅ Done · requested by Ann
              `site` · from `main` to `vine/T-7-say-a-lot` · <https://vine.example.org/tasks/T-7>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - { action_id: vine_pick_3, text: { text: Diff, type: plain_text }, type: button, value: 3 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-7* Say a lot
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-7-say-a-lot` · <https://vine.example.org/tasks/T-7>
      user: U0BOT
    - blocks:
        - text:
            text: |
              🚫 *Denied* — Ann, <!date^1800633720^{date_short_pretty} {time}|2027-01-22 16:02 UTC> (Q-16)

              Allow *Bash*?

              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              e [… 1217 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 1196 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 1196 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 1196 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 1196 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 1196 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 1196 characters in all …] ng script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              ```
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              ```
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long script
              echo a line of a long  [… 719 characters in all …]  line of a long script
              echo a line of a long script
              ```

              … shortened; the page shows the whole text.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        🚫 *Denied* — Ann, <!date^1800633720^{date_short_pretty} {time}|2027-01-22 16:02 UTC> (Q-16)

        Allow *Bash*?

        ```
        echo a line of a long script
        echo a line of a long script
        echo a line of a long script
        e [… 9063 characters in all …]  line of a long script
        echo a line of a long script
        ```

        … shortened; the page shows the whole text.
      user: U0BOT
    - file: { name: question-uuid-1.md, size: 58383 }
      text: ""
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - { text: { text: *T-7 is done.*, type: mrkdwn, verbatim: true }, type: section }
      text: <@U0ANN> *T-7 is done.*
      user: U0BOT
    - blocks:
        - text:
            text: |
              > A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has  [… 1200 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 1202 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 1202 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 1202 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 1202 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 1202 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 1202 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
        - text:
            text: |
              > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 602 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        > A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has  [… 9000 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
      user: U0BOT
    - blocks:
        - text:
            text: |
              > .

              Commit `0123456789ab` on `vine/T-7-say-a-lot`:

              ```
               hedge.md | 2 ++
               1 file changed, 2 insertions(+)
              ```

              Merge it with `git merge vine/T-7-say-a-lot`, or with `vine task merge T-7` in your clone.
              3 turns, 12345 tokens in, 678 out, about $0.12
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        > .

        Commit `0123456789ab` on `vine/T-7-say-a-lot`:

        ```
         hedge.md | 2 ++
         1 file changed, 2 insertions(+)
        ```

        Merge it with `git merge vine/T-7-say-a-lot`, or with `vine task merge T-7` in your clone.
        3 turns, 12345 tokens in, 678 out, about $0.12
      user: U0BOT
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_slack_talk() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.talk(|who, at, words| scene.says(who, at, words)).await;
    assert_snapshot!(scene.thread(task).await, @r"
    - blocks:
        - text:
            text: |
              *T-1* Talk
              ✅ Done · requested by Ann
              `site` · from `main` to `vine/T-1-talk` · <https://vine.example.org/tasks/T-1>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
            - { action_id: vine_pick_3, text: { text: Diff, type: plain_text }, type: button, value: 3 }
            - action_id: vine_write
              text: { text: Continue…, type: plain_text }
              type: button
              value: 4
          type: actions
      text: |
        *T-1* Talk
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-1-talk` · <https://vine.example.org/tasks/T-1>
      user: U0BOT
    - reactions: [{ count: 1, name: memo, users: [U0BOT] }, { count: 1, name: eyes, users: [U0BOT] }]
      text: Mind the cat
      user: U0ANN
    - blocks:
        - text:
            text: |
              💬 *Yew* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-1)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        💬 *Yew* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-1)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves
      user: U0BOT
    - blocks:
        - text:
            text: |
              ✅ *Allowed once* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-2)

              Allow *Bash*?

              ```
              npm test -- --watch=false
              ```

              The agent's reason:

              > To see whether the beds are dry.
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        ✅ *Allowed once* — Ann, <!date^1800000000^{date_short_pretty} {time}|2027-01-15 08:00 UTC> (Q-2)

        Allow *Bash*?

        ```
        npm test -- --watch=false
        ```

        The agent's reason:

        > To see whether the beds are dry.
      user: U0BOT
    - { reactions: [{ count: 1, name: white_check_mark, users: [U0BOT] }], text: yes, user: U0ANN }
    - { text: Q-99 yes, user: U0ANN }
    - { text: 1, user: U0VIC }
    - { text: 2, user: U0VIC }
    - { reactions: [{ count: 1, name: memo, users: [U0BOT] }], text: perhaps, user: U0ANN }
    - { text: yes, user: U0ANN }
    - { text: !vine task show, user: U0ANN }
    - blocks:
        - text:
            text: |
              *T-1* Talk
              Running · `site` · from `main` to `vine/T-1-talk` · requested by Ann
              1 attempt

              Prompt:

              > Talk

              Questions:

              • *Q-1* Which plant should the hedge be of? (Ann: Yew)
              • *Q-2* Allow Bash: npm test -- --watch=false (Ann: allowed once)

              You can: `task cancel T-1`, `task log T-1 --limit 20`, `task explain T-1`
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *T-1* Talk
        Running · `site` · from `main` to `vine/T-1-talk` · requested by Ann
        1 attempt

        Prompt:

        > Talk

        Questions:

        • *Q-1* Which plant should the hedge be of? (Ann: Yew)
        • *Q-2* Allow Bash: npm test -- --watch=false (Ann: allowed once)

        You can: `task cancel T-1`, `task log T-1 --limit 20`, `task explain T-1`
      user: U0BOT
    - { text: !vine task shwo, user: U0ANN }
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *T-1 is done.*

              > The hedge is planted.

              Commit `0123456789ab` on `vine/T-1-talk`:

              ```
               hedge.md | 2 ++
               1 file changed, 2 insertions(+)
              ```

              Merge it with `git merge vine/T-1-talk`, or with `vine task merge T-1` in your clone.
              3 turns, 12345 tokens in, 678 out, about $0.12
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        <@U0ANN> *T-1 is done.*

        > The hedge is planted.

        Commit `0123456789ab` on `vine/T-1-talk`:

        ```
         hedge.md | 2 ++
         1 file changed, 2 insertions(+)
        ```

        Merge it with `git merge vine/T-1-talk`, or with `vine task merge T-1` in your clone.
        3 turns, 12345 tokens in, 678 out, about $0.12
      user: U0BOT
    - blocks:
        - text:
            { text: T-1 is done: no agent has read the note from Ann., type: mrkdwn, verbatim: true }
          type: section
      text: T-1 is done: no agent has read the note from Ann.
      user: U0BOT
    - { text: One more thing, user: U0ANN }
    ");
    let state = scene.slack.state().await;
    assert_snapshot!(Names::default().redact(&shown(&state["ephemerals"])), @"
    - channel: C00000004
      content:
        channel: C00000004
        text: |
          there is no question Q-99
          `question list` lists open questions
        thread_ts: ts-1
        user: U0ANN
      ts: ts-2
      user: U0ANN
    - channel: C00000004
      content:
        channel: C00000004
        text: |
          Vic is not allowed to do this here; `answer` requires role `answerer`.
          Access is set in the daemon's configuration, under `[[people]]`. Your id is `U0VIC`.
        thread_ts: ts-1
        user: U0VIC
      ts: ts-3
      user: U0VIC
    - channel: C00000004
      content:
        channel: C00000004
        text: |
          Vic is not allowed to do this here; `answer` requires role `answerer`.
          Access is set in the daemon's configuration, under `[[people]]`. Your id is `U0VIC`.
        thread_ts: ts-1
        user: U0VIC
      ts: ts-4
      user: U0VIC
    - channel: C00000004
      content:
        channel: C00000004
        text: |
          There is no command `task shwo`. Did you mean `task show`?
          type `help` for the commands
        thread_ts: ts-1
        user: U0ANN
      ts: ts-5
      user: U0ANN
    - channel: C00000004
      content: { channel: C00000004, text: You are Ann (operator), via slack., user: U0ANN }
      ts: ts-6
      user: U0ANN
    - channel: C00000004
      content:
        channel: C00000004
        text: |
          an unknown user is not allowed to do this here; `see` requires role `viewer`.
          Access is set in the daemon's configuration, under `[[people]]`. Your id is `U0BEN`.
        user: U0BEN
      ts: ts-7
      user: U0BEN
    - channel: C00000004
      content:
        blocks:
          - text:
              text: |
                T-1 is over (Done), so nobody works on “One more thing” yet.

                1. Continue with this

                Or mention me with what to do next.
              type: mrkdwn
              verbatim: true
            type: section
          - elements:
              - action_id: vine_pick_0
                text: { text: Continue with this, type: plain_text }
                type: button
                value: 0
            type: actions
        channel: C00000004
        text: |
          T-1 is over (Done), so nobody works on “One more thing” yet.

          1. Continue with this

          Or mention me with what to do next.
        thread_ts: ts-1
        user: U0ANN
      ts: ts-8
      user: U0ANN
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_slack_questions_that_are_open() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.open("Choose one", plants()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-1* Choose one
              ✋ Waiting for an answer · requested by Ann
              `site` · from `main` to `vine/T-1-choose-one` · <https://vine.example.org/tasks/T-1>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text: { text: Cancel T-1, Choose one?, type: plain_text }
                title: { text: Are you sure?, type: plain_text }
              text: { text: Cancel, type: plain_text }
              type: button
              value: 0
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
          type: actions
      text: |
        *T-1* Choose one
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-1-choose-one` · <https://vine.example.org/tasks/T-1>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Question:* “Plant: Which plant should the hedge be of?” (Q-1)

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves

              Or reply with a number or label, or in your own words. <https://vine.example.org/tasks/T-1>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - { action_id: vine_pick_0, text: { text: Yew, type: plain_text }, type: button, value: 0 }
            - action_id: vine_pick_1
              text: { text: Hornbeam, type: plain_text }
              type: button
              value: 1
            - action_id: vine_write
              text: { text: Answer…, type: plain_text }
              type: button
              value: 2
          type: actions
      text: |
        <@U0ANN> *Question:* “Plant: Which plant should the hedge be of?” (Q-1)

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves

        Or reply with a number or label, or in your own words. <https://vine.example.org/tasks/T-1>
      user: U0BOT
    ");
    let task = day.open("Choose several", tools()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-2* Choose several
              ✋ Waiting for an answer · requested by Ann
              `site` · from `main` to `vine/T-2-choose-several` · <https://vine.example.org/tasks/T-2>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text: { text: Cancel T-2, Choose several?, type: plain_text }
                title: { text: Are you sure?, type: plain_text }
              text: { text: Cancel, type: plain_text }
              type: button
              value: 0
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
          type: actions
      text: |
        *T-2* Choose several
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-2-choose-several` · <https://vine.example.org/tasks/T-2>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Question:* “Tools: Which tools may be bought?” (Q-2)

              Choose all that apply:

              1. *Spade*
              2. *Rake*
              3. *Shears*

              Reply with a number or label, or in your own words. <https://vine.example.org/tasks/T-2>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_write
              text: { text: Answer…, type: plain_text }
              type: button
              value: 0
          type: actions
      text: |
        <@U0ANN> *Question:* “Tools: Which tools may be bought?” (Q-2)

        Choose all that apply:

        1. *Spade*
        2. *Rake*
        3. *Shears*

        Reply with a number or label, or in your own words. <https://vine.example.org/tasks/T-2>
      user: U0BOT
    ");
    let task = day.open("Answer twice", several()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-3* Answer twice
              ✋ Waiting for an answer · requested by Ann
              `site` · from `main` to `vine/T-3-answer-twice` · <https://vine.example.org/tasks/T-3>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text: { text: Cancel T-3, Answer twice?, type: plain_text }
                title: { text: Are you sure?, type: plain_text }
              text: { text: Cancel, type: plain_text }
              type: button
              value: 0
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
          type: actions
      text: |
        *T-3* Answer twice
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-3-answer-twice` · <https://vine.example.org/tasks/T-3>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Question:* “Plant: Which plant should the hedge be of?” (Q-3)

              > Plant: Which plant should the hedge be of?

              1. *Yew* — Green in winter, slow
              2. *Hornbeam* — Quick, loses its leaves

              > Tools: Which tools may be bought?

              Choose all that apply:

              1. *Spade*
              2. *Rake*
              3. *Shears*

              Reply with one line for each question, by number or label, or in your own words. <https://vine.example.org/tasks/T-3>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_write
              text: { text: Answer…, type: plain_text }
              type: button
              value: 0
          type: actions
      text: |
        <@U0ANN> *Question:* “Plant: Which plant should the hedge be of?” (Q-3)

        > Plant: Which plant should the hedge be of?

        1. *Yew* — Green in winter, slow
        2. *Hornbeam* — Quick, loses its leaves

        > Tools [… 405 characters in all …] ne for each question, by number or label, or in your own words. <https://vine.example.org/tasks/T-3>
      user: U0BOT
    ");
    let task = day.open("Name it", name()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-4* Name it
              ✋ Waiting for an answer · requested by Ann
              `site` · from `main` to `vine/T-4-name-it` · <https://vine.example.org/tasks/T-4>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text: { text: Cancel T-4, Name it?, type: plain_text }
                title: { text: Are you sure?, type: plain_text }
              text: { text: Cancel, type: plain_text }
              type: button
              value: 0
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
          type: actions
      text: |
        *T-4* Name it
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-4-name-it` · <https://vine.example.org/tasks/T-4>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Question:* “What should the cat be called?” (Q-4)

              Reply in your own words. <https://vine.example.org/tasks/T-4>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_write
              text: { text: Answer…, type: plain_text }
              type: button
              value: 0
          type: actions
      text: |
        <@U0ANN> *Question:* “What should the cat be called?” (Q-4)

        Reply in your own words. <https://vine.example.org/tasks/T-4>
      user: U0BOT
    ");
    let task = day.open("Allow it", permission()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-5* Allow it
              ✋ Waiting for an answer · requested by Ann
              `site` · from `main` to `vine/T-5-allow-it` · <https://vine.example.org/tasks/T-5>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text: { text: Cancel T-5, Allow it?, type: plain_text }
                title: { text: Are you sure?, type: plain_text }
              text: { text: Cancel, type: plain_text }
              type: button
              value: 0
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
          type: actions
      text: |
        *T-5* Allow it
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-5-allow-it` · <https://vine.example.org/tasks/T-5>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Allow Bash?* “npm test -- --watch=false” (Q-5)

              ```
              npm test -- --watch=false
              ```

              The agent's reason:

              > To see whether the beds are dry.

              “Allow for this session” also allows, until this task is over:

              • every command that begins with “npm test”, with any files and addresses after it

              Or reply `yes`, `always` (this session) or `no, because …`. <https://vine.example.org/tasks/T-5>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              style: primary
              text: { text: Allow once, type: plain_text }
              type: button
              value: 0
            - action_id: vine_pick_1
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text:
                  text: |
                    Allow until this task is over: every command that begins with “npm test”, with any files and addresses after it?
                  type: plain_text
                title: { text: Are you sure?, type: plain_text }
              text: { text: Allow for this session, type: plain_text }
              type: button
              value: 1
            - action_id: vine_pick_2
              style: danger
              text: { text: Deny, type: plain_text }
              type: button
              value: 2
            - action_id: vine_write
              text: { text: Deny with a reason…, type: plain_text }
              type: button
              value: 3
          type: actions
      text: |
        <@U0ANN> *Allow Bash?* “npm test -- --watch=false” (Q-5)

        ```
        npm test -- --watch=false
        ```

        The agent's reason:

        > To see whether the beds are dry.

        “Allow for this session” also allows, until this task is over:

        • every command that begins with “npm test”, with any files and addresses after it

        Or reply `yes`, `always` (this session) or `no, because …`. <https://vine.example.org/tasks/T-5>
      user: U0BOT
    ");
    let task = day.open("Approve it", plan()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - blocks:
        - text:
            text: |
              *T-6* Approve it
              ✋ Waiting for an answer · requested by Ann
              `site` · from `main` to `vine/T-6-approve-it` · <https://vine.example.org/tasks/T-6>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              confirm:
                confirm: { text: Yes, type: plain_text }
                deny: { text: No, type: plain_text }
                style: danger
                text: { text: Cancel T-6, Approve it?, type: plain_text }
                title: { text: Are you sure?, type: plain_text }
              text: { text: Cancel, type: plain_text }
              type: button
              value: 0
            - { action_id: vine_pick_2, text: { text: Log, type: plain_text }, type: button, value: 2 }
          type: actions
      text: |
        *T-6* Approve it
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-6-approve-it` · <https://vine.example.org/tasks/T-6>
      user: U0BOT
    - blocks:
        - { text: { text: <@U0ANN>, type: mrkdwn, verbatim: true }, type: section }
        - text:
            text: |
              *Approve?* “1. Dig” (Q-6)

              > *Plan*
              >
              > 1. Dig
              > 2. Plant *two* rows
              >
              > `make water`

              Or reply `approve`, or describe what to change in a sentence (or `send back: …`). <https://vine.example.org/tasks/T-6>
            type: mrkdwn
            verbatim: true
          type: section
        - elements:
            - action_id: vine_pick_0
              style: primary
              text: { text: Approve, type: plain_text }
              type: button
              value: 0
            - action_id: vine_write
              text: { text: Send back…, type: plain_text }
              type: button
              value: 1
          type: actions
      text: |
        <@U0ANN> *Approve?* “1. Dig” (Q-6)

        > *Plan*
        >
        > 1. Dig
        > 2. Plant *two* rows
        >
        > `make water`

        Or reply `approve`, or describe what to change in a sentence (or `send back: …`). <https://vine.example.org/tasks/T-6>
      user: U0BOT
    ");

    day.digest().await;
    let room = |one: &Value| {
        one["text"]
            .as_str()
            .is_some_and(|text| text.contains("open questions"))
    };
    assert_snapshot!(scene.those(room).await, @"
    - blocks:
        - text:
            text: |
              *6 open questions* in `site`:

              • *T-1:* “Plant: Which plant should the hedge be of?” (Q-1) · 30 min · <http://LOOPBACK/archives/C00000004/pTS>
              • *T-2:* “Tools: Which tools may be  [… 754 characters in all …] 00>
              • *T-6:* “1. Dig” (Q-6) · 30 min · <http://LOOPBACK/archives/C00000004/pTS>
            type: mrkdwn
            verbatim: true
          type: section
      text: |
        *6 open questions* in `site`:

        • *T-1:* “Plant: Which plant should the hedge be of?” (Q-1) · 30 min · <http://LOOPBACK/archives/C00000004/pTS>
        • *T-2:* “Tools: Which tools may be  [… 754 characters in all …] 00>
        • *T-6:* “1. Dig” (Q-6) · 30 min · <http://LOOPBACK/archives/C00000004/pTS>
      user: U0BOT
    ");

    let state = scene.slack.state().await;
    let question = of_bot(&state).find(|one| one["blocks"].to_string().contains("vine_write"));
    let ts = &question.expect("a question")["ts"];
    let click =
        json!({ "user": "U0ANN", "channel": scene.channel, "ts": ts, "action": "vine_write" });
    assert_snapshot!(scene.modal("click", click).await, @"
    blocks:
      - text:
          text: |
            *Question:* “Plant: Which plant should the hedge be of?” (Q-1)

            1. *Yew* — Green in winter, slow
            2. *Hornbeam* — Quick, loses its leaves

            Or reply with a number or label, or in your own words. <https://vine.example.org/tasks/T-1>
          type: mrkdwn
          verbatim: true
        type: section
      - block_id: pick:0
        element:
          action_id: pick
          options:
            - description: { text: Green in winter, slow, type: plain_text }
              text: { text: Yew, type: plain_text }
              value: 0
            - description: { text: Quick, loses its leaves, type: plain_text }
              text: { text: Hornbeam, type: plain_text }
              value: 1
          type: radio_buttons
        label: { text: Plant: Which plant should the hedge be of?, type: plain_text }
        optional: true
        type: input
      - block_id: words:0
        element: { action_id: words, max_length: 3000, multiline: true, type: plain_text_input }
        label: { text: Other, type: plain_text }
        optional: true
        type: input
    callback_id: vine_form
    close: { text: Cancel, type: plain_text }
    private_metadata: C00000004:ts-1
    submit: { text: Send, type: plain_text }
    title: { text: Your answer, type: plain_text }
    type: modal
    ");
    let command = json!({ "user": "U0ANN", "channel": scene.channel, "line": "/vine task new" });
    assert_snapshot!(scene.modal("command", command).await, @"
    blocks:
      - block_id: title
        element: { action_id: text, max_length: 200, multiline: false, type: plain_text_input }
        label: { text: Title, type: plain_text }
        type: input
      - block_id: prompt
        element: { action_id: text, max_length: 3000, multiline: true, type: plain_text_input }
        label: { text: What to do, type: plain_text }
        type: input
      - block_id: priority
        element:
          action_id: text
          initial_option: { text: { text: default, type: plain_text }, value: default }
          options:
            - { text: { text: high, type: plain_text }, value: high }
            - { text: { text: default, type: plain_text }, value: default }
            - { text: { text: low, type: plain_text }, value: low }
          type: static_select
        label: { text: Priority, type: plain_text }
        type: input
    callback_id: vine_task
    close: { text: Cancel, type: plain_text }
    private_metadata: C00000004
    submit: { text: Send, type: plain_text }
    title: { text: New task, type: plain_text }
    type: modal
    ");
}

impl Scene {
    /// The modal that something opens.
    async fn modal(&self, what: &str, args: Value) -> String {
        let open = |state: &Value| state["views"].as_array().map_or(0, Vec::len);
        let before = open(&self.slack.state().await);
        self.slack.act(what, args).await;
        let state = self
            .slack
            .wait("a modal opens", |state| open(state) > before)
            .await;
        let opened = state["calls"].as_array().into_iter().flatten().rev();
        let view = opened
            .filter(|call| call["method"] == "views.open")
            .map(|call| &call["args"]["view"])
            .next();
        Names::default().redact(&shown(view.expect("just opened")))
    }
}
