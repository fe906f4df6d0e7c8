//! What people say in threads: stored first, then read as a command or an answer.
//!
//! Matching, in this order: a reply to a question's message (or its button), an explicit id (`Q-17 yes`), a plain
//! message when exactly one question is open in the thread. With more open the person is asked which; nothing is ever
//! guessed.

use std::time::Duration;

use uuid::Uuid;
use vine_domain::{MessageId, Question, QuestionId, TaskId, Verb, chat::Inbound, token::Token};
use vine_grammar::{Context, is_command, parse};

use crate::{App, AppError, Caller, Done, commands::Reply, people::OURSELVES, texts};

/// An event that is this old and unread was left over by somebody.
const LEFT_OVER: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_secs(5);

/// Deals with events that were left over, until the daemon stops.
pub async fn run(app: App) {
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        if let Err(error) = app.catch_up(LEFT_OVER).await {
            tracing::error!(%error, "the inbox cannot be read: {error}");
        }
    }
}

impl App {
    /// Takes an event of a platform: stored before anything else, then dealt with, even if its caller hangs up.
    /// Returns what is to be told to its author alone; `None` when the thread says it all, or when the event was known
    /// already.
    pub async fn hear(&self, event: Inbound) -> Done<Option<Result<Reply, AppError>>> {
        if !self.store.receive(&event).await? {
            return Ok(None);
        }
        let app = self.clone();
        let dealt = tokio::spawn(async move { app.deal_with(&event).await });
        dealt.await.map_err(|_| AppError::Stopping)
    }

    async fn deal_with(&self, event: &Inbound) -> Option<Result<Reply, AppError>> {
        let _in_order = self.reading.lock().await;
        let reply = self.read(event).await;
        // What the store could not take stays unread and is tried again.
        if !matches!(reply, Err(AppError::Store(_)))
            && let Err(error) = self.store.mark_read(event).await
        {
            tracing::error!(event = %event.event, %error, "an event was dealt with and could not be marked: {error}");
        }
        reply.transpose()
    }

    /// Deals with events that nobody finished: of a former process, or while the store could not serve.
    pub async fn catch_up(&self, age: Duration) -> Done<()> {
        for unread in self.store.unread(age).await? {
            if let Some(Err(error)) = self.deal_with(&unread).await {
                tracing::info!(event = %unread.event, "an event that was left over: {error}");
            }
        }
        Ok(())
    }

    async fn read(&self, event: &Inbound) -> Done<Option<Reply>> {
        let platform = if event.platform == "console" { OURSELVES } else { &event.platform };
        let user = self.store.user(platform, &event.author).await?;
        let caller = Caller { user, via: event.platform.clone() };
        if is_command(&event.text) {
            return self.command(&caller, event).await.map(Some);
        }
        let Some(task) = event.task else {
            return Err(AppError::Unreadable("this is no command and no reply to a question".into()));
        };
        self.say_as(&caller, task, event).await
    }

    async fn command(&self, caller: &Caller, event: &Inbound) -> Done<Reply> {
        let context = Context { task: event.task };
        let command = parse(&event.text, context).map_err(|unreadable| AppError::Unreadable(unreadable.0))?;
        let key = format!("{}:{}", event.platform, event.event);
        let reply = self.run(caller, command, Some(key)).await?;
        if let Some(task) = event.task {
            let message = texts::notice(MessageId(self.ids.uuid()), task, reply.text.clone());
            self.store.say(task, Some((caller.name(), &event.text)), &[message]).await?;
            self.wakes.outbox();
        }
        Ok(reply)
    }

    /// Words in a task's thread: an answer, or nothing that we know what to do with.
    async fn say_as(&self, caller: &Caller, task: TaskId, event: &Inbound) -> Done<Option<Reply>> {
        let repo = self.task(task).await?.repo;
        self.allow(caller, Verb::See, Some(&repo), &task.to_string()).await?;
        let questions = self.store.questions_of(task).await?;
        let (id, words) = matched(task, &questions, event)?;
        self.answer(caller, id, words, event_key(event)).await.map(|_| None)
    }
}

/// The question that the words are for, and the words.
fn matched<'a>(task: TaskId, questions: &[Question], event: &'a Inbound) -> Done<(QuestionId, &'a str)> {
    if let Some(id) = event.reply_to {
        return Ok((id, &event.text));
    }
    let (first, rest) = event.text.trim().split_once([' ', '\n', ':']).unwrap_or((event.text.trim(), ""));
    if let Some(id) = first.get(..2).filter(|start| start.eq_ignore_ascii_case("q-")).and_then(|_| first.parse().ok()) {
        return Ok((id, rest));
    }
    let open: Vec<&Question> = questions.iter().filter(|question| question.is_open()).collect();
    match open.as_slice() {
        [only] => Ok((only.id, &event.text)),
        [] => Err(AppError::Unreadable(format!("{task} asks nothing at the moment, so these words were not used"))),
        several => {
            let ids: Vec<_> = several.iter().map(|question| question.id.to_string()).collect();
            Err(AppError::Unreadable(format!(
                "{} questions are open here: {}. Say which, like `{} yes`",
                ids.len(),
                ids.join(", "),
                ids[0]
            )))
        }
    }
}

/// The same event gives the same key, so dealing with it twice answers once.
fn event_key(event: &Inbound) -> Uuid {
    let hash = Token::presented(format!("{}:{}", event.platform, event.event)).hash();
    Uuid::parse_str(&hash[..32]).expect("32 hex digits are a UUID")
}

#[cfg(test)]
mod tests {
    use vine_domain::{Ask, Epoch, QuestionState, Timestamp, question::Item, worker::Attempt};

    use super::*;

    fn question(id: u64, state: QuestionState) -> Question {
        let item = Item { question: "Which?".into(), header: String::new(), options: vec![], multi: false };
        Question {
            id: QuestionId(id),
            key: Uuid::from_u128(id.into()),
            attempt: Attempt { task: TaskId(1), epoch: Epoch(1) },
            session: None,
            call: String::new(),
            ask: Ask::Clarify { items: vec![item] },
            context: String::new(),
            asked_at: Timestamp(0),
            state,
        }
    }

    fn said(text: &str, reply_to: Option<u64>) -> Inbound {
        let reply_to = reply_to.map(QuestionId);
        Inbound { event: "1".into(), platform: "console".into(), author: "ann".into(), task: Some(TaskId(1)), reply_to, text: text.into() }
    }

    fn find(open: &[u64], text: &str, reply_to: Option<u64>) -> Option<(u64, String)> {
        let questions: Vec<_> = open.iter().map(|id| question(*id, QuestionState::Open)).collect();
        let event = said(text, reply_to);
        matched(TaskId(1), &questions, &event).ok().map(|(id, words)| (id.0, words.to_owned()))
    }

    #[test]
    fn replies_bind_first_then_ids_then_the_only_open_question() {
        assert_eq!(find(&[1, 2], "yes", Some(2)), Some((2, "yes".into())));
        assert_eq!(find(&[1, 2], "Q-1 yes, do", None), Some((1, "yes, do".into())));
        assert_eq!(find(&[1], "q-17: no", None), Some((17, " no".into())));
        assert_eq!(find(&[3], "blue", None), Some((3, "blue".into())));
    }

    #[test]
    fn with_several_open_or_none_nothing_is_guessed() {
        assert_eq!(find(&[1, 2], "yes", None), None);
        assert_eq!(find(&[], "yes", None), None);
    }

    #[test]
    fn the_same_event_answers_under_the_same_key() {
        assert_eq!(event_key(&said("a", None)), event_key(&said("b", None)));
        let other = Inbound { event: "2".into(), ..said("a", None) };
        assert_ne!(event_key(&said("a", None)), event_key(&other));
    }
}
