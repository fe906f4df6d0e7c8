//! Published payloads of the platforms, alone and aimed at a live thread: none crashes an adapter,
//! none is misrouted, and each kind stands in the tables below: what counts, what gets a hint, what
//! is ignored.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use vine_domain::{
    QuestionId,
    chat::{Inbound, InboundBatch, InboundKind, Location, MessagePlace},
    ports::EventSink,
};

use crate::app::platforms::{Fake, Talk, colour};

/// What stands in the live thread, as the payloads name it.
const ROOM: &str = "C0LIVE";
const ROOT: &str = "1.000100";
const QUESTION: &str = "2.000200";
const GUILD_ROOM: &str = "1500000000000000001";
const GUILD_QUESTION: &str = "1500000000000000002";

/// A live thread with an open question, and another one that nothing is aimed at.
struct Stage {
    talk: Talk,
    root: String,
    attempt: vine_domain::attempt::Attempt,
    open: (QuestionId, String),
    other: QuestionId,
    count: usize,
}

impl Stage {
    async fn new() -> Self {
        let talk = Talk::new(Fake::default()).await;
        let (_, other, _) = talk.asked().await;
        let (attempt, first, shown) = talk.asked().await;
        let root = shown.dispatch.thread.expect("a thread");
        Self {
            talk,
            root,
            attempt,
            open: (first, shown.reference),
            other,
            count: 0,
        }
    }

    /// What becomes of it in the live thread.
    async fn becomes(&mut self, heard: Inbound) -> &'static str {
        self.count += 1;
        let event = format!("$c{}", self.count);
        let place = |reference: &Option<String>| {
            reference.as_deref().map(|reference| match reference {
                named if named.ends_with(QUESTION) || named == GUILD_QUESTION => {
                    self.open.1.clone()
                }
                named if named.ends_with(ROOT) || named == GUILD_ROOM => self.root.clone(),
                named => named.to_owned(),
            })
        };
        let Location::Theirs {
            thread, reply_to, ..
        } = &heard.spot
        else {
            panic!("{heard:?}")
        };
        let spot = Location::Theirs {
            room: "!site".into(),
            thread: place(thread),
            reply_to: place(reply_to),
        };
        let (awaited, has_words) = (
            heard.act == InboundKind::Awaited,
            !heard.text.trim().is_empty(),
        );
        let heard = Inbound {
            event: event.clone(),
            platform: "matrix".into(),
            author: "@ann:x".into(),
            spot,
            said: None,
            ..heard
        };
        let notes = self.notes().await;
        self.talk
            .ear
            .ingest(InboundBatch {
                events: vec![heard],
                ..InboundBatch::default()
            })
            .await
            .expect("stored");
        if awaited {
            self.talk.answer(self.open.0).await;
        }
        self.talk.read(&format!("$b{}", self.count)).await;
        let answered = !self
            .talk
            .team
            .app
            .questions
            .get(self.open.0)
            .await
            .expect("read")
            .is_open();
        let told = self
            .talk
            .chat
            .wait_briefly(|place| matches!(place, MessagePlace::Aside(aside) if aside.to == event))
            .await;
        if answered {
            self.talk.team.bed.clock.pass(Duration::from_secs(120));
            let next = self.talk.team.asks(self.attempt, colour()).await;
            let shown = self.talk.chat.question(next).await;
            self.open = (next, shown.reference);
        }
        if told {
            // The next one of its kind is told again.
            self.talk.team.bed.clock.pass(Duration::from_secs(3600));
        }
        match (answered || self.notes().await > notes, told) {
            (true, _) if awaited && !has_words => "counts when fetched",
            (true, _) => "counts",
            (false, true) => "hint",
            (false, false) => "ignored",
        }
    }

    async fn notes(&self) -> usize {
        let notes = self.talk.team.bed.store.notes_of(self.attempt.task);
        notes.await.expect("read").len()
    }

    async fn nothing_was_misrouted(&self) {
        assert!(
            self.talk
                .team
                .app
                .questions
                .get(self.other)
                .await
                .expect("read")
                .is_open()
        );
    }
}

impl Fake {
    async fn wait_briefly(&self, is: impl Fn(&MessagePlace) -> bool) -> bool {
        for _ in 0..6 {
            if self.shows(|dispatch| is(&dispatch.message.place)) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }
}

/// Kinds and what became of how many of each.
#[derive(Default)]
struct Table(BTreeMap<String, BTreeMap<&'static str, usize>>);

impl Table {
    fn note(&mut self, kind: &str, what: &'static str) {
        *self
            .0
            .entry(kind.to_owned())
            .or_default()
            .entry(what)
            .or_default() += 1;
    }

    fn lines(&self) -> String {
        let line = |(kind, all): (&String, &BTreeMap<_, _>)| {
            let all: Vec<_> = all
                .iter()
                .map(|(what, count)| format!("{what} {count}"))
                .collect();
            format!("{kind}: {}\n", all.join(", "))
        };
        self.0.iter().map(line).collect()
    }
}

fn put(value: &mut Value, key: &str, text: &str) {
    if value.is_object() {
        value[key] = json!(text);
    }
}

fn slack_kind(kind: &str, payload: &Value) -> String {
    let event = &payload["event"];
    let parts = [
        event["type"].as_str(),
        event["subtype"].as_str(),
        payload["type"].as_str().filter(|_| event.is_null()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        kind.to_owned()
    } else {
        parts.join("/")
    }
}

/// The same, said in the live thread by a person of ours.
fn aimed_slack(payload: &Value) -> Value {
    let mut payload = payload.clone();
    let event = &mut payload["event"];
    if event["channel"].is_string() {
        put(event, "channel", ROOM);
        put(event, "thread_ts", ROOT);
    }
    if event["item"].is_object() {
        put(&mut event["item"], "channel", ROOM);
        put(&mut event["item"], "ts", QUESTION);
    }
    if payload["event"].is_null()
        && let Some(payload) = payload.as_object_mut()
    {
        payload.remove("event");
    }
    if payload["channel"].is_object() {
        put(&mut payload["channel"], "id", ROOM);
        put(&mut payload["container"], "message_ts", QUESTION);
        put(&mut payload["message"], "ts", QUESTION);
    }
    payload
}

#[tokio::test(flavor = "multi_thread")]
async fn corpus_of_slack() {
    let all: Value =
        serde_json::from_str(include_str!("../../data/corpora/slack_corpus.json")).expect("JSON");
    let us = vine_slack::AppIdentity {
        teams: ["T111", "T1", "T123"].map(str::to_owned).to_vec(),
        user: "U0BOT".into(),
    };
    let (mut stage, mut table) = (Stage::new().await, Table::default());
    for one in all.as_array().expect("a list") {
        let (kind, payload) = (one["kind"].as_str().expect("a kind"), &one["payload"]);
        let alone = vine_slack::heard(kind, payload, &us);
        if let Some(Inbound {
            spot: Location::Theirs { room, .. },
            ..
        }) = alone
        {
            assert_ne!(room, ROOM, "nothing of it is ours");
        }
        let what = match vine_slack::heard(kind, &aimed_slack(payload), &us) {
            Some(heard) => stage.becomes(heard).await,
            None => "ignored",
        };
        table.note(&slack_kind(kind, payload), what);
    }
    stage.nothing_was_misrouted().await;
    insta::assert_snapshot!(table.lines(), @"
    app_home_opened: ignored 2
    app_mention: ignored 11
    app_uninstalled: ignored 3
    block_actions: ignored 17
    block_suggestion: ignored 4
    dialog_cancellation: ignored 4
    dialog_submission: ignored 5
    dialog_suggestion: ignored 6
    events_api: ignored 1
    file_public: ignored 2
    file_shared: ignored 2
    function_executed: ignored 4
    goodbye: ignored 1
    interactive_message: ignored 6
    member_joined_channel: ignored 6
    member_left_channel: ignored 7
    message: counts 7, ignored 5
    message/bot_message: ignored 3
    message/channel_join: ignored 1
    message/channel_leave: ignored 1
    message/file_share: counts 2, ignored 2
    message/message_changed: ignored 2
    message/message_deleted: ignored 1
    message/thread_broadcast: counts 1
    message_action: ignored 5
    message_metadata_posted: ignored 1
    reaction_added: ignored 5
    shortcut: ignored 6
    slash_commands: hint 9, ignored 1
    team_access_granted: ignored 1
    team_access_revoked: ignored 1
    tokens_revoked: ignored 3
    view_closed: ignored 6
    view_submission: ignored 11
    workflow_step_edit: ignored 3
    workflow_step_execute: ignored 3
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn corpus_of_discord() {
    const KINDS: [&str; 8] = [
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
        "MESSAGE_REACTION_ADD",
        "INTERACTION_CREATE",
        "CHANNEL_DELETE",
        "GUILD_DELETE",
        "SOMETHING_NEW",
    ];
    let all: Value =
        serde_json::from_str(include_str!("../../data/corpora/discord_corpus.json")).expect("JSON");
    let us = vine_discord::BotIdentity {
        id: "9".into(),
        app: "9".into(),
        reads: true,
    };
    let (mut stage, mut table) = (Stage::new().await, Table::default());
    for one in all.as_array().expect("a list") {
        let (from, example) = (one["from"].as_str().expect("a source"), &one["json"]);
        let data = if example["d"].is_object() {
            &example["d"]
        } else {
            example
        };
        for kind in KINDS {
            let _alone = vine_discord::heard(kind, data, &us);
            let mut aimed = data.clone();
            put(&mut aimed, "channel_id", GUILD_ROOM);
            if kind == "MESSAGE_REACTION_ADD" {
                put(&mut aimed, "message_id", GUILD_QUESTION);
            }
            if aimed["message"].is_object() {
                put(&mut aimed["message"], "id", GUILD_QUESTION);
            }
            if let Some(heard) = vine_discord::heard(kind, &aimed, &us) {
                let section = from.rsplit('/').next().unwrap_or(from);
                table.note(&format!("{kind} of {section}"), stage.becomes(heard).await);
            } else {
                table.note(kind, "ignored");
            }
        }
    }
    stage.nothing_was_misrouted().await;
    insta::assert_snapshot!(table.lines(), @"
    CHANNEL_DELETE: ignored 200
    GUILD_DELETE: ignored 200
    INTERACTION_CREATE: ignored 197
    INTERACTION_CREATE of application-commands.mdx: ignored 3
    MESSAGE_CREATE: ignored 198
    MESSAGE_CREATE of message.mdx: counts 2
    MESSAGE_DELETE: ignored 162
    MESSAGE_DELETE of application-commands.mdx: ignored 3
    MESSAGE_DELETE of application.mdx: ignored 1
    MESSAGE_DELETE of audit-log.mdx: ignored 1
    MESSAGE_DELETE of auto-moderation.mdx: ignored 1
    MESSAGE_DELETE of change-log.mdx: ignored 1
    MESSAGE_DELETE of channel.mdx: ignored 6
    MESSAGE_DELETE of developing-a-user-installable-app.mdx: ignored 1
    MESSAGE_DELETE of emoji.mdx: ignored 3
    MESSAGE_DELETE of entitlement.mdx: ignored 2
    MESSAGE_DELETE of guild.mdx: ignored 5
    MESSAGE_DELETE of lobby.mdx: ignored 1
    MESSAGE_DELETE of message.mdx: ignored 2
    MESSAGE_DELETE of permissions.mdx: ignored 1
    MESSAGE_DELETE of sku.mdx: ignored 1
    MESSAGE_DELETE of stage-instance.mdx: ignored 1
    MESSAGE_DELETE of sticker.mdx: ignored 2
    MESSAGE_DELETE of subscription.mdx: ignored 1
    MESSAGE_DELETE of user.mdx: ignored 2
    MESSAGE_DELETE of webhook.mdx: ignored 3
    MESSAGE_REACTION_ADD: ignored 200
    MESSAGE_UPDATE: ignored 200
    SOMETHING_NEW: ignored 200
    ");
}

/// Other events are for clients alone, and have no sender.
fn stands_in_a_room(event: &Value) -> bool {
    const KINDS: [&str; 7] = [
        "m.room.",
        "m.reaction",
        "m.sticker",
        "m.call.",
        "m.space.",
        "m.policy.",
        "org.example.",
    ];
    let kind = event["type"].as_str().unwrap_or_default();
    KINDS.iter().any(|one| kind.starts_with(one))
}

#[tokio::test(flavor = "multi_thread")]
async fn corpus_of_matrix() {
    let all: Value =
        serde_json::from_str(include_str!("../../data/corpora/matrix_corpus.json")).expect("JSON");
    let (mut stage, mut table) = (Stage::new().await, Table::default());
    for one in all.as_array().expect("a list") {
        let from = one["from"]
            .as_str()
            .expect("a source")
            .trim_end_matches(".yaml")
            .trim_end_matches(".json");
        let events = match &one["event"] {
            Value::Array(all) => all.clone(),
            event => vec![event.clone()],
        };
        for event in events {
            let _alone = vine_matrix::heard(&event, "!elsewhere:x", "@vine:x");
            let mut aimed = event;
            if stands_in_a_room(&aimed) {
                put(&mut aimed, "sender", "@ann:x");
                put(&mut aimed, "event_id", "$e");
            }
            if aimed["content"].is_object() && aimed["type"] != "m.reaction" {
                aimed["content"]["m.relates_to"] =
                    json!({ "rel_type": "m.thread", "event_id": ROOT });
            } else if aimed["type"] == "m.reaction" {
                put(&mut aimed["content"]["m.relates_to"], "event_id", QUESTION);
            }
            let what = match vine_matrix::heard(&aimed, "!r", "@vine:x") {
                Some(heard) => stage.becomes(heard).await,
                None => "ignored",
            };
            table.note(from, what);
        }
    }
    stage.nothing_was_misrouted().await;
    insta::assert_snapshot!(table.lines(), @"
    event: hint 1
    invite_room_state: ignored 2
    knock_room_state: ignored 2
    m.accepted_terms: ignored 1
    m.call.answer: ignored 1
    m.call.candidates: ignored 1
    m.call.hangup: ignored 1
    m.call.invite: ignored 1
    m.call.negotiate: ignored 1
    m.call.reject: ignored 1
    m.call.sdp_stream_metadata_changed: ignored 1
    m.call.select_answer: ignored 1
    m.direct: ignored 1
    m.dummy: ignored 1
    m.forwarded_room_key: ignored 1
    m.fully_read: ignored 1
    m.identity_server: ignored 1
    m.ignored_user_list: ignored 1
    m.image_pack.rooms: ignored 1
    m.invite_permission_config: ignored 1
    m.key.verification.accept: ignored 1
    m.key.verification.cancel: ignored 1
    m.key.verification.done: ignored 1
    m.key.verification.key: ignored 1
    m.key.verification.mac: ignored 1
    m.key.verification.ready: ignored 1
    m.key.verification.request: ignored 1
    m.key.verification.start: ignored 1
    m.key.verification.start$m.sas.v1: ignored 1
    m.key_backup: ignored 1
    m.marked_unread: ignored 1
    m.policy.rule.room: ignored 1
    m.policy.rule.server: ignored 1
    m.policy.rule.user: ignored 1
    m.presence: ignored 1
    m.push_rules: ignored 1
    m.reaction: hint 1
    m.receipt: ignored 1
    m.recent_emoji: ignored 1
    m.room.avatar: ignored 1
    m.room.canonical_alias: ignored 1
    m.room.create: ignored 1
    m.room.encrypted$megolm: counts when fetched 1
    m.room.encrypted$olm: counts when fetched 1
    m.room.encryption: ignored 1
    m.room.guest_access: ignored 1
    m.room.history_visibility: ignored 1
    m.room.image_pack: ignored 1
    m.room.join_rules: ignored 1
    m.room.join_rules$restricted: ignored 1
    m.room.member: ignored 1
    m.room.member$invite_room_state: ignored 1
    m.room.member$join_authorised_via_users_server: ignored 1
    m.room.member$knock_room_state: ignored 1
    m.room.member$third_party_invite: ignored 1
    m.room.message$m.audio: counts when fetched 1
    m.room.message$m.emote: counts 1
    m.room.message$m.file: counts when fetched 1
    m.room.message$m.image: counts when fetched 1
    m.room.message$m.key.verification.request: ignored 1
    m.room.message$m.location: hint 1
    m.room.message$m.notice: ignored 1
    m.room.message$m.server_notice: ignored 1
    m.room.message$m.text: counts 1
    m.room.message$m.video: counts when fetched 1
    m.room.name: ignored 1
    m.room.pinned_events: ignored 1
    m.room.policy: ignored 1
    m.room.power_levels: ignored 1
    m.room.redaction: ignored 1
    m.room.server_acl: ignored 1
    m.room.third_party_invite: ignored 1
    m.room.tombstone: ignored 1
    m.room.topic: ignored 1
    m.room_key: ignored 1
    m.room_key.withheld: ignored 1
    m.room_key_bundle: ignored 1
    m.room_key_request$cancel_request: ignored 1
    m.room_key_request$request: ignored 1
    m.secret.request: ignored 1
    m.secret.send: ignored 1
    m.space.child: ignored 1
    m.space.parent: ignored 1
    m.sticker: hint 1
    m.tag: ignored 1
    m.typing: ignored 1
    room_edu: ignored 1
    room_event: ignored 1
    state_event: ignored 1
    ");
}
