//! Two hundred things that people write to us when a task is done, and that ask for nothing, on each
//! platform: none begins a round. What asks for something does.

use std::time::Duration;

use vine_app::{AppError, fleet::CompletedAttempt};
use vine_domain::{
    Role, TaskId,
    chat::{Inbound, Location, Posted},
    clock::{Ids, System},
    lifecycle::{Event, TaskAction},
    task::Report,
};

use crate::app::{
    mentions::{PLATFORMS, in_rooms, says},
    races::{Team, person},
};

/// Thanks, praise, assent, their own plans, news for others, and what is said to another person.
const ASKS_NOTHING: [&str; 200] = [
    "thanks",
    "Thanks!",
    "thank you",
    "Thank you so much!",
    "thanks a lot",
    "thanks a million",
    "many thanks",
    "thx",
    "ty",
    "tysm",
    "tyvm",
    "cheers",
    "Cheers mate",
    "merci",
    "Danke!",
    "danke schön",
    "gracias",
    "obrigado",
    "thanks everyone",
    "thanks all",
    "thanks, team",
    "thanks again",
    "Thanks for the quick fix!",
    "thanks for fixing this",
    "Thank you for the fast work",
    "thanks for doing that so quickly",
    "Thanks for your help with the login",
    "thank you for taking care of it",
    "Thanks to everyone who helped",
    "thanks, that was quick",
    "thanks, this is exactly what I needed",
    "thanks! looks good to me",
    "Thanks, much appreciated",
    "much appreciated",
    "really appreciate it",
    "I appreciate it",
    "we appreciate the quick turnaround",
    "appreciate the help",
    "kudos",
    "Kudos to the bot",
    "props",
    "hats off",
    "great",
    "Great!",
    "great job",
    "Great work!",
    "great work, thank you",
    "great, thanks",
    "good job",
    "Good bot",
    "good work",
    "good stuff",
    "good one",
    "nice",
    "Nice!",
    "nice work",
    "Nice, that was fast",
    "nicely done",
    "well done",
    "Well done, everyone!",
    "awesome",
    "Awesome!!!",
    "awesome work",
    "amazing",
    "Amazing job, thank you",
    "excellent",
    "Excellent work",
    "perfect",
    "Perfect!",
    "perfect, thank you",
    "Perfect, exactly what I wanted",
    "brilliant",
    "fantastic",
    "wonderful",
    "beautiful",
    "lovely",
    "impressive",
    "very impressive",
    "cool",
    "Cool, thanks",
    "wow",
    "Wow, that was fast",
    "woohoo",
    "yay",
    "hooray",
    "love it",
    "I love it",
    "love this",
    "I like it",
    "you rock",
    "you're the best",
    "You are a star",
    "you saved my day",
    "lifesaver",
    "what a legend",
    "ok",
    "OK",
    "okay",
    "ok thanks",
    "ok, great",
    "k",
    "yes",
    "yep",
    "yeah",
    "sure",
    "fine",
    "all good",
    "looks good",
    "Looks good to me",
    "LGTM",
    "lgtm, thanks",
    "lgtm 👍",
    "works",
    "Works for me",
    "it works",
    "It works now, thanks!",
    "works like a charm",
    "works perfectly",
    "That works",
    "this works great",
    "that did it",
    "done",
    "agreed",
    "approved",
    "+1",
    "👍",
    "🎉",
    "🙏",
    "❤️",
    "👏👏👏",
    "🚀",
    ":tada:",
    ":+1:",
    "no",
    "no thanks",
    "nope",
    "never mind",
    "nevermind",
    "not needed any more",
    "that's all",
    "That's all for now",
    "that's it, thanks",
    "nothing else",
    "no further changes",
    "merged",
    "Merged!",
    "merged, thanks",
    "I merged it",
    "merged and deployed",
    "deployed",
    "shipped",
    "shipping it",
    "It's live now",
    "this is live",
    "closing this",
    "closed",
    "I'll review it tomorrow",
    "I'll take a look after lunch",
    "I will check it on staging",
    "I'll merge it later today",
    "I'm going to test this first",
    "I'm reviewing it now",
    "let me check",
    "Let me have a look",
    "will check",
    "will do",
    "will review",
    "We'll try it on Monday",
    "we will deploy it tonight",
    "I have seen it",
    "I've tested it, all fine",
    "we can close this",
    "hm",
    "hmm",
    "Hmm, interesting",
    "interesting",
    "aha",
    "I see",
    "got it",
    "Got it, thanks",
    "understood",
    "makes sense",
    "Makes sense, thank you",
    "fair enough",
    "haha",
    "lol",
    "😂",
    "good morning",
    "good night",
    "have a nice weekend",
    "see you tomorrow",
    "bye",
    "@ben please have a look",
    "Great, all tests pass",
    "Nice, the page loads much faster",
    "Thanks, customers are happy",
    "Thanks for the fix and the clean commits",
    "yes please",
    "go ahead",
    "do it",
];

/// What somebody wants done.
const ASKS: [&str; 80] = [
    "Make the door green, please",
    "now make it green",
    "Thanks! Now paint the roof too",
    "Thanks, but the button is still grey",
    "great, and please add a test",
    "Nice work. Can you also update the changelog?",
    "Looks good, but rename the function to `paint`",
    "perfect, now do the same for the footer",
    "Please add a test for the empty file",
    "please revert the last change",
    "add a test",
    "try again",
    "run the tests again",
    "it still fails on Safari",
    "The tests fail on main",
    "this breaks the login page",
    "that is not what I meant, use a list",
    "You forgot the German translation",
    "why did you change the lock file?",
    "Why is the page blank now?",
    "what does this function do",
    "can you explain the second commit?",
    "could you squash the commits",
    "Can you make it a bit faster?",
    "One more thing: remove the old icons",
    "also fix the typo in the title",
    "undo the change in the header",
    "use postgres instead",
    "Use the new logo on all pages",
    "rebase on main",
    "rebase this please",
    "fix the lint errors",
    "Fix the review comments",
    "address the comments of Ben",
    "bump the version to 1.2.0",
    "split it into two commits",
    "write a changelog entry for it",
    "document the new option in the README",
    "remove the debug output",
    "the colour should be darker",
    "I want the button on the left",
    "I think the cache is never cleared, fix that",
    "We need the same for the shop",
    "we still see the error in production",
    "there is a typo in the second line",
    "There's a warning in the build",
    "same for the other page",
    "do the same in the admin page",
    "it should also work without JavaScript",
    "it does not work on my phone",
    "doesn't work when the list is empty",
    "still broken",
    "make it work with Firefox",
    "change it back to blue",
    "next, translate the page into German",
    "Then delete the feature flag",
    "work on the other two screens as well",
    "clean up the commits",
    "ok, now the second part of the plan",
    "yes, and update the snapshot tests",
    "Thanks a lot - can you rename it to foo",
    "Thanks for the fix and add a test",
    "Thanks for that but make it blue too",
    "Thank you for this, however the tests fail",
    "thanks for this 🎉 rename foo to bar",
    "Is it deployed?",
    "Is this tested?",
    "Did it work?",
    "Is it fast enough?",
    "It is off by one",
    "The end is cut off",
    "It was better as it was",
    "Correct this too",
    "Cut the first one",
    "Point it to live",
    "That one as well, please",
    "Not good, the colour is wrong",
    "clean this up",
    "Thanks! The footer is still wrong",
    "more",
];

/// How somebody addresses us in a task's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Mention,
    Reply,
    Plain,
}

struct Thread {
    team: Team,
    task: TaskId,
    said: usize,
}

impl Thread {
    async fn begin() -> Self {
        let (team, task) = in_rooms().await;
        let thread = Self {
            team,
            task,
            said: 0,
        };
        thread.ends().await;
        thread
    }

    /// The task is done, everybody has been told, and a minute passes.
    async fn ends(&self) {
        let bed = &self.team.bed;
        let attempt = bed
            .store
            .task(self.task)
            .await
            .expect("read")
            .expect("there");
        let done = CompletedAttempt::new(attempt.attempt(), Report::default());
        let fleet = &self.team.app.fleet;
        fleet
            .complete(self.team.worker, done, 0)
            .await
            .expect("done");
        for platform in PLATFORMS {
            for item in bed.store.due(platform, &[], 99).await.expect("read") {
                let posted = Posted::one("card", "told");
                bed.store
                    .mark_posted(&[(&item, posted)])
                    .await
                    .expect("noted");
            }
        }
        bed.clock.pass(Duration::from_secs(60));
    }

    async fn claimed_again(&self) {
        let want = vine_domain::schedule::ClaimRequest::of(self.team.worker, 1);
        let claim = self.team.app.fleet.claim(want, Duration::from_secs(5));
        assert_eq!(claim.await.expect("claimed").len(), 1);
    }

    async fn round(&self) -> u32 {
        let task = self.team.bed.store.task(self.task).await.expect("read");
        task.expect("there").round.number
    }

    /// Says words, and tells whether a round began, and whether their author was asked.
    async fn says(&mut self, platform: &str, way: Way, words: &str) -> (bool, bool) {
        self.said += 1;
        let before = self.round().await;
        let text = match way {
            Way::Mention => format!("@vine {words}"),
            Way::Reply | Way::Plain => words.to_owned(),
        };
        let event = says(platform, &self.said.to_string(), Some("card"), text);
        let event = match (way, event.spot.clone()) {
            (Way::Reply, Location::Theirs { room, thread, .. }) => Inbound {
                spot: Location::Theirs {
                    room,
                    thread,
                    reply_to: Some("told".into()),
                },
                ..event
            },
            _ => event,
        };
        let told = self.team.hears(event).await;
        let asked = matches!(told, Some(Err(AppError::Unclear(_))));
        (self.round().await != before, asked)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_nothing_begins_no_round() {
    let mut thread = Thread::begin().await;
    let (mut begun, mut asked, mut said) = (Vec::new(), 0, 0);
    for platform in PLATFORMS {
        for way in [Way::Mention, Way::Reply, Way::Plain] {
            for words in ASKS_NOTHING {
                let (began, was_asked) = thread.says(platform, way, words).await;
                said += 1;
                asked += usize::from(was_asked);
                if began {
                    begun.push((platform, way, words));
                    thread.claimed_again().await;
                    thread.ends().await;
                }
            }
        }
    }
    println!(
        "of {said} messages {} began a round, {asked} were asked about",
        begun.len()
    );
    assert!(begun.is_empty(), "{begun:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_something_begins_a_round_or_is_asked_about() {
    let mut thread = Thread::begin().await;
    let (mut lost, mut asked, mut said) = (Vec::new(), Vec::new(), 0);
    for platform in PLATFORMS {
        for way in [Way::Mention, Way::Reply] {
            for words in ASKS {
                let (began, was_asked) = thread.says(platform, way, words).await;
                said += 1;
                match (began, was_asked) {
                    (true, _) => {
                        thread.claimed_again().await;
                        thread.ends().await;
                    }
                    (false, true) => asked.push(words),
                    (false, false) => lost.push((platform, way, words)),
                }
            }
        }
    }
    println!(
        "of {said} requests {} were asked about: {asked:?}",
        asked.len()
    );
    assert!(lost.is_empty(), "{lost:#?}");
    // What begins like a command, or is only half of a request.
    assert!(asked.len() * 10 <= said, "{asked:#?}");
    // Without a mention they are asked about, once.
    let first = thread.says("slack", Way::Plain, "Make it green").await;
    let second = thread.says("slack", Way::Plain, "Make it blue").await;
    assert_eq!((first, second), ((false, true), (false, false)));
}

#[tokio::test]
async fn a_round_that_was_taken_back_reaches_no_agent_and_one_that_began_is_cancelled() {
    let team = Team::new().await;
    let ann = person("Ann", Some(Role::Operator));
    let id = team.claimed("site").await.task;
    let tasks = &team.app.tasks;
    let claimed = || async {
        let want = vine_domain::schedule::ClaimRequest::of(team.worker, 1);
        let claim = team.app.fleet.claim(want, Duration::from_secs(5));
        claim.await.expect("claimed").remove(0)
    };
    let continued = |text: &'static str| tasks.go_on(&ann, id, text, System.uuid());
    tasks
        .order(&ann, id, TaskAction::Cancel)
        .await
        .expect("cancelled");
    continued("Drop the old table").await.expect("it continues");
    let back = tasks.take_back(&ann, id, 2).await.expect("taken back");
    assert_eq!(back.state.as_str(), "cancelled", "as it was");
    tasks
        .order(&ann, id, TaskAction::Retry)
        .await
        .expect("retried");
    let again = claimed().await;
    assert_eq!(again.rounds, [], "nobody hears of what was taken back");
    let done = CompletedAttempt::new(again.attempt, Report::default());
    team.app
        .fleet
        .complete(team.worker, done, 0)
        .await
        .expect("done");
    continued("Paint the roof").await.expect("it continues");
    let third = claimed().await;
    let heard: Vec<&str> = third
        .rounds
        .iter()
        .map(|round| round.text.as_str())
        .collect();
    assert_eq!(heard, ["Paint the roof"]);
    let released = Event::Released {
        by: team.worker,
        attempt: third.attempt,
    };
    team.app
        .fleet
        .give_up(third.attempt, released)
        .await
        .expect("handed back");
    let over = tasks.take_back(&ann, id, 3).await.expect("cancelled");
    assert_eq!(over.state.as_str(), "cancelled", "an agent may have begun");
}
