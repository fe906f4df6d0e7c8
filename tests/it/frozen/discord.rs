//! What stands in Discord: messages as they were posted and edited last, with their components.

use insta::assert_snapshot;
use serde_json::{Value, json};
use vine_app::platforms;
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
            platforms::AdapterEvents::new(app.clone(), "discord"),
        );
        let listens = chat.clone();
        tokio::spawn(platforms::run(app.clone(), chat, move || {
            listens.clone().run(ear.clone())
        }));
        tokio::spawn(vine_app::inbound::run(app));
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
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-1** Plant a hedge
        `site` · from `main` to `vine/T-1-plant-a-hedge` · asked by Ann
        Done · https://vine.example.org/tasks/T-1
      flags: 4
    - author: vine
      content: |
        **Q-1** Ann answered in discord at 2027-01-15 08:00 UTC: Hornbeam
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
        3 turns, 12345 tokens in, 678 out, about $0.12
      flags: 4
    ");
    let task = day.every_decision().await;
    assert_snapshot!(scene.thread(task).await, @r"
    - author: vine
      content: |
        **T-2** Decide everything
        `site` · from `main` to `vine/T-2-decide-everything` · asked by Ann
        Done · https://vine.example.org/tasks/T-2
      flags: 4
    - author: vine
      content: |
        **Q-2** Ann answered in discord at 2027-01-15 08:00 UTC: Hornbeam (but a small one)
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        **Q-3** Ann answered in discord at 2027-01-15 08:00 UTC: Neither; build a wall
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        **Q-4** Ann answered in discord at 2027-01-15 08:00 UTC: Hornbeam; Spade, Shears
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
        > Tools: Which tools may be bought?
        Several may be chosen:
        1. **Spade**
        2. **Rake**
        3. **Shears**
      flags: 4
    - author: vine
      content: |
        **Q-5** Ann answered in discord at 2027-01-15 08:00 UTC: You decide both
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
        > Tools: Which tools may be bought?
        Several may be chosen:
        1. **Spade**
        2. **Rake**
        3. **Shears**
      flags: 4
    - author: vine
      content: |
        **Q-6** Ann answered in discord at 2027-01-15 08:00 UTC: allowed once
        May it use **Bash**?
        ```
        npm test -- --watch=false
        ```
        Why, as the agent says:
        > To see whether the beds are dry.
      flags: 4
    - author: vine
      content: |
        **Q-7** Ann answered in discord at 2027-01-15 08:00 UTC: allowed for this session
        May it use **Bash**?
        ```
        npm test -- --watch=false
        ```
        Why, as the agent says:
        > To see whether the beds are dry.
        “Allow for this session” also allows, until this task is over:
        - every command that begins with “npm test”, on whatever files and addresses follow it
      flags: 4
    - author: vine
      content: |
        **Q-8** Ann answered in discord at 2027-01-15 08:00 UTC: denied
        May it use **Bash**?
        ```
        npm test -- --watch=false
        ```
        Why, as the agent says:
        > To see whether the beds are dry.
      flags: 4
    - author: vine
      content: |
        **Q-9** Ann answered in discord at 2027-01-15 08:00 UTC: denied: use the script
        May it use **Bash**?
        ```
        npm test -- --watch=false
        ```
        Why, as the agent says:
        > To see whether the beds are dry.
      flags: 4
    - author: vine
      content: |
        **Q-10** Ann answered in discord at 2027-01-15 08:00 UTC: approved
        Is this plan good?
        > \## Plan
        > 1. Dig
        > 2. Plant **two** rows
        > ```
        > make water
        > ```
      flags: 4
    - author: vine
      content: |
        **Q-11** Ann answered in discord at 2027-01-15 08:00 UTC: sent back: Water it first
        Is this plan good?
        > \## Plan
        > 1. Dig
        > 2. Plant **two** rows
        > ```
        > make water
        > ```
      flags: 4
    - author: vine
      content: |
        **Q-12** needs no answer any more: the agent asks no more.
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **T-2 ended without changes.**
        > The hedge is planted.
        Nothing was changed; `vine/T-2-decide-everything` is as it was.
        - not allowed: Bash: rm -rf beds
        3 turns, 12345 tokens in, 678 out, about $0.12
      flags: 4
    ");
    let task = day.nobody_answers().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-3** Wait for somebody
        `shop` · from `main` to `vine/T-3-wait-for-somebody` · asked by Ann
        Cancelled by Ann · https://vine.example.org/tasks/T-3
      flags: 4
    - author: vine
      content: |
        **Q-13** Ann answered in discord at 2027-01-22 12:00 UTC: Hornbeam
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **Q-13** still waits, since 30 min · for Ann: Which plant should the hedge be of?
      flags: 4
    - author: vine
      content: |
        <@snowflake-1> **Q-13** waits since 4 h · calling **operator**: Which plant should the hedge be of?
      flags: 4
    - author: vine
      content: |
        **Nobody answered Q-13 within 7 days.** The agent is told so, and that this is no refusal; it goes on without.
        An answer still counts: reply to the question, or say `Q-13 …`.
      flags: 4
    - { author: vine, content: The agent gets the late answer to Q-13., flags: 4 }
    - { author: vine, content: **T-3 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.failures().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-4** Fail again and again
        `site` · from `main` to `vine/T-4-fail-again-and-again` · asked by Ann
        Cancelled by Ann · https://vine.example.org/tasks/T-4
      flags: 4
    - { author: vine, content: The session is gone; starting afresh., flags: 4 }
    - author: vine
      content: |
        **An attempt failed.** the agent ended with exit code 1: out of paper
        It is tried again in 25 s.
      flags: 4
    - { author: vine, content: The session is gone; starting afresh., flags: 4 }
    - author: vine
      content: |
        **An attempt failed.** the agent ended with exit code 1: out of paper
        It is tried again in 48 s.
      flags: 4
    - { author: vine, content: The session is gone; starting afresh., flags: 4 }
    - author: vine
      content: |
        <@snowflake-1> **T-4 failed.** the agent ended with exit code 1: out of paper
        See `task log` for its last words, then `task retry`.
      flags: 4
    - { author: vine, content: Ann starts T-4 again., flags: 4 }
    - { author: vine, content: **T-4 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.losses().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-5** Lose the worker
        `site` · from `main` to `vine/T-5-lose-the-worker` · asked by Ann
        Cancelled by Ann · https://vine.example.org/tasks/T-5
      flags: 4
    - author: vine
      content: |
        **An attempt was lost:** nothing was heard of its worker for a whole lease.
        It starts again in 5 s.
      flags: 4
    - author: vine
      content: |
        **Q-14** needs no answer any more: the task was cancelled.
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        **The agent is gone:** nothing was heard of its worker for a whole lease.
        The open questions stay open; their answers go into the same session.
      flags: 4
    - { author: vine, content: **T-5 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.hand_backs().await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-6** Hand it back
        `site` · from `main` to `vine/T-6-hand-it-back` · asked by Ann
        Cancelled by Ann · https://vine.example.org/tasks/T-6
      flags: 4
    - author: vine
      content: The worker handed the task back unharmed; it starts again at the next free slot.
      flags: 4
    - author: vine
      content: |
        **Q-15** needs no answer any more: the task was cancelled.
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: The agent has ended. The open questions stay open; their answers go into the same session.
      flags: 4
    - { author: vine, content: **T-6 was cancelled** by Ann., flags: 4 }
    ");
    let task = day.too_long().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - author: vine
      content: |
        **T-7** Say a lot
        `site` · from `main` to `vine/T-7-say-a-lot` · asked by Ann
        Done · https://vine.example.org/tasks/T-7
      flags: 4
    - author: vine
      content: |
        **Q-16** Ann answered in discord at 2027-01-22 16:02 UTC: denied
        May it use **Bash**?
        ```
        echo a line of a long script
        echo a line of a long script
        echo a line of a long script
        echo a line of a long s [… 1814 characters in all …] echo a line of a long script
        echo a line of a long script
        ```
        … shortened; the page shows all of it.
      flags: 4
    - attachments:
        - content_type: text/markdown
          filename: question-uuid-1.md
          id: snowflake-1
          proxy_url: |
            http://LOOPBACK/attachments/snowflake-1/question-uuid-1.md
          size: 58349
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
          size: 9173
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
      content: |
        **T-1** Talk
        `site` · from `main` to `vine/T-1-talk` · asked by Ann
        Done · https://vine.example.org/tasks/T-1
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
        **Q-1** Ann answered in discord at 2027-01-15 08:00 UTC: Yew
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its leaves
      flags: 4
    - author: vine
      content: |
        **Q-2** Ann answered in discord at 2027-01-15 08:00 UTC: allowed once
        May it use **Bash**?
        ```
        npm test -- --watch=false
        ```
        Why, as the agent says:
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
        `question list` shows those that wait
      flags: 4
    - { author: vic, content: 1 }
    - author: vine
      content: |
        Vic may not answer here: that needs the role `answerer`.
        People and roles stand in the configuration, under `[[people]]`. You are `snowflake-1` there.
      flags: 4
    - { author: vic, content: 2 }
    - author: vine
      content: |
        Vic may not answer here: that needs the role `answerer`.
        People and roles stand in the configuration, under `[[people]]`. You are `snowflake-1` there.
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
        T-1    running    default  site Talk
        from main to vine/T-1-talk, asked by Ann
        Q-1    T-1    clarify    Which plant should the hedge be of? (Ann: Yew)
        Q-2    T-1    permission May it use Bash: npm test -- --watch=false (Ann: allowed once)
      flags: 4
    - { author: ann, content: !vine task shwo }
    - author: vine
      content: |
        error: unrecognized subcommand 'shwo'
          tip: a similar subcommand exists: 'show'
        Usage: task \<COMMAND>
        say `help` for how to say things
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
        3 turns, 12345 tokens in, 678 out, about $0.12
      flags: 4
    - { author: vine, content: T-1 is done: no agent has read the note from Ann., flags: 4 }
    - { author: ann, content: One more thing }
    - author: vine
      content: |
        T-1 is done: no agent reads this any more
        `task new` starts a task that builds on it
      flags: 4
    ");
    let told = |one: &Value| {
        one["content"]
            .as_str()
            .is_some_and(|text| text.contains("You are"))
    };
    assert_snapshot!(scene.those(told).await, @"
    - { author: vine, content: You are Ann (operator), speaking through discord., flags: 4 }
    - author: vine
      content: |
        a stranger may not see here: that needs the role `viewer`.
        People and roles stand in the configuration, under `[[people]]`. You are `snowflake-1` there.
      flags: 4
    - author: vine
      content: |
        Vic may not answer here: that needs the role `answerer`.
        People and roles stand in the configuration, under `[[people]]`. You are `snowflake-2` there.
      flags: 4
    - author: vine
      content: |
        Vic may not answer here: that needs the role `answerer`.
        People and roles stand in the configuration, under `[[people]]`. You are `snowflake-2` there.
      flags: 4
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_discord_questions_that_are_open() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.open("Choose one", plants()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-1** Choose one
        `site` · from `main` to `vine/T-1-choose-one` · asked by Ann
        Waits for an answer · https://vine.example.org/tasks/T-1
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
        <@snowflake-1> **Q-1** for Ann · Choose one · `site` · `vine/T-1-choose-one`
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses its  [… 408 characters in all …] after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-1
      flags: 4
    ");
    let task = day.open("Choose several", tools()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-2** Choose several
        `site` · from `main` to `vine/T-2-choose-several` · asked by Ann
        Waits for an answer · https://vine.example.org/tasks/T-2
      flags: 4
    - author: vine
      components:
        - components: [{ custom_id: v1:write, id: 2, label: Answer…, style: 2, type: 2 }]
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Q-2** for Ann · Choose several · `site` · `vine/T-2-choose-several`
        > Tools: Which tools may be bought?
        Several may be chosen:
        1. **Spade**
        2. **Rake**
        3. **Shears**
        Or reply with a number or label, or in your own words. Role `answerer` or higher may answer. Reminds after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-2
      flags: 4
    ");
    let task = day.open("Answer twice", several()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-3** Answer twice
        `site` · from `main` to `vine/T-3-answer-twice` · asked by Ann
        Waits for an answer · https://vine.example.org/tasks/T-3
      flags: 4
    - author: vine
      components:
        - components: [{ custom_id: v1:write, id: 2, label: Answer…, style: 2, type: 2 }]
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Q-3** for Ann · Answer twice · `site` · `vine/T-3-answer-twice`
        > Plant: Which plant should the hedge be of?
        1. **Yew** — Green in winter, slow
        2. **Hornbeam** — Quick, loses  [… 539 characters in all …] after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-3
      flags: 4
    ");
    let task = day.open("Name it", name()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-4** Name it
        `site` · from `main` to `vine/T-4-name-it` · asked by Ann
        Waits for an answer · https://vine.example.org/tasks/T-4
      flags: 4
    - author: vine
      components:
        - components: [{ custom_id: v1:write, id: 2, label: Answer…, style: 2, type: 2 }]
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Q-4** for Ann · Name it · `site` · `vine/T-4-name-it`
        > What should the cat be called?
        Or reply in your own words. Role `answerer` or higher may answer. Reminds after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-4
      flags: 4
    ");
    let task = day.open("Allow it", permission()).await;
    assert_snapshot!(scene.thread(task).await, @"
    - author: vine
      content: |
        **T-5** Allow it
        `site` · from `main` to `vine/T-5-allow-it` · asked by Ann
        Waits for an answer · https://vine.example.org/tasks/T-5
      flags: 4
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:0, id: 2, label: Allow once, style: 1, type: 2 }
            - { custom_id: v1:careful:1, id: 3, label: Allow for this session, style: 4, type: 2 }
            - { custom_id: v1:pick:2, id: 4, label: Deny, style: 1, type: 2 }
            - { custom_id: v1:write, id: 5, label: Answer…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Q-5** for Ann · Allow it · `site` · `vine/T-5-allow-it`
        May it use **Bash**?
        ```
        npm test -- --watch=false
        ```
        Why, as the agent says:
        > To see whether the beds are dry.
        “Allo [… 549 characters in all …] s after 30 min; after 24 h the agent hears that nobody answered · https://vine.example.org/tasks/T-5
      flags: 4
    ");
    let task = day.open("Approve it", plan()).await;
    assert_snapshot!(scene.thread(task).await, @r"
    - author: vine
      content: |
        **T-6** Approve it
        `site` · from `main` to `vine/T-6-approve-it` · asked by Ann
        Waits for an answer · https://vine.example.org/tasks/T-6
      flags: 4
    - author: vine
      components:
        - components:
            - { custom_id: v1:pick:0, id: 2, label: Approve, style: 1, type: 2 }
            - { custom_id: v1:write, id: 3, label: Answer…, style: 2, type: 2 }
          id: 1
          type: 1
      content: |
        <@snowflake-1> **Q-6** for Ann · Approve it · `site` · `vine/T-6-approve-it`
        Is this plan good?
        > \## Plan
        > 1. Dig
        > 2. Plant **two** rows
        > ```
        > make water
        > ```
        Or reply `approve`, or say what to change in a sentence (or `send back: …`). Role `answerer` or higher may answer. Reminds after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-6
      flags: 4
    ");

    day.digest().await;
    let digest = |one: &Value| {
        one["content"]
            .as_str()
            .is_some_and(|text| text.contains("for people"))
    };
    assert_snapshot!(scene.those(digest).await, @"
    - author: vine
      content: |
        **6 questions wait for people** in `site`:
        - **Q-1** since 30 min: Which plant should the hedge be of? · https://vine.example.org/tasks/T-1
        - **Q-2** since 30 min: Which tools may be bought? · https:/ [… 608 characters in all …] rg/tasks/T-5
        - **Q-6** since 30 min: Is this plan good: ## Plan · https://vine.example.org/tasks/T-6
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
              <@snowflake-4> **Q-1** for Ann · Choose one · `site` · `vine/T-1-choose-one`
              > Plant: Which plant should the hedge be of?
              1. **Yew** — Green in winter, slow
              2. **Hornbeam** — Quick, loses its  [… 408 characters in all …] after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-1
            type: 10
          - components:
              [{ custom_id: text, label: Answer, max_length: 4000, required: true, style: 2, type: 4 }]
            type: 1
        custom_id: v1:answer:snowflake-3
        title: Your answer
      user: snowflake-4
    ");
    let menu = shown(&scene.server.state().await["commands"]);
    assert_snapshot!(Names::default().redact(&menu), @r#"
    - application_id: snowflake-1
      default_member_permissions: null
      description: Give tasks to agents, answer their questions
      guild_id: snowflake-2
      id: snowflake-3
      name: vine
      nsfw: false
      options:
        - description: All about tasks
          name: task
          options:
            - description: Create a task; in chat, further lines are the prompt
              name: new
              options:
                - description: What the task is called; also the prompt when none is given
                  name: title
                  required: true
                  type: 3
                - { description: What the agent is asked to do, name: prompt, required: false, type: 3 }
                - autocomplete: true
                  description: The repository; may be left out when there is only one
                  name: repo
                  required: false
                  type: 3
                - description: The branch to start from (default: the repository's)
                  name: base
                  required: false
                  type: 3
                - description: The branch to commit to (default: `vine/T-<number>-<title>`)
                  name: branch
                  required: false
                  type: 3
                - { description: high, default or low, name: priority, required: false, type: 3 }
                - description: Creating again with the same key gives the first task
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
                  description: Only this state
                  name: state
                  required: false
                  type: 3
                - autocomplete: true
                  description: Only this repository
                  name: repo
                  required: false
                  type: 3
                - { description: Show at most this many, name: limit, required: false, type: 3 }
              type: 1
            - description: Show one task
              name: show
              options:
                - autocomplete: true
                  description: Like T-142; inside a task's thread it may be left out
                  name: task
                  required: false
                  type: 3
              type: 1
            - description: Call a task off
              name: cancel
              options:
                [{ autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }]
              type: 1
            - description: Run a failed or cancelled task again, or a queued one now
              name: retry
              options:
                [{ autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }]
              type: 1
            - description: Move a task to another lane
              name: priority
              options:
                - { description: high, default or low, name: lane, required: true, type: 3 }
                - { autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }
              type: 1
            - description: Show what happened, and the agent's own words
              name: log
              options:
                - { autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }
                - { description: Show at most this many, name: limit, required: false, type: 3 }
              type: 1
            - description: Show what a task changed
              name: diff
              options:
                [{ autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }]
              type: 1
            - description: Push what a worker keeps of a task and did not push by itself
              name: push
              options:
                - { autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }
                - description: Leave it with its worker instead, and ask nobody any more
                  name: leave
                  required: false
                  type: 5
              type: 1
            - description: Why a task is where it is, and what happens next
              name: explain
              options:
                [{ autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }]
              type: 1
          type: 2
        - description: All about questions
          name: question
          options:
            - description: List open questions, oldest first
              name: list
              options: [{ description: Show at most this many, name: limit, required: false, type: 3 }]
              type: 1
            - description: Show one question whole
              name: show
              options:
                - autocomplete: true
                  description: Like Q-17
                  name: question
                  required: true
                  type: 3
              type: 1
            - description: Answer a question
              name: answer
              options:
                - autocomplete: true
                  description: Like Q-17
                  name: question
                  required: true
                  type: 3
                - description: A number, a label or your own words (in a shell: `-` or `--file FILE` reads them)
                  name: text
                  required: true
                  type: 3
              type: 1
          type: 2
        - description: All about sessions
          name: session
          options:
            - description: List live sessions
              name: list
              options:
                - { description: Ended ones too, name: all, required: false, type: 5 }
                - { description: Show at most this many, name: limit, required: false, type: 3 }
              type: 1
            - description: Show one session
              name: show
              options:
                [{ autocomplete: true, description: Its UUID, name: session, required: true, type: 3 }]
              type: 1
            - description: End a session; its task starts afresh if it runs again
              name: end
              options:
                [{ autocomplete: true, description: Its UUID, name: session, required: true, type: 3 }]
              type: 1
            - description: Keep a session, whatever the policies say
              name: keep
              options:
                [{ autocomplete: true, description: Its UUID, name: session, required: true, type: 3 }]
              type: 1
          type: 2
        - description: All about workers
          name: worker
          options:
            - { description: List workers, name: list, options: [], type: 1 }
            - description: Show one worker
              name: show
              options:
                [{ autocomplete: true, description: Its name, name: worker, required: true, type: 3 }]
              type: 1
            - description: Let a worker finish what it has, and give it nothing new
              name: drain
              options:
                [{ autocomplete: true, description: Its name, name: worker, required: true, type: 3 }]
              type: 1
            - description: Give a drained worker new work again
              name: resume
              options:
                [{ autocomplete: true, description: Its name, name: worker, required: true, type: 3 }]
              type: 1
            - description: |
                Bound a worker: how many agents at once, of which repositories; without options, lift the bounds
              name: limit
              options:
                - { autocomplete: true, description: Its name, name: worker, required: true, type: 3 }
                - { description: So many agents at once at most, name: slots, required: false, type: 3 }
                - autocomplete: true
                  description: Only tasks of this repository; may be said several times
                  name: repo
                  required: false
                  type: 3
              type: 1
            - description: Forget workers and their tokens
              name: remove
              options:
                - autocomplete: true
                  description: Their names
                  name: worker
                  required: false
                  type: 3
                - { description: All that are gone, name: offline, required: false, type: 5 }
                - description: How many those are; the first call tells, and changes nothing
                  name: confirm
                  required: false
                  type: 3
              type: 1
          type: 2
        - description: All about queues
          name: queue
          options:
            - { description: How deep each queue is, name: status, options: [], type: 1 }
            - description: Start nothing new, everywhere or in one repository
              name: pause
              options:
                - autocomplete: true
                  description: Only this repository
                  name: repo
                  required: false
                  type: 3
              type: 1
            - description: Start new work again
              name: resume
              options:
                - autocomplete: true
                  description: Only this repository
                  name: repo
                  required: false
                  type: 3
              type: 1
            - description: List tasks that were set aside after failing
              name: dead
              options: [{ description: Show at most this many, name: limit, required: false, type: 3 }]
              type: 1
            - description: Run a dead task again, or many of them
              name: replay
              options:
                - { autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }
                - { description: All that the other filters leave, name: all, required: false, type: 5 }
                - autocomplete: true
                  description: Only those of this repository
                  name: repo
                  required: false
                  type: 3
                - description: Only those that failed in this way, like git
                  name: kind
                  required: false
                  type: 3
                - description: How many there are; the first call tells, and changes nothing
                  name: confirm
                  required: false
                  type: 3
              type: 1
            - description: Take a task off the list of dead ones, or many of them
              name: discard
              options:
                - { autocomplete: true, description: Like T-142, name: task, required: false, type: 3 }
                - { description: All that the other filters leave, name: all, required: false, type: 5 }
                - autocomplete: true
                  description: Only those of this repository
                  name: repo
                  required: false
                  type: 3
                - description: Only those that failed in this way, like git
                  name: kind
                  required: false
                  type: 3
                - description: How many there are; the first call tells, and changes nothing
                  name: confirm
                  required: false
                  type: 3
              type: 1
          type: 2
        - description: All about repos
          name: repo
          options:
            - description: Add a repository, or correct the one of that name
              name: add
              options:
                - autocomplete: true
                  description: Its short name
                  name: name
                  required: true
                  type: 3
                - description: An absolute path on the workers' machines, or a URL
                  name: source
                  required: true
                  type: 3
                - description: The branch that tasks start from (default: the one that the repository itself names)
                  name: base
                  required: false
                  type: 3
                - description: Let the repository's own agent settings, hooks and MCP servers run
                  name: trusted
                  required: false
                  type: 5
                - description: Encrypt the rooms that are made for it, end to end; this cannot be undone
                  name: encrypted
                  required: false
                  type: 5
                - description: |
                    What workers push unasked: all, branches (unfinished work to branches too), done or never (default:
                  name: push
                  required: false
                  type: 3
              type: 1
            - description: Show where a repository is talked about, or choose the room
              name: room
              options:
                - autocomplete: true
                  description: Its short name
                  name: name
                  required: true
                  type: 3
                - description: The room to use from now on, as the platform names it
                  name: room
                  required: false
                  type: 3
                - description: The platform of that room; left out, the one this is said on, or the only one
                  name: platform
                  required: false
                  type: 3
              type: 1
            - description: Set what its agents may do unasked, which hosts they reach, and which wall must stand
              name: set
              options:
                - autocomplete: true
                  description: Its short name
                  name: name
                  required: true
                  type: 3
                - description: read, edit, test, open, auto (Anthropic's classifier allows), or default
                  name: preset
                  required: false
                  type: 3
                - description: Hosts that agents reach: off, list (registries and those allowed) or open
                  name: egress
                  required: false
                  type: 3
                - description: A host that they may reach too, like example.org; may be said several times
                  name: allow
                  required: false
                  type: 3
                - description: A host of the list that they may not reach any more
                  name: refuse
                  required: false
                  type: 3
                - description: The least wall: bubblewrap, container, user, plain, or default
                  name: wall
                  required: false
                  type: 3
              type: 1
            - description: Forget a repository that has no open tasks; what was done in it stays
              name: remove
              options:
                - autocomplete: true
                  description: Its short name
                  name: name
                  required: true
                  type: 3
              type: 1
            - { description: List repositories, name: list, options: [], type: 1 }
            - description: Show one repository
              name: show
              options:
                - autocomplete: true
                  description: Its short name
                  name: name
                  required: true
                  type: 3
              type: 1
          type: 2
        - { description: Who waits for whom, in a few lines, name: status, options: [], type: 1 }
        - { description: Who you are here and what you may do, name: whoami, options: [], type: 1 }
        - { description: How to say things, name: help, options: [], type: 1 }
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
    "#);
}
