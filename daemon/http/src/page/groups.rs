//! Open questions in the order in which somebody looks at them: those of their own tasks first, then what
//! they may answer. Permissions for the same call in one repository are shown, and answered, together.

use axum::{
    extract::{Form, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use uuid::Uuid;
use vine_app::{App, AppError, Caller, texts};
use vine_domain::{Ask, Question, QuestionId, Task, markdown::quoted, uuid_of};

use super::{
    answer_form::{self, RefusedAnswer},
    reply::{SentReply, hear_reply},
    screen::Screen,
    text, time,
};
use crate::{
    auth::PageVisitor,
    page::document::{PageState, problem},
};

/// At most this many questions are answered by one press.
const MOST: usize = 100;

/// Questions that are answered together: usually one.
pub struct QuestionGroup {
    first: (Question, Task),
    others: Vec<(Question, Task)>,
}

impl QuestionGroup {
    /// Whether another question asks for the same in the same place.
    fn takes(&self, question: &Question, task: &Task) -> bool {
        let (first, of) = &self.first;
        let same = match (&first.ask, &question.ask) {
            (
                Ask::Permission { tool, what, .. },
                Ask::Permission {
                    tool: other_tool,
                    what: other_what,
                    ..
                },
            ) => tool == other_tool && what == other_what,
            _ => false,
        };
        same && of.repo == task.repo && !first.ask.is_secret() && self.others.len() + 1 < MOST
    }

    fn all(&self) -> impl Iterator<Item = &(Question, Task)> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// The groups of these questions, for one person.
pub fn grouped(app: &App, caller: &Caller, waiting: Vec<(Question, Task)>) -> Vec<QuestionGroup> {
    let is_own = |task: &Task| task.requester == caller.name();
    let may = |question: &Question, task: &Task| {
        app.questions.refusal(caller, task, &question.ask).is_none()
    };
    let mut ranked: Vec<(u8, (Question, Task))> = waiting
        .into_iter()
        .map(|(question, task)| {
            let rank = match (may(&question, &task), is_own(&task)) {
                (true, true) => 0,
                (true, false) => 1,
                (false, _) => 2,
            };
            (rank, (question, task))
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut groups: Vec<QuestionGroup> = Vec::new();
    for (rank, (question, task)) in ranked {
        let group = groups
            .iter_mut()
            .find(|group| group.takes(&question, &task));
        match group.filter(|_| rank < 2) {
            Some(group) => group.others.push((question, task)),
            None => groups.push(QuestionGroup {
                first: (question, task),
                others: Vec::new(),
            }),
        }
    }
    groups
}

/// A group with the means to answer it; `back` is the screen that it is shown on.
pub fn card(
    app: &App,
    caller: &Caller,
    group: &QuestionGroup,
    refused: Option<&RefusedAnswer>,
    back: Screen,
) -> Markup {
    let (question, task) = &group.first;
    if !group.others.is_empty() {
        return together(app, group, back);
    }
    html! {
        article.ask id=(question.id) tabindex="-1" {
            p.about { (head(app, question, task)) }
            (answer_form::ask(app, caller, task, question, refused))
            @if !question.context.is_empty() { details { summary { "What the agent wrote before" } (text::message(&quoted(&question.context))) } }
        }
    }
}

/// Which task asks, and since when.
fn head(app: &App, question: &Question, task: &Task) -> Markup {
    html! {
        a href={ "/tasks/" (task.id) } { (task.id) " " (task.title) }
        span.dim { " · " (question.id) " · for " (task.requester) " · " (time::moment(app.now(), question.asked_at)) }
    }
}

fn together(app: &App, group: &QuestionGroup, back: Screen) -> Markup {
    let (question, task) = &group.first;
    let count = group.others.len() + 1;
    let asked = match &question.ask {
        Ask::Permission { tool, what, .. } => texts::body(&Ask::Permission {
            tool: tool.clone(),
            what: what.clone(),
            why: String::new(),
            rules: Vec::new(),
        }),
        other => texts::body(other),
    };
    html! {
        article.ask.together id={ "same-as-" (question.id) } tabindex="-1" {
            p.about { strong { (count) " tasks ask the same" } span.dim { " in " (task.repo) } }
            div { (text::message(&asked)) }
            ul.plain { @for (question, task) in group.all() {
                li id=(question.id) { (head(app, question, task))
                    @if let Ask::Permission { why, .. } = &question.ask { @if !why.is_empty() { (text::message(&quoted(why))) } }
                }
            } }
            form.answer method="post" action="/answers" autocomplete="off" {
                input type="hidden" name="back" value=(back.path());
                @for (question, _) in group.all() { input type="hidden" name="question" value=(question.id); }
                button.agree name="press" value="yes" { "Allow all " (count) " once" }
                button.refuse name="press" value="no" { "Deny all " (count) }
            }
        }
    }
}

/// `POST /answers`: the same answer to several questions, each of which is decided on its own.
pub async fn answer(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Redirect, Response> {
    let value = |name: &str| {
        let found = sent.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let key = value("key").and_then(|key| key.parse::<Uuid>().ok());
    let press = value("press").unwrap_or_default();
    let back = value("back")
        .and_then(Screen::at)
        .unwrap_or(Screen::Overview);
    if !matches!(press, "yes" | "no") {
        let why = "a permission is allowed with `yes` or denied with `no`".into();
        return Err(problem(&visitor, AppError::Unreadable(why)));
    }
    let named = sent.iter().filter(|(name, _)| name == "question");
    let mut refused = Vec::new();
    let mut questions = 0;
    for (_, id) in named.take(MOST) {
        questions += 1;
        let answered = async {
            let id: QuestionId = id.parse()?;
            let question = shared.app.questions.look_at(&visitor.0, id).await?;
            let task = question.task();
            let reply = SentReply {
                text: press.to_owned(),
                filled: None,
                reply_to: Some(id.to_string()),
                seen: None,
                key: key.map(|key| uuid_of(&format!("{key} {id}"))),
            };
            hear_reply(&shared, &visitor.0, &task.to_string(), &reply).await
        };
        match answered.await {
            Ok(()) => {}
            // Nobody knows whether it counts; the same again does nothing twice.
            Err(error @ (AppError::Store(_) | AppError::Early | AppError::Stopping)) => {
                return Err(problem(&visitor, error));
            }
            Err(error) => refused.push(format!("{id}: {}", error.told())),
        }
    }
    if refused.is_empty() {
        return Ok(Redirect::to(back.path()));
    }
    let answered = questions - refused.len();
    let why = format!(
        "{answered} of {questions} were answered. {}",
        refused.join(" ")
    );
    Err(problem(&visitor, AppError::Unreadable(why)).into_response())
}
