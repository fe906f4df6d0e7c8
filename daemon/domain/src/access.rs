//! Who may do what. Denies by default: being in a room, or being known, grants nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ids::UserId, input::Slug, question::Ask};

/// The platform under which the page and the API know people: by their own [`UserId`].
pub const OURSELVES: &str = "vine";

/// What a person is trusted with. Each role includes the ones listed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Answers clarifying questions and plans.
    Answerer,
    /// Creates, cancels and retries tasks, ends sessions, approves permissions.
    Operator,
    /// Workers, repositories, tokens, policies.
    Admin,
}

impl Role {
    /// The word for this role in configuration, in the store and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Answerer => "answerer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads [`Role::as_str`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Answerer, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

/// What someone wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Look at tasks, questions, workers and queues.
    See,
    /// Look at who did what.
    Inspect,
    /// Answer a clarifying question, or approve or send back a plan.
    Answer,
    /// Decide on a permission question.
    Approve,
    /// Create, cancel, retry and reorder tasks; end sessions; pause and resume queues.
    Operate,
    /// Enrol and remove workers, add repositories, hand out tokens.
    Administer,
}

impl Verb {
    /// The least role that may do this.
    pub fn needs(self) -> Role {
        match self {
            Self::See => Role::Viewer,
            Self::Answer => Role::Answerer,
            Self::Approve | Self::Operate => Role::Operator,
            Self::Inspect | Self::Administer => Role::Admin,
        }
    }

    /// Whether it changes nothing.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::See | Self::Inspect)
    }

    /// The word for this verb in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Inspect => "inspect",
            Self::Answer => "answer",
            Self::Approve => "approve",
            Self::Operate => "operate",
            Self::Administer => "administer",
        }
    }
}

/// A person with a record here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Identity, the same on every platform.
    pub id: UserId,
    /// What others call this person; never used to decide anything.
    pub name: String,
    /// The role everywhere; `None` grants nothing.
    pub role: Option<Role>,
    /// Roles in single repositories, in addition to `role`; the higher one counts.
    #[serde(default)]
    pub repos: BTreeMap<Slug, Role>,
}

impl User {
    /// The role that applies in `repo`, or to what belongs to no repository.
    pub fn role_in(&self, repo: Option<&Slug>) -> Option<Role> {
        repo.and_then(|repo| self.repos.get(repo).copied())
            .max(self.role)
    }
}

/// A person named in the configuration, with their identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredPerson {
    /// The person and their roles.
    pub user: User,
    /// Platforms, each with its stable id of the person.
    pub identities: Vec<(String, String)>,
}

impl ConfiguredPerson {
    /// The platform's id of the person.
    pub fn on(&self, platform: &str) -> Option<&str> {
        self.identities
            .iter()
            .find(|(known, _)| known == platform)
            .map(|(_, subject)| subject.as_str())
    }
}

/// Why someone is not allowed to do something, and which role would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} is not allowed to do this here; `{}` requires role `{}`", .verb.as_str(), .needs.as_str())]
pub struct Denied {
    /// The person, or `an unknown user`.
    pub who: String,
    /// What was requested.
    pub verb: Verb,
    /// The least role that may do it here.
    pub needs: Role,
}

/// The one decision about access: whether `user` may do `verb`, in `repo` if one is given. Returns
/// the role that allows it.
pub fn decide(user: Option<&User>, verb: Verb, repo: Option<&Slug>) -> Result<Role, Denied> {
    let who = user.map_or_else(|| "an unknown user".to_owned(), |user| user.name.clone());
    user.and_then(|user| user.role_in(repo))
        .filter(|role| *role >= verb.needs())
        .ok_or(Denied {
            who,
            verb,
            needs: verb.needs(),
        })
}

/// Who decides agents' questions, if configured differently from [`Verb::needs`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionRule {
    /// The repository; `None` for all without their own rule.
    pub repo: Option<Slug>,
    /// The least role for permissions.
    pub permissions: Option<Role>,
    /// The least role for plans.
    pub plans: Option<Role>,
    /// A task's requester must not decide its permissions and plans.
    pub not_own: bool,
}

/// All decision rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionRules(pub Vec<DecisionRule>);

/// Someone's own task, in a repository where others must decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{who} created this task, and in `{repo}` requesters do not decide permissions and plans of their own tasks"
)]
pub struct RequesterMayNotDecide {
    /// Who wanted to.
    pub who: String,
    /// Where.
    pub repo: Slug,
}

/// What answering requires, unless a rule says otherwise.
pub fn verb_for(ask: &Ask) -> Verb {
    match ask {
        Ask::Clarify { .. } | Ask::Plan { .. } => Verb::Answer,
        Ask::Permission { .. } => Verb::Approve,
    }
}

impl DecisionRules {
    fn of(&self, repo: &Slug) -> Option<&DecisionRule> {
        let named = |name: Option<&Slug>| self.0.iter().find(|rule| rule.repo.as_ref() == name);
        named(Some(repo)).or_else(|| named(None))
    }

    /// The least role that may decide this here.
    pub fn needs(&self, repo: &Slug, ask: &Ask) -> Role {
        let rule = self.of(repo);
        let said = match ask {
            Ask::Permission { .. } => rule.and_then(|rule| rule.permissions),
            Ask::Plan { .. } => rule.and_then(|rule| rule.plans),
            Ask::Clarify { .. } => None,
        };
        said.unwrap_or_else(|| verb_for(ask).needs())
    }

    /// Whether a person's role is sufficient to decide this here.
    pub fn allow(&self, user: Option<&User>, repo: &Slug, ask: &Ask) -> bool {
        let role = user.and_then(|user| user.role_in(Some(repo)));
        role >= Some(self.needs(repo, ask))
    }

    /// Whether a person may decide this for a task of `requester`.
    pub fn not_own(
        &self,
        name: &str,
        requester: &str,
        repo: &Slug,
        ask: &Ask,
    ) -> Result<(), RequesterMayNotDecide> {
        let own = name == requester && !matches!(ask, Ask::Clarify { .. });
        match own && self.of(repo).is_some_and(|rule| rule.not_own) {
            true => Err(RequesterMayNotDecide {
                who: name.to_owned(),
                repo: repo.clone(),
            }),
            false => Ok(()),
        }
    }
}

/// Which repositories a person's lists cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListScope {
    /// All, and also what belongs to no repository: workers and queues.
    Everything,
    /// These repositories.
    Only(Vec<Slug>),
}

/// Where `user` may [`Verb::See`]; denied if nowhere.
pub fn sight(user: Option<&User>) -> Result<ListScope, Denied> {
    let denied = match decide(user, Verb::See, None) {
        Ok(_) => return Ok(ListScope::Everything),
        Err(denied) => denied,
    };
    let repos = user.into_iter().flat_map(|user| user.repos.keys());
    let own: Vec<Slug> = repos
        .filter(|repo| decide(user, Verb::See, Some(repo)).is_ok())
        .cloned()
        .collect();
    if own.is_empty() {
        Err(denied)
    } else {
        Ok(ListScope::Only(own))
    }
}

/// One line of the audit: who requested what, and how it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// The person's or worker's name, with the kind of proof: `ann (token)`.
    pub actor: String,
    /// What was requested, as `verb` or `verb: command`.
    pub verb: String,
    /// What it was requested for: `T-142`, `repo site`.
    pub subject: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// The role that allowed it, or the reason for the refusal.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Ids, System};

    fn user(role: Option<Role>, here: Option<Role>) -> User {
        let repos = here
            .map(|role| (Slug::from_text("site"), role))
            .into_iter()
            .collect();
        User {
            id: UserId(System.uuid()),
            name: "Ann".into(),
            role,
            repos,
        }
    }

    #[test]
    fn the_whole_table_of_roles_and_verbs() {
        let verbs = [
            Verb::See,
            Verb::Answer,
            Verb::Approve,
            Verb::Operate,
            Verb::Administer,
        ];
        let may = |role| verbs.map(|verb| decide(Some(&user(role, None)), verb, None).is_ok());
        assert_eq!(may(None), [false; 5]);
        assert_eq!(may(Some(Role::Viewer)), [true, false, false, false, false]);
        assert_eq!(may(Some(Role::Answerer)), [true, true, false, false, false]);
        assert_eq!(may(Some(Role::Operator)), [true, true, true, true, false]);
        assert_eq!(may(Some(Role::Admin)), [true; 5]);
    }

    #[test]
    fn strangers_are_denied_and_a_repository_role_counts_only_there() {
        assert!(decide(None, Verb::See, None).is_err());
        let ann = user(Some(Role::Viewer), Some(Role::Operator));
        let here = Slug::from_text("site");
        let there = Slug::from_text("other");
        assert_eq!(
            decide(Some(&ann), Verb::Operate, Some(&here)),
            Ok(Role::Operator)
        );
        assert!(decide(Some(&ann), Verb::Operate, Some(&there)).is_err());
        assert!(decide(Some(&ann), Verb::Operate, None).is_err());
    }

    #[test]
    fn a_person_of_one_repository_sees_that_one_and_a_stranger_none() {
        assert_eq!(
            sight(Some(&user(Some(Role::Viewer), Some(Role::Admin)))),
            Ok(ListScope::Everything)
        );
        assert_eq!(
            sight(Some(&user(None, Some(Role::Viewer)))),
            Ok(ListScope::Only(vec![Slug::from_text("site")]))
        );
        assert!(sight(Some(&user(None, None))).is_err() && sight(None).is_err());
    }

    #[test]
    fn a_repository_may_ask_for_more_and_for_somebody_else() {
        let site = Slug::from_text("site");
        let rules = DecisionRules(vec![
            DecisionRule {
                repo: Some(site.clone()),
                permissions: Some(Role::Admin),
                not_own: true,
                ..DecisionRule::default()
            },
            DecisionRule {
                plans: Some(Role::Operator),
                ..DecisionRule::default()
            },
        ]);
        let plan = Ask::Plan { plan: "1".into() };
        let permission = Ask::Permission {
            tool: "Bash".into(),
            what: "make".into(),
            why: String::new(),
            rules: vec![],
        };
        let shop = Slug::from_text("shop");
        assert_eq!(rules.needs(&site, &permission), Role::Admin);
        assert_eq!(rules.needs(&site, &plan), Role::Answerer);
        assert_eq!(rules.needs(&shop, &plan), Role::Operator);
        let operator = user(Some(Role::Operator), None);
        assert!(!rules.allow(Some(&operator), &site, &permission));
        assert!(rules.allow(Some(&operator), &shop, &permission));
        assert!(!rules.allow(None, &shop, &plan));
        assert!(rules.not_own("Ann", "Ann", &site, &plan).is_err());
        assert!(rules.not_own("Ann", "Bob", &site, &plan).is_ok());
        assert!(rules.not_own("Ann", "Ann", &shop, &plan).is_ok());
    }
}
