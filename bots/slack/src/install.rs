//! Checks the app's installation: our identity in the workspace, and our scopes.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use vine_domain::ports::{ChatError, EventSink};

use crate::{
    api::{Pages, WebApi},
    backfill,
    manifest::{NICETIES, SCOPES},
    session::{AppIdentity, ENDED, SlackSession, SlackSettings},
};

/// How often to check the token, if there is no connection that would report its end.
const EVERY: Duration = Duration::from_secs(60);
/// Rounds between two backfills. Slack resends requests for about six minutes.
const LOOK: u32 = 10;

/// Connects to the Web API.
///
/// # Errors
/// Describes the problem and what to do about it; names all missing scopes at once.
pub async fn connect(
    settings: &SlackSettings,
    ear: &dyn EventSink,
) -> Result<SlackSession, String> {
    let api = WebApi::new(&settings.api_url, &settings.bot_token)?;
    let (known, scopes) = api
        .identity()
        .await
        .map_err(|error| ChatError::from(error).to_string())?;
    let missing = missing(&scopes);
    if !missing.is_empty() {
        return Err(format!(
            "the Slack app is missing the scopes {}: add them under \"OAuth & Permissions\" (`vine manifest slack` lists all of them) and \
             reinstall the app",
            missing.join(", ")
        ));
    }
    let lacks = |scope: &str| !scopes.split(',').any(|given| given.trim() == scope);
    let deaf: Vec<_> = NICETIES.iter().filter(|(scope, _)| lacks(scope)).collect();
    ear.remark((!deaf.is_empty()).then(|| {
        let what: Vec<&str> = deaf.iter().map(|(_, what)| *what).collect();
        let scopes: Vec<&str> = deaf.iter().map(|(scope, _)| *scope).collect();
        format!(
            "{} are not received: add the scope {} under \"OAuth & Permissions\" and reinstall the app",
            what.join(" and "),
            scopes.join(" and ")
        )
    }));
    let text = |key: &str| known[key].as_str().unwrap_or_default();
    let (user, account) = (
        text("user_id").to_owned(),
        format!("{} in {}", text("user"), text("team")),
    );
    let (teams, team) = if known["is_enterprise_install"] == true {
        of_organisation(&api, &known, settings.team.as_deref()).await?
    } else {
        (
            vec![known["team_id"].as_str().unwrap_or_default().to_owned()],
            None,
        )
    };
    Ok(SlackSession {
        api: api.into(),
        us: AppIdentity { teams, user },
        account,
        team,
        gap: Arc::default(),
        ended: Arc::default(),
        renamed: Arc::default(),
        waiting: Arc::default(),
        disarming: Arc::default(),
    })
}

/// The organisation with all its workspaces, and the workspace in which channels are created.
async fn of_organisation(
    api: &WebApi,
    known: &Value,
    wanted: Option<&str>,
) -> Result<(Vec<String>, Option<String>), String> {
    let mut teams = Vec::<String>::new();
    let mut pages = Pages::default();
    while let Some(cursor) = pages.next() {
        let page = api
            .read("auth.teams.list", &[("limit", "100"), ("cursor", cursor)])
            .await
            .map_err(|error| error.to_string())?;
        let listed = page["teams"].as_array().into_iter().flatten();
        for team in listed.filter_map(|team| team["id"].as_str()) {
            if !teams.iter().any(|known| known == team) {
                teams.push(team.to_owned());
            }
        }
        pages.after(&page);
    }
    let team = match (wanted, teams.as_slice()) {
        (Some(wanted), all) if all.iter().any(|team| team == wanted) => wanted.to_owned(),
        (None, [only]) => only.clone(),
        (_, all) => {
            return Err(format!(
                "the app is installed for a whole organisation: set `chat.slack.team_id` to the \
                 workspace for its channels (one of {})",
                all.join(", ")
            ));
        }
    };
    teams.extend(known["enterprise_id"].as_str().map(str::to_owned));
    Ok((teams, Some(team)))
}

fn missing(scopes: &str) -> Vec<&'static str> {
    let given: Vec<&str> = scopes.split(',').map(str::trim).collect();
    SCOPES
        .into_iter()
        .filter(|scope| {
            NICETIES.iter().all(|(nicety, _)| nicety != scope) && !given.contains(scope)
        })
        .collect()
}

/// Checks the token until it is no longer valid. Regular backfills find messages whose requests did
/// not reach us.
pub async fn watch(session: &SlackSession, ear: &Arc<dyn EventSink>) -> String {
    for round in 1_u32.. {
        if round.is_multiple_of(LOOK) {
            backfill::start(session, ear);
        }
        match session.api.call("auth.test", &json!({})).await {
            Ok(_) => ear.health(Ok(session.account.clone())),
            Err(error) if error.code().is_some() => return ChatError::from(error).to_string(),
            Err(error) => ear.health(Err(error.to_string())),
        }
        tokio::select! {
            () = session.ended.notified() => return ENDED.into(),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_scopes_are_named_at_once() {
        assert!(missing(&SCOPES.join(",")).is_empty());
        let fewer: Vec<_> = SCOPES
            .into_iter()
            .filter(|scope| !scope.starts_with("groups:"))
            .collect();
        assert_eq!(
            missing(&fewer.join(", ")),
            ["groups:history", "groups:read", "groups:write"]
        );
    }
}
