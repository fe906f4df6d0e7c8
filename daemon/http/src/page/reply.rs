//! What people send in the thread of a task: words, buttons and forms.

use axum::{
    extract::{Form, Path, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use uuid::Uuid;
use vine_app::{AppError, Caller};
use vine_domain::{
    QuestionId, Timestamp,
    chat::{Inbound, InboundKind, Location},
    form::FilledForm,
};

use super::{
    answer_form::{self, RefusedAnswer},
    screen::Screen,
    task,
};
use crate::{
    auth::PageVisitor,
    error::ErrorResponse,
    page::document::{PageState, document, problem},
    state::HttpState,
};

/// What a reply box, a button or a form sends.
pub struct SentReply {
    /// The words, or what a button says.
    pub text: String,
    /// The form, if it was one.
    pub filled: Option<FilledForm>,
    /// The question that it answers.
    pub reply_to: Option<String>,
    /// Up to when its author had seen the thread, in milliseconds.
    pub seen: Option<i64>,
    /// Made by the page's script: the same again has no effect.
    pub key: Option<Uuid>,
}

impl SentReply {
    fn of(sent: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = sent.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        Self {
            text: value("press").or_else(|| value("text")).unwrap_or_default(),
            filled: answer_form::read(sent),
            reply_to: value("reply_to"),
            seen: value("seen").and_then(|at| at.parse().ok()),
            key: value("key").and_then(|key| key.parse().ok()),
        }
    }
}

/// `POST /tasks/{id}/say`. What is refused is shown again on the task's page, with what was written.
pub async fn say(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(id): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Redirect, Response> {
    let sent = SentReply::of(&sent);
    match hear_reply(&shared, &visitor.0, &id, &sent).await {
        Ok(()) => Ok(Redirect::to(&format!("/tasks/{id}"))),
        Err(error) => Err(refused(&shared, &visitor, &id, sent, error).await),
    }
}

/// What somebody wants done in a task that is over.
#[derive(Deserialize)]
pub struct ContinueForm {
    text: String,
    /// Made by the page's script: the same again begins no other round.
    key: Option<Uuid>,
}

/// `POST /tasks/{id}/continue`
pub async fn go_on(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(id): Path<String>,
    Form(ContinueForm { text, key }): Form<ContinueForm>,
) -> Result<Redirect, Response> {
    let begun = async {
        let id = id.parse()?;
        let named = key.map(|key| key.to_string());
        let key = shared.app.tasks.round_key(&visitor.0, id, named.as_deref());
        shared.app.questions.go_on(&visitor.0, id, &text, key).await
    };
    begun.await.map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(&format!("/tasks/{id}")))
}

async fn refused(
    shared: &HttpState,
    visitor: &PageVisitor,
    id: &str,
    sent: SentReply,
    error: AppError,
) -> Response {
    let question = sent.reply_to.and_then(|id| id.parse().ok());
    let (Some(question), Some(filled), Ok(id)) = (question, sent.filled, id.parse()) else {
        return problem(visitor, error);
    };
    let failure = ErrorResponse::from(error);
    let why = failure.message();
    let refused = RefusedAnswer {
        question,
        why,
        filled,
    };
    match task::body(&shared.app, &visitor.0, id, Some(&refused)).await {
        Ok(body) => {
            let page = document(&id.to_string(), Some(Screen::Tasks), Some(visitor), &body);
            (failure.status(), Html(page)).into_response()
        }
        Err(error) => problem(visitor, error),
    }
}

/// What a person meant who was asked for a clarification.
#[derive(Deserialize)]
pub struct ClarifyForm {
    says: String,
}

/// `POST /meant`
pub async fn meant(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(ClarifyForm { says }): Form<ClarifyForm>,
) -> Result<Redirect, Response> {
    let task = shared
        .inbox
        .mean(&visitor.0, &says)
        .await
        .map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(&format!("/tasks/{task}")))
}

/// Hears what a person sent in the thread of a task.
pub async fn hear_reply(
    shared: &HttpState,
    caller: &Caller,
    id: &str,
    said: &SentReply,
) -> Result<(), AppError> {
    let author = caller
        .user
        .as_ref()
        .map(|user| user.id.to_string())
        .ok_or(AppError::Unauthenticated)?;
    let reply_to = said
        .reply_to
        .as_deref()
        .map(|id| id.parse::<QuestionId>())
        .transpose()?;
    let event = Inbound {
        event: said.key.unwrap_or_else(|| shared.app.new_id()).to_string(),
        platform: "console".into(),
        author,
        spot: Location::Ours {
            task: Some(id.parse()?),
            question: reply_to,
        },
        text: said.text.clone(),
        act: said
            .filled
            .clone()
            .map_or(InboundKind::Said, InboundKind::Filled),
        said: said.seen.map(Timestamp).filter(|_| reply_to.is_none()),
        left_out: None,
        private: false,
        direct: false,
    };
    shared.inbox.hear_once(event).await.map(drop)
}
