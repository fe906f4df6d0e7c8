//! The ledger: seals what was decided and answered, and is pruned from its start.

use serde_json::{Value, json};
use vine_domain::{
    AuditEntry, QuestionId, TaskId, Timestamp,
    ledger::{BEGIN, SealedFact, chain},
    ports::StoreResult,
};

use super::{
    rows::json,
    run::{Fetch as _, Run as _, removed},
};
use crate::{
    Connection, Database, engine,
    statement::{rows, scalar, statement},
};

/// Rows that are sealed or removed in one step: few, so that nothing waits for it.
const PORTION: i64 = 500;

/// Seals some of what is not sealed yet; returns the number.
pub(super) async fn seal(database: &Database) -> StoreResult<u64> {
    let waits = scalar!(
        bool,
        r#"SELECT EXISTS (SELECT 1 FROM audit WHERE NOT sealed) OR EXISTS (SELECT 1 FROM answers WHERE NOT sealed) AS "waits!: bool""#
    );
    if !waits.one(database.reader()).await? {
        return Ok(0);
    }
    let mut tx = database.begin().await?;
    // Locks out other sealers.
    removed!(tx, statement!("UPDATE settings SET era = era"));
    let last = rows!(
        { link: i64, chain: String },
        "SELECT link, chain FROM ledger ORDER BY link DESC LIMIT 1"
    );
    let last = last.maybe(&mut *tx).await?;
    let (mut link, mut hash) = last.map_or((0, BEGIN.to_owned()), |last| (last.link, last.chain));
    let unsealed = unsealed(&mut tx).await?;
    let mut rows: Vec<Value> = Vec::new();
    for (line, at, sealed) in &unsealed {
        (link, hash) = (link + 1, chain(&hash, *at, sealed));
        let kind = match sealed {
            SealedFact::Decision(_) => "audit",
            SealedFact::Answer { .. } => "answer",
        };
        rows.push(json!({ "link": link, "kind": kind, "ref": line, "at": at.0, "chain": hash }));
    }
    if rows.is_empty() {
        return Ok(0);
    }
    let list = json(&rows);
    removed!(
        tx,
        statement!("INSERT INTO ledger (link, kind, ref, at, chain)
             SELECT CAST(value ->> 'link' AS BIGINT), value ->> 'kind', CAST(value ->> 'ref' AS BIGINT), CAST(value ->> 'at' AS BIGINT),
                 value ->> 'chain' FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l",
            list
        ),
        statement!("UPDATE audit SET sealed = true WHERE seq IN (SELECT CAST(value ->> 'ref' AS BIGINT) FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l WHERE value ->> 'kind' = 'audit')",
            list
        ),
        statement!("UPDATE answers SET sealed = true
             WHERE question IN (SELECT CAST(value ->> 'ref' AS BIGINT) FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l WHERE value ->> 'kind' = 'answer')",
            list
        ),
    );
    engine::commit(tx).await?;
    Ok(rows.len() as u64)
}

/// Decisions and answers that are not in the ledger yet, earliest first.
async fn unsealed(tx: &mut Connection) -> StoreResult<Vec<(i64, Timestamp, SealedFact)>> {
    let decisions = rows!(
        { seq: i64, at: i64, actor: String, verb: String, subject: String, allowed: bool, reason: String },
        r#"SELECT seq, at, actor, verb, subject, allowed AS "allowed: bool", reason FROM audit WHERE NOT sealed ORDER BY seq LIMIT CAST($1 AS BIGINT)"#,
        PORTION
    );
    let decisions = decisions.all(&mut *tx).await?;
    let answers = rows!(
        { question: i64, at: i64, name: String, via: String, decision: String, task: i64 },
        "SELECT a.question, a.at, a.name, a.via, a.decision, q.task FROM answers a JOIN questions q ON q.id = a.question
         WHERE NOT a.sealed ORDER BY a.question LIMIT CAST($1 AS BIGINT)",
        PORTION
    );
    let answers = answers.all(tx).await?;
    let decisions = decisions.into_iter().map(|row| {
        let entry = AuditEntry {
            actor: row.actor,
            verb: row.verb,
            subject: row.subject,
            allowed: row.allowed,
            reason: row.reason,
        };
        (row.seq, Timestamp(row.at), SealedFact::Decision(entry))
    });
    let answers = answers.into_iter().map(|row| {
        let answer = SealedFact::Answer {
            question: QuestionId(row.question.unsigned_abs()),
            task: TaskId(row.task.unsigned_abs()),
            name: row.name,
            via: row.via,
            decision: row.decision,
        };
        (row.question, Timestamp(row.at), answer)
    });
    let mut all: Vec<_> = decisions.chain(answers).collect();
    all.sort_by_key(|(_, at, _)| *at);
    Ok(all)
}

/// Removes the start of the ledger with the decisions that it seals. The link before the first
/// remaining one stays, since that one is verified with it. Answers stay with their questions.
pub(super) async fn prune(tx: &mut Connection, until: Timestamp) -> StoreResult<u64> {
    let links = scalar!(
        i64,
        r#"SELECT link AS "link!" FROM ledger WHERE link < (SELECT coalesce((SELECT min(link) FROM ledger WHERE at >= $2), max(link)) - 1 FROM ledger)
           ORDER BY link LIMIT CAST($1 AS BIGINT)"#,
        PORTION,
        until.0
    );
    let links = json(&links.all(&mut *tx).await?);
    Ok(removed!(
        tx,
        statement!("DELETE FROM audit WHERE seq IN (SELECT ref FROM ledger WHERE kind = 'audit' AND link IN
                 (SELECT CAST(atom AS BIGINT) FROM json_each($1)))",
            links
        ),
        statement!("DELETE FROM ledger WHERE link IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            links
        ),
    ))
}
