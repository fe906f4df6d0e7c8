//! `session ...`

use vine_api::{GrantView, SessionView};
use vine_domain::{Ask, Question, Session, SessionState, grants};
use vine_grammar::SessionVerb;

use crate::{App, AppResult, Caller, commands::output::CommandOutput};

pub async fn run(app: &App, caller: &Caller, verb: SessionVerb) -> AppResult<CommandOutput> {
    let now = app.now();
    let one = |session: &Session| CommandOutput::new(line(session), SessionView::of(session, now));
    match verb {
        SessionVerb::List { all, range } => {
            let sessions: Vec<Session> = app
                .fleet
                .sessions(caller, all, range.limit)
                .await?
                .into_iter()
                .map(|(_, session)| session)
                .collect();
            Ok(CommandOutput::list(
                &sessions,
                line,
                |session| SessionView::of(session, now),
                "No live sessions.",
            ))
        }
        SessionVerb::Show { session } => {
            let session = app.fleet.look_at_session(caller, session).await?;
            let grants = app.fleet.grants_of(&session).await?;
            let view = SessionView {
                granted: Some(grants.iter().map(GrantView::of).collect()),
                ..SessionView::of(&session, now)
            };
            let told: String = grants.iter().map(granted).collect();
            Ok(CommandOutput::new(
                format!("{}{told}", line(&session)),
                view,
            ))
        }
        SessionVerb::End { session } => {
            Ok(one(&app.fleet.order_session(caller, session, true).await?))
        }
        SessionVerb::Keep { session } => Ok(one(&app
            .fleet
            .order_session(caller, session, false)
            .await?)),
    }
}

/// What the agent may do without asking again, and who allowed it.
fn granted(question: &Question) -> String {
    let (Ask::Permission { rules, .. }, Some(answer)) = (&question.ask, question.answer()) else {
        return String::new();
    };
    let sentences: Vec<String> = rules.iter().map(|rule| grants::sentence(rule)).collect();
    format!(
        "\n{} allowed, until {} is over ({}): {}",
        answer.name,
        question.task(),
        question.id,
        sentences.join("; ")
    )
}

fn line(session: &Session) -> String {
    let state = match &session.state {
        state if session.kept && !matches!(state, SessionState::Ended { .. }) => {
            format!("{}, kept", state.as_str())
        }
        SessionState::Active | SessionState::Warm => session.state.as_str().into(),
        SessionState::Ended { reason, .. } => format!("ended, {reason}"),
    };
    format!(
        "{} {:<6} {} ({state})",
        session.id,
        session.task.to_string(),
        session.agent
    )
}
