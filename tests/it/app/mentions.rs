//! More than three hundred things that people write after a mention, in a room and in a task's thread, on each
//! platform: no command is run from prose, no task is made of a command or a typing error, and few
//! sentences are asked about.

use vine_app::{AppError, Settings, commands::CommandOutput};
use vine_domain::{
    ConfiguredPerson, Role, Slug, Task, User, UserId,
    chat::{Inbound, InboundKind, Location, Posted},
    clock::{Ids, System},
    ports::TaskFilter,
};

use crate::app::races::Team;

/// Commands as people write them.
const COMMANDS: [&str; 43] = [
    "status",
    "whoami",
    "help",
    "help all",
    "tasks",
    "list",
    "questions",
    "new Paint the door",
    "new Paint the door --priority high",
    "cancel T-900",
    "answer Q-900 yes",
    "task list",
    "task list --state done",
    "task show T-900",
    "task cancel T-900",
    "task retry T-900",
    "task priority high T-900",
    "task log T-900",
    "task diff T-900",
    "task push T-900",
    "task explain T-900",
    "task request T-900",
    "task merge T-900",
    "task fix-up T-900",
    "task new Paint the door",
    "question list",
    "question show Q-900",
    "question answer Q-900 yes",
    "session list",
    "session list --all",
    "worker list",
    "worker show w-900",
    "worker drain w-900",
    "worker resume w-900",
    "worker remove w-900",
    "queue status",
    "queue dead",
    "queue replay T-900",
    "queue discard T-900",
    "repo list",
    "repo show site",
    "repo room site",
    "repo show shop",
];

/// What follows the word with which a sentence begins.
const REST: [&str; 3] = [
    "page is far too wide on a small screen",
    "the old buttons from the page, please",
    "should be shown in red when it is late",
];

/// Sentences as people write them to a colleague.
const PROSE: [&str; 60] = [
    "Paint the door of the shed in blue",
    "The login page takes five seconds to load",
    "Make the header stick to the top",
    "Please write a test for the parser",
    "please fix the typo in the footer",
    "Can you look at the failing build?",
    "could you make the search faster",
    "We need a privacy page",
    "Users cannot reset their password",
    "Write the changelog for the next version",
    "Upgrade the dependencies and run the tests",
    "Use the new logo on all pages",
    "Delete the unused icons from the folder",
    "Rename the colour module to palette",
    "Refactor the payment code without changing what it does",
    "Move the images into their own folder",
    "Fix the crash when the file is empty",
    "fix login on safari",
    "Make it possible to export as CSV",
    "Implement the design in the attached file",
    "Investigate why the tests are slow",
    "Document the API of the store",
    "Translate the page into German",
    "Why is the page blank on Firefox?",
    "When I open the page twice, it is blank",
    "In the footer there is a wrong year",
    "There is a typo on the front page",
    "It would be nice to have a dark mode",
    "I think that the cache is never cleared",
    "Every link in the menu should open quickly",
    "All buttons need a label for screen readers",
    "On mobile the menu covers the text",
    "For the demo we need sample data",
    "Before the release, check all the links",
    "After a login the visitor should see the overview",
    "Build a small page with our opening hours",
    "Create a page that shows the weather",
    "Change the colour of the links to green",
    "Check whether the backup works",
    "Clean up the tests of the parser",
    "Convert the images to WebP",
    "Copy the texts from the old site",
    "Improve the error message of the upload",
    "Increase the timeout to ten seconds",
    "Introduce a limit for the size of uploads",
    "Combine the two settings pages into one",
    "Migrate the database to the new schema",
    "Optimise the images on the front page",
    "Prepare the release notes for Friday",
    "Publish the documentation on our site",
    "Reduce the memory that the import needs",
    "Replace the date library with the built-in one",
    "Review the code of the upload for mistakes",
    "Split the large module into smaller ones",
    "Stop the video when the tab is hidden",
    "Support several languages in the menu",
    "Turn the warnings of the compiler into errors",
    "Update the year in the footer",
    "Validate the address before sending the form",
    "hey, could somebody paint the door?",
];

/// Words with which a command may begin, or that follow a noun.
const WORDS: [&str; 38] = [
    "task",
    "question",
    "session",
    "worker",
    "queue",
    "repo",
    "status",
    "whoami",
    "help",
    "answer",
    "cancel",
    "list",
    "new",
    "questions",
    "tasks",
    "show",
    "retry",
    "priority",
    "log",
    "diff",
    "push",
    "explain",
    "request",
    "merge",
    "fix-up",
    "end",
    "keep",
    "drain",
    "resume",
    "limit",
    "remove",
    "pause",
    "dead",
    "replay",
    "discard",
    "add",
    "room",
    "set",
];

/// The same words with one typing error in the first: two letters swapped, one missing, one twice, or
/// another one.
fn misspelt(command: &str, number: usize) -> String {
    let (first, rest) = command.split_once(' ').unwrap_or((command, ""));
    let mut letters: Vec<char> = first.chars().collect();
    match number % 4 {
        0 => letters.swap(1, 2),
        1 => drop(letters.remove(1)),
        2 => letters.insert(1, letters[1]),
        _ => letters[1] = if letters[1] == 'x' { 'y' } else { 'x' },
    }
    format!("{} {rest}", letters.into_iter().collect::<String>())
}

/// What must become of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Command,
    Misspelt,
    BeginsLikeOne,
    Prose,
}

fn table() -> Vec<(Kind, String)> {
    let mut all = Vec::new();
    for (number, command) in COMMANDS.into_iter().enumerate() {
        all.push((Kind::Command, command.to_owned()));
        all.push((Kind::Misspelt, misspelt(command, number)));
        all.push((Kind::Misspelt, misspelt(command, number + 1)));
    }
    for word in WORDS {
        for rest in REST {
            all.push((Kind::BeginsLikeOne, format!("{word} {rest}")));
        }
    }
    all.extend(PROSE.map(|prose| (Kind::Prose, prose.to_owned())));
    // Later messages say the same in other words.
    all.extend(
        PROSE[..15]
            .iter()
            .map(|prose| (Kind::Prose, format!("{prose}, and tell me"))),
    );
    all
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// It made a task with this title.
    Task(String),
    /// A command was run, or refused for what it names.
    Ran,
    /// Its author is asked.
    Asked,
    /// It was taken as words.
    Words,
}

async fn newest(team: &Team) -> Option<Task> {
    let filter = TaskFilter {
        limit: 1,
        ..TaskFilter::default()
    };
    team.bed.store.tasks(&filter).await.expect("read").pop()
}

pub const PLATFORMS: [&str; 3] = ["slack", "discord", "matrix"];

/// A team with a room for `site` on each platform, and a task in whose threads people write.
pub async fn in_rooms() -> (Team, vine_domain::TaskId) {
    let mut settings = Settings::at("http://vine");
    let user = User {
        id: UserId(System.uuid()),
        name: "Ann".into(),
        role: Some(Role::Admin),
        repos: [].into(),
    };
    settings.people = vec![ConfiguredPerson {
        user,
        identities: PLATFORMS
            .map(|name| (name.to_owned(), "ann".to_owned()))
            .to_vec(),
    }];
    let team = Team::with(settings).await;
    let people = &team.app.settings().people;
    team.bed.store.set_people(people).await.expect("set");
    let site = Slug::from_text("site");
    for platform in PLATFORMS {
        let bound = team.bed.store.bind_room(platform, "room", &site);
        bound.await.expect("bound");
    }
    let attempt = team.claimed("site").await;
    for platform in PLATFORMS {
        for card in team.bed.store.due(platform, &[], 9).await.expect("read") {
            let posted = Posted::one("card", "card");
            team.bed
                .store
                .mark_posted(&[(&card, posted)])
                .await
                .expect("noted");
        }
    }
    (team, attempt.task)
}

impl Team {
    /// What Ann writes, and what she is told.
    pub async fn hears(&self, event: Inbound) -> Option<Result<CommandOutput, AppError>> {
        self.inbox.hear(event).await.expect("stored")
    }
}

/// A message of Ann.
pub fn says(platform: &str, event: &str, thread: Option<&str>, text: String) -> Inbound {
    Inbound {
        event: event.into(),
        platform: platform.into(),
        author: "ann".into(),
        spot: Location::Theirs {
            room: "room".into(),
            thread: thread.map(str::to_owned),
            reply_to: None,
        },
        text,
        act: InboundKind::Said,
        said: None,
        left_out: None,
        private: false,
        direct: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_is_run_from_prose_and_no_task_is_made_of_a_command() {
    let (team, task) = in_rooms().await;
    let all = table();
    assert_eq!(all.len(), 318);
    let (mut sentences, mut asked) = (0, 0);
    for platform in PLATFORMS {
        for thread in [None, Some("card".to_owned())] {
            for (number, (kind, words)) in all.iter().enumerate() {
                let before = newest(&team).await.map(|task| task.id);
                let id = format!("{number} {thread:?}");
                let text = format!("@vine {words}");
                let event = says(platform, &id, thread.as_deref(), text);
                let reply = team.hears(event).await;
                let made = newest(&team).await.filter(|task| Some(task.id) != before);
                let outcome = match (made, reply) {
                    (Some(task), _) => Outcome::Task(task.title.to_string()),
                    (None, Some(Err(AppError::Unclear(_)))) => Outcome::Asked,
                    (None, Some(_)) => Outcome::Ran,
                    (None, None) => Outcome::Words,
                };
                let told = format!("{platform} {thread:?} {words}: {outcome:?}");
                let is_new = words.split_whitespace().any(|word| word == "new");
                match (kind, &thread) {
                    (Kind::Command, _) if is_new => {
                        assert_eq!(outcome, Outcome::Task("Paint the door".into()), "{told}");
                    }
                    // In a thread, everybody sees the reply.
                    (Kind::Command, None) => assert_eq!(outcome, Outcome::Ran, "{told}"),
                    (Kind::Command, Some(_)) => {
                        assert!(
                            !matches!(outcome, Outcome::Asked | Outcome::Task(_)),
                            "{told}"
                        );
                    }
                    (Kind::Misspelt, _) => assert_eq!(outcome, Outcome::Asked, "{told}"),
                    (Kind::BeginsLikeOne, _) => {
                        // `new` makes a task either way.
                        let is_task =
                            matches!(outcome, Outcome::Task(_)) && words.starts_with("new ");
                        assert!(is_task || outcome == Outcome::Asked, "{told}");
                    }
                    (Kind::Prose, None) => {
                        sentences += 1;
                        asked += usize::from(outcome == Outcome::Asked);
                        let is_task = outcome == Outcome::Task(words.clone());
                        assert!(is_task || outcome == Outcome::Asked, "{told}");
                    }
                    (Kind::Prose, Some(_)) => assert_eq!(outcome, Outcome::Words, "{told}"),
                }
            }
        }
    }
    println!("{asked} of {sentences} sentences were asked about");
    assert!(asked * 20 <= sentences, "{asked} of {sentences}");
    let notes = team.bed.store.notes_of(task).await.expect("read");
    assert_eq!(notes.len(), 3 * 75, "words in the thread reach the agent");
    assert!(notes.iter().all(|note| !note.text.contains("@vine")));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_in_a_thread_that_is_not_known_and_edits_make_no_task() {
    let (team, _) = in_rooms().await;
    let words = || "@vine Yes, use the dark blue".to_owned();
    let before = newest(&team).await.map(|task| task.id);
    // Somebody else's thread, or that of a task whose card is not known.
    team.bed.clock.pass(std::time::Duration::from_secs(600));
    let asked = team
        .hears(says("slack", "1", Some("elsewhere"), words()))
        .await;
    assert!(
        matches!(asked, Some(Err(AppError::Unclear(_)))),
        "{asked:?}"
    );
    assert_eq!(newest(&team).await.map(|task| task.id), before);
    // A command behind a mention is a command.
    for text in ["@vine !vine status", "@vine /vine task list"] {
        let told = team.hears(says("slack", text, None, text.into())).await;
        assert!(matches!(told, Some(Ok(_))), "{text}: {told:?}");
    }
    let made = team.hears(says("slack", "2", None, words())).await;
    assert!(matches!(made, Some(Ok(_))), "{made:?}");
    let first = newest(&team).await.expect("made").id;
    // A platform reports a preview as an edit, too.
    let preview = Inbound {
        act: InboundKind::Edited("2".into()),
        ..says("slack", "2p", None, words())
    };
    assert!(team.hears(preview).await.is_none(), "nobody is told");
    let edit = Inbound {
        act: InboundKind::Edited("2".into()),
        ..says("slack", "3", None, "@vine Yes, use the light blue".into())
    };
    let told = team.hears(edit).await;
    assert!(
        matches!(told, Some(Err(AppError::Unreadable(_)))),
        "{told:?}"
    );
    assert_eq!(newest(&team).await.expect("made").id, first);
    // Elsewhere, and where everybody reads it, no repository is named.
    let lobby = Inbound {
        spot: Location::Theirs {
            room: "lobby".into(),
            thread: None,
            reply_to: None,
        },
        ..says("slack", "4", None, words())
    };
    match team.hears(lobby.clone()).await {
        Some(Err(AppError::Unclear(asked))) => assert!(asked.buttons.is_empty(), "{asked:?}"),
        other => panic!("{other:?}"),
    }
    let private = Inbound {
        event: "5".into(),
        private: true,
        ..lobby
    };
    match team.hears(private).await {
        Some(Err(AppError::Unclear(asked))) => {
            let labels: Vec<_> = asked.buttons.iter().map(|one| one.label.as_str()).collect();
            assert_eq!(labels, ["Task in shop", "Task in site"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(newest(&team).await.expect("made").id, first);
}
