//! Messages in Discord as they were posted and edited last, with their components.

use insta::assert_snapshot;
use serde_json::{Value, json};
use vine_app::adapters::{self, AdapterEvents};
use vine_discord::{Discord, DiscordSettings};
use vine_domain::TaskId;
use vine_doubles::discord::{
    TOKEN,
    world::{ANN, BEN, GUILD},
};

use super::{
    day::{Day, Subjects, Where, Who, name, permission, plan, plants, several, tools},
    text::{Names, shown},
};
use crate::harness::{
    double::messages,
    guild::{Server, of_bot},
};

const VIC: &str = "1600000000000000077";

/// The day on Discord.
struct Scene {
    day: Day,
    server: Server,
    channel: String,
}

impl Scene {
    async fn begin() -> Self {
        let server = Server::open().await;
        server
            .act("user", json!({ "id": VIC, "name": "vic" }))
            .await;
        let day = Day::begin("discord", &Subjects(ANN, VIC)).await;
        let settings = DiscordSettings {
            api_url: server.url.clone(),
            token: TOKEN.into(),
            guild: GUILD.into(),
            channel_prefix: "vine-".into(),
            message_content: true,
        };
        let app = day.app().clone();
        let (chat, ear) = (
            Discord::new(settings),
            AdapterEvents::new(app.clone(), "discord"),
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
        let state = server.wait("both channels are made", ready).await;
        day.has_rooms().await;
        let channel = room(&state, "vine-site").expect("just seen");
        Self {
            day,
            server,
            channel,
        }
    }

    /// The thread of a task, which has the id of its card.
    async fn root(&self, task: TaskId) -> String {
        let begins = format!("**{task}**");
        let is = |one: &&Value| {
            one["content"]
                .as_str()
                .is_some_and(|text| text.starts_with(&begins))
        };
        let state = self.server.state().await;
        let root = of_bot(&state).find(is).and_then(|one| one["id"].as_str());
        root.unwrap_or_else(|| panic!("no card of {task}"))
            .to_owned()
    }

    /// A task's card and thread.
    async fn thread(&self, task: TaskId) -> String {
        let id = self.root(task).await;
        self.those(|one| one["id"] == id.as_str() || one["channel_id"] == id.as_str())
            .await
    }

    async fn those(&self, is: impl Fn(&Value) -> bool) -> String {
        let state = self.server.state().await;
        let all: Vec<Value> = messages(&state).filter(|one| is(one)).map(posted).collect();
        Names::default().redact(&shown(&json!(all)))
    }

    /// What a person says, as the event that it is to us.
    async fn says(&self, who: Who, at: Where, words: &str) -> String {
        let user = match who {
            Who::Ann => ANN,
            Who::Vic => VIC,
            Who::Stranger => BEN,
        };
        let channel = match at {
            Where::Thread(task) => self.root(task).await,
            Where::Room => self.channel.clone(),
        };
        let message = json!({ "user": user, "channel": channel, "content": words });
        let said = self.server.act("say", message).await;
        format!("{channel}:{}", said["id"].as_str().expect("an id"))
    }

    /// The modal that something opens.
    async fn modal(&self, what: &str, args: Value) -> String {
        self.server.act(what, args).await;
        let open = |state: &Value| !state["modals"][0].is_null();
        let state = self.server.wait("a modal opens", open).await;
        Names::default().redact(&shown(&state["modals"]))
    }
}

fn room(state: &Value, name: &str) -> Option<String> {
    let channels = state["channels"].as_array()?;
    let room = channels.iter().find(|one| one["name"] == name)?;
    room["id"].as_str().map(str::to_owned)
}

/// What we chose of a message; Discord adds the rest.
fn posted(message: &Value) -> Value {
    let mut kept =
        json!({ "author": message["author"]["username"], "content": message["content"] });
    for key in [
        "components",
        "reactions",
        "attachments",
        "flags",
        "mentions",
    ] {
        let known = &message[key];
        if !known.is_null() && *known != json!([]) && *known != json!(0) {
            kept[key] = known.clone();
        }
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_discord_threads() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.choice_and_done().await;
    assert_snapshot!(scene.thread(task).await, @r"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:2, id: 2, label: Log, style: 2, type: 2 }
            - { custom_id: v1:pick:3, id: 3, label: Diff, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-1** Plant a hedge
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
      flags: 4
    - author: vine
      content: |
        💬 **Hornbeam** — Ann, <t:1800000000:f> (Q-1)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **T-1 is done.**
        > The hedge is planted.
        Commit `0123456789ab` on `vine/T-1-plant-a-hedge`:
        ```
         hedge.md | 2 ++
         1 file changed, 2 insertions(+)
        ```
        Merge it with `git merge vine/T-1-plant-a-hedge`, or with `vine task merge T-1` in your clone.
        3 turns, 12345 tokens in, 678 out, about $0.12
      flags: 4
    ");
    let task = day.every_decision().await;
    assert_snapshot!(scene.thread(task).await, @r"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:2, id: 2, label: Log, style: 2, type: 2 }
            - { custom_id: v1:pick:3, id: 3, label: Diff, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-2** Decide everything
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
      flags: 4
    - author: vine
      content: |
        💬 **Hornbeam (but a small one)** — Ann, <t:1800000000:f> (Q-2)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        💬 **Neither; build a wall** — Ann, <t:1800000000:f> (Q-3)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        💬 **Hornbeam; Spade, Shears** — Ann, <t:1800000000:f> (Q-4)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
        > Tools: Which tools may be bought?
        Choose all that apply:
        1. **Spade**
        2. **Rake**
        3. **Shears**
      flags: 4
    - author: vine
      content: |
        💬 **You decide both** — Ann, <t:1800000000:f> (Q-5)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
        > Tools: Which tools may be bought?
        Choose all that apply:
        1. **Spade**
        2. **Rake**
        3. **Shears**
      flags: 4
    - author: vine
      content: |
        ✅ **Allowed once** — Ann, <t:1800000000:f> (Q-6)
        Allow **Bash**?
        ```
        npm test -- --watch=false
        ```
        The agent's reason:
        > To see whether the beds are dry.
      flags: 4
    - author: vine
      content: |
        ✅ **Allowed for this session** — Ann, <t:1800000000:f> (Q-7)
        Allow **Bash**?
        ```
        npm test -- --watch=false
        ```
        The agent's reason:
        > To see whether the beds are dry.
        “Allow for this session” also allows, until this task is over:
        - every command that begins with “npm test”, with any files and addresses after it
      flags: 4
    - author: vine
      content: |
        🚫 **Denied** — Ann, <t:1800000000:f> (Q-8)
        Allow **Bash**?
        ```
        npm test -- --watch=false
        ```
        The agent's reason:
        > To see whether the beds are dry.
      flags: 4
    - author: vine
      content: |
        🚫 **Denied: use the script** — Ann, <t:1800000000:f> (Q-9)
        Allow **Bash**?
        ```
        npm test -- --watch=false
        ```
        The agent's reason:
        > To see whether the beds are dry.
      flags: 4
    - author: vine
      content: |
        ✅ **Approved** — Ann, <t:1800000000:f> (Q-10)
        Approve this plan?
        > **Plan**
        > 1. Dig
        > 2. Plant **two** rows
        > ```
        > make water
        > ```
      flags: 4
    - author: vine
      content: |
        💬 **Sent back: Water it first** — Ann, <t:1800000000:f> (Q-11)
        Approve this plan?
        > **Plan**
        > 1. Dig
        > 2. Plant **two** rows
        > ```
        > make water
        > ```
      flags: 4
    - author: vine
      content: |
        **Q-12** no longer needs an answer: the agent withdrew it.
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **T-2 ended without changes.**
        > The hedge is planted.
        No changes; `vine/T-2-decide-everything` is untouched.
        - not allowed: Bash: rm -rf beds
        3 turns, 12345 tokens in, 678 out, about $0.12
      flags: 4
    ");
    let task = day.nobody_answers().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:1, id: 2, label: Retry, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-3** Wait for somebody
        ⚪ Cancelled by Ann · requested by Ann
        `shop` · from `main` to `vine/T-3-wait-for-somebody` · https://vine.example.org/tasks/T-3
      flags: 4
    - author: vine
      content: |
        💬 **Hornbeam** — Ann, <t:1800619200:f> (Q-13)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **Reminder:** “Plant: Which plant should the hedge be of?” (Q-13)
        Still waiting for Ann, 30 min so far · https://discord.com/channels/snowflake-2/snowflake-3/snowflake-4
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **Escalated:** “Plant: Which plant should the hedge be of?” (Q-13)
        Nobody has answered for 4 h, so this goes to **operator** · https://discord.com/channels/snowflake-2/snowflake-3/snowflake-4
      flags: 4
    - author: vine
      content: |
        **No answer:** “Plant: Which plant should the hedge be of?” (Q-13)
        Nobody answered within 7 days. The agent was told that no answer came (this is not a “no”) and continues without one.
        You can still answer: press a button of the question, reply to it, or type `Q-13 your answer`.
      flags: 4
    - { author: vine, content: The agent receives the late answer to Q-13., flags: 4 }
    - { author: vine, content: **T-3 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.failures().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:1, id: 2, label: Retry, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-4** Fail again and again
        ⚪ Cancelled by Ann · requested by Ann
        `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
      flags: 4
    - { author: vine, content: The session is gone; starting afresh., flags: 4 }
    - author: vine
      content: |
        **An attempt failed.** the agent ended with exit code 1: out of paper
        Retrying in 25 s.
      flags: 4
    - { author: vine, content: The session is gone; starting afresh., flags: 4 }
    - author: vine
      content: |
        **An attempt failed.** the agent ended with exit code 1: out of paper
        Retrying in 48 s.
      flags: 4
    - { author: vine, content: The session is gone; starting afresh., flags: 4 }
    - author: vine
      content: |
        <@snowflake-1> **T-4 failed.** the agent ended with exit code 1: out of paper
        Check the end of `task log`, then run `task retry`.
      flags: 4
    - { author: vine, content: Ann retried T-4., flags: 4 }
    - { author: vine, content: **T-4 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.losses().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:1, id: 2, label: Retry, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-5** Lose the worker
        ⚪ Cancelled by Ann · requested by Ann
        `site` · from `main` to `vine/T-5-lose-the-worker` · https://vine.example.org/tasks/T-5
      flags: 4
    - author: vine
      content: |
        **An attempt was lost:** the worker sent no heartbeat for a minute.
        Restarting now.
      flags: 4
    - author: vine
      content: |
        **Q-14** no longer needs an answer: the task was cancelled.
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        **The agent was lost:** the worker sent no heartbeat for a minute.
        Open questions stay open; an answer resumes the same session.
      flags: 4
    - { author: vine, content: **T-5 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.hand_backs().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:1, id: 2, label: Retry, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-6** Hand it back
        ⚪ Cancelled by Ann · requested by Ann
        `site` · from `main` to `vine/T-6-hand-it-back` · https://vine.example.org/tasks/T-6
      flags: 4
    - author: vine
      content: The worker handed the task back without a failure; it restarts in the next free slot.
      flags: 4
    - author: vine
      content: |
        **Q-15** no longer needs an answer: the task was cancelled.
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: The agent has ended. Open questions stay open; an answer resumes the same session.
      flags: 4
    - { author: vine, content: **T-6 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.too_long().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:2, id: 2, label: Log, style: 2, type: 2 }
            - { custom_id: v1:pick:3, id: 3, label: Diff, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-7** Say a lot
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-7-say-a-lot` · https://vine.example.org/tasks/T-7
      flags: 4
    - author: vine
      content: |
        🚫 **Denied** — Ann, <t:1800633720:f> (Q-16)
        Allow **Bash**?
        ```
        echo a line of a long script
        echo a line of a long script
        echo a line of a long script
        echo a line of a long script
        echo a line of a lon [… 1822 characters in all …] a line of a long script
        echo a line of a long script
        ```
        … shortened; the page shows the whole text.
      flags: 4
    - attachments:
        - content_type: text/markdown
          filename: question-uuid-1.md
          id: snowflake-1
          proxy_url: |
            http://LOOPBACK/attachments/snowflake-1/question-uuid-1.md
          size: 58383
          url: |
            http://LOOPBACK/attachments/snowflake-1/question-uuid-1.md
      author: vine
      content: ""
    - author: vine
      content: |
        <@snowflake-2> **T-7 is done.**
        … the whole text is in `notice-uuid-2.md`, below.
      flags: 4
    - attachments:
        - content_type: text/markdown
          filename: notice-uuid-2.md
          id: snowflake-3
          proxy_url: |
            http://LOOPBACK/attachments/snowflake-3/notice-uuid-2.md
          size: 9264
          url: |
            http://LOOPBACK/attachments/snowflake-3/notice-uuid-2.md
      author: vine
      content: ""
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_discord_talk() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.talk(|who, at, words| scene.says(who, at, words)).await;
    assert_snapshot!(scene.thread(task).await, @r"
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:2, id: 2, label: Log, style: 2, type: 2 }
            - { custom_id: v1:pick:3, id: 3, label: Diff, style: 2, type: 2 }
            - { custom_id: v1:write, id: 4, label: Continue…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-1** Talk
        ✅ Done · requested by Ann
        `site` · from `main` to `vine/T-1-talk` · https://vine.example.org/tasks/T-1
      flags: 4
    - author: ann
      content: Mind the cat
      reactions:
        - burst_colors: []
          count: 1
          count_details: { burst: 0, normal: 1 }
          emoji: { id: null, name: 📝 }
          me: true
          me_burst: false
        - burst_colors: []
          count: 1
          count_details: { burst: 0, normal: 1 }
          emoji: { id: null, name: 👀 }
          me: true
          me_burst: false
    - author: vine
      content: |
        💬 **Yew** — Ann, <t:1800000000:f> (Q-1)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        ✅ **Allowed once** — Ann, <t:1800000000:f> (Q-2)
        Allow **Bash**?
        ```
        npm test -- --watch=false
        ```
        The agent's reason:
        > To see whether the beds are dry.
      flags: 4
    - author: ann
      content: yes
      reactions:
        - burst_colors: []
          count: 1
          count_details: { burst: 0, normal: 1 }
          emoji: { id: null, name: ✅ }
          me: true
          me_burst: false
    - { author: ann, content: Q-99 yes }
    - author: vine
      content: |
        there is no question Q-99
        `question list` lists open questions
      flags: 4
    - { author: vic, content: 1 }
    - author: vine
      content: |
        Vic is not allowed to do this here; `answer` requires role `answerer`.
        Access is set in the daemon's configuration, under `[[people]]`. Your id is `snowflake-1`.
      flags: 4
    - { author: vic, content: 2 }
    - author: vine
      content: |
        Vic is not allowed to do this here; `answer` requires role `answerer`.
        Access is set in the daemon's configuration, under `[[people]]`. Your id is `snowflake-1`.
      flags: 4
    - author: ann
      content: perhaps
      reactions:
        - burst_colors: []
          count: 1
          count_details: { burst: 0, normal: 1 }
          emoji: { id: null, name: 📝 }
          me: true
          me_burst: false
    - { author: ann, content: yes }
    - { author: ann, content: !vine task show }
    - author: vine
      content: |
        **T-1** Talk
        Running · `site` · from `main` to `vine/T-1-talk` · requested by Ann
        1 attempt
        Prompt:
        > Talk
        Questions:
        - **Q-1** Which plant should the hedge be of? (Ann: Yew)
        - **Q-2** Allow Bash: npm test -- --watch=false (Ann: allowed once)
        You can: `task cancel T-1`, `task log T-1 --limit 20`, `task explain T-1`
      flags: 4
    - { author: ann, content: !vine task shwo }
    - author: vine
      content: |
        There is no command `task shwo`. Did you mean `task show`?
        type `help` for the commands
      flags: 4
    - author: vine
      content: |
        <@snowflake-2> **T-1 is done.**
        > The hedge is planted.
        Commit `0123456789ab` on `vine/T-1-talk`:
        ```
         hedge.md | 2 ++
         1 file changed, 2 insertions(+)
        ```
        Merge it with `git merge vine/T-1-talk`, or with `vine task merge T-1` in your clone.
        3 turns, 12345 tokens in, 678 out, about $0.12
      flags: 4
    - { author: vine, content: T-1 is done: no agent has read the note from Ann., flags: 4 }
    - { author: ann, content: One more thing }
    - author: vine
      components:
        - components: [{ custom_id: v1:pick:0, id: 2, label: Continue with this, style: 1, type: 2 }]
          id: 1
          type: 1
      content: |
        T-1 is over (Done), so nobody works on “One more thing” yet.
        1. Continue with this
        Or mention me with what to do next.
      flags: 4
    ");
    let told = |one: &Value| {
        one["content"]
            .as_str()
            .is_some_and(|text| text.contains("You are"))
    };
    assert_snapshot!(scene.those(told).await, @"[{ author: vine, content: You are Ann (operator), via discord., flags: 4 }]");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_discord_questions_that_are_open() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.open("Choose one", plants()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:careful:0, id: 2, label: Cancel, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-1** Choose one
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-1-choose-one` · https://vine.example.org/tasks/T-1
      flags: 4
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:0, id: 2, label: Yew, style: 1, type: 2 }
            - { custom_id: v1:pick:1, id: 3, label: Hornbeam, style: 1, type: 2 }
            - { custom_id: v1:write, id: 4, label: Answer…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Question:** “Plant: Which plant should the hedge be of?” (Q-1)
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
        Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
      flags: 4
    ");
    let task = day.open("Choose several", tools()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:careful:0, id: 2, label: Cancel, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-2** Choose several
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-2-choose-several` · https://vine.example.org/tasks/T-2
      flags: 4
    - author: vine
      components:
        - components: [{ custom_id: v1:write, id: 2, label: Answer…, style: 2, type: 2 }]
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Question:** “Tools: Which tools may be bought?” (Q-2)
        Choose all that apply:
        1. **Spade**
        2. **Rake**
        3. **Shears**
        Reply with a number or label, or in your own words. https://vine.example.org/tasks/T-2
      flags: 4
    ");
    let task = day.open("Answer twice", several()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:careful:0, id: 2, label: Cancel, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-3** Answer twice
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-3-answer-twice` · https://vine.example.org/tasks/T-3
      flags: 4
    - author: vine
      components:
        - components: [{ custom_id: v1:write, id: 2, label: Answer…, style: 2, type: 2 }]
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Question:** “Plant: Which plant should the hedge be of?” (Q-3)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses i [… 423 characters in all …] line for each question, by number or label, or in your own words. https://vine.example.org/tasks/T-3
      flags: 4
    ");
    let task = day.open("Name it", name()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:careful:0, id: 2, label: Cancel, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-4** Name it
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-4-name-it` · https://vine.example.org/tasks/T-4
      flags: 4
    - author: vine
      components:
        - components: [{ custom_id: v1:write, id: 2, label: Answer…, style: 2, type: 2 }]
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Question:** “What should the cat be called?” (Q-4)
        Reply in your own words. https://vine.example.org/tasks/T-4
      flags: 4
    ");
    let task = day.open("Allow it", permission()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      components:
        - components:
            - { custom_id: v1:careful:0, id: 2, label: Cancel, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-5** Allow it
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-5-allow-it` · https://vine.example.org/tasks/T-5
      flags: 4
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:0, id: 2, label: Allow once, style: 3, type: 2 }
            - { custom_id: v1:careful:1, id: 3, label: Allow for this session, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 4, label: Deny, style: 4, type: 2 }
            - { custom_id: v1:write, id: 5, label: Deny with a reason…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Allow Bash?** “npm test -- --watch=false” (Q-5)
        ```
        npm test -- --watch=false
        ```
        The agent's reason:
        > To see whether the beds are dry.
        “Allow for this session” also allows,  [… 402 characters in all …] er it
        Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-5
      flags: 4
    ");
    let task = day.open("Approve it", plan()).await;
    assert_snapshot!(scene.thread(task).await, @r"
    - author: vine
      components:
        - components:
            - { custom_id: v1:careful:0, id: 2, label: Cancel, style: 2, type: 2 }
            - { custom_id: v1:pick:2, id: 3, label: Log, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        **T-6** Approve it
        ✋ Waiting for an answer · requested by Ann
        `site` · from `main` to `vine/T-6-approve-it` · https://vine.example.org/tasks/T-6
      flags: 4
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:0, id: 2, label: Approve, style: 3, type: 2 }
            - { custom_id: v1:write, id: 3, label: Send back…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Approve?** “1. Dig” (Q-6)
        > **Plan**
        > 1. Dig
        > 2. Plant **two** rows
        > ```
        > make water
        > ```
        Or reply `approve`, or describe what to change in a sentence (or `send back: …`). https://vine.example.org/tasks/T-6
      flags: 4
    ");

    day.digest().await;
    let digest = |one: &Value| {
        one["content"]
            .as_str()
            .is_some_and(|text| text.contains("open questions"))
    };
    assert_snapshot!(scene.those(digest).await, @"
    - author: vine
      content: |
        **6 open questions** in `site`:
        - **T-1:** “Plant: Which plant should the hedge be of?” (Q-1) · 30 min · https://discord.com/channels/snowflake-1/snowflake-2/snowflake-3
        - **T- [… 929 characters in all …]  · 30 min · https://discord.com/channels/snowflake-1/snowflake-4/snowflake-5
      flags: 4
    ");

    let state = scene.server.state().await;
    let question = of_bot(&state).find(|one| one["components"].to_string().contains("v1:write"));
    let question = question.expect("a question with buttons");
    let press = json!({ "user": ANN, "channel": question["channel_id"], "message": question["id"],
        "custom_id": "v1:write" });
    assert_snapshot!(scene.modal("press", press).await, @"
    - channel: snowflake-1
      interaction: snowflake-2
      message: snowflake-3
      modal:
        components:
          - content: |
              <@snowflake-4> **Question:** “Plant: Which plant should the hedge be of?” (Q-1)
              1. **Yew** — Green in winter, slow
              2. **Hornbeam** — Quick, loses its leaves
              Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
            type: 10
          - component:
              custom_id: pick:0
              options:
                - { description: Green in winter, slow, label: Yew, value: 0 }
                - { description: Quick, loses its leaves, label: Hornbeam, value: 1 }
              required: false
              type: 21
            label: Plant: Which plant should the hedge be of?
            type: 18
          - component: { custom_id: words:0, max_length: 4000, required: false, style: 2, type: 4 }
            description: In your own words
            label: Other
            type: 18
        custom_id: v1:form:snowflake-3
        title: Your answer
      user: snowflake-4
    ");
    let menu = shown(&scene.server.state().await["commands"]);
    assert_snapshot!(Names::default().redact(&menu), @r#"
    - application_id: snowflake-1
      default_member_permissions: null
      description: Give tasks to agents and answer their questions
      guild_id: snowflake-2
      id: snowflake-3
      name: vine
      nsfw: false
      options:
        - description: Commands for tasks
          name: task
          options:
            - description: Create a task; in chat, the lines that follow are the prompt
              name: new
              options:
                - description: The task's title; also the prompt if none is given
                  name: title
                  required: true
                  type: 3
                - { description: What the agent should do, name: prompt, required: false, type: 3 }
                - autocomplete: true
                  description: The repository; optional if there is only one
                  name: repo
                  required: false
                  type: 3
                - description: The branch to start from (default: the repository's base branch)
                  name: base
                  required: false
                  type: 3
                - description: Start from the branch of this task once it is done, like T-7
                  name: after
                  required: false
                  type: 3
                - description: The branch to commit to (default: `vine/T-<number>-<title>`)
                  name: branch
                  required: false
                  type: 3
                - description: The priority: high, default or low
                  name: priority
                  required: false
                  type: 3
                - description: |
                    The model that the agent uses, like opus (default: the repository's, or the agent's own)
                  name: model
                  required: false
                  type: 3
                - description: How much the agent thinks: low, medium, high, xhigh or max
                  name: effort
                  required: false
                  type: 3
                - description: Idempotency key: creating again with the same key returns the first task
                  name: key
                  required: false
                  type: 3
              type: 1
            - description: List tasks, newest first
              name: list
              options:
                - choices:
                    - { name: queued, value: queued }
                    - { name: running, value: running }
                    - { name: waiting, value: waiting }
                    - { name: done, value: done }
                    - { name: failed, value: failed }
                    - { name: cancelled, value: cancelled }
                  description: Show only tasks in this state
                  name: state
                  required: false
                  type: 3
                - autocomplete: true
                  description: Show only tasks of this repository
                  name: repo
                  required: false
                  type: 3
                - { description: Show at most this many entries, name: limit, required: false, type: 3 }
              type: 1
            - description: Show a task
              name: show
              options:
                - autocomplete: true
                  description: The task, like T-142; optional inside its thread
                  name: task
                  required: false
                  type: 3
              type: 1
            - description: Cancel a task
              name: cancel
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Only if it is in this round, like 2; one that has not begun is taken back
                  name: round
                  required: false
                  type: 3
              type: 1
            - description: Run a failed or cancelled task again, or a queued one now
              name: retry
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
              type: 1
            - description: Continue a task that is over, on its branch and in its session
              name: continue
              options:
                - description: The task, like T-142 (optional inside its thread), and what to do next
                  name: words
                  required: true
                  type: 3
              type: 1
            - description: Move a task to another lane
              name: priority
              options:
                - description: The priority: high, default or low
                  name: lane
                  required: true
                  type: 3
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
              type: 1
            - description: Show a task's log: what happened, and the agent's output
              name: log
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - { description: Show at most this many entries, name: limit, required: false, type: 3 }
              type: 1
            - description: Show what a task changed
              name: diff
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Only this round, like 2 (default: the latest)
                  name: round
                  required: false
                  type: 3
              type: 1
            - description: Push work that a worker has kept unpushed
              name: push
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Leave the work on its worker instead, and stop asking about it
                  name: leave
                  required: false
                  type: 5
              type: 1
            - description: Show a task's pull request, or open, close or update it
              name: request
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Open one, if the repository does not do that by itself
                  name: open
                  required: false
                  type: 5
                - { description: Close it without merging it, name: close, required: false, type: 5 }
                - description: Merge its base into its branch
                  name: update
                  required: false
                  type: 5
              type: 1
            - description: Merge a task's pull request
              name: merge
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: How: merge, squash or rebase (default: as its repository says)
                  name: method
                  required: false
                  type: 3
                - description: As soon as its checks pass, not immediately
                  name: when_checks_pass
                  required: false
                  type: 5
                - description: Only if this is the commit at its head, or how that begins
                  name: head
                  required: false
                  type: 3
              type: 1
            - description: Let the agent fix what the checks and reviews of its pull request found
              name: fix-up
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Only this finding, by its number (default: all that are open)
                  name: finding
                  required: false
                  type: 3
              type: 1
            - description: Explain a task's state and what happens next
              name: explain
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
              type: 1
          type: 2
        - description: Commands for questions
          name: question
          options:
            - description: List open questions, oldest first
              name: list
              options:
                [{ description: Show at most this many entries, name: limit, required: false, type: 3 }]
              type: 1
            - description: Show a question
              name: show
              options:
                - autocomplete: true
                  description: The question, like Q-17
                  name: question
                  required: true
                  type: 3
              type: 1
            - description: Answer a question
              name: answer
              options:
                - autocomplete: true
                  description: The question, like Q-17
                  name: question
                  required: true
                  type: 3
                - description: A number, a label or your own words (in a shell, `-` or `--file FILE` reads them)
                  name: text
                  required: true
                  type: 3
              type: 1
          type: 2
        - description: Commands for sessions
          name: session
          options:
            - description: List live sessions
              name: list
              options:
                - { description: Include ended sessions, name: all, required: false, type: 5 }
                - { description: Show at most this many entries, name: limit, required: false, type: 3 }
              type: 1
            - description: Show a session
              name: show
              options:
                - autocomplete: true
                  description: The session's UUID
                  name: session
                  required: true
                  type: 3
              type: 1
            - description: End a session; if its task runs again, it starts a new one
              name: end
              options:
                - autocomplete: true
                  description: The session's UUID
                  name: session
                  required: true
                  type: 3
              type: 1
            - description: Keep a session, regardless of the session policies
              name: keep
              options:
                - autocomplete: true
                  description: The session's UUID
                  name: session
                  required: true
                  type: 3
              type: 1
          type: 2
        - description: Commands for workers
          name: worker
          options:
            - { description: List workers, name: list, options: [], type: 1 }
            - description: Show a worker
              name: show
              options:
                - autocomplete: true
                  description: The worker's name
                  name: worker
                  required: true
                  type: 3
              type: 1
            - description: Let a worker finish its tasks, and give it no new ones
              name: drain
              options:
                - autocomplete: true
                  description: The worker's name
                  name: worker
                  required: true
                  type: 3
              type: 1
            - description: Give a drained worker new tasks again
              name: resume
              options:
                - autocomplete: true
                  description: The worker's name
                  name: worker
                  required: true
                  type: 3
              type: 1
            - description: Limit a worker's agents or repositories; without options, remove the limits
              name: limit
              options:
                - autocomplete: true
                  description: The worker's name
                  name: worker
                  required: true
                  type: 3
                - description: Run at most this many agents at once
                  name: slots
                  required: false
                  type: 3
                - autocomplete: true
                  description: Run only tasks of this repository; repeatable
                  name: repo
                  required: false
                  type: 3
              type: 1
            - description: Remove workers and their tokens
              name: remove
              options:
                - autocomplete: true
                  description: The workers' names
                  name: worker
                  required: false
                  type: 3
                - description: Remove all workers that are offline
                  name: offline
                  required: false
                  type: 5
                - description: The number of workers to remove; without it, they are only counted
                  name: confirm
                  required: false
                  type: 3
              type: 1
          type: 2
        - description: Commands for queues
          name: queue
          options:
            - { description: Show the depth of each queue, name: status, options: [], type: 1 }
            - description: Start no new tasks, everywhere or in one repository
              name: pause
              options:
                - autocomplete: true
                  description: Only this repository
                  name: repo
                  required: false
                  type: 3
              type: 1
            - description: Resume starting tasks, everywhere or in one repository
              name: resume
              options:
                - autocomplete: true
                  description: Only this repository
                  name: repo
                  required: false
                  type: 3
              type: 1
            - description: List dead letters: tasks that failed for good
              name: dead
              options:
                [{ description: Show at most this many entries, name: limit, required: false, type: 3 }]
              type: 1
            - description: Run a dead letter again, or many of them
              name: replay
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Select all dead letters that match the other filters
                  name: all
                  required: false
                  type: 5
                - autocomplete: true
                  description: Select only those of this repository
                  name: repo
                  required: false
                  type: 3
                - description: Select only those with this kind of failure, like git
                  name: kind
                  required: false
                  type: 3
                - description: The number of tasks to change; without it, they are only counted
                  name: confirm
                  required: false
                  type: 3
              type: 1
            - description: Discard a dead letter, or many of them
              name: discard
              options:
                - autocomplete: true
                  description: The task, like T-142
                  name: task
                  required: false
                  type: 3
                - description: Select all dead letters that match the other filters
                  name: all
                  required: false
                  type: 5
                - autocomplete: true
                  description: Select only those of this repository
                  name: repo
                  required: false
                  type: 3
                - description: Select only those with this kind of failure, like git
                  name: kind
                  required: false
                  type: 3
                - description: The number of tasks to change; without it, they are only counted
                  name: confirm
                  required: false
                  type: 3
              type: 1
          type: 2
        - description: Commands for repos
          name: repo
          options:
            - description: Add a repository, or update the one with this name
              name: add
              options:
                - autocomplete: true
                  description: The repository's short name
                  name: name
                  required: true
                  type: 3
                - description: An absolute path on the workers' machines, or a URL
                  name: source
                  required: true
                  type: 3
                - description: The branch that tasks start from (default: the repository's default branch)
                  name: base
                  required: false
                  type: 3
                - description: Let the repository's own agent settings, hooks and MCP servers run
                  name: trusted
                  required: false
                  type: 5
                - description: Create its rooms with end-to-end encryption; this cannot be undone
                  name: encrypted
                  required: false
                  type: 5
                - description: |
                    Push without asking: all, branches (all; unfinished work to branches), done or never (default: all)
                  name: push
                  required: false
                  type: 3
              type: 1
            - description: Show the rooms of a repository, or choose one
              name: room
              options:
                - autocomplete: true
                  description: The repository's short name
                  name: name
                  required: true
                  type: 3
                - description: The room to use, as the platform names it
                  name: room
                  required: false
                  type: 3
                - description: The room's platform (default: the one this is sent on, or the only one)
                  name: platform
                  required: false
                  type: 3
                - choices: [{ name: on, value: on }, { name: off, value: off }]
                  description: Whether its cards show what agents are at
                  name: progress
                  required: false
                  type: 3
              type: 1
            - description: Set what agents may do and reach, their wall and model, and pull requests
              name: set
              options:
                - autocomplete: true
                  description: The repository's short name
                  name: name
                  required: true
                  type: 3
                - description: The preset: read, edit, test, open, auto (Anthropic's classifier decides) or default
                  name: preset
                  required: false
                  type: 3
                - description: Hosts that agents may reach: off, list (registries and allowed hosts) or open
                  name: egress
                  required: false
                  type: 3
                - description: A host to add to the list, like example.org; repeatable
                  name: allow
                  required: false
                  type: 3
                - description: A host to remove from the list; repeatable
                  name: refuse
                  required: false
                  type: 3
                - description: The minimum wall: bubblewrap, container, user, plain or default
                  name: wall
                  required: false
                  type: 3
                - description: The model that agents use, like opus, or default
                  name: model
                  required: false
                  type: 3
                - description: How much agents think: low, medium, high, xhigh, max or default
                  name: effort
                  required: false
                  type: 3
                - description: |
                    What continues a task that is over: mention (words to the bot), or words (any request in its thread)
                  name: followups
                  required: false
                  type: 3
                - description: Open a pull request for finished work: off, draft or ready
                  name: requests
                  required: false
                  type: 3
                - description: The labels of its pull requests, with commas between them; empty for none
                  name: labels
                  required: false
                  type: 3
                - description: Who reviews its pull requests, by their names on the forge; empty for nobody
                  name: reviewers
                  required: false
                  type: 3
                - description: |
                    Whom its pull requests are assigned to, by their names on the forge; empty for nobody
                  name: assignees
                  required: false
                  type: 3
                - description: How its pull requests are merged: merge, squash or rebase
                  name: merge
                  required: false
                  type: 3
                - description: How often failed checks start a round by themselves: 0 to 5
                  name: fix_checks
                  required: false
                  type: 3
                - description: The names of its branches, like agents/{id}-{title}, or default
                  name: branches
                  required: false
                  type: 3
                - description: The last lines of its commits, like "Refs: {id}", with ; between them, or default
                  name: trailers
                  required: false
                  type: 3
              type: 1
            - description: Remove a repository that has no open tasks; its history stays
              name: remove
              options:
                - autocomplete: true
                  description: The repository's short name
                  name: name
                  required: true
                  type: 3
              type: 1
            - { description: List repositories, name: list, options: [], type: 1 }
            - description: Show a repository
              name: show
              options:
                - autocomplete: true
                  description: The repository's short name
                  name: name
                  required: true
                  type: 3
              type: 1
          type: 2
        - { description: Show what needs you, at a glance, name: status, options: [], type: 1 }
        - description: Show who you are here and what you are allowed to do
          name: whoami
          options: []
          type: 1
        - description: Show how to answer and the most used commands
          name: help
          options:
            - choices: [{ name: all, value: all }]
              description: Show all commands
              name: topic
              required: false
              type: 3
          type: 1
      type: 1
      version: snowflake-3
    - application_id: snowflake-1
      default_member_permissions: null
      description: ""
      guild_id: snowflake-2
      id: snowflake-4
      name: Use as answer
      nsfw: false
      type: 3
      version: snowflake-4
    - application_id: snowflake-1
      default_member_permissions: null
      description: ""
      guild_id: snowflake-2
      id: snowflake-5
      name: Make this a task
      nsfw: false
      type: 3
      version: snowflake-5
    "#);
}
