//! `vine login` and `vine token`

use crate::output::say;
use anyhow::{Result, bail};
use serde_json::json;
use vine_api::{CreateToken, CreatedToken, TokenList};

use crate::{
    cli::{Globals, LoginArgs, TokenVerb},
    endpoint::Endpoint,
};

async fn make(endpoint: &Endpoint, wish: CreateToken) -> Result<CreatedToken> {
    Ok(endpoint.client().post("/tokens", &wish).await?)
}

pub async fn login(globals: &Globals, args: LoginArgs) -> Result<()> {
    let endpoint = Endpoint::find()?;
    let made = make(
        &endpoint,
        CreateToken {
            kind: "login".into(),
            whom: args.whom,
            new_password: args.new_password,
            days: None,
        },
    )
    .await?;
    let link = made
        .link
        .unwrap_or_else(|| format!("{}/login?code={}", endpoint.url, made.token.reveal()));
    if globals.json {
        say!("{}", json!({ "link": link, "expires_in": made.expires_in }));
    } else {
        say!(
            "{link}\nThe link works once, within {} minutes.",
            made.expires_in / 60
        );
    }
    Ok(())
}

pub async fn token(globals: &Globals, verb: TokenVerb) -> Result<()> {
    let endpoint = Endpoint::find()?;
    match verb {
        TokenVerb::User { whom, days } => made(globals, &endpoint, "user", whom, days).await,
        TokenVerb::Enrolment { whom } => made(globals, &endpoint, "enrolment", whom, None).await,
        TokenVerb::List { all } => list(globals, &endpoint, all).await,
        TokenVerb::Revoke { ids } => {
            for id in ids {
                let path = format!("/tokens/{}", plain(&id)?);
                endpoint.client().delete(&path).await?;
                if globals.json {
                    say!("{}", json!({ "id": id, "state": "revoked" }));
                } else {
                    say!("{id} is revoked.");
                }
            }
            Ok(())
        }
    }
}

async fn made(
    globals: &Globals,
    endpoint: &Endpoint,
    kind: &str,
    whom: Option<String>,
    days: Option<u32>,
) -> Result<()> {
    let wish = CreateToken {
        kind: kind.into(),
        whom,
        new_password: false,
        days,
    };
    let made = make(endpoint, wish).await?;
    if globals.json {
        say!(
            "{}",
            json!({ "token": made.token, "expires_in": made.expires_in })
        );
    } else {
        say!("{}", made.token.reveal());
    }
    Ok(())
}

async fn list(globals: &Globals, endpoint: &Endpoint, all: bool) -> Result<()> {
    let found: TokenList = endpoint.client().get(&format!("/tokens?all={all}")).await?;
    if globals.json {
        say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    for one in &found.items {
        let used = one.last_used_at.map_or_else(
            || "never used".into(),
            |at| format!("last used {}", at.to_minute()),
        );
        say!(
            "{}  {:<9}  {}  until {}  {used}",
            one.id,
            one.kind,
            one.owner,
            one.expires_at.to_minute()
        );
    }
    Ok(())
}

/// Checks an id, because it becomes part of a URL.
fn plain(id: &str) -> Result<&str> {
    if id.chars().all(|c| c.is_ascii_alphanumeric()) && !id.is_empty() {
        return Ok(id);
    }
    bail!("`{id}` is not a token id; `vine token list` shows the valid ones")
}
