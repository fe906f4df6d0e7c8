//! `question ...`

use vine_api::QuestionView;
use vine_domain::{
    Question, QuestionState,
    markdown::{fenced, literal, quoted},
    uuid_of,
};
use vine_grammar::QuestionVerb;

use crate::{App, AppResult, Caller, commands::output::CommandOutput, texts};

pub async fn run(
    app: &App,
    caller: &Caller,
    verb: QuestionVerb,
    key: Option<String>,
) -> AppResult<CommandOutput> {
    match verb {
        QuestionVerb::List { range } => {
            let questions = app.questions.open_questions(caller, range.limit).await?;
            Ok(CommandOutput::list(
                &questions,
                line,
                QuestionView::of,
                "Nothing needs an answer.",
            ))
        }
        QuestionVerb::Show { question } => {
            let question = app.questions.look_at(caller, question).await?;
            let stations = app.questions.milestones(question.id).await?;
            let body = texts::body(&question.ask);
            let way = texts::timeline(&question, &stations);
            let context = match question.context.is_empty() {
                true => String::new(),
                false => format!("{}\n\n", quoted(&question.context)),
            };
            let text = format!(
                "**{}** of {}: {}\n\n{context}{body}\n\n{}",
                question.id,
                question.task(),
                literal(&state(&question)),
                fenced(&way)
            );
            Ok(CommandOutput::new(
                text,
                QuestionView::whole(&question, &stations),
            ))
        }
        QuestionVerb::Answer { question, text } => {
            let answered = app
                .questions
                .answer(
                    caller,
                    question,
                    text.join(" ").as_str(),
                    key.map_or_else(|| app.new_id(), |key| uuid_of(&key)),
                )
                .await?;
            Ok(CommandOutput::new(line(&answered), QuestionView::of(&answered)).fixed())
        }
    }
}

/// A question in one line.
pub fn line(question: &Question) -> String {
    format!(
        "{:<6} {:<6} {:<10} {} ({})",
        question.id.to_string(),
        question.task().to_string(),
        question.ask.kind(),
        question.ask.headline(),
        state(question)
    )
}

/// The state of a question, in a few words.
pub fn state(question: &Question) -> String {
    match &question.state {
        QuestionState::Open => "open".into(),
        QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } => {
            format!("{}: {}", answer.name, answer.decision.headline())
        }
        QuestionState::Expired { .. } => "nobody answered in time".into(),
        QuestionState::Withdrawn { why } => format!("withdrawn: {why}"),
    }
}
