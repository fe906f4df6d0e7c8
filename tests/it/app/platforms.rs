//! A chat platform's way through the use cases, with a platform that does what a test says.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use vine_app::{
    Settings,
    adapters::{self, AdapterEvents},
};
use vine_domain::{
    Ask, Clock, ConfiguredPerson, MessageId, QuestionId, Role, Slug, Timestamp, User, UserId,
    attempt::Attempt,
    chat::{
        DesiredRoom, Fetched, Inbound, InboundBatch, InboundKind, Location, MessagePlace, Outbound,
        OutboundKind, OutboxItem, Posted,
    },
    clock::{Ids, System},
    ports::{Chat, ChatError, EventSink, ProgressPace},
    question::{Choice, Item},
};

use crate::{app::races::Team, harness::until, store::one_write::OneWrite as _};

/// What was delivered: kind, room, thread, words, the people mentioned.
#[derive(Debug, Clone)]
pub struct Shown {
    pub dispatch: OutboxItem,
    pub reference: String,
}

/// A platform in memory.
#[derive(Default)]
pub struct Fake {
    pub shown: Mutex<Vec<Shown>>,
    pub wishes: Mutex<Vec<(String, DesiredRoom)>>,
    /// Answers to coming deliveries, before all is well again.
    pub trouble: Mutex<Vec<ChatError>>,
    /// Answers to coming wishes for rooms.
    pub closed: Mutex<Vec<ChatError>>,
    /// Events whose words were asked for.
    pub fetched: Mutex<Vec<String>>,
    /// Calls to it come to nothing.
    pub deaf: bool,
    /// Files never come.
    pub unfetched: Mutex<bool>,
    /// So often a question is refused for what it holds.
    pub unfit: Mutex<u32>,
    /// A thread that somebody has deleted.
    pub gone: Mutex<Option<String>>,
    /// Why nothing can be posted anywhere.
    pub refuses: Mutex<Option<String>>,
    /// Rooms that take nothing, and why.
    pub shut: Mutex<Vec<(String, String)>>,
    /// Rooms that others have taken the place of.
    pub successors: Mutex<HashMap<String, String>>,
    /// A room that takes nothing for long.
    pub busy: Mutex<Option<String>>,
    /// Nothing comes through, and nobody can tell whether it did.
    pub down: AtomicBool,
    /// Questions are acknowledged later than they are shown.
    pub slow: AtomicBool,
    /// When each message was delivered.
    pub stood: Mutex<Vec<(MessageId, Instant)>>,
    /// How often cards show progress, if not as usual.
    pub pace: Mutex<Option<ProgressPace>>,
    /// How long each call takes.
    pub takes: Mutex<Duration>,
    /// Rooms in which something is being posted now.
    pub posting: Mutex<Vec<String>>,
    /// When messages came to stand there, if it tells.
    pub at: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl Chat for Fake {
    fn platform(&self) -> &'static str {
        "matrix"
    }

    fn encrypts(&self) -> bool {
        true
    }

    fn progress_pace(&self) -> ProgressPace {
        let pace = *self.pace.lock().expect("whole");
        pace.unwrap_or(ProgressPace {
            card: Duration::from_secs(15),
            all: Duration::from_secs(4),
        })
    }

    fn rooms_at_once(&self) -> usize {
        32
    }

    async fn deliver(&self, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
        {
            let mut posting = self.posting.lock().expect("whole");
            assert!(!posting.contains(&dispatch.room), "one after the other");
            posting.push(dispatch.room.clone());
        }
        let takes = *self.takes.lock().expect("whole");
        tokio::time::sleep(takes).await;
        self.posting
            .lock()
            .expect("whole")
            .retain(|room| *room != dispatch.room);
        if self.busy.lock().expect("whole").as_ref() == Some(&dispatch.room) {
            return Err(ChatError::RoomBusy {
                why: "slower".into(),
                after: Duration::from_secs(3600),
            });
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(ChatError::Retry {
                why: "no answer".into(),
                after: Duration::from_secs(300),
            });
        }
        if let Some(error) = self.trouble.lock().expect("whole").pop() {
            return Err(error);
        }
        if matches!(dispatch.message.kind, OutboundKind::Question { .. }) {
            let mut unfit = self.unfit.lock().expect("whole");
            if *unfit > 0 {
                *unfit -= 1;
                return Err(ChatError::Unfit(
                    "Slack refuses chat.postMessage: invalid_blocks".into(),
                ));
            }
        }
        if let Some(why) = self.refuses.lock().expect("whole").clone() {
            return Err(ChatError::Gone(why));
        }
        let gone = self.gone.lock().expect("whole").clone();
        if gone.is_some() && gone == dispatch.thread {
            return Err(ChatError::ThreadGone("the thread was deleted".into()));
        }
        let reference = format!("${}", dispatch.message.id);
        self.shown.lock().expect("whole").push(Shown {
            dispatch: dispatch.clone(),
            reference: reference.clone(),
        });
        let stood = (dispatch.message.id, Instant::now());
        self.stood.lock().expect("whole").push(stood);
        while self.slow.load(Ordering::SeqCst)
            && matches!(dispatch.message.kind, OutboundKind::Question { .. })
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Posted::one(
            dispatch.thread.as_ref().unwrap_or(&reference),
            reference.clone(),
        ))
    }

    async fn posted_at(&self, _room: &str, _reference: &str) -> Option<Timestamp> {
        *self.at.lock().expect("whole")
    }

    async fn address(&self, room: &str, _thread: &str, reference: &str) -> Option<String> {
        Some(format!("https://chat.example/{room}/{reference}"))
    }

    async fn create_room(&self, wish: &DesiredRoom) -> Result<String, ChatError> {
        match self.closed.lock().expect("whole").pop() {
            Some(error) => Err(error),
            None => Ok(format!("!{}", wish.repo)),
        }
    }

    async fn sync_room(&self, room: &str, wish: &DesiredRoom) -> Result<(), ChatError> {
        self.wishes
            .lock()
            .expect("whole")
            .push((room.into(), wish.clone()));
        Ok(())
    }

    async fn closed_rooms(&self, rooms: &[String]) -> Result<Vec<(String, String)>, ChatError> {
        let shut = self.shut.lock().expect("whole");
        let shut = shut.iter().filter(|(room, _)| rooms.contains(room));
        Ok(shut.cloned().collect())
    }

    async fn successor(&self, room: &str) -> Result<Option<String>, ChatError> {
        let next = self.successors.lock().expect("whole");
        Ok(next.get(room).cloned())
    }

    async fn show_activity(&self, _rooms: &[String]) {}

    async fn ping(&self) -> Result<(), ChatError> {
        if self.deaf {
            Err(ChatError::Retry {
                why: "no answer".into(),
                after: Duration::ZERO,
            })
        } else {
            Ok(())
        }
    }

    async fn fetch_content(&self, event: &Inbound) -> Option<Fetched> {
        if *self.unfetched.lock().expect("whole") {
            return None;
        }
        self.fetched
            .lock()
            .expect("whole")
            .push(event.event.clone());
        Some(Fetched::from(Inbound {
            act: InboundKind::Said,
            text: "fetched".into(),
            ..event.clone()
        }))
    }

    async fn join_room(&self, room: &str, _wish: &DesiredRoom) -> Result<String, ChatError> {
        if room.starts_with('!') {
            Ok(room.to_owned())
        } else {
            Err(ChatError::Gone(format!("there is no room {room}")))
        }
    }
}

impl Fake {
    /// One whose calls come to nothing.
    pub fn deaf() -> Self {
        Self {
            deaf: true,
            ..Self::default()
        }
    }

    pub async fn wait(&self, what: &str, is: impl Fn(&OutboxItem) -> bool) -> Shown {
        until(Duration::from_secs(10), what, || {
            self.shown
                .lock()
                .expect("whole")
                .iter()
                .find(|shown| is(&shown.dispatch))
                .cloned()
        })
        .await
    }

    pub fn shows(&self, is: impl Fn(&OutboxItem) -> bool) -> bool {
        self.shown
            .lock()
            .expect("whole")
            .iter()
            .any(|shown| is(&shown.dispatch))
    }

    pub async fn question(&self, id: QuestionId) -> Shown {
        self.wait("the question is shown", |dispatch| {
            dispatch.message.kind == OutboundKind::Question { question: id }
        })
        .await
    }

    pub async fn aside(&self, to: &str) -> Shown {
        self.wait(
            "its author is told",
            |dispatch| matches!(&dispatch.message.place, MessagePlace::Aside(aside) if aside.to == to),
        )
        .await
    }

    pub fn asides(&self) -> usize {
        let shown = self.shown.lock().expect("whole");
        shown
            .iter()
            .filter(|shown| matches!(shown.dispatch.message.place, MessagePlace::Aside(_)))
            .count()
    }
}

/// A team whose repository `site` has a room on the platform, with Ann, an operator, and Vic, who
/// only reads.
pub struct Talk {
    pub team: Team,
    pub chat: Arc<Fake>,
    pub ear: Arc<AdapterEvents>,
}

fn grant(name: &str, role: Role) -> ConfiguredPerson {
    let user = User {
        id: UserId(System.uuid()),
        name: name.into(),
        role: Some(role),
        repos: [].into(),
    };
    ConfiguredPerson {
        user,
        identities: vec![("matrix".into(), format!("@{}:x", name.to_lowercase()))],
    }
}

pub fn colour() -> Ask {
    let option = |label: &str| Choice {
        label: label.into(),
        ..Choice::default()
    };
    let item = Item {
        question: "Which?".into(),
        header: String::new(),
        options: vec![option("Red"), option("Blue")],
        multi: false,
    };
    Ask::Clarify { items: vec![item] }
}

/// A team with its people.
pub async fn team() -> Team {
    let mut settings = Settings::at("http://vine");
    settings.people = vec![grant("Ann", Role::Operator), grant("Vic", Role::Viewer)];
    let team = Team::with(settings).await;
    team.bed
        .store
        .set_people(&team.app.settings().people)
        .await
        .expect("set");
    team
}

impl Talk {
    pub async fn new(chat: Fake) -> Self {
        Self::begin(team().await, chat)
    }

    /// From now on this daemon speaks for the platform.
    pub fn begin(team: Team, chat: Fake) -> Self {
        let (chat, ear) = (
            Arc::new(chat),
            AdapterEvents::new(team.app.clone(), "matrix"),
        );
        tokio::spawn(adapters::run(
            team.app.clone(),
            team.app.stop().clone(),
            chat.clone(),
            std::future::pending,
        ));
        tokio::spawn(vine_app::inbox::run(team.inbox.clone()));
        Self { team, chat, ear }
    }

    pub async fn says(
        &self,
        event: &str,
        author: &str,
        text: &str,
        at: (Option<&str>, Option<&str>),
        act: InboundKind,
    ) {
        let spot = Location::Theirs {
            room: "!site".into(),
            thread: at.0.map(Into::into),
            reply_to: at.1.map(Into::into),
        };
        let event = Inbound {
            event: event.into(),
            platform: "matrix".into(),
            author: author.into(),
            spot,
            text: text.into(),
            act,
            said: None,
            left_out: None,
            private: false,
            direct: false,
        };
        self.ear
            .ingest(InboundBatch {
                events: vec![event],
                ..InboundBatch::default()
            })
            .await
            .expect("stored");
    }

    /// What Ann does in a thread now, by the platform's clock.
    pub fn words(&self, event: &str, root: &str, text: &str, act: InboundKind) -> Inbound {
        let spot = Location::Theirs {
            room: "!site".into(),
            thread: Some(root.into()),
            reply_to: None,
        };
        let (event, platform, author) = (event.into(), "matrix".into(), "@ann:x".into());
        Inbound {
            event,
            platform,
            author,
            spot,
            text: text.into(),
            act,
            said: Some(self.team.bed.clock.now()),
            left_out: None,
            private: false,
            direct: false,
        }
    }

    /// A task whose first question was answered, and the root of its thread; nothing is on its way.
    pub async fn answered(&self) -> (Attempt, String) {
        let (attempt, first, shown) = self.asked().await;
        let root = shown.dispatch.thread.expect("a thread");
        self.says(
            "$1",
            "@ann:x",
            "Red",
            (Some(&root), None),
            InboundKind::Said,
        )
        .await;
        self.answer(first).await;
        self.nothing_due().await;
        (attempt, root)
    }

    pub async fn asked(&self) -> (Attempt, QuestionId, Shown) {
        let (attempt, id) = self.team.asked_this(colour()).await;
        let shown = self.chat.question(id).await;
        (attempt, id, shown)
    }

    /// Says a command that needs nothing to be understood, and waits until it is read, with all
    /// that was said before it.
    pub async fn read(&self, event: &str) {
        self.says(
            event,
            "@ann:x",
            "!vine help",
            (None, None),
            InboundKind::Said,
        )
        .await;
        let command = self
            .team
            .bed
            .store
            .event("matrix", event)
            .await
            .expect("read")
            .expect("stored");
        for _ in 0..500 {
            if self
                .team
                .bed
                .store
                .is_processed(&command)
                .await
                .expect("read")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{event} is not read");
    }

    /// All was posted, or was tried.
    pub async fn nothing_due(&self) {
        for _ in 0..500 {
            if self
                .team
                .bed
                .store
                .due("matrix", &[], 1)
                .await
                .expect("read")
                .is_empty()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something is due for long");
    }

    pub async fn noted(&self, attempt: Attempt, words: &str) {
        for _ in 0..500 {
            if self
                .team
                .bed
                .store
                .notes_of(attempt.task)
                .await
                .expect("read")
                .iter()
                .any(|note| note.text == words)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{words} are no note");
    }

    pub async fn answer(&self, id: QuestionId) -> String {
        for _ in 0..500 {
            if let Some(answer) = self
                .team
                .app
                .questions
                .get(id)
                .await
                .expect("read")
                .answer()
            {
                return format!("{}: {}", answer.name, answer.decision.headline());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id} has no answer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_into_its_thread_with_a_mention_and_each_kind_of_reply_reaches_it() {
    let talk = Talk::new(Fake::default()).await;
    for (number, (text, of_question, in_thread, act)) in [
        ("2", false, true, InboundKind::Said),
        ("Blue", true, false, InboundKind::Said),
        ("Blue", true, true, InboundKind::Said),
        ("2️⃣", true, false, InboundKind::Reacted),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, id, shown) = talk.asked().await;
        let thread = shown
            .dispatch
            .thread
            .clone()
            .expect("in the thread of the card");
        assert_eq!(
            shown
                .dispatch
                .mentions
                .iter()
                .map(|one| one.subject.as_str())
                .collect::<Vec<_>>(),
            ["@ann:x"]
        );
        let at = (
            in_thread.then_some(thread.as_str()),
            of_question.then_some(shown.reference.as_str()),
        );
        let event = format!("$e{number}");
        talk.says(&event, "@ann:x", text, at, act).await;
        assert_eq!(talk.answer(id).await, "Ann: Blue", "{text}");
        let settled = OutboundKind::Settled { question: id };
        let edit = talk
            .chat
            .wait("the question's message is edited", |dispatch| {
                dispatch.message.kind == settled
            })
            .await;
        assert_eq!(
            edit.dispatch.edits.as_deref(),
            Some(shown.reference.as_str())
        );
        assert_eq!(
            edit.dispatch.about.map(|about| about.event),
            Some(event),
            "and it is known which words were taken"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn talk_that_is_not_for_us_is_left_alone_and_strangers_are_refused_once() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, shown) = talk.asked().await;
    let (thread, question) = (
        shown.dispatch.thread.as_deref(),
        Some(shown.reference.as_str()),
    );
    talk.says("$1", "@ann:x", "Lunch?", (None, None), InboundKind::Said)
        .await;
    talk.says("$2", "@ann:x", "👍", (None, question), InboundKind::Reacted)
        .await;
    talk.says(
        "$3",
        "@ann:x",
        "Lunch!",
        (None, None),
        InboundKind::Edited("$0".into()),
    )
    .await;
    talk.says(
        "$4",
        "@ann:x",
        "yes",
        (Some("$somewhere"), Some("$else")),
        InboundKind::Said,
    )
    .await;
    talk.says("$5", "@eve:x", "Red", (thread, None), InboundKind::Said)
        .await;
    talk.says("$6", "@eve:x", "1️⃣", (None, question), InboundKind::Reacted)
        .await;
    talk.says("$7", "@vic:x", "Red", (thread, None), InboundKind::Said)
        .await;
    let told = talk.chat.aside("$5").await;
    assert!(
        told.dispatch
            .message
            .text
            .contains("an unknown user is not allowed"),
        "{}",
        told.dispatch.message.text
    );
    assert!(
        told.dispatch.message.text.contains("@eve:x"),
        "with the id that an admin needs"
    );
    assert_eq!(told.dispatch.thread.as_deref(), thread, "where it was said");
    assert!(
        talk.chat
            .aside("$7")
            .await
            .dispatch
            .message
            .text
            .contains("Vic is not allowed to do this here; `answer`")
    );
    assert!(
        talk.team
            .app
            .questions
            .get(id)
            .await
            .expect("read")
            .is_open()
    );
    let told = talk.chat.aside("$2").await.dispatch.message.text;
    assert!(told.contains("👍 is not an answer to"), "{told}");
    assert_eq!(talk.chat.asides(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_understood_in_rooms_and_threads_and_only_the_author_changes_a_message() {
    let talk = Talk::new(Fake::default()).await;
    talk.says(
        "$1",
        "@ann:x",
        "!vine status",
        (None, None),
        InboundKind::Said,
    )
    .await;
    assert!(
        talk.chat
            .aside("$1")
            .await
            .dispatch
            .message
            .text
            .contains("open questions")
    );
    let (attempt, id, shown) = talk.asked().await;
    let thread = shown.dispatch.thread.as_deref();
    talk.says(
        "$2",
        "@ann:x",
        "@vine task show",
        (thread, None),
        InboundKind::Said,
    )
    .await;
    let reply = talk.chat.wait("the thread shows it", |dispatch| {
        dispatch.message.kind == OutboundKind::Notice
            && dispatch.message.text.contains(&format!("{}", attempt.task))
    });
    assert_eq!(reply.await.dispatch.thread.as_deref(), thread);
    talk.says("$3", "@ann:x", "Red", (thread, None), InboundKind::Said)
        .await;
    assert_eq!(talk.answer(id).await, "Ann: Red");
    talk.says(
        "$4",
        "@vic:x",
        "Blue",
        (None, None),
        InboundKind::Edited("$3".into()),
    )
    .await;
    assert!(
        talk.chat
            .aside("$4")
            .await
            .dispatch
            .message
            .text
            .contains("only its author")
    );
    talk.says(
        "$5",
        "@ann:x",
        "Blue",
        (None, None),
        InboundKind::Edited("$3".into()),
    )
    .await;
    for _ in 0..500 {
        let notes = talk
            .team
            .bed
            .store
            .notes_of(attempt.task)
            .await
            .expect("read");
        if notes
            .iter()
            .any(|note| note.author == "Ann" && note.text.starts_with("Correction of the answer"))
        {
            assert_eq!(notes.len(), 1, "the forged edit reached nobody");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no correction");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_costs_nothing_and_holds_everything_back_until_it_ends() {
    let talk = Talk::new(Fake::default()).await;
    let limited = ChatError::NotNow {
        why: "slower".into(),
        after: Duration::from_millis(300),
    };
    *talk.chat.trouble.lock().expect("whole") = vec![limited.clone(), limited];
    let began = Instant::now();
    let (_, _, shown) = talk.asked().await;
    assert!(began.elapsed() >= Duration::from_millis(600));
    assert_eq!(shown.dispatch.attempts, 0, "no attempt was used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_takes_nothing_for_an_hour_holds_up_no_other() {
    let talk = Talk::new(Fake {
        busy: Mutex::new(Some("!site".into())),
        ..Fake::default()
    })
    .await;
    let app = &talk.team.app;
    until(Duration::from_secs(10), "both have their rooms", || {
        (talk.chat.wishes.lock().expect("whole").len() >= 2).then_some(())
    })
    .await;
    for repo in ["site", "shop"] {
        let message = Outbound::new(
            MessageId(System.uuid()),
            MessagePlace::Room(Slug::from_text(repo)),
            OutboundKind::Notice,
            repo,
        );
        talk.team.bed.store.say(&[message]).await.expect("stored");
    }
    app.wakeups().outbox();
    talk.chat
        .wait("the other room has its words", |dispatch| {
            dispatch.room == "!shop"
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_rooms_are_served_at_the_same_time_and_each_in_its_order() {
    let talk = Talk::new(Fake::default()).await;
    let store = &talk.team.bed.store;
    let site = store.repos().await.expect("read").remove(1);
    for number in 0..20 {
        let name = Slug::from_text(&format!("r-{number}"));
        let room = format!("!r-{number}");
        let repo = vine_domain::Repo {
            name: name.clone(),
            ..site.clone()
        };
        store.save_repo(&repo).await.expect("stored");
        store
            .bind_room("matrix", &room, &name)
            .await
            .expect("bound");
    }
    *talk.chat.takes.lock().expect("whole") = Duration::from_millis(250);
    let mut messages = Vec::new();
    for text in ["first", "second"] {
        messages.extend((0..20).map(|number| {
            Outbound::new(
                MessageId(System.uuid()),
                MessagePlace::Room(Slug::from_text(&format!("r-{number}"))),
                OutboundKind::Notice,
                text,
            )
        }));
    }
    let began = Instant::now();
    store.say(&messages).await.expect("stored");
    talk.team.app.wakeups().outbox();
    let shown = until(Duration::from_secs(20), "all have both", || {
        let shown = talk.chat.shown.lock().expect("whole").clone();
        (shown.len() == 40).then_some(shown)
    })
    .await;
    let took = began.elapsed();
    // One after the other, it takes ten seconds; at the same time, half a second and what the
    // machine is doing besides.
    assert!(took < Duration::from_secs(3), "{took:?}");
    for number in 0..20 {
        let room = format!("!r-{number}");
        let texts = shown
            .iter()
            .filter(|one| one.dispatch.room == room)
            .map(|one| one.dispatch.message.text.as_str());
        assert_eq!(texts.collect::<Vec<_>>(), ["first", "second"], "{room}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_again_is_tried_when_its_time_has_come_and_not_at_the_next_tick() {
    let talk = Talk::new(Fake::default()).await;
    let app = &talk.team.app;
    until(Duration::from_secs(10), "both have their rooms", || {
        (talk.chat.wishes.lock().expect("whole").len() >= 2).then_some(())
    })
    .await;
    *talk.chat.trouble.lock().expect("whole") = vec![ChatError::Retry {
        why: "once".into(),
        after: Duration::ZERO,
    }];
    let message = Outbound::new(
        MessageId(System.uuid()),
        MessagePlace::Room(Slug::from_text("shop")),
        OutboundKind::Notice,
        "shop",
    );
    talk.team.bed.store.say(&[message]).await.expect("stored");
    app.wakeups().outbox();
    let began = Instant::now();
    until(Duration::from_secs(10), "it failed once", || {
        talk.chat
            .trouble
            .lock()
            .expect("whole")
            .is_empty()
            .then_some(())
    })
    .await;
    // Half a second of the loop's second has to go by; without knowing when something is due it
    // looks every two.
    tokio::time::sleep(Duration::from_millis(500)).await;
    talk.team.bed.clock.pass(Duration::from_secs(1));
    let shown = talk
        .chat
        .wait("it is there", |dispatch| dispatch.room == "!shop")
        .await;
    assert_eq!(shown.dispatch.attempts, 1);
    assert!(
        began.elapsed() < Duration::from_millis(1_900),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_posted_is_named_at_its_room_until_something_can_be() {
    let talk = Talk::new(Fake::default()).await;
    let app = &talk.team.app;
    until(Duration::from_secs(10), "both have their rooms", || {
        (talk.chat.wishes.lock().expect("whole").len() >= 2).then_some(())
    })
    .await;
    *talk.chat.trouble.lock().expect("whole") = vec![ChatError::Gone("we are muted there".into())];
    let message = Outbound::new(
        MessageId(System.uuid()),
        MessagePlace::Room(Slug::from_text("shop")),
        OutboundKind::Notice,
        "shop",
    );
    talk.team.bed.store.say(&[message]).await.expect("stored");
    app.wakeups().outbox();
    let named = until(Duration::from_secs(10), "the trouble is named", || {
        app.rooms.platforms.unposted("matrix", "!shop")
    })
    .await;
    assert_eq!(named, "we are muted there");
    talk.team.bed.clock.pass(Duration::from_secs(300));
    talk.chat
        .wait("it is there", |dispatch| dispatch.room == "!shop")
        .await;
    until(Duration::from_secs(10), "the trouble is over", || {
        app.rooms
            .platforms
            .unposted("matrix", "!shop")
            .is_none()
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_was_to_be_told_is_given_up_when_it_can_be_told_nowhere() {
    let talk = Talk::new(Fake::default()).await;
    *talk.chat.trouble.lock().expect("whole") = vec![ChatError::Gone("they have left".into()); 12];
    talk.says(
        "$1",
        "@eve:x",
        "!vine status",
        (None, None),
        InboundKind::Said,
    )
    .await;
    let left = || talk.chat.trouble.lock().expect("whole").len();
    for tries in (2..12).rev() {
        until(Duration::from_secs(10), "it is tried", || {
            (left() == tries).then_some(())
        })
        .await;
        talk.team.bed.clock.pass(Duration::from_secs(300));
        talk.team.app.wakeups().outbox();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(left(), 2, "and not again");
    assert_eq!(
        talk.team
            .bed
            .store
            .due("matrix", &[], 10)
            .await
            .expect("read")
            .len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_come_late_are_fetched_and_those_of_strangers_are_not() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, shown) = talk.asked().await;
    let thread = shown.dispatch.thread.as_deref();
    talk.says(
        "$1",
        "@eve:x",
        "a file",
        (thread, None),
        InboundKind::Awaited,
    )
    .await;
    talk.says(
        "$2",
        "@ann:x",
        "a file",
        (thread, None),
        InboundKind::Awaited,
    )
    .await;
    assert_eq!(talk.answer(id).await, "Ann: fetched");
    assert_eq!(*talk.chat.fetched.lock().expect("whole"), ["$2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_we_could_not_read_whole_is_told_so() {
    let talk = Talk::new(Fake::default()).await;
    until(Duration::from_secs(10), "both have their rooms", || {
        (talk.chat.wishes.lock().expect("whole").len() >= 2).then_some(())
    })
    .await;
    let missed = InboundBatch {
        missed: vec!["!site".into(), "!elsewhere".into()],
        cursor: Some("9".into()),
        ..InboundBatch::default()
    };
    for _ in 0..2 {
        talk.ear.ingest(missed.clone()).await.expect("stored");
    }
    let told = talk
        .chat
        .wait("the room is told", |dispatch| {
            dispatch.message.text.contains("did not let AgentVine read")
        })
        .await;
    assert_eq!(
        (told.dispatch.room.as_str(), told.dispatch.thread),
        ("!site", None)
    );
    let shown = talk.chat.shown.lock().expect("whole");
    assert_eq!(
        shown
            .iter()
            .filter(|one| one
                .dispatch
                .message
                .text
                .contains("did not let AgentVine read"))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_repository_gets_its_room_with_its_people_and_a_room_that_cannot_be_had_is_named() {
    let gone = ChatError::Gone("the alias #vine-site:x is taken by somebody else".into());
    let talk = Talk::new(Fake {
        closed: Mutex::new(vec![gone]),
        ..Fake::default()
    })
    .await;
    let app = &talk.team.app;
    let trouble = until(Duration::from_secs(10), "the trouble is known", || {
        ["site", "shop"].iter().find_map(|repo| {
            Some((
                Slug::from_text(repo),
                app.rooms
                    .platforms
                    .trouble("matrix", &Slug::from_text(repo))?,
            ))
        })
    });
    let (repo, why) = trouble.await;
    assert!(why.contains("taken by somebody else"));
    let (_, wish) = until(Duration::from_secs(10), "the other has its room", || {
        talk.chat.wishes.lock().expect("whole").first().cloned()
    })
    .await;
    let members: Vec<_> = wish
        .members
        .iter()
        .map(|member| (member.subject.as_str(), member.manages))
        .collect();
    assert_eq!(members, [("@ann:x", true), ("@vic:x", false)]);

    let ann = crate::app::races::person("Ann", Some(Role::Operator));
    let refused = app
        .rooms
        .adopt_room(&ann, &repo, "matrix", "#nowhere:x")
        .await
        .expect_err("no room");
    assert!(refused.to_string().contains("there is no room"));
    assert_eq!(
        app.rooms
            .adopt_room(&ann, &repo, "matrix", "!theirs")
            .await
            .expect("adopted"),
        "!theirs"
    );
    until(Duration::from_secs(10), "the trouble is over", || {
        app.rooms
            .platforms
            .trouble("matrix", &repo)
            .is_none()
            .then_some(())
    })
    .await;
    let other = Slug::from_text(if repo.as_str() == "site" {
        "shop"
    } else {
        "site"
    });
    let taken = app
        .rooms
        .adopt_room(&ann, &other, "matrix", "!theirs")
        .await
        .expect_err("one room, one repository");
    assert!(taken.to_string().contains(repo.as_str()), "{taken}");
    let denied = app
        .rooms
        .adopt_room(
            &crate::app::races::person("Ben", Some(Role::Answerer)),
            &repo,
            "matrix",
            "!x",
        )
        .await;
    assert!(denied.is_err(), "rooms are for operators");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_a_role_calls_everybody_who_has_it_or_a_higher_one() {
    let talk = Talk::new(Fake::default()).await;
    let (_, _, shown) = talk.asked().await;
    let called_on = |platform: &str, whom: &str| {
        let message = Outbound {
            calls: vec![whom.to_owned()],
            ..shown.dispatch.message.clone()
        };
        let dispatch = OutboxItem {
            platform: platform.into(),
            message,
            ..shown.dispatch.clone()
        };
        talk.team
            .app
            .rooms
            .mentions(&dispatch)
            .into_iter()
            .map(|mention| mention.subject)
            .collect::<Vec<_>>()
    };
    let called = |whom: &str| called_on("matrix", whom);
    assert_eq!(called("operator"), ["@ann:x"]);
    assert_eq!(called("viewer"), ["@ann:x", "@vic:x"]);
    assert_eq!(called("Vic"), ["@vic:x"]);
    assert!(called("Nobody").is_empty());
    assert!(
        called_on("slack", "operator").is_empty(),
        "they are unknown there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_hear_once_that_they_are_whatever_they_try_and_moderators_are_not_scolded() {
    let talk = Talk::new(Fake::default()).await;
    let (_, _, shown) = talk.asked().await;
    let root = shown.dispatch.thread.expect("a thread");
    talk.says(
        "$1",
        "@eve:x",
        "!vine nonsense",
        (None, None),
        InboundKind::Said,
    )
    .await;
    let told = talk.chat.aside("$1").await;
    assert!(
        told.dispatch.message.text.contains("Your id is `@eve:x`"),
        "{}",
        told.dispatch.message.text
    );
    talk.says(
        "$2",
        "@eve:x",
        "!vine help",
        (None, None),
        InboundKind::Said,
    )
    .await;
    talk.says(
        "$3",
        "@eve:x",
        "`a.png` was left out",
        (Some(&root), None),
        InboundKind::Unreadable,
    )
    .await;
    talk.says(
        "$4",
        "@eve:x",
        "!vine whoami",
        (Some(&root), None),
        InboundKind::Said,
    )
    .await;
    talk.says(
        "$5",
        "@ann:x",
        "Red, I think",
        (Some(&root), None),
        InboundKind::Said,
    )
    .await;
    talk.says(
        "$6",
        "@mod:x",
        "",
        (None, None),
        InboundKind::Deleted("$5".into()),
    )
    .await;
    talk.says(
        "$7",
        "@vic:x",
        "!vine status",
        (None, None),
        InboundKind::Said,
    )
    .await;
    talk.chat.aside("$7").await;
    assert_eq!(talk.chat.asides(), 2, "Eve once, Vic once");
}
