//! What callers may do, and the audit of it.

use vine_domain::{
    Slug, UserId, Verb,
    access::{self, AuditEntry, ListScope},
    invalid::shown,
};

use crate::{AppError, AppResult, Caller, Missing, metrics::RefusalCause, people::People};

impl People {
    /// Decides whether `caller` may do `verb` to `subject`, and records the decision in the audit.
    /// Allowed views are not recorded: a page that refreshes would bury everything else.
    pub async fn allow(
        &self,
        caller: &Caller,
        verb: Verb,
        repo: Option<&Slug>,
        subject: &str,
    ) -> AppResult<()> {
        let entry = self.permit(caller, verb, repo, subject).await?;
        if verb.only_looks() {
            Ok(())
        } else {
            self.audit(entry).await
        }
    }

    /// The same for a write: the audit entry is returned, to be stored together with it. Denials
    /// are recorded here.
    pub(crate) async fn permit(
        &self,
        caller: &Caller,
        verb: Verb,
        repo: Option<&Slug>,
        subject: &str,
    ) -> AppResult<AuditEntry> {
        let decision = access::decide(caller.user.as_ref(), verb, repo);
        let reason = decision
            .as_ref()
            .map_or_else(ToString::to_string, |role| role.as_str().to_owned());
        let actor = format!("{} ({})", caller.name(), caller.via);
        let allowed = decision.is_ok();
        let entry = AuditEntry {
            actor,
            verb: verb.as_str().into(),
            subject: subject.into(),
            allowed,
            reason,
        };
        match decision {
            Ok(_) => Ok(entry),
            Err(denied) => {
                self.metrics.denied(RefusalCause::Role);
                self.audit(entry).await?;
                Err(match repo.filter(|_| caller.user.is_some()) {
                    Some(repo) if !sees(caller, repo) => hidden(subject, repo),
                    _ => denied.into(),
                })
            }
        }
    }

    /// Records an entry in the audit.
    pub(crate) async fn audit(&self, entry: AuditEntry) -> AppResult<()> {
        self.writes.audit(entry).await
    }

    /// What the caller may view; one who may view nothing is refused, which the audit records.
    pub async fn sight(&self, caller: &Caller, subject: &str) -> AppResult<ListScope> {
        match access::sight(caller.user.as_ref()) {
            Ok(sight) => Ok(sight),
            Err(_) => self
                .allow(caller, Verb::See, None, subject)
                .await
                .map(|()| ListScope::Everything),
        }
    }

    /// A person from the configuration, by name, or the caller.
    pub(crate) fn person(&self, caller: &Caller, named: Option<&str>) -> AppResult<UserId> {
        let Some(name) = named else {
            return caller
                .user
                .as_ref()
                .map(|user| user.id)
                .ok_or(AppError::Unauthenticated);
        };
        let settings = self.settings.get();
        let mut people = settings.people.iter();
        people
            .find(|grant| grant.user.name == name)
            .map(|grant| grant.user.id)
            .ok_or_else(|| Missing::Person(shown(name)).into())
    }
}

fn sees(caller: &Caller, repo: &Slug) -> bool {
    access::decide(caller.user.as_ref(), Verb::See, Some(repo)).is_ok()
}

/// The error for what is in a repository that somebody cannot see: the same as if it did not exist.
fn hidden(subject: &str, repo: &Slug) -> AppError {
    let named = subject.split(' ').find_map(|word| {
        let task = word.parse().map(Missing::Task);
        let question = || word.parse().map(Missing::Question);
        let session = |_| word.parse().map(Missing::Session);
        task.or_else(|_| question()).or_else(session).ok()
    });
    named.unwrap_or_else(|| Missing::Repo(repo.clone())).into()
}
