//! The events that we sent to Matrix rooms, in order, with edits and reactions.

use std::collections::HashSet;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;
use vine_app::adapters::{self, AdapterEvents};
use vine_domain::{TaskId, clock::System};
use vine_matrix::{Matrix, MatrixSettings};

use super::{
    day::{Day, Subjects, Where, Who, name, permission, plan, plants, several, tools},
    text::{Names, shown},
};
use crate::harness::{
    room::event_id,
    synapse::{Human, Limits, PASSWORD, Synapse},
};

/// The day on Matrix.
struct Scene {
    day: Day,
    _synapse: Synapse,
    _folder: TempDir,
    ann: Human,
    vic: Human,
    room: String,
    shop: String,
}

impl Scene {
    async fn begin() -> Self {
        let synapse = Synapse::start(Limits::Off).await;
        synapse.person("vine").await;
        let (ann, vic) = (synapse.person("ann").await, synapse.person("vic").await);
        let day = Day::begin("matrix", &Subjects("@ann:vine.test", "@vic:vine.test")).await;
        let folder = tempfile::tempdir().expect("a folder");
        let settings = MatrixSettings {
            homeserver: synapse.url.clone(),
            user: "vine".into(),
            password: PASSWORD.into(),
            alias_prefix: "vine-".into(),
            state: folder.path().join("matrix"),
            recovery_key: folder.path().join("key"),
        };
        let app = day.app().clone();
        let (chat, ear) = (
            Matrix::new(settings),
            AdapterEvents::new(app.clone(), "matrix"),
        );
        let listens = chat.clone();
        tokio::spawn(adapters::run(
            app.clone(),
            app.stop().clone(),
            chat,
            move || {
                listens
                    .clone()
                    .run(ear.clone(), std::sync::Arc::new(System))
            },
        ));
        tokio::spawn(vine_app::inbox::run(day.team.inbox.clone()));
        let room = ann.join("#vine-site:vine.test").await;
        let shop = ann.join("#vine-shop:vine.test").await;
        vic.join("#vine-site:vine.test").await;
        day.has_rooms().await;
        Self {
            day,
            _synapse: synapse,
            _folder: folder,
            ann,
            vic,
            room,
            shop,
        }
    }

    /// The root of a task's thread.
    async fn root(&self, room: &str, task: TaskId) -> String {
        let begins = format!("{task} ");
        let is = |one: &Value| {
            let body = one["content"]["body"].as_str().unwrap_or_default();
            body.replace('*', "").starts_with(&begins) && one["content"]["m.relates_to"].is_null()
        };
        event_id(&self.ann.wait(room, "a card", is).await)
    }

    /// A task's card and thread, with what edits and marks them.
    async fn thread(&self, task: TaskId) -> String {
        self.thread_in(&self.room, task).await
    }

    async fn thread_in(&self, room: &str, task: TaskId) -> String {
        let mut belong = HashSet::from([self.root(room, task).await]);
        let mut all = Vec::new();
        for event in self.ann.events(room).await {
            let id = event_id(&event);
            let of = event["content"]["m.relates_to"]["event_id"].as_str();
            if belong.contains(&id) || of.is_some_and(|of| belong.contains(of)) {
                belong.insert(id);
                all.push(sent(&event));
            }
        }
        Names::default().redact(&shown(&json!(all)))
    }

    async fn those(&self, is: impl Fn(&Value) -> bool) -> String {
        let events = self.ann.events(&self.room).await;
        let all: Vec<Value> = events.iter().filter(|one| is(one)).map(sent).collect();
        Names::default().redact(&shown(&json!(all)))
    }

    /// What a person says, as the event that it is to us.
    async fn says(&self, who: Who, at: Where, words: &str) -> String {
        let human = match who {
            Who::Ann => &self.ann,
            Who::Vic => &self.vic,
            Who::Stranger => &self.vic,
        };
        match at {
            Where::Thread(task) => {
                let root = self.root(&self.room, task).await;
                human.say_in(&self.room, &root, words).await
            }
            Where::Room => human.say(&self.room, words).await,
        }
    }
}

/// What somebody chose of an event; the homeserver adds the rest. What an edit repeats of its new
/// content, for clients that know no edits, is shown once.
fn sent(event: &Value) -> Value {
    let mut content = event["content"].clone();
    let new = content["m.new_content"].clone();
    if let Some(content) = content.as_object_mut() {
        content.retain(|key, value| new[key] != *value);
    }
    json!({ "sender": event["sender"], "type": event["type"], "content": content })
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_matrix_threads() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.choice_and_done().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-1** Plant a hedge
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-1</strong> Plant a hedge<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-plant-a-hedge</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-1)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          > The garden has no hedge yet.
          > Two plants grow well here.

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-1)</p><ol><li><strong>Yew</strong> — Green in winter, slow</li [… 501 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-2
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-2
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-1** Plant a hedge
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Plant a hedge<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-plant-a-hedge</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Hornbeam** — Ann, 2027-01-15 08:00 UTC (Q-1)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Hornbeam</strong> — Ann, 2027-01-15 08:00 UTC (Q-1)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-2, rel_type: m.replace }
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-1** Plant a hedge
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Plant a hedge<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-plant-a-hedge</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **T-1 is done.**

          > The hedge is planted.

          Commit `0123456789ab` on `vine/T-1-plant-a-hedge`:
          ```
           hedge.md | 2 ++
           1 file changed, 2 insertions(+)
          ```
          Merge it with `git merge vine/T-1-plant-a-hedge`, or with `vine task merge T-1` in your clone.
          3 turns, 12345 tokens in, 678 out, about $0.12
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>T-1 is done.</strong></p><blockquote><p>The hedge is planted.</p></blockquote><p>Commit <code>0123456789ab</code> on <code>vine/T [… 475 characters in all …] code>vine task merge T-1</code> in your clone.<br>3 turns, 12345 tokens in, 678 out, about $0.12</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-1** Plant a hedge
            ✅ Done · requested by Ann
            `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Plant a hedge<br>✅ Done · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-plant-a-hedge</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.every_decision().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-2** Decide everything
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-2</strong> Decide everything<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-2)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-2)</p><ol><li><strong>Yew</strong> — Green in winter, slow</li [… 411 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-2
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-2
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Hornbeam (but a small one)** — Ann, 2027-01-15 08:00 UTC (Q-2)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Hornbeam (but a small one)</strong> — Ann, 2027-01-15 08:00 UTC (Q-2)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-2, rel_type: m.replace }
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-3)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-3)</p><ol><li><strong>Yew</strong> — Green in winter, slow</li [… 411 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-3
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-3
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Neither; build a wall** — Ann, 2027-01-15 08:00 UTC (Q-3)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Neither; build a wall</strong> — Ann, 2027-01-15 08:00 UTC (Q-3)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-3, rel_type: m.replace }
        org.agentvine.message: { id: uuid-8, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-9, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-4)

          > Plant: Which plant should the hedge be of?

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          > Too [… 411 characters in all …] line for each question, by number or label, or in your own words. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-4)</p><blockquote><p>Plant: Which plant should the hedge be of [… 707 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-3 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-10, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-11, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Hornbeam; Spade, Shears** — Ann, 2027-01-15 08:00 UTC (Q-4)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves

            > Tools: Which tools may be bought?

            Choose all that apply:

            1. **Spade**
            2. **Rake**
            3. **Shears**
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Hornbeam; Spade, Shears</strong> — Ann, 2027-01-15 08:00 UTC (Q-4)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in win [… 475 characters in all …] l><li><strong>Spade</strong></li><li><strong>Rake</strong></li><li><strong>Shears</strong></li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-4, rel_type: m.replace }
        org.agentvine.message: { id: uuid-12, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-13, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-5)

          > Plant: Which plant should the hedge be of?

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          > Too [… 411 characters in all …] line for each question, by number or label, or in your own words. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-5)</p><blockquote><p>Plant: Which plant should the hedge be of [… 707 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-14, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-15, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **You decide both** — Ann, 2027-01-15 08:00 UTC (Q-5)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves

            > Tools: Which tools may be bought?

            Choose all that apply:

            1. **Spade**
            2. **Rake**
            3. **Shears**
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>You decide both</strong> — Ann, 2027-01-15 08:00 UTC (Q-5)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slo [… 467 characters in all …] l><li><strong>Spade</strong></li><li><strong>Rake</strong></li><li><strong>Shears</strong></li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-5, rel_type: m.replace }
        org.agentvine.message: { id: uuid-16, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-17, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “npm test -- --watch=false” (Q-6)

          ```
          npm test -- --watch=false
          ```

          The agent's reason:
          > To see whether the beds are dry.

          “Allow for this session” also allows, until this task is over:
          - every command that begins with “npm test”, with any files and addresses after it

          Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “npm test -- --watch=false” (Q-6)</p><pre><code>npm test -- --watch=false
          </code></pre><p>The agent's reason [… 619 characters in all …] se …</code>. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-5 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-18, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-6, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-6, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-19, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            ✅ **Allowed once** — Ann, 2027-01-15 08:00 UTC (Q-6)

            Allow **Bash**?
            ```
            npm test -- --watch=false
            ```

            The agent's reason:
            > To see whether the beds are dry.
          format: org.matrix.custom.html
          formatted_body: |
            <p>✅ <strong>Allowed once</strong> — Ann, 2027-01-15 08:00 UTC (Q-6)</p><p>Allow <strong>Bash</strong>?</p><pre><code>npm test -- --watch=false
            </code></pre><p>The agent's reason:</p><blockquote><p>To see whether the beds are dry.</p></blockquote>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-6, rel_type: m.replace }
        org.agentvine.message: { id: uuid-20, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-21, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “npm test -- --watch=false” (Q-7)

          ```
          npm test -- --watch=false
          ```

          The agent's reason:
          > To see whether the beds are dry.

          “Allow for this session” also allows, until this task is over:
          - every command that begins with “npm test”, with any files and addresses after it

          Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “npm test -- --watch=false” (Q-7)</p><pre><code>npm test -- --watch=false
          </code></pre><p>The agent's reason [… 619 characters in all …] se …</code>. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-6 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-22, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-7, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-7, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-23, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            ✅ **Allowed for this session** — Ann, 2027-01-15 08:00 UTC (Q-7)

            Allow **Bash**?
            ```
            npm test -- --watch=false
            ```

            The agent's reason:
            > To see whether the beds are dry.

            “Allow for this session” also allows, until this task is over:
            - every command that begins with “npm test”, with any files and addresses after it
          format: org.matrix.custom.html
          formatted_body: |
            <p>✅ <strong>Allowed for this session</strong> — Ann, 2027-01-15 08:00 UTC (Q-7)</p><p>Allow <strong>Bash</strong>?</p><pre><code>npm test -- --watch=false
            </code></pre><p>The agent's reason:</p><bloc [… 426 characters in all …] p><ul><li>every command that begins with “npm test”, with any files and addresses after it</li></ul>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-7, rel_type: m.replace }
        org.agentvine.message: { id: uuid-24, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-25, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “npm test -- --watch=false” (Q-8)

          ```
          npm test -- --watch=false
          ```

          The agent's reason:
          > To see whether the beds are dry.

          “Allow for this session” also allows, until this task is over:
          - every command that begins with “npm test”, with any files and addresses after it

          Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “npm test -- --watch=false” (Q-8)</p><pre><code>npm test -- --watch=false
          </code></pre><p>The agent's reason [… 619 characters in all …] se …</code>. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-7 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-26, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-8, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-8, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-27, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            🚫 **Denied** — Ann, 2027-01-15 08:00 UTC (Q-8)

            Allow **Bash**?
            ```
            npm test -- --watch=false
            ```

            The agent's reason:
            > To see whether the beds are dry.
          format: org.matrix.custom.html
          formatted_body: |
            <p>🚫 <strong>Denied</strong> — Ann, 2027-01-15 08:00 UTC (Q-8)</p><p>Allow <strong>Bash</strong>?</p><pre><code>npm test -- --watch=false
            </code></pre><p>The agent's reason:</p><blockquote><p>To see whether the beds are dry.</p></blockquote>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-8, rel_type: m.replace }
        org.agentvine.message: { id: uuid-28, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-29, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “npm test -- --watch=false” (Q-9)

          ```
          npm test -- --watch=false
          ```

          The agent's reason:
          > To see whether the beds are dry.

          “Allow for this session” also allows, until this task is over:
          - every command that begins with “npm test”, with any files and addresses after it

          Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “npm test -- --watch=false” (Q-9)</p><pre><code>npm test -- --watch=false
          </code></pre><p>The agent's reason [… 619 characters in all …] se …</code>. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-8 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-30, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-9, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-9, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-31, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            🚫 **Denied: use the script** — Ann, 2027-01-15 08:00 UTC (Q-9)

            Allow **Bash**?
            ```
            npm test -- --watch=false
            ```

            The agent's reason:
            > To see whether the beds are dry.
          format: org.matrix.custom.html
          formatted_body: |
            <p>🚫 <strong>Denied: use the script</strong> — Ann, 2027-01-15 08:00 UTC (Q-9)</p><p>Allow <strong>Bash</strong>?</p><pre><code>npm test -- --watch=false
            </code></pre><p>The agent's reason:</p><blockquote><p>To see whether the beds are dry.</p></blockquote>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-9, rel_type: m.replace }
        org.agentvine.message: { id: uuid-32, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-33, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Approve?** “1. Dig” (Q-10)

          > ## Plan
          >
          > 1. Dig
          > 2. Plant **two** rows
          >
          > ```sh
          > make water
          > ```

          Or reply `approve`, or describe what to change in a sentence (or `send back: …`). https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Approve?</strong> “1. Dig” (Q-10)</p><blockquote><h4>Plan</h4><ol><li>Dig</li><li>Plant <strong>two</strong> rows</li></ol><pre>< [… 436 characters in all …] : …</code>). <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-9 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-34, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-10, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-35, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            ✅ **Approved** — Ann, 2027-01-15 08:00 UTC (Q-10)

            Approve this plan?

            > ## Plan
            >
            > 1. Dig
            > 2. Plant **two** rows
            >
            > ```sh
            > make water
            > ```
          format: org.matrix.custom.html
          formatted_body: |
            <p>✅ <strong>Approved</strong> — Ann, 2027-01-15 08:00 UTC (Q-10)</p><p>Approve this plan?</p><blockquote><h4>Plan</h4><ol><li>Dig</li><li>Plant <strong>two</strong> rows</li></ol><pre><code>make water
            </code></pre></blockquote>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-10, rel_type: m.replace }
        org.agentvine.message: { id: uuid-36, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-37, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Approve?** “1. Dig” (Q-11)

          > ## Plan
          >
          > 1. Dig
          > 2. Plant **two** rows
          >
          > ```sh
          > make water
          > ```

          Or reply `approve`, or describe what to change in a sentence (or `send back: …`). https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Approve?</strong> “1. Dig” (Q-11)</p><blockquote><h4>Plan</h4><ol><li>Dig</li><li>Plant <strong>two</strong> rows</li></ol><pre>< [… 436 characters in all …] : …</code>). <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-10 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-38, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-11, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-39, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Sent back: Water it first** — Ann, 2027-01-15 08:00 UTC (Q-11)

            Approve this plan?

            > ## Plan
            >
            > 1. Dig
            > 2. Plant **two** rows
            >
            > ```sh
            > make water
            > ```
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Sent back: Water it first</strong> — Ann, 2027-01-15 08:00 UTC (Q-11)</p><p>Approve this plan?</p><blockquote><h4>Plan</h4><ol><li>Dig</li><li>Plant <strong>two</strong> rows</li></ol><pre><code>make water
            </code></pre></blockquote>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-11, rel_type: m.replace }
        org.agentvine.message: { id: uuid-40, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-41, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-12)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-12)</p><ol><li><strong>Yew</strong> — Green in winter, slow</l [… 412 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-11 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-42, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-12
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-12
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-43, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **Q-12** no longer needs an answer: the agent withdrew it.

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>Q-12</strong> no longer needs an answer: the agent withdrew it.</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-12, rel_type: m.replace }
        org.agentvine.message: { id: uuid-44, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-45, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **T-2 ended without changes.**

          > The hedge is planted.

          No changes; `vine/T-2-decide-everything` is untouched.
          - not allowed: Bash: rm -rf beds
          3 turns, 12345 tokens in, 678 out, about $0.12
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>T-2 ended without changes.</strong></p><blockquote><p>The hedge is planted.</p></blockquote><p>No changes; <code>vine/T-2-decide-everything</code> is untouched.</p><ul><li>not allowed: Bash: rm -rf beds</li></ul><p>3 turns, 12345 tokens in, 678 out, about $0.12</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-12 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-46, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-2** Decide everything
            ✅ Done · requested by Ann
            `site` · from `main` to `vine/T-2-decide-everything` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Decide everything<br>✅ Done · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-decide-everything</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-47, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.nobody_answers().await;
    assert_snapshot!(scene.thread_in(&scene.shop, task).await, @r#"
    - content:
        body: |
          **T-3** Wait for somebody
          ⏳ Queued · requested by Ann
          `shop` · from `main` to `vine/T-3-wait-for-somebody` · https://vine.example.org/tasks/T-3
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-3</strong> Wait for somebody<br>⏳ Queued · requested by Ann<br><code>shop</code> · from <code>main</code> to <code>vine/T-3-wait-for-somebody</code> · <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-13)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-3
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-13)</p><ol><li><strong>Yew</strong> — Green in winter, slow</l [… 412 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-2
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-2
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-3** Wait for somebody
            ✋ Waiting for an answer · requested by Ann
            `shop` · from `main` to `vine/T-3-wait-for-somebody` · https://vine.example.org/tasks/T-3
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-3</strong> Wait for somebody<br>✋ Waiting for an answer · requested by Ann<br><code>shop</code> · from <code>main</code> to <code>vine/T-3-wait-for-somebody</code> · <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Reminder:** “Plant: Which plant should the hedge be of?” (Q-13)
          Still waiting for Ann, 30 min so far · https://matrix.to/#/room-1event-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Reminder:</strong> “Plant: Which plant should the hedge be of?” (Q-13)<br>Still waiting for Ann, 30 min so far · <a href="https:/ [… 421 characters in all …] /#/room-1event-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Escalated:** “Plant: Which plant should the hedge be of?” (Q-13)
          Nobody has answered for 4 h, so this goes to **operator** · https://matrix.to/#/room-1event-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Escalated:</strong> “Plant: Which plant should the hedge be of?” (Q-13)<br>Nobody has answered for 4 h, so this goes to <strong>o [… 456 characters in all …] /#/room-1event-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-3 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **Q-13** Nobody answered in time. You can still answer.

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>Q-13</strong> Nobody answered in time. You can still answer.</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-2, rel_type: m.replace }
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          **No answer:** “Plant: Which plant should the hedge be of?” (Q-13)
          Nobody answered within 7 days. The agent was told that no answer came (this is not a “no”) and continues without one.
          You can still answer: press a button of the question, reply to it, or type `Q-13 your answer`.
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>No answer:</strong> “Plant: Which plant should the hedge be of?” (Q-13)<br>Nobody answered within 7 days. The agent was told that no answer came (this is not a “no”) and continues without one.<br>You can still answer: press a button of the question, reply to it, or type <code>Q-13 your answer</code>.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-3** Wait for somebody
            🔵 Running · requested by Ann
            `shop` · from `main` to `vine/T-3-wait-for-somebody` · https://vine.example.org/tasks/T-3
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-3</strong> Wait for somebody<br>🔵 Running · requested by Ann<br><code>shop</code> · from <code>main</code> to <code>vine/T-3-wait-for-somebody</code> · <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-8, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Hornbeam** — Ann, 2027-01-22 12:00 UTC (Q-13)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Hornbeam</strong> — Ann, 2027-01-22 12:00 UTC (Q-13)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-2, rel_type: m.replace }
        org.agentvine.message: { id: uuid-9, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: The agent receives the late answer to Q-13.
        format: org.matrix.custom.html
        formatted_body: <p>The agent receives the late answer to Q-13.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-5 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-10, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: **T-3 was cancelled** by Ann.
        format: org.matrix.custom.html
        formatted_body: <p><strong>T-3 was cancelled</strong> by Ann.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-6 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-11, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-3** Wait for somebody
            ⚪ Cancelled by Ann · requested by Ann
            `shop` · from `main` to `vine/T-3-wait-for-somebody` · https://vine.example.org/tasks/T-3
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-3</strong> Wait for somebody<br>⚪ Cancelled by Ann · requested by Ann<br><code>shop</code> · from <code>main</code> to <code>vine/T-3-wait-for-somebody</code> · <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-12, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.failures().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-4** Fail again and again
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-4</strong> Fail again and again<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-fail-again-and-again</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: The session is gone; starting afresh.
        format: org.matrix.custom.html
        formatted_body: <p>The session is gone; starting afresh.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          **An attempt failed.** the agent ended with exit code 1: out of paper
          Retrying in 25 s.
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>An attempt failed.</strong> the agent ended with exit code 1: out of paper<br>Retrying in 25 s.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-4** Fail again and again
            ⏳ Queued, starts in 25 s · requested by Ann
            `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-4</strong> Fail again and again<br>⏳ Queued, starts in 25 s · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-fail-again-and-again</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: The session is gone; starting afresh.
        format: org.matrix.custom.html
        formatted_body: <p>The session is gone; starting afresh.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-3 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          **An attempt failed.** the agent ended with exit code 1: out of paper
          Retrying in 48 s.
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>An attempt failed.</strong> the agent ended with exit code 1: out of paper<br>Retrying in 48 s.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-4** Fail again and again
            ⏳ Queued, starts in 48 s · requested by Ann
            `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-4</strong> Fail again and again<br>⏳ Queued, starts in 48 s · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-fail-again-and-again</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: The session is gone; starting afresh.
        format: org.matrix.custom.html
        formatted_body: <p>The session is gone; starting afresh.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-5 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-8, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **T-4 failed.** the agent ended with exit code 1: out of paper
          Check the end of `task log`, then run `task retry`.
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>T-4 failed.</strong> the agent ended with exit code 1: out of paper<br>Check the end of <code>task log</code>, then run <code>task retry</code>.</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-6 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-9, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-4** Fail again and again
            🔴 Failed · requested by Ann
            `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-4</strong> Fail again and again<br>🔴 Failed · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-fail-again-and-again</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-10, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: Ann retried T-4.
        format: org.matrix.custom.html
        formatted_body: <p>Ann retried T-4.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-7 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-11, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-4** Fail again and again
            ⏳ Queued · requested by Ann
            `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-4</strong> Fail again and again<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-fail-again-and-again</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-12, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: **T-4 was cancelled** by Ann.
        format: org.matrix.custom.html
        formatted_body: <p><strong>T-4 was cancelled</strong> by Ann.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-8 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-13, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-4** Fail again and again
            ⚪ Cancelled by Ann · requested by Ann
            `site` · from `main` to `vine/T-4-fail-again-and-again` · https://vine.example.org/tasks/T-4
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-4</strong> Fail again and again<br>⚪ Cancelled by Ann · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-fail-again-and-again</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-14, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.losses().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-5** Lose the worker
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-5-lose-the-worker` · https://vine.example.org/tasks/T-5
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-5</strong> Lose the worker<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-lose-the-worker</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          **An attempt was lost:** the worker sent no heartbeat for a minute.
          Restarting now.
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>An attempt was lost:</strong> the worker sent no heartbeat for a minute.<br>Restarting now.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-5** Lose the worker
            ⏳ Queued · requested by Ann
            `site` · from `main` to `vine/T-5-lose-the-worker` · https://vine.example.org/tasks/T-5
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-5</strong> Lose the worker<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-lose-the-worker</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-14)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-5
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-14)</p><ol><li><strong>Yew</strong> — Green in winter, slow</l [… 412 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-3
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-3
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-5** Lose the worker
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-5-lose-the-worker` · https://vine.example.org/tasks/T-5
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-5</strong> Lose the worker<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-lose-the-worker</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          **The agent was lost:** the worker sent no heartbeat for a minute.
          Open questions stay open; an answer resumes the same session.
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>The agent was lost:</strong> the worker sent no heartbeat for a minute.<br>Open questions stay open; an answer resumes the same session.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-3 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-5** Lose the worker
            ✋ Waiting for an answer (agent parked) · requested by Ann
            `site` · from `main` to `vine/T-5-lose-the-worker` · https://vine.example.org/tasks/T-5
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-5</strong> Lose the worker<br>✋ Waiting for an answer (agent parked) · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-lose-the-worker</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **Q-14** no longer needs an answer: the task was cancelled.

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>Q-14</strong> no longer needs an answer: the task was cancelled.</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-3, rel_type: m.replace }
        org.agentvine.message: { id: uuid-8, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: **T-5 was cancelled** by Ann.
        format: org.matrix.custom.html
        formatted_body: <p><strong>T-5 was cancelled</strong> by Ann.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-9, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-5** Lose the worker
            ⚪ Cancelled by Ann · requested by Ann
            `site` · from `main` to `vine/T-5-lose-the-worker` · https://vine.example.org/tasks/T-5
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-5</strong> Lose the worker<br>⚪ Cancelled by Ann · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-lose-the-worker</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-10, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.hand_backs().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-6** Hand it back
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-6-hand-it-back` · https://vine.example.org/tasks/T-6
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-6</strong> Hand it back<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-hand-it-back</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: The worker handed the task back without a failure; it restarts in the next free slot.
        format: org.matrix.custom.html
        formatted_body: <p>The worker handed the task back without a failure; it restarts in the next free slot.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-6** Hand it back
            ⏳ Queued · requested by Ann
            `site` · from `main` to `vine/T-6-hand-it-back` · https://vine.example.org/tasks/T-6
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-6</strong> Hand it back<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-hand-it-back</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-15)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-6
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-15)</p><ol><li><strong>Yew</strong> — Green in winter, slow</l [… 412 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-3
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-3
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-6** Hand it back
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-6-hand-it-back` · https://vine.example.org/tasks/T-6
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-6</strong> Hand it back<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-hand-it-back</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: The agent has ended. Open questions stay open; an answer resumes the same session.
        format: org.matrix.custom.html
        formatted_body: <p>The agent has ended. Open questions stay open; an answer resumes the same session.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-3 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-6** Hand it back
            ✋ Waiting for an answer (agent parked) · requested by Ann
            `site` · from `main` to `vine/T-6-hand-it-back` · https://vine.example.org/tasks/T-6
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-6</strong> Hand it back<br>✋ Waiting for an answer (agent parked) · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-hand-it-back</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **Q-15** no longer needs an answer: the task was cancelled.

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>Q-15</strong> no longer needs an answer: the task was cancelled.</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-3, rel_type: m.replace }
        org.agentvine.message: { id: uuid-8, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: **T-6 was cancelled** by Ann.
        format: org.matrix.custom.html
        formatted_body: <p><strong>T-6 was cancelled</strong> by Ann.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-9, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-6** Hand it back
            ⚪ Cancelled by Ann · requested by Ann
            `site` · from `main` to `vine/T-6-hand-it-back` · https://vine.example.org/tasks/T-6
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-6</strong> Hand it back<br>⚪ Cancelled by Ann · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-hand-it-back</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-10, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.too_long().await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-7** Say a lot
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-7-say-a-lot` · https://vine.example.org/tasks/T-7
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-7</strong> Say a lot<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-7-say-a-lot</code> · <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “echo a line of a long script echo a line of a long script echo a line of a long script echo a line of a long script echo a line of a long script echo a line of a long script echo [… 6066 characters in all …] a long script
          ```

          … the whole text is in `question-uuid-2.md`, below.
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “echo a line of a long script echo a line of a long script echo a line of a long script echo a line of a lon [… 6172 characters in all …] ><p>… the whole text is in <code>question-uuid-2.md</code>, below.</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: false, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: question-uuid-2.md
        filename: question-uuid-2.md
        info: { mimetype: text/markdown, size: 58383 }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.file
        org.agentvine.message: { id: uuid-2, last: true, part: 1 }
        url: FILE
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-3, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-3, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-7** Say a lot
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-7-say-a-lot` · https://vine.example.org/tasks/T-7
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-7</strong> Say a lot<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-7-say-a-lot</code> · <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            🚫 **Denied** — Ann, 2027-01-22 16:02 UTC (Q-16)

            Allow **Bash**?
            ```
            echo a line of a long script
            echo a line of a long script
            echo a line of a long script
            echo a line of a long script
            echo a line of  [… 6033 characters in all …]  line of a long script
            echo a line of a long script
            ```

            … shortened; the page shows the whole text.
          format: org.matrix.custom.html
          formatted_body: |
            <p>🚫 <strong>Denied</strong> — Ann, 2027-01-22 16:02 UTC (Q-16)</p><p>Allow <strong>Bash</strong>?</p><pre><code>echo a line of a long script
            echo a line of a long script
            echo a line of a long script
             [… 6092 characters in all …]  script
            echo a line of a long script
            </code></pre><p>… shortened; the page shows the whole text.</p>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-2, rel_type: m.replace }
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-7** Say a lot
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-7-say-a-lot` · https://vine.example.org/tasks/T-7
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-7</strong> Say a lot<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-7-say-a-lot</code> · <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **T-7 is done.**


        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>T-7 is done.</strong></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-6, last: false, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          > A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has  [… 6000 characters in all …] many words. A long report has many words. A long report has many words. A long report has many words
        format: org.matrix.custom.html
        formatted_body: |
          <blockquote><p>A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A lon [… 6030 characters in all …] g report has many words. A long report has many words. A long report has many words</p></blockquote>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-6, last: false, part: 1 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          > . A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report ha [… 3248 characters in all …] -a-lot`, or with `vine task merge T-7` in your clone.
          3 turns, 12345 tokens in, 678 out, about $0.12
        format: org.matrix.custom.html
        formatted_body: |
          <blockquote><p>. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A long report has many words. A l [… 3351 characters in all …] code>vine task merge T-7</code> in your clone.<br>3 turns, 12345 tokens in, 678 out, about $0.12</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-5 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-6, last: true, part: 2 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-7** Say a lot
            ✅ Done · requested by Ann
            `site` · from `main` to `vine/T-7-say-a-lot` · https://vine.example.org/tasks/T-7
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-7</strong> Say a lot<br>✅ Done · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-7-say-a-lot</code> · <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_matrix_talk_and_questions_that_are_open() {
    let scene = Scene::begin().await;
    let day = &scene.day;
    let task = day.talk(|who, at, words| scene.says(who, at, words)).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-1** Talk
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-1-talk` · https://vine.example.org/tasks/T-1
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-1</strong> Talk<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-talk</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: Mind the cat
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-2, key: 📝, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-2, key: 👀, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-1)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-1)</p><ol><li><strong>Yew</strong> — Green in winter, slow</li [… 411 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-3
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-3
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-1** Talk
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-1-talk` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Talk<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-talk</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “npm test -- --watch=false” (Q-2)

          ```
          npm test -- --watch=false
          ```

          The agent's reason:
          > To see whether the beds are dry.

          “Allow for this session” also allows, until this task is over:
          - every command that begins with “npm test”, with any files and addresses after it

          Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-1
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “npm test -- --watch=false” (Q-2)</p><pre><code>npm test -- --watch=false
          </code></pre><p>The agent's reason [… 619 characters in all …] se …</code>. <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-3 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-4, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-4, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-4, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-1** Talk
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-1-talk` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Talk<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-talk</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-5, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: yes
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-5, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            ✅ **Allowed once** — Ann, 2027-01-15 08:00 UTC (Q-2)

            Allow **Bash**?
            ```
            npm test -- --watch=false
            ```

            The agent's reason:
            > To see whether the beds are dry.
          format: org.matrix.custom.html
          formatted_body: |
            <p>✅ <strong>Allowed once</strong> — Ann, 2027-01-15 08:00 UTC (Q-2)</p><p>Allow <strong>Bash</strong>?</p><pre><code>npm test -- --watch=false
            </code></pre><p>The agent's reason:</p><blockquote><p>To see whether the beds are dry.</p></blockquote>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-4, rel_type: m.replace }
        org.agentvine.message: { id: uuid-6, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: Q-99 yes
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        body: |
          there is no question Q-99
          `question list` lists open questions
        format: org.matrix.custom.html
        formatted_body: <p>there is no question Q-99<br><code>question list</code> lists open questions</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: false
          m.in_reply_to: { event_id: event-6 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-7, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: 1
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @vic:vine.test
      type: m.room.message
    - content:
        body: |
          Vic is not allowed to do this here; `answer` requires role `answerer`.
          Access is set in the daemon's configuration, under `[[people]]`. Your id is `@vic:vine.test`.
        format: org.matrix.custom.html
        formatted_body: |
          <p>Vic is not allowed to do this here; <code>answer</code> requires role <code>answerer</code>.<br>Access is set in the daemon's configuration, under <code>[[people]]</code>. Your id is <code>@vic:vine.test</code>.</p>
        m.mentions: { user_ids: [@vic:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: false
          m.in_reply_to: { event_id: event-7 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-8, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: 2
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @vic:vine.test
      type: m.room.message
    - content:
        body: |
          Vic is not allowed to do this here; `answer` requires role `answerer`.
          Access is set in the daemon's configuration, under `[[people]]`. Your id is `@vic:vine.test`.
        format: org.matrix.custom.html
        formatted_body: |
          <p>Vic is not allowed to do this here; <code>answer</code> requires role <code>answerer</code>.<br>Access is set in the daemon's configuration, under <code>[[people]]</code>. Your id is <code>@vic:vine.test</code>.</p>
        m.mentions: { user_ids: [@vic:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: false
          m.in_reply_to: { event_id: event-8 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-9, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            💬 **Yew** — Ann, 2027-01-15 08:00 UTC (Q-1)

            > Plant: Which plant should the hedge be of?

            1. **Yew** — Green in winter, slow
            2. **Hornbeam** — Quick, loses its leaves
          format: org.matrix.custom.html
          formatted_body: |
            <p>💬 <strong>Yew</strong> — Ann, 2027-01-15 08:00 UTC (Q-1)</p><blockquote><p>Plant: Which plant should the hedge be of?</p></blockquote><ol><li><strong>Yew</strong> — Green in winter, slow</li><li><strong>Hornbeam</strong> — Quick, loses its leaves</li></ol>
          m.mentions: {  }
          msgtype: m.text
        m.relates_to: { event_id: event-3, rel_type: m.replace }
        org.agentvine.message: { id: uuid-10, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-1** Talk
            🔵 Running · requested by Ann
            `site` · from `main` to `vine/T-1-talk` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Talk<br>🔵 Running · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-talk</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-11, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: perhaps
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-9, key: 📝, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        body: yes
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        body: !vine task show
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        body: |
          **T-1** Talk
          Running · `site` · from `main` to `vine/T-1-talk` · requested by Ann
          1 attempt

          Prompt:
          > Talk

          Questions:
          - **Q-1** Which plant should the hedge be of? (Ann: Yew)
          - **Q-2** Allow Bash: npm test -- --watch=false (Ann: allowed once)

          You can: `task cancel T-1`, `task log T-1 --limit 20`, `task explain T-1`
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-1</strong> Talk<br>Running · <code>site</code> · from <code>main</code> to <code>vine/T-1-talk</code> · requested by Ann<br>1 attempt</p><p>Prompt:</p><blockquote><p>Talk</p></blockquote> [… 502 characters in all …] code>task cancel T-1</code>, <code>task log T-1 --limit 20</code>, <code>task explain T-1</code></p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-4 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-12, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: !vine task shwo
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        body: |
          There is no command `task shwo`. Did you mean `task show`?
          type `help` for the commands
        format: org.matrix.custom.html
        formatted_body: |
          <p>There is no command <code>task shwo</code>. Did you mean <code>task show</code>?<br>type <code>help</code> for the commands</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: false
          m.in_reply_to: { event_id: event-10 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-13, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **T-1 is done.**

          > The hedge is planted.

          Commit `0123456789ab` on `vine/T-1-talk`:
          ```
           hedge.md | 2 ++
           1 file changed, 2 insertions(+)
          ```
          Merge it with `git merge vine/T-1-talk`, or with `vine task merge T-1` in your clone.
          3 turns, 12345 tokens in, 678 out, about $0.12
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>T-1 is done.</strong></p><blockquote><p>The hedge is planted.</p></blockquote><p>Commit <code>0123456789ab</code> on <code>vine/T [… 457 characters in all …] code>vine task merge T-1</code> in your clone.<br>3 turns, 12345 tokens in, 678 out, about $0.12</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-11 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-14, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: T-1 is done: no agent has read the note from Ann.
        format: org.matrix.custom.html
        formatted_body: <p>T-1 is done: no agent has read the note from Ann.</p>
        m.mentions: {  }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-12 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-15, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-1** Talk
            ✅ Done · requested by Ann
            `site` · from `main` to `vine/T-1-talk` · https://vine.example.org/tasks/T-1
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-1</strong> Talk<br>✅ Done · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-1-talk</code> · <a href="https://vine.example.org/tasks/T-1">https://vine.example.org/tasks/T-1</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-16, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: One more thing
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
      sender: @ann:vine.test
      type: m.room.message
    - content:
        body: |
          T-1 is over (Done), so nobody works on “One more thing” yet.
          1. Continue with this

          Or mention me with what to do next.
        format: org.matrix.custom.html
        formatted_body: |
          <p>T-1 is over (Done), so nobody works on “One more thing” yet.</p><ol><li>Continue with this</li></ol><p>Or mention me with what to do next.</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: false
          m.in_reply_to: { event_id: event-13 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-17, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-14
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    "#);
    let told = |one: &Value| {
        one["content"]["m.relates_to"]["m.in_reply_to"].is_object()
            && one["content"]["m.relates_to"]["rel_type"].is_null()
    };
    assert_snapshot!(scene.those(told).await, @"
    - content:
        body: You are Ann (operator), via matrix.
        format: org.matrix.custom.html
        formatted_body: <p>You are Ann (operator), via matrix.</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to: { m.in_reply_to: { event_id: event-1 } }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          ```
          T-1    running    default  site Talk
          ```
        format: org.matrix.custom.html
        formatted_body: |
          <pre><code>T-1    running    default  site Talk
          </code></pre>
        m.mentions: { user_ids: [@vic:vine.test] }
        m.relates_to: { m.in_reply_to: { event_id: event-2 } }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    ");

    let task = day.open("Choose one", plants()).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-2** Choose one
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-2-choose-one` · https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-2</strong> Choose one<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-choose-one</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-3)

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-2
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-3)</p><ol><li><strong>Yew</strong> — Green in winter, slow</li [… 411 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          event_id: event-2
          key: 1️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          event_id: event-2
          key: 2️⃣
          rel_type: m.annotation
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-2** Choose one
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-2-choose-one` · https://vine.example.org/tasks/T-2
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-2</strong> Choose one<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-2-choose-one</code> · <a href="https://vine.example.org/tasks/T-2">https://vine.example.org/tasks/T-2</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.open("Choose several", tools()).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-3** Choose several
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-3-choose-several` · https://vine.example.org/tasks/T-3
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-3</strong> Choose several<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-3-choose-several</code> · <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Tools: Which tools may be bought?” (Q-4)

          Choose all that apply:

          1. **Spade**
          2. **Rake**
          3. **Shears**

          Reply with a number or label, or in your own words. https://vine.example.org/tasks/T-3
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Tools: Which tools may be bought?” (Q-4)</p><p>Choose all that apply:</p><ol><li><strong>Spade</strong></li>< [… 408 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-3** Choose several
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-3-choose-several` · https://vine.example.org/tasks/T-3
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-3</strong> Choose several<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-3-choose-several</code> · <a href="https://vine.example.org/tasks/T-3">https://vine.example.org/tasks/T-3</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.open("Answer twice", several()).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-4** Answer twice
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-4-answer-twice` · https://vine.example.org/tasks/T-4
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-4</strong> Answer twice<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-answer-twice</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “Plant: Which plant should the hedge be of?” (Q-5)

          > Plant: Which plant should the hedge be of?

          1. **Yew** — Green in winter, slow
          2. **Hornbeam** — Quick, loses its leaves

          > Too [… 411 characters in all …] line for each question, by number or label, or in your own words. https://vine.example.org/tasks/T-4
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “Plant: Which plant should the hedge be of?” (Q-5)</p><blockquote><p>Plant: Which plant should the hedge be of [… 707 characters in all …] r own words. <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-4** Answer twice
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-4-answer-twice` · https://vine.example.org/tasks/T-4
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-4</strong> Answer twice<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-4-answer-twice</code> · <a href="https://vine.example.org/tasks/T-4">https://vine.example.org/tasks/T-4</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.open("Name it", name()).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-5** Name it
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-5-name-it` · https://vine.example.org/tasks/T-5
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-5</strong> Name it<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-name-it</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Question:** “What should the cat be called?” (Q-6)

          Reply in your own words. https://vine.example.org/tasks/T-5
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Question:</strong> “What should the cat be called?” (Q-6)</p><p>Reply in your own words. <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.new_content:
          body: |
            **T-5** Name it
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-5-name-it` · https://vine.example.org/tasks/T-5
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-5</strong> Name it<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-5-name-it</code> · <a href="https://vine.example.org/tasks/T-5">https://vine.example.org/tasks/T-5</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.open("Allow it", permission()).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-6** Allow it
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-6-allow-it` · https://vine.example.org/tasks/T-6
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-6</strong> Allow it<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-allow-it</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Allow Bash?** “npm test -- --watch=false” (Q-7)

          ```
          npm test -- --watch=false
          ```

          The agent's reason:
          > To see whether the beds are dry.

          “Allow for this session” also allows, until this task is over:
          - every command that begins with “npm test”, with any files and addresses after it

          Or reply `yes`, `always` (this session) or `no, because …`. https://vine.example.org/tasks/T-6
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Allow Bash?</strong> “npm test -- --watch=false” (Q-7)</p><pre><code>npm test -- --watch=false
          </code></pre><p>The agent's reason [… 619 characters in all …] se …</code>. <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-2, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.relates_to:
          { event_id: event-2, key: ❌, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-6** Allow it
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-6-allow-it` · https://vine.example.org/tasks/T-6
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-6</strong> Allow it<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-6-allow-it</code> · <a href="https://vine.example.org/tasks/T-6">https://vine.example.org/tasks/T-6</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
    let task = day.open("Approve it", plan()).await;
    assert_snapshot!(scene.thread(task).await, @r#"
    - content:
        body: |
          **T-7** Approve it
          ⏳ Queued · requested by Ann
          `site` · from `main` to `vine/T-7-approve-it` · https://vine.example.org/tasks/T-7
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>T-7</strong> Approve it<br>⏳ Queued · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-7-approve-it</code> · <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          Ann: **Approve?** “1. Dig” (Q-8)

          > ## Plan
          >
          > 1. Dig
          > 2. Plant **two** rows
          >
          > ```sh
          > make water
          > ```

          Or reply `approve`, or describe what to change in a sentence (or `send back: …`). https://vine.example.org/tasks/T-7
        format: org.matrix.custom.html
        formatted_body: |
          <p><a href="https://matrix.to/#/@ann:vine.test">Ann</a>:</p><p><strong>Approve?</strong> “1. Dig” (Q-8)</p><blockquote><h4>Plan</h4><ol><li>Dig</li><li>Plant <strong>two</strong> rows</li></ol><pre><c [… 435 characters in all …] : …</code>). <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: true
          m.in_reply_to: { event_id: event-1 }
          rel_type: m.thread
        msgtype: m.text
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        m.relates_to:
          { event_id: event-2, key: ✅, rel_type: m.annotation }
      sender: @vine:vine.test
      type: m.reaction
    - content:
        m.new_content:
          body: |
            **T-7** Approve it
            ✋ Waiting for an answer · requested by Ann
            `site` · from `main` to `vine/T-7-approve-it` · https://vine.example.org/tasks/T-7
          format: org.matrix.custom.html
          formatted_body: |
            <p><strong>T-7</strong> Approve it<br>✋ Waiting for an answer · requested by Ann<br><code>site</code> · from <code>main</code> to <code>vine/T-7-approve-it</code> · <a href="https://vine.example.org/tasks/T-7">https://vine.example.org/tasks/T-7</a></p>
          m.mentions: {  }
          msgtype: m.notice
        m.relates_to: { event_id: event-1, rel_type: m.replace }
        org.agentvine.message: { id: uuid-3, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);

    day.digest().await;
    let digest = |one: &Value| {
        let body = &one["content"]["body"];
        body.as_str()
            .is_some_and(|body| body.contains("open questions"))
    };
    assert_snapshot!(scene.those(digest).await, @r#"
    - content:
        body: |
          there is no question Q-99
          `question list` lists open questions
        format: org.matrix.custom.html
        formatted_body: <p>there is no question Q-99<br><code>question list</code> lists open questions</p>
        m.mentions: { user_ids: [@ann:vine.test] }
        m.relates_to:
          event_id: event-1
          is_falling_back: false
          m.in_reply_to: { event_id: event-2 }
          rel_type: m.thread
        msgtype: m.notice
        org.agentvine.message: { id: uuid-1, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    - content:
        body: |
          **6 open questions** in `site`:
          - **T-2:** “Plant: Which plant should the hedge be of?” (Q-3) · 30 min · https://matrix.to/#/room-1EVENT [… 1055 characters in all …] atrix.to/#/room-1event-3
        format: org.matrix.custom.html
        formatted_body: |
          <p><strong>6 open questions</strong> in <code>site</code>:</p><ul><li><strong>T-2:</strong> “Plant: Which plant should the hedge be of?” (Q-3) · 30 min · <a href="https://matrix.to/#/ROOM [… 1953 characters in all …] ROOM/event-3</a></li></ul>
        m.mentions: {  }
        msgtype: m.notice
        org.agentvine.message: { id: uuid-2, last: true, part: 0 }
      sender: @vine:vine.test
      type: m.room.message
    "#);
}
