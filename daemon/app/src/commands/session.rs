//! `session ...`

use vine_domain::{Session, SessionState};
use vine_grammar::SessionVerb;

use super::Reply;
use crate::{App, Caller, Done, view};

pub async fn run(app: &App, caller: &Caller, verb: SessionVerb) -> Done<Reply> {
    let now = app.clock.now();
    let one = |session: &Session| Reply::new(line(session), view::session(session, now));
    match verb {
        SessionVerb::List { all, range } => {
            let sessions: Vec<Session> = app
                .sessions(caller, all, range.limit)
                .await?
                .into_iter()
                .map(|(_, session)| session)
                .collect();
            Ok(Reply::list(
                &sessions,
                line,
                |session| view::session(session, now),
                "No live sessions.",
            ))
        }
        SessionVerb::Show { session } => Ok(one(&app.look_at_session(caller, session).await?)),
        SessionVerb::End { session } => Ok(one(&app.order_session(caller, session, true).await?)),
        SessionVerb::Keep { session } => {
            Ok(one(&app.order_session(caller, session, false).await?))
        }
    }
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
