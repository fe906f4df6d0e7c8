//! `vine login` and `vine token`

use anyhow::Result;
use vine_api::{MadeToken, MakeToken};

use crate::{
    cli::{Globals, LoginArgs, TokenArgs},
    endpoint::Endpoint,
};

async fn make(endpoint: &Endpoint, wish: MakeToken) -> Result<MadeToken> {
    Ok(endpoint.client().post("/tokens", &wish).await?)
}

pub async fn login(globals: &Globals, args: LoginArgs) -> Result<()> {
    let endpoint = Endpoint::find()?;
    let made = make(
        &endpoint,
        MakeToken {
            kind: "login".into(),
            whom: args.whom,
            new_password: args.new_password,
        },
    )
    .await?;
    let link = made
        .link
        .unwrap_or_else(|| format!("{}/login?code={}", endpoint.url, made.token.reveal()));
    if globals.json {
        println!(
            "{}",
            serde_json::json!({ "link": link, "expires_in": made.expires_in })
        );
    } else {
        println!(
            "{link}\nIt works once, within {} minutes.",
            made.expires_in / 60
        );
    }
    Ok(())
}

pub async fn token(globals: &Globals, args: TokenArgs) -> Result<()> {
    let made = make(
        &Endpoint::find()?,
        MakeToken {
            kind: args.kind,
            whom: args.whom,
            new_password: false,
        },
    )
    .await?;
    if globals.json {
        println!(
            "{}",
            serde_json::json!({ "token": made.token, "expires_in": made.expires_in })
        );
    } else {
        println!("{}", made.token.reveal());
    }
    Ok(())
}
