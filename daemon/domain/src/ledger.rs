//! Decisions and answers in a hash chain: each link is a hash of the previous link and of the
//! record that it seals. If a record is changed, removed or inserted, no later link matches.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    access::AuditEntry,
    clock::Timestamp,
    ids::{QuestionId, TaskId},
};

/// The record that a link seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum SealedFact {
    /// A decision in the audit.
    Decision(AuditEntry),
    /// A person's answer.
    Answer {
        /// To which question.
        question: QuestionId,
        /// Of which task.
        task: TaskId,
        /// By whom.
        name: String,
        /// Where it was given: a platform, `console`, `shell`.
        via: String,
        /// The decision as it is stored, in JSON.
        decision: String,
    },
}

/// A record with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LedgerEntry {
    /// Counts from 1.
    pub link: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided or answered.
    #[serde(flatten)]
    pub sealed: SealedFact,
    /// The hash: SHA-256 in hex.
    pub chain: String,
}

/// The hash before the first link.
pub const BEGIN: &str = "";

/// The hash of a link. Its input: the previous hash, a line break, the time in RFC 3339, a line
/// break, and the sealed record in JSON.
pub fn chain(before: &str, at: Timestamp, sealed: &SealedFact) -> String {
    let text = serde_json::to_string(sealed).expect("plain values");
    let bytes = Sha256::digest(format!("{before}\n{at}\n{text}"));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Why a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// The sealed record was changed, or the previous link was.
    #[error("link {0} does not match its hash: it, or the record that it seals, was changed")]
    Changed(u64),
    /// A link is missing.
    #[error("link {0} is missing")]
    Missing(u64),
}

/// Checks that a record follows the previous link, given by its number and hash.
pub fn follows(before: (u64, &str), record: &LedgerEntry) -> Result<(), BrokenChain> {
    let (link, hash) = before;
    if record.link != link + 1 {
        return Err(BrokenChain::Missing(link + 1));
    }
    if record.chain != chain(hash, record.at, &record.sealed) {
        return Err(BrokenChain::Changed(record.link));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<LedgerEntry> {
        let mut records: Vec<LedgerEntry> = Vec::new();
        for link in 1..=5_u64 {
            let entry = AuditEntry {
                actor: format!("Ann {link} (api)"),
                verb: "operate".into(),
                subject: "T-1".into(),
                allowed: true,
                reason: "operator".into(),
            };
            let at = Timestamp(link.cast_signed());
            let sealed = SealedFact::Decision(entry);
            let before = records.last().map_or(BEGIN, |last| &last.chain);
            records.push(LedgerEntry {
                link,
                at,
                chain: chain(before, at, &sealed),
                sealed,
            });
        }
        records
    }

    fn checked(records: &[LedgerEntry]) -> Result<(), BrokenChain> {
        let mut before = (0, BEGIN.to_owned());
        for record in records {
            follows((before.0, &before.1), record)?;
            before = (record.link, record.chain.clone());
        }
        Ok(())
    }

    #[test]
    fn a_record_that_was_changed_taken_out_or_put_in_is_found() {
        assert_eq!(checked(&records()), Ok(()));
        let mut changed = records();
        if let SealedFact::Decision(entry) = &mut changed[2].sealed {
            entry.allowed = false;
        }
        assert_eq!(checked(&changed), Err(BrokenChain::Changed(3)));
        // An attacker recomputes the changed record's hash.
        changed[2].chain = chain(&changed[1].chain, changed[2].at, &changed[2].sealed);
        assert_eq!(checked(&changed), Err(BrokenChain::Changed(4)));
        let mut fewer = records();
        fewer.remove(1);
        assert_eq!(checked(&fewer), Err(BrokenChain::Missing(2)));
        let mut later = records();
        later[4].at = Timestamp(6);
        assert_eq!(checked(&later), Err(BrokenChain::Changed(5)));
    }

    #[test]
    fn what_is_read_back_has_the_same_hash() {
        let first = &records()[0];
        let text = serde_json::to_string(first).expect("json");
        let read: LedgerEntry = serde_json::from_str(&text).expect("read");
        assert_eq!(follows((0, BEGIN), &read), Ok(()));
    }
}
