//! The day of a person who knows only chat, from a sentence to a third round, on each platform. What
//! they do and see is written to `docs/days/`; the test fails if it has changed
//! (`VINE_WRITE_DAYS=yes` writes it).

use std::{fs, path::Path};

use regex::Regex;
use serde_json::Value;
use vine_doubles::{
    discord::world::{ANN as DISCORD_ANN, BOT},
    slack::world::BOT_USER,
};

use crate::harness::{
    Agent, Place,
    channel::Channel,
    guild::Guild,
    room::{Room, event_id},
};

/// Asks for a colour first, and then does what each round asks for.
const PAINTER: &str = "if [ \"$VINE_ROUND\" = 1 ]; then \
     colour=$(vine ask 'Which colour should the door have?' --option Red --option Blue); \
     echo \"$colour\" > door.txt; vine finish \"The door is $colour.\"; \
     else cat > \"round-$VINE_ROUND.txt\"; vine finish \"Done: $(cat \"round-$VINE_ROUND.txt\").\"; fi";

const SENTENCE: &str = "Paint the door of the shed, please";
const ROOF: &str = "Now paint the roof, too";
const HINGES: &str = "The hinges squeak, oil them";

/// What a person does and sees, as text.
struct Day {
    platform: &'static str,
    lines: Vec<String>,
}

impl Day {
    fn new(platform: &'static str, test: &str) -> Self {
        let head = format!(
            "# A day in {platform}\n\nAnn knows only chat. This is what she does and sees, from a sentence to a third \
             round. The test\n`once::day::{test}` writes it down; nobody edits it.\n"
        );
        let lines = vec![head];
        Self { platform, lines }
    }

    fn does(&mut self, what: &str) {
        self.lines.push(format!("**Ann** {what}\n"));
    }

    fn writes(&mut self, text: &str) {
        self.does(&format!("writes: {text}"));
    }

    fn sees(&mut self, text: &str, buttons: &[String]) {
        let shown: String = text
            .trim()
            .lines()
            .map(|line| format!("> {line}\n").replace("> \n", ">\n"))
            .collect();
        let buttons: Vec<String> = buttons.iter().map(|one| format!("[{one}]")).collect();
        let buttons = match buttons.is_empty() {
            true => String::new(),
            false => format!(">\n> `{}`\n", buttons.join(" ")),
        };
        self.lines
            .push(format!("**Agent Vine** shows:\n\n{shown}{buttons}"));
    }

    /// The transcript is that of the documents.
    fn check(self) {
        let text = self.lines.join("\n");
        let text = [
            (r"http://127\.0\.0\.1:\d+", "https://vine.example.org"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "a minute ago"),
            (r"`[0-9a-f]{12}`", "`a1b2c3d4e5f6`"),
        ]
        .iter()
        .fold(text, |text, (what, by)| {
            let what = Regex::new(what).expect("a form of ours");
            what.replace_all(&text, *by).into_owned()
        });
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs/days")
            .join(format!("{}.md", self.platform.to_lowercase()));
        if std::env::var_os("VINE_WRITE_DAYS").is_some() {
            fs::write(&file, &text).expect("written");
        }
        let known = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(known, text, "{} is another day", self.platform);
    }
}

/// As if the task had ended a minute ago.
fn a_minute_later(place: &Place) {
    place.base.sql("UPDATE tasks SET updated = updated - 60000");
}

mod slack {
    use super::*;

    fn buttons(message: &Value) -> Vec<String> {
        let blocks = message["blocks"].as_array().into_iter().flatten();
        let elements = blocks
            .filter_map(|block| block["elements"].as_array())
            .flatten();
        let labels = elements.filter_map(|one| one["text"]["text"].as_str());
        labels.map(str::to_owned).collect()
    }

    struct Ann<'a> {
        channel: &'a Channel,
        day: &'a mut Day,
    }

    impl Ann<'_> {
        async fn says(&mut self, text: &str, root: Option<&str>) {
            self.day
                .writes(&text.replace(&format!("<@{BOT_USER}>"), "@vine"));
            self.channel.say("U0ANN", text, root).await;
        }

        async fn hears(&mut self, words: &str) -> Value {
            let message = self.channel.hears(words).await;
            self.day
                .sees(message["text"].as_str().expect("text"), &buttons(&message));
            message
        }

        /// What only Ann sees.
        async fn is_told(&mut self, words: &str) -> String {
            self.channel.whispers("U0ANN", words).await;
            let state = self.channel.wait("it is told", |_| true).await;
            let all = state["ephemerals"].as_array().expect("a list").iter().rev();
            let text = |one: &Value| {
                one["content"]["text"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let told = all
                .clone()
                .find(|one| text(one).contains(words))
                .expect("just seen");
            self.day.sees(&text(told), &buttons(&told["content"]));
            told["ts"].as_str().expect("a place").to_owned()
        }

        async fn presses(&mut self, label: &str, ts: &str, place: usize) {
            self.day.does(&format!("presses `[{label}]`"));
            self.channel
                .click("U0ANN", ts, &format!("vine_pick_{place}"))
                .await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn slack_a_day_of_somebody_who_knows_only_chat() {
        let channel = Channel::new(Agent::Script(PAINTER)).await;
        let mut day = Day::new(
            "Slack",
            "slack::slack_a_day_of_somebody_who_knows_only_chat",
        );
        let mention = |words: &str| format!("<@{BOT_USER}> {words}");
        let mut ann = Ann {
            channel: &channel,
            day: &mut day,
        };
        ann.says(&mention(SENTENCE), None).await;
        ann.is_told("T-1 is queued").await;
        let asked = ann.hears("Which colour").await;
        let root = asked["thread_ts"].as_str().expect("a thread").to_owned();
        ann.presses("Blue", asked["ts"].as_str().expect("a ts"), 1)
            .await;
        ann.hears("The door is Blue").await;
        ann.says("Thanks, looks great!", Some(&root)).await;
        a_minute_later(&channel.place);
        ann.says(&mention(ROOF), Some(&root)).await;
        ann.is_told("continues: round 2").await;
        ann.hears("Done: Now paint the roof").await;
        a_minute_later(&channel.place);
        ann.says(HINGES, Some(&root)).await;
        let told = ann.is_told("nobody works on").await;
        ann.presses("Continue with this", &told, 0).await;
        ann.hears("Done: The hinges squeak").await;
        let card = channel.hears("Done · round 3").await;
        day.sees(card["text"].as_str().expect("text"), &buttons(&card));
        day.check();
    }
}

mod discord {
    use super::*;

    fn buttons(message: &Value) -> Vec<String> {
        let rows = message["components"].as_array().into_iter().flatten();
        let all = rows
            .filter_map(|row| row["components"].as_array())
            .flatten();
        let labels = all.filter_map(|one| one["label"].as_str());
        labels.map(str::to_owned).collect()
    }

    struct Ann<'a> {
        guild: &'a Guild,
        day: &'a mut Day,
    }

    impl Ann<'_> {
        async fn says(&mut self, text: &str, thread: Option<&str>) {
            self.day
                .writes(&text.replace(&format!("<@{BOT}>"), "@vine"));
            self.guild.say(DISCORD_ANN, text, thread).await;
        }

        async fn hears(&mut self, words: &str) -> Value {
            let message = self.guild.hears(words).await;
            self.day.sees(
                message["content"].as_str().expect("text"),
                &buttons(&message),
            );
            message
        }

        async fn presses(&mut self, label: &str, message: &Value, place: usize) {
            self.day.does(&format!("presses `[{label}]`"));
            self.guild
                .press(DISCORD_ANN, message, &format!("v1:pick:{place}"))
                .await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn discord_a_day_of_somebody_who_knows_only_chat() {
        let guild = Guild::new(Agent::Script(PAINTER)).await;
        let mut day = Day::new(
            "Discord",
            "discord::discord_a_day_of_somebody_who_knows_only_chat",
        );
        let mention = |words: &str| format!("<@{BOT}> {words}");
        let mut ann = Ann {
            guild: &guild,
            day: &mut day,
        };
        ann.says(&mention(SENTENCE), None).await;
        ann.hears("T-1 is queued").await;
        let asked = ann.hears("Which colour").await;
        let thread = asked["channel_id"].as_str().expect("a thread").to_owned();
        ann.presses("Blue", &asked, 1).await;
        ann.hears("The door is Blue").await;
        ann.says("Thanks, looks great!", Some(&thread)).await;
        a_minute_later(&guild.place);
        ann.says(&mention(ROOF), Some(&thread)).await;
        ann.hears("continues: round 2").await;
        ann.hears("Done: Now paint the roof").await;
        a_minute_later(&guild.place);
        ann.says(HINGES, Some(&thread)).await;
        let told = ann.hears("nobody works on").await;
        ann.presses("Continue with this", &told, 0).await;
        ann.hears("Done: The hinges squeak").await;
        let card = guild.hears("Done · round 3").await;
        day.sees(card["content"].as_str().expect("text"), &buttons(&card));
        day.check();
    }
}

mod matrix {
    use super::*;

    struct Ann<'a> {
        room: &'a Room,
        day: &'a mut Day,
    }

    impl Ann<'_> {
        async fn says(&mut self, text: &str, root: Option<&str>) {
            self.day.writes(text);
            match root {
                None => self.room.ann.say(&self.room.id, text).await,
                Some(root) => self.room.ann.say_in(&self.room.id, root, text).await,
            };
        }

        async fn hears(&mut self, words: &str) -> Value {
            let event = self.room.ann.hears(&self.room.id, words).await;
            self.day
                .sees(event["content"]["body"].as_str().expect("a body"), &[]);
            event
        }

        async fn taps(&mut self, sign: &str, event: &Value) {
            self.day.does(&format!("taps the reaction {sign}"));
            self.room
                .ann
                .react(&self.room.id, &event_id(event), sign)
                .await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn matrix_a_day_of_somebody_who_knows_only_chat() {
        let room = Room::new(Agent::Script(PAINTER)).await;
        let mut day = Day::new(
            "Matrix",
            "matrix::matrix_a_day_of_somebody_who_knows_only_chat",
        );
        let mut ann = Ann {
            room: &room,
            day: &mut day,
        };
        ann.says(&format!("vine: {SENTENCE}"), None).await;
        ann.hears("T-1 is queued").await;
        let asked = ann.hears("Which colour").await;
        let root = asked["content"]["m.relates_to"]["event_id"]
            .as_str()
            .expect("a thread")
            .to_owned();
        ann.taps("2️⃣", &asked).await;
        ann.hears("The door is Blue").await;
        ann.says("Thanks, looks great!", Some(&root)).await;
        a_minute_later(&room.place);
        ann.says(&format!("vine: {ROOF}"), Some(&root)).await;
        ann.hears("continues: round 2").await;
        ann.hears("Done: Now paint the roof").await;
        a_minute_later(&room.place);
        ann.says(HINGES, Some(&root)).await;
        let told = ann.hears("nobody works on").await;
        ann.taps("1️⃣", &told).await;
        ann.hears("Done: The hinges squeak").await;
        day.check();
    }
}
