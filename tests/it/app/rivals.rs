//! Two people, two questions a moment apart, double taps, repeated and reordered deliveries: nobody's
//! words answer a question that they did not mean, none are lost, and nobody is asked back without a
//! reason. Seeded, with a clock that stands still between events; on each surface.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use vine_app::{AppError, Caller, Settings, adapters::AdapterEvents, clarify};
use vine_domain::{
    Ask, Clock, ConfiguredPerson, Question, QuestionId, Role, Slug, Timestamp, User, UserId,
    attempt::Attempt,
    chat::{
        Inbound, InboundBatch, InboundKind, Location, OutboundKind, Posted, RIVAL_CLARIFY,
        RIVAL_DECISION,
    },
    clock::{Ids, System},
    ports::EventSink,
    question::{Choice, Item},
};

use crate::{app::races::Team, harness::usual_or_long};

/// A small generator (SplitMix64), so that a seed tells all.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("small")]
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Permission,
    Plan,
    Colour,
    Size,
}

impl Kind {
    fn ask(self) -> Ask {
        let choices = |labels: [&str; 2]| {
            let option = |label: &str| Choice {
                label: label.into(),
                ..Choice::default()
            };
            let item = Item {
                question: "Which?".into(),
                header: String::new(),
                options: labels.map(option).to_vec(),
                multi: false,
            };
            Ask::Clarify { items: vec![item] }
        };
        match self {
            Self::Permission => Ask::Permission {
                tool: "Bash".into(),
                what: "make".into(),
                why: String::new(),
                rules: vec![],
            },
            Self::Plan => Ask::Plan {
                plan: "1. dig".into(),
            },
            Self::Colour => choices(["Red", "Blue"]),
            Self::Size => choices(["Big", "Small"]),
        }
    }

    fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Permission => &["yes", "no", "ok", "👍", "no, not that"],
            Self::Plan => &[
                "approve",
                "lgtm",
                "no",
                "make the beds smaller than that please",
            ],
            Self::Colour => &["Red", "2", "blue", "something darker"],
            Self::Size => &["Small", "1", "big", "as it is"],
        }
    }

    fn window(self) -> Duration {
        match self {
            Self::Permission | Self::Plan => RIVAL_DECISION,
            Self::Colour | Self::Size => RIVAL_CLARIFY,
        }
    }
}

const PEOPLE: [&str; 2] = ["Ann", "Bob"];

/// What somebody said, and which question they meant.
#[derive(Debug, Clone)]
struct Said {
    event: Inbound,
    meant: QuestionId,
    by: usize,
}

struct Race<'a> {
    team: &'a Team,
    platform: &'static str,
    ear: &'a AdapterEvents,
    attempt: Attempt,
    root: String,
    seed: u64,
    asked: BTreeMap<QuestionId, (Kind, Timestamp)>,
    said: Vec<Said>,
    asked_back: Vec<String>,
    /// On the page: what came of it at once.
    told: HashMap<String, String>,
}

impl Race<'_> {
    fn now(&self) -> Timestamp {
        self.team.bed.clock.now()
    }

    fn pass(&self, millis: u64) {
        self.team.bed.clock.pass(Duration::from_millis(millis));
    }

    async fn ask(&mut self, kind: Kind) -> QuestionId {
        let id = self.team.asks(self.attempt, kind.ask()).await;
        self.post().await;
        self.asked.insert(id, (kind, self.now()));
        id
    }

    /// The platform shows all that is due.
    async fn post(&mut self) {
        if self.platform == "console" {
            return;
        }
        let store = &self.team.bed.store;
        loop {
            let due = store.due(self.platform, &[], 50).await.expect("read");
            if due.is_empty() {
                return;
            }
            for dispatch in due {
                let reference = match dispatch.message.kind {
                    OutboundKind::Card if dispatch.edits.is_none() => self.root.clone(),
                    _ => format!("m:{}", dispatch.message.id),
                };
                let thread = dispatch.thread.clone().unwrap_or(self.root.clone());
                let mut posted = Posted::one(thread, reference);
                posted.at = Some(self.now());
                store
                    .mark_posted(&[(&dispatch, posted)])
                    .await
                    .expect("noted");
            }
        }
    }

    /// Somebody says something, meant for a question; what reaches us is told later.
    fn say(&mut self, by: usize, meant: QuestionId, text: &str, looked: Timestamp) {
        let number = self.said.len();
        let (spot, said) = match self.platform {
            "console" => (
                Location::Ours {
                    task: Some(self.attempt.task),
                    question: None,
                },
                looked,
            ),
            _ => (
                Location::Theirs {
                    room: format!("!{}", self.platform),
                    thread: Some(self.root.clone()),
                    reply_to: None,
                },
                self.now(),
            ),
        };
        let event = Inbound {
            event: format!("{}-{}-{number}", self.attempt.task, self.seed),
            platform: self.platform.into(),
            author: self.author(by),
            spot,
            text: text.into(),
            act: InboundKind::Said,
            said: Some(said),
            left_out: None,
            private: false,
            direct: false,
        };
        self.said.push(Said { event, meant, by });
    }

    fn author(&self, by: usize) -> String {
        match self.platform {
            "console" => self.caller(by).id(),
            _ => format!("@{}:x", PEOPLE[by].to_lowercase()),
        }
    }

    fn caller(&self, by: usize) -> Caller {
        let user = self.team.app.settings().people[by].user.clone();
        Caller {
            user: Some(user),
            via: "console".into(),
        }
    }

    async fn hear(&mut self, events: Vec<Inbound>) {
        if self.platform != "console" {
            let batch = InboundBatch {
                events,
                ..InboundBatch::default()
            };
            self.ear.ingest(batch).await.expect("stored");
            self.team
                .inbox
                .catch_up(Duration::ZERO)
                .await
                .expect("read");
            self.post().await;
            return;
        }
        for event in events {
            match self.team.inbox.hear(event.clone()).await.expect("heard") {
                Some(Err(AppError::Unclear(asked))) => {
                    self.asked_back.push(event.event.clone());
                    self.told.insert(event.event.clone(), asked.text);
                }
                Some(Err(error)) => drop(self.told.insert(event.event.clone(), error.told())),
                Some(Ok(_)) | None => {}
            }
        }
    }

    async fn question(&self, id: QuestionId) -> Question {
        self.team.app.questions.get(id).await.expect("read")
    }

    /// Since when a question is settled, by the thread.
    async fn settled(&self) -> HashMap<QuestionId, Timestamp> {
        let thread = self.team.bed.store.thread(self.attempt.task, 0, 500).await;
        let thread = thread.expect("read").into_iter();
        thread
            .filter(|message| message.kind == "settled")
            .filter_map(|message| Some((message.question?, message.at)))
            .collect()
    }

    /// Everybody who was asked back says what they meant, by a press.
    async fn press(&mut self) {
        let messages = self.asides().await;
        for said in self.said.clone() {
            let Some((reference, buttons)) = messages.get(&said.event.event) else {
                continue;
            };
            let says = |says: &String| {
                clarify::meant(says).is_some_and(|(meant, _)| {
                    meant == clarify::ClarifiedTarget::Question(said.meant)
                })
            };
            let Some(index) = buttons.iter().position(says) else {
                continue;
            };
            self.asked_back.push(said.event.event.clone());
            let press = Inbound {
                event: format!("press-{}", said.event.event),
                act: InboundKind::Pressed(index),
                text: String::new(),
                spot: Location::Theirs {
                    room: format!("!{}", self.platform),
                    thread: None,
                    reply_to: Some(reference.clone()),
                },
                said: Some(self.now()),
                ..said.event.clone()
            };
            // A double tap.
            let again = Inbound {
                event: format!("again-{}", said.event.event),
                ..press.clone()
            };
            self.hear(vec![press, again]).await;
        }
    }

    /// What was said aside, by the event that it replies to: where it stands, and its buttons.
    async fn asides(&self) -> HashMap<String, (String, Vec<String>)> {
        let mut found = HashMap::new();
        for said in &self.said {
            let id = vine_domain::uuid_of(&format!("aside {}", said.event.own_key()));
            let reference = format!("m:{}", vine_domain::MessageId(id));
            let placed = self
                .team
                .bed
                .store
                .find_posted(self.platform, &reference)
                .await;
            if let Some(placed) = placed.expect("read") {
                let buttons = placed
                    .buttons
                    .into_iter()
                    .map(|button| button.says)
                    .collect();
                found.insert(said.event.event.clone(), (reference, buttons));
            }
        }
        found
    }

    /// Which questions stood before whoever said this, at most so long ago.
    async fn rivals(&self, said: &Said) -> usize {
        let settled = self.settled().await;
        let at = said.event.said.expect("dated");
        let window = |id: &QuestionId, kind: Kind| {
            let others = self.asked.iter().filter(|(other, _)| *other != id);
            others
                .map(|(_, (other, _))| other.window())
                .chain([kind.window()])
                .max()
        };
        let stands = |(id, (kind, shown)): &(&QuestionId, &(Kind, Timestamp))| {
            let span = window(id, *kind).unwrap_or_default();
            *shown <= at
                && settled
                    .get(id)
                    .is_none_or(|until| at < *until || at.since(*until) < span)
        };
        self.asked.iter().filter(stands).count()
    }

    async fn judge(&self) {
        let notes = self
            .team
            .bed
            .store
            .notes_of(self.attempt.task)
            .await
            .expect("read");
        let asides = self.asides().await;
        let mut questions = Vec::new();
        for id in self.asked.keys() {
            questions.push(self.question(*id).await);
        }
        for said in &self.said {
            let context = || {
                format!(
                    "seed {} on {}: {said:?}\n{questions:#?}",
                    self.seed, self.platform
                )
            };
            let key = said.event.key();
            let answered = questions
                .iter()
                .find(|question| question.answer().is_some_and(|answer| answer.key == key));
            if let Some(answered) = answered {
                assert_eq!(answered.id, said.meant, "not meant: {}", context());
            }
            // The same person said the same before.
            let repeated = questions.iter().any(|question| {
                let by_them = |answer: &vine_domain::Answer| answer.name == PEOPLE[said.by];
                question.id == said.meant && question.answer().is_some_and(by_them)
            });
            let kept = answered.is_some()
                || notes.iter().any(|note| note.key == key)
                || asides.contains_key(&said.event.event)
                || self.told.contains_key(&said.event.event)
                || repeated;
            assert!(kept, "lost: {}", context());
            if self.asked_back.contains(&said.event.event) {
                let rivals = self.rivals(said).await;
                assert!(rivals > 1, "asked back without a rival: {}", context());
            }
        }
    }
}

fn people() -> Settings {
    let mut settings = Settings::at("http://vine");
    settings.people = PEOPLE
        .map(|name| {
            let user = User {
                id: UserId(System.uuid()),
                name: name.into(),
                role: Some(Role::Operator),
                repos: [].into(),
            };
            let subject = format!("@{}:x", name.to_lowercase());
            let on = |platform: &str| (platform.to_owned(), subject.clone());
            ConfiguredPerson {
                user,
                identities: ["slack", "discord", "matrix"].map(on).to_vec(),
            }
        })
        .to_vec();
    settings
}

async fn stage(platform: &'static str) -> (Team, std::sync::Arc<AdapterEvents>) {
    let team = Team::with(people()).await;
    team.bed
        .store
        .set_people(&team.app.settings().people)
        .await
        .expect("set");
    if platform != "console" {
        let room = format!("!{platform}");
        let site = Slug::from_text("site");
        team.bed
            .store
            .bind_room(platform, &room, &site)
            .await
            .expect("bound");
    }
    let ear = AdapterEvents::new(team.app.clone(), platform);
    (team, ear)
}

async fn race(team: &Team, platform: &'static str, ear: &AdapterEvents, seed: u64) {
    let mut dice = Dice(seed);
    let attempt = team.claimed("site").await;
    let root = format!("root-{}", attempt.task);
    let mut race = Race {
        team,
        platform,
        ear,
        attempt,
        root,
        seed,
        asked: BTreeMap::new(),
        said: Vec::new(),
        asked_back: Vec::new(),
        told: HashMap::new(),
    };
    race.post().await;
    let kinds = [Kind::Permission, Kind::Plan, Kind::Colour, Kind::Size];
    let (first_kind, second_kind) = (dice.pick(&kinds), dice.pick(&kinds));
    let first = race.ask(first_kind).await;
    let at_once = dice.one_in(2);
    let mut second = None;
    if at_once {
        race.pass(100);
        second = Some(race.ask(second_kind).await);
    }
    // Both look, both answer the first; one of them taps twice.
    race.pass(300 + dice.below(3_000));
    let looked = race.now();
    let mut waiting: Vec<Inbound> = Vec::new();
    for by in [0, 1] {
        race.pass(dice.below(900));
        race.say(by, first, dice.pick(first_kind.answers()), looked);
        let words = race.said.last().expect("said").event.clone();
        waiting.push(words.clone());
        if dice.one_in(3) {
            waiting.push(words.clone());
        }
        if dice.one_in(3) {
            race.pass(dice.below(200));
            race.say(by, first, &words.text, looked);
            waiting.push(race.said.last().expect("said").event.clone());
        }
        if dice.one_in(2) {
            race.hear(std::mem::take(&mut waiting)).await;
            if second.is_none() {
                race.pass(100);
                second = Some(race.ask(second_kind).await);
            }
        }
    }
    // Connections overtake each other.
    if dice.one_in(2) {
        waiting.reverse();
    }
    race.hear(waiting).await;
    if platform == "console" {
        page_presses(&mut race).await;
    } else {
        race.press().await;
    }
    let second = match second {
        Some(second) => second,
        None => {
            race.pass(100);
            race.ask(second_kind).await
        }
    };
    // Later, when everybody has seen it, somebody answers the second.
    race.pass(6_000 + dice.below(4_000));
    let by = usize::from(dice.one_in(2));
    race.say(by, second, dice.pick(second_kind.answers()), race.now());
    let last = race.said.last().expect("said").event.clone();
    race.hear(vec![last.clone(), last]).await;
    for id in [first, second] {
        let question = race.question(id).await;
        assert!(
            !question.is_open(),
            "nobody's words answered it: seed {seed} on {platform}: {:?}",
            race.said
        );
    }
    race.judge().await;
}

/// On the page those who were asked back press a button of the page that asks.
async fn page_presses(race: &mut Race<'_>) {
    for said in race.said.clone() {
        if race.asked_back.contains(&said.event.event) {
            let says = format!("{} {}", said.meant, said.event.text);
            let _second = race.team.inbox.mean(&race.caller(said.by), &says).await;
        }
    }
}

async fn races(platform: &'static str) {
    let mut place = stage(platform).await;
    for seed in 0..usual_or_long(500, 2_000) {
        // Nothing is ever finished here, and a worker has so many slots.
        if seed % 40 == 39 {
            place = stage(platform).await;
        }
        race(&place.0, platform, &place.1, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_what_they_did_not_mean_in_slack() {
    races("slack").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_what_they_did_not_mean_in_discord() {
    races("discord").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_what_they_did_not_mean_in_matrix() {
    races("matrix").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_what_they_did_not_mean_on_the_page() {
    races("console").await;
}

/// A question, a while, an answer in plain words, the next question: nobody is ever asked back.
#[tokio::test(flavor = "multi_thread")]
async fn ordinary_dialogues_go_through_without_a_question_of_ours() {
    for platform in ["slack", "discord", "matrix", "console"] {
        let (team, ear) = stage(platform).await;
        for seed in 0..50 {
            let mut dice = Dice(seed);
            let attempt = team.claimed("site").await;
            let mut race = Race {
                team: &team,
                platform,
                ear: &ear,
                attempt,
                seed,
                root: format!("root-{}", attempt.task),
                asked: BTreeMap::new(),
                said: Vec::new(),
                asked_back: Vec::new(),
                told: HashMap::new(),
            };
            race.post().await;
            for _ in 0..4 {
                let kind = dice.pick(&[Kind::Permission, Kind::Plan, Kind::Colour, Kind::Size]);
                let id = race.ask(kind).await;
                // People read before they answer.
                race.pass(
                    u64::try_from(kind.window().as_millis()).expect("short") + dice.below(60_000),
                );
                let by = usize::from(dice.one_in(2));
                race.say(by, id, dice.pick(kind.answers()), race.now());
                let words = race.said.last().expect("said").event.clone();
                race.hear(vec![words]).await;
                assert!(
                    !race.question(id).await.is_open(),
                    "seed {seed} on {platform}: {:?}",
                    race.said
                );
                // The agent works on for a while.
                race.pass(5_000 + dice.below(60_000));
            }
            race.judge().await;
            assert!(race.asked_back.is_empty() && race.asides().await.is_empty());
        }
    }
}
