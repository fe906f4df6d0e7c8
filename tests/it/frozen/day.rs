//! A day with every message that threads and rooms can show. A scene is a task with its
//! thread; each ends with nothing queued and nothing held, unless it says otherwise.

use std::time::Duration;

use vine_app::{
    App, Caller, CommandContext, Settings, commands, fleet::CompletedAttempt, parse,
    questions::QuestionRequest, sweep,
};
use vine_domain::{
    Ask, ConfiguredPerson, DeliveredOutcome, QuestionId, Role, SessionId, TaskId, User, UserId,
    attempt::{Attempt, Usage},
    clock::{Ids, System},
    failure::{Failure, FailureKind},
    lifecycle::Event,
    question::{Choice, Item},
    task::Report,
};

use crate::app::races::Team;

/// What a finished attempt changed.
const PATCH: &str = "diff --git a/hedge.md b/hedge.md\n+Hornbeam\n+Two rows\n";

/// Use cases with Ann, an operator, and Vic, who only looks; one worker `w`.
pub struct Day {
    pub team: Team,
    pub ann: Caller,
    platform: &'static str,
}

/// What people are on a platform: Ann, and Vic.
pub struct Subjects(pub &'static str, pub &'static str);

impl Day {
    /// On a platform; messages lead to the page at `https://vine.example.org`.
    pub async fn begin(platform: &'static str, subjects: &Subjects) -> Self {
        let mut settings = Settings::at("https://vine.example.org");
        let person = |name: &str, role, subject: &str| ConfiguredPerson {
            user: User {
                id: UserId(vine_domain::uuid_of(name)),
                name: name.into(),
                role: Some(role),
                repos: [].into(),
            },
            identities: vec![(platform.into(), subject.into())],
        };
        settings.people = vec![
            person("Ann", Role::Operator, subjects.0),
            person("Vic", Role::Viewer, subjects.1),
        ];
        let team = Team::with(settings).await;
        let people = &team.app.settings().people.clone();
        team.bed.store.set_people(people).await.expect("set");
        let ann = Caller {
            user: Some(people[0].user.clone()),
            via: platform.into(),
        };
        Self {
            team,
            ann,
            platform,
        }
    }

    pub fn app(&self) -> &App {
        &self.team.app
    }

    /// Waits until the adapter has found or made the room of each repository.
    pub async fn has_rooms(&self) {
        for _ in 0..1500 {
            let rooms = self.team.bed.store.rooms().await.expect("read");
            let ours = rooms.iter().filter(|one| one.platform == self.platform);
            let health = self.app().rooms.platforms.health();
            let is_well = health
                .get(self.platform)
                .is_some_and(|one| one.trouble.is_none());
            if ours.count() == 2 && is_well {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a repository has no room");
    }

    /// Waits until all that is due was posted.
    pub async fn mark_posted(&self) {
        for _ in 0..1500 {
            let due = self
                .team
                .bed
                .store
                .due(self.platform, &[], 1)
                .await
                .expect("read");
            if due.is_empty() {
                let later = self
                    .team
                    .bed
                    .store
                    .next_due_in(self.platform)
                    .await
                    .expect("read");
                assert!(later.is_none(), "a message was put off for {later:?}");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something is due for long");
    }

    /// Time goes by.
    pub fn pass(&self, span: Duration) {
        self.team.bed.clock.pass(span);
    }

    /// A command of Ann's.
    pub async fn orders(&self, line: &str) -> String {
        let command = parse(line, &CommandContext::default()).expect("a command");
        commands::run(self.app(), &self.ann, command, None)
            .await
            .expect("done")
            .text
    }

    /// A new task.
    pub async fn task(&self, title: &str) -> TaskId {
        self.task_in("site", title).await
    }

    async fn task_in(&self, repo: &str, title: &str) -> TaskId {
        let reply = self
            .orders(&format!("!vine task new {title} --repo {repo}"))
            .await;
        let id = reply.split_whitespace().find_map(|word| word.parse().ok());
        self.mark_posted().await;
        id.unwrap_or_else(|| panic!("no task in {reply}"))
    }

    /// The worker takes the one task that is queued.
    pub async fn claimed(&self) -> Attempt {
        let claim = self.app().fleet.claim(
            vine_domain::schedule::ClaimRequest::of(self.team.worker, 1),
            Duration::from_secs(5),
        );
        let claimed = claim.await.expect("claimed")[0].attempt;
        self.mark_posted().await;
        claimed
    }

    pub async fn asks(&self, attempt: Attempt, ask: Ask) -> QuestionId {
        self.asks_after(attempt, ask, "").await
    }

    /// An agent's question, with what it said just before.
    pub async fn asks_after(&self, attempt: Attempt, ask: Ask, context: &str) -> QuestionId {
        let asked = QuestionRequest {
            attempt,
            key: System.uuid(),
            session: None,
            call: "toolu_1".into(),
            ask,
            context: context.into(),
        };
        let id = self
            .app()
            .questions
            .ask(self.team.worker, asked)
            .await
            .expect("asked");
        self.mark_posted().await;
        id
    }

    /// Ann's words decide, and the agent hears of it.
    pub async fn answers(&self, question: QuestionId, words: &str) {
        let answer = self
            .app()
            .questions
            .answer(&self.ann, question, words, System.uuid());
        let answered = answer.await.expect("answered");
        let heard = answered.heard();
        self.heard(answered.attempt, heard).await;
    }

    async fn heard(&self, attempt: Attempt, heard: DeliveredOutcome) {
        let told = self
            .app()
            .questions
            .delivered(self.team.worker, attempt, heard);
        told.await.expect("delivered");
        self.mark_posted().await;
    }

    pub async fn completes(&self, attempt: Attempt, report: Report) {
        let patch = report.commit.as_ref().map_or("", |_| PATCH);
        let task = self.team.bed.store.task(attempt.task).await.expect("read");
        let branch = task.map(|task| task.branch);
        let report = Report {
            branch: report.commit.as_ref().and(branch),
            ..report
        };
        let done = self.app().fleet.complete(
            self.team.worker,
            CompletedAttempt {
                attempt,
                report,
                patch: patch.to_owned(),
            },
            0,
        );
        done.await.expect("completed");
        self.mark_posted().await;
    }

    async fn ends(&self, attempt: Attempt, event: Event) {
        self.app()
            .fleet
            .give_up(attempt, event)
            .await
            .expect("ended");
        self.mark_posted().await;
    }

    async fn cancels(&self, task: TaskId) {
        self.orders(&format!("!vine task cancel {task}")).await;
        self.mark_posted().await;
    }

    /// A choice, answered by its number; then done, with a commit. Its agent has a session.
    pub async fn choice_and_done(&self) -> TaskId {
        let task = self.task("Plant a hedge").await;
        let attempt = self.claimed().await;
        self.in_session(attempt, 1).await;
        let words = ["Looking at the garden".to_owned()];
        let logged = self.app().fleet.log(self.team.worker, attempt, &words);
        logged.await.expect("logged");
        let context = "The garden has no hedge yet.\nTwo plants grow well here.";
        let question = self.asks_after(attempt, plants(), context).await;
        self.answers(question, "2").await;
        self.completes(attempt, report()).await;
        task
    }

    /// The agent of an attempt works in a session.
    async fn in_session(&self, attempt: Attempt, number: u128) {
        let id = SessionId(uuid::Uuid::from_u128(number));
        let folder = format!("/srv/worktrees/{}", attempt.task);
        let (by, agent) = (self.team.worker, "claude 2.1.330".to_owned());
        let mapped = self.app().fleet.map_session(by, attempt, id, folder, agent);
        mapped.await.expect("mapped");
        let beat = self.app().fleet.session_beat(by, attempt, id, Some(12));
        beat.await.expect("heard");
    }

    /// A task that cannot be done and is set aside as dead.
    pub async fn dead(&self) -> TaskId {
        let task = self.task("Work on nothing").await;
        let attempt = self.claimed().await;
        let what = "the base branch `main` does not exist";
        let failure = Failure::new(FailureKind::BaseMissing, what);
        let by = self.team.worker;
        let event = Event::Failed {
            by,
            attempt,
            failure,
        };
        self.ends(attempt, event).await;
        task
    }

    /// Every way to decide each kind of question, one after the other; then nothing was changed.
    pub async fn every_decision(&self) -> TaskId {
        let task = self.task("Decide everything").await;
        let attempt = self.claimed().await;
        for (ask, words) in [
            (plants(), "Hornbeam, but a small one"),
            (plants(), "Neither; build a wall"),
            (several(), "Hornbeam\n1, 3"),
            (several(), "You decide both"),
            (permission(), "yes"),
            (permission(), "always"),
            (permission(), "no"),
            (permission(), "no, use the script"),
            (plan(), "approve"),
            (plan(), "Water it first"),
        ] {
            let question = self.asks(attempt, ask).await;
            self.answers(question, words).await;
        }
        let question = self.asks(attempt, plants()).await;
        let why = "the agent withdrew it".into();
        let withdrawn = self
            .app()
            .questions
            .withdraw(self.team.worker, question, attempt, why);
        withdrawn.await.expect("withdrawn");
        self.mark_posted().await;
        let denied = vec!["Bash: rm -rf beds".into()];
        let report = Report {
            denied,
            commit: None,
            diffstat: String::new(),
            ..report()
        };
        self.completes(attempt, report).await;
        task
    }

    /// A question that nobody answers until it is too late, in a room of its own. Time passes.
    pub async fn nobody_answers(&self) -> TaskId {
        let task = self.task_in("shop", "Wait for somebody").await;
        let attempt = self.claimed().await;
        let question = self.asks(attempt, plants()).await;
        for minutes in [30, 210, 7 * 24 * 60] {
            self.pass(Duration::from_secs(minutes * 60));
            self.app().questions.ring_alarms().await.expect("rung");
            self.mark_posted().await;
        }
        let told = self.app().questions.get(question).await.expect("read");
        self.heard(attempt, told.heard()).await;
        self.answers_late(question).await;
        self.cancels(task).await;
        task
    }

    async fn answers_late(&self, question: QuestionId) {
        let answer = self
            .app()
            .questions
            .answer(&self.ann, question, "Hornbeam", System.uuid());
        answer.await.expect("answered");
        self.mark_posted().await;
    }

    /// Attempts that fail, until the last one; what a worker tells; a person starts it again.
    pub async fn failures(&self) -> TaskId {
        let task = self.task("Fail again and again").await;
        for _ in 0..3 {
            let attempt = self.claimed().await;
            let lines = ["The session is gone; starting afresh.".to_owned()];
            let by = self.team.worker;
            self.app()
                .fleet
                .tell(by, attempt, &lines, false)
                .await
                .expect("told");
            let what = "the agent ended with exit code 1: out of paper";
            let failure = Failure::new(FailureKind::AgentCrashed, what);
            let event = Event::Failed {
                by,
                attempt,
                failure,
            };
            self.ends(attempt, event).await;
            self.pass(Duration::from_secs(3600));
        }
        self.orders(&format!("!vine task retry {task}")).await;
        self.mark_posted().await;
        self.cancels(task).await;
        task
    }

    /// Attempts whose worker is gone: without a question, then with one.
    pub async fn losses(&self) -> TaskId {
        let task = self.task("Lose the worker").await;
        self.claimed().await;
        self.loses().await;
        self.pass(Duration::from_secs(3600));
        let attempt = self.claimed().await;
        self.asks(attempt, plants()).await;
        self.loses().await;
        self.cancels(task).await;
        task
    }

    async fn loses(&self) {
        self.pass(Duration::from_secs(61));
        sweep::once(self.app()).await.expect("swept");
        self.mark_posted().await;
    }

    /// Attempts that a worker hands back: without a question, then with one.
    pub async fn hand_backs(&self) -> TaskId {
        let task = self.task("Hand it back").await;
        for asks in [false, true] {
            let attempt = self.claimed().await;
            if asks {
                self.asks(attempt, plants()).await;
            }
            let by = self.team.worker;
            self.ends(attempt, Event::Released { by, attempt }).await;
        }
        self.cancels(task).await;
        task
    }

    /// A plan, a permission and a report that are too long for one message.
    pub async fn too_long(&self) -> TaskId {
        let task = self.task("Say a lot").await;
        let attempt = self.claimed().await;
        let what = "echo a line of a long script\n".repeat(2_000);
        let permission = Ask::Permission {
            tool: "Bash".into(),
            what,
            why: "It is long.".into(),
            rules: vec![],
        };
        let question = self.asks(attempt, permission).await;
        self.answers(question, "no").await;
        let summary = "A long report has many words. ".repeat(300);
        let report = Report {
            summary,
            ..report()
        };
        self.completes(attempt, report).await;
        task
    }

    /// Questions of each kind that stay open, each in a thread of its own.
    pub async fn open(&self, title: &str, ask: Ask) -> TaskId {
        let task = self.task(title).await;
        let attempt = self.claimed().await;
        self.in_session(attempt, u128::from(100 + task.0)).await;
        self.asks(attempt, ask).await;
        task
    }

    /// Half an hour later one message stands for the reminders of a room with many open questions.
    pub async fn digest(&self) {
        self.pass(Duration::from_secs(1800));
        self.app().questions.ring_alarms().await.expect("rung");
        self.mark_posted().await;
    }

    /// The worker's agent takes up the notes of a task.
    pub async fn takes_notes(&self, attempt: Attempt) {
        let notes = self
            .team
            .bed
            .store
            .notes_of(attempt.task)
            .await
            .expect("read");
        for note in notes {
            let told = self
                .app()
                .questions
                .note_delivered(self.team.worker, note.key, attempt);
            told.await.expect("delivered");
        }
        self.mark_posted().await;
    }

    /// Waits until an event of the platform was dealt with, and its outcome was posted.
    pub async fn read(&self, event: &str) {
        let store = &self.team.bed.store;
        for _ in 0..1500 {
            if let Some(event) = store.event(self.platform, event).await.expect("read")
                && store.is_processed(&event).await.expect("read")
            {
                return self.mark_posted().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{event} is not read");
    }

    /// What people say to the bot in a thread and in the room, each of which has an outcome of its
    /// own: a note, an answer, refusals, commands. `says` gives the event of the words.
    pub async fn talk<F: Future<Output = String>>(
        &self,
        says: impl Fn(Who, Where, &'static str) -> F,
    ) -> TaskId {
        let task = self.task("Talk").await;
        let attempt = self.claimed().await;
        let says = async |who, at, words| {
            let event = says(who, at, words).await;
            self.read(&event).await;
        };
        says(Who::Ann, Where::Thread(task), "Mind the cat").await;
        self.takes_notes(attempt).await;
        let first = self.asks(attempt, plants()).await;
        let second = self.asks(attempt, permission()).await;
        says(Who::Ann, Where::Thread(task), "yes").await;
        says(Who::Ann, Where::Thread(task), "Q-99 yes").await;
        says(Who::Vic, Where::Thread(task), "1").await;
        says(Who::Vic, Where::Thread(task), "2").await;
        self.answers(first, "1").await;
        says(Who::Ann, Where::Thread(task), "perhaps").await;
        says(Who::Ann, Where::Thread(task), "yes").await;
        let heard = self
            .app()
            .questions
            .get(second)
            .await
            .expect("read")
            .heard();
        self.heard(attempt, heard).await;
        says(Who::Ann, Where::Thread(task), "!vine task show").await;
        says(Who::Ann, Where::Thread(task), "!vine task shwo").await;
        says(Who::Ann, Where::Room, "!vine whoami").await;
        says(Who::Stranger, Where::Room, "!vine task list").await;
        self.completes(attempt, report()).await;
        says(Who::Ann, Where::Thread(task), "One more thing").await;
        task
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    Ann,
    Vic,
    Stranger,
}

/// Where.
#[derive(Debug, Clone, Copy)]
pub enum Where {
    Thread(TaskId),
    Room,
}

fn choice(label: &str, description: &str) -> Choice {
    Choice {
        label: label.into(),
        description: description.into(),
        ..Choice::default()
    }
}

/// One question with choices.
pub fn plants() -> Ask {
    let item = Item {
        question: "Which plant should the hedge be of?".into(),
        header: "Plant".into(),
        options: vec![
            choice("Yew", "Green in winter, slow"),
            choice("Hornbeam", "Quick, loses its leaves"),
        ],
        multi: false,
    };
    Ask::Clarify { items: vec![item] }
}

/// One question of which several choices may be taken.
pub fn tools() -> Ask {
    let item = Item {
        question: "Which tools may be bought?".into(),
        header: "Tools".into(),
        options: vec![
            choice("Spade", ""),
            choice("Rake", ""),
            choice("Shears", ""),
        ],
        multi: true,
    };
    Ask::Clarify { items: vec![item] }
}

/// Two questions at once.
pub fn several() -> Ask {
    let (Ask::Clarify { items: one }, Ask::Clarify { items: other }) = (plants(), tools()) else {
        unreachable!("both are clarifying questions")
    };
    Ask::Clarify {
        items: [one, other].concat(),
    }
}

/// A question without choices.
pub fn name() -> Ask {
    let item = Item {
        question: "What should the cat be called?".into(),
        header: String::new(),
        options: vec![],
        multi: false,
    };
    Ask::Clarify { items: vec![item] }
}

/// May it do this?
pub fn permission() -> Ask {
    Ask::Permission {
        tool: "Bash".into(),
        what: "npm test -- --watch=false".into(),
        why: "To see whether the beds are dry.".into(),
        rules: vec!["Bash(npm test *)".into()],
    }
}

/// Is this good?
pub fn plan() -> Ask {
    Ask::Plan {
        plan: "## Plan\n\n1. Dig\n2. Plant **two** rows\n\n```sh\nmake water\n```".into(),
    }
}

pub fn report() -> Report {
    let usage = Usage {
        turns: 3,
        input_tokens: 12_345,
        output_tokens: 678,
        cost_microdollars: 123_456,
    };
    Report {
        summary: "The hedge is planted.".into(),
        denied: vec![],
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        branch: None,
        diffstat: " hedge.md | 2 ++\n 1 file changed, 2 insertions(+)\n".into(),
        usage,
    }
}
