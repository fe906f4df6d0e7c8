//! The IDs that platforms gave to our messages and their parts.

use std::collections::HashSet;

use serde_json::{Value, json};
use vine_domain::{
    MessageId,
    chat::{OurPost, Posted},
    ports::StoreResult,
};

use super::{rows::json, run::Fetch as _};
use crate::{Connection, statement::scalar};

/// Stores the platform's IDs of the parts of our messages; other messages are ignored. Returns how
/// many parts exist under another ID too.
pub(super) async fn noticed(
    tx: &mut Connection,
    platform: &str,
    echoes: &[OurPost],
) -> StoreResult<u64> {
    let mut twice = 0;
    let mut rest = echoes.iter().collect::<Vec<_>>();
    // A statement does not see its own rows, so IDs of the same part need separate statements.
    while !rest.is_empty() {
        let mut parts = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|echo| parts.insert((echo.message, echo.part)));
        twice += name(tx, platform, &now).await?;
        rest = later;
    }
    Ok(twice)
}

async fn name(tx: &mut Connection, platform: &str, echoes: &[&OurPost]) -> StoreResult<u64> {
    let row = |echo: &&OurPost| json!({ "ref": echo.reference, "part": echo.part, "last": echo.last, "message": echo.message.to_string() });
    let rows: Vec<Value> = echoes.iter().map(row).collect();
    let twice = scalar!(
        bool,
        r#"INSERT INTO posts (platform, ref, message, part, last)
         SELECT $1, c.ref, m.id, c.part, c.last
         FROM (SELECT value ->> 'ref' AS ref, CAST(value ->> 'part' AS BIGINT) AS part, CAST(value ->> 'last' AS BOOLEAN) AS last,
                   value ->> 'message' AS message FROM (SELECT key, value FROM json_each($2) LIMIT 1000000000 OFFSET 0) l) c JOIN chat_messages m ON m.id = c.message
         WHERE true ON CONFLICT (platform, ref) DO NOTHING
         RETURNING EXISTS (SELECT 1 FROM posts o WHERE o.message = posts.message AND o.platform = posts.platform
                           AND o.part = posts.part AND o.ref <> posts.ref) AS "twice!: bool""#,
        platform,
        json(&rows)
    );
    let twice = twice.all(tx).await?;
    Ok(twice.into_iter().filter(|twice| *twice).count() as u64)
}

/// The parts of a message with their IDs on the platform.
pub(super) fn parts(message: MessageId, posted: &Posted) -> Vec<OurPost> {
    let last = posted.parts.len();
    let part = |(part, reference): (u32, &String)| OurPost {
        message,
        reference: reference.clone(),
        part,
        last: part as usize + 1 == last,
    };
    (0..).zip(&posted.parts).map(part).collect()
}
