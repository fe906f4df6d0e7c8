//! `vine audit`: all decisions and answers, and whether they are unchanged.

use crate::output::say;
use anyhow::{Result, bail};
use vine_api::AuditRecords;
use vine_domain::{
    Timestamp,
    ledger::{BEGIN, LedgerEntry, SealedFact, follows},
};

use crate::{
    cli::{AuditArgs, Globals},
    endpoint::Endpoint,
};

/// Records per call.
const PAGE: usize = 1000;

/// What was read and checked so far.
struct LedgerCheck {
    link: u64,
    chain: String,
    count: u64,
}

pub async fn run(globals: &Globals, args: &AuditArgs) -> Result<()> {
    let client = Endpoint::find()?.client();
    let since = args.since.unwrap_or(Timestamp(0));
    let mut checked: Option<LedgerCheck> = None;
    loop {
        let after = checked.as_ref().map_or(0, |checked| checked.link);
        let path = format!("/audit?since={since}&after={after}&limit={PAGE}");
        let page: AuditRecords = client.get(&path).await?;
        let last = page.items.len() < PAGE;
        for record in page.items {
            let (link, chain) = match &checked {
                Some(checked) => (checked.link, checked.chain.clone()),
                // Earlier records were not requested, or were removed because of their age.
                None => (record.link - 1, page.before.clone()),
            };
            let begins = checked.is_none() && chain == BEGIN && record.link > 1;
            if !begins && let Err(broken) = follows((link, &chain), &record) {
                bail!("the audit was changed: {broken}; compare it with an earlier copy");
            }
            show(globals, &record)?;
            let count = checked.map_or(0, |checked| checked.count);
            checked = Some(LedgerCheck {
                link: record.link,
                chain: record.chain,
                count: count + 1,
            });
        }
        if last {
            break;
        }
    }
    match checked {
        Some(LedgerCheck { link, chain, count }) => eprintln!(
            "{count} {}, unchanged. The last link, {link}, is {chain}; store it elsewhere to prove \
             later that nothing was changed.",
            if count == 1 { "record" } else { "records" }
        ),
        None => eprintln!("No decisions or answers were found."),
    }
    Ok(())
}

fn show(globals: &Globals, record: &LedgerEntry) -> Result<()> {
    if globals.json {
        say!("{}", serde_json::to_string(record)?);
        return Ok(());
    }
    let at = record.at.to_minute();
    match &record.sealed {
        SealedFact::Decision(entry) => {
            let decision = if entry.allowed { "allowed" } else { "refused" };
            say!(
                "{at}  {}  {}  {}  {decision}: {}",
                entry.actor,
                entry.verb,
                entry.subject,
                entry.reason
            );
        }
        SealedFact::Answer {
            question,
            task,
            name,
            via,
            decision,
        } => say!("{at}  {name} ({via})  answered {question} of {task}  {decision}"),
    }
    Ok(())
}
