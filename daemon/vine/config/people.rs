//! `[[people]]`: who may do what, and how platforms know them.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use vine_app::people::ISSUER;
use vine_domain::{ConfiguredPerson, Role, Slug, User, UserId, uuid_of};

/// A person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonConfig {
    pub name: String,
    pub role: Option<Role>,
    pub repos: BTreeMap<Slug, Role>,
    pub matrix: Option<String>,
    pub slack: Option<String>,
    pub discord: Option<String>,
    pub github: Option<u64>,
    pub gitlab: Option<u64>,
    pub forgejo: Option<u64>,
    pub oidc: Option<String>,
}

impl PersonConfig {
    /// With every key that a person can have.
    pub fn sample() -> Self {
        Self {
            name: String::new(),
            role: Some(Role::Viewer),
            repos: [(Slug::from_text("site"), Role::Viewer)].into(),
            matrix: Some(String::new()),
            slack: Some(String::new()),
            discord: Some(String::new()),
            github: Some(1),
            gitlab: Some(1),
            forgejo: Some(1),
            oidc: Some(String::new()),
        }
    }

    fn grant(&self) -> Result<ConfiguredPerson> {
        if self.name.trim().is_empty() {
            bail!("people: an entry has no name; give each one a `name` that messages can use");
        }
        if Role::from_word(&self.name).is_some() {
            bail!("people: `{}` is a role and cannot be a name", self.name);
        }
        let matrix = self
            .matrix
            .as_deref()
            .map(|id| mxid(&self.name, id))
            .transpose()?;
        let user = User {
            id: UserId(uuid_of(&format!("person {}", self.name))),
            name: self.name.clone(),
            role: self.role,
            repos: self.repos.clone(),
        };
        let slack = self
            .slack
            .as_deref()
            .map(|id| member_id(&self.name, id))
            .transpose()?;
        let discord = self
            .discord
            .as_deref()
            .map(|id| snowflake(&self.name, id))
            .transpose()?;
        // Names on forges can be changed by anybody, numbers cannot.
        let number = |id: Option<u64>| id.map(|id| id.to_string());
        let identities = [
            ("matrix", matrix),
            ("slack", slack),
            ("discord", discord),
            ("github", number(self.github)),
            ("gitlab", number(self.gitlab)),
            ("forgejo", number(self.forgejo)),
            (ISSUER, self.oidc.clone()),
        ];
        Ok(ConfiguredPerson {
            user,
            identities: identities
                .into_iter()
                .filter_map(|(platform, id)| Some((platform.to_owned(), id?)))
                .collect(),
        })
    }
}

/// `@ann:example.org`; anybody could take a display name.
fn mxid(name: &str, id: &str) -> Result<String> {
    let whole = id
        .strip_prefix('@')
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(local, server)| !local.is_empty() && !server.is_empty());
    if !whole || id.chars().any(char::is_whitespace) {
        bail!("people: `{id}` of {name} is not a Matrix id; write it like @ann:example.org");
    }
    Ok(id.to_owned())
}

/// `U024BE7LH`, from "Copy member ID" in a profile; for people of another workspace, after its id
/// and a colon, as refusals show it. Names and addresses can be changed by anybody.
fn member_id(name: &str, id: &str) -> Result<String> {
    let is = |part: &str, kinds: [char; 2]| {
        part.starts_with(kinds)
            && part.len() > 4
            && part
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    let fits = match id.split_once(':') {
        Some((workspace, member)) => is(workspace, ['T', 'E']) && is(member, ['U', 'W']),
        None => is(id, ['U', 'W']),
    };
    if !fits {
        bail!(
            "people: `{id}` of {name} is not a Slack member id; copy it from their profile. It \
             looks like U024BE7LH, or T02ABC3DE:U024BE7LH for people of another workspace"
        );
    }
    Ok(id.to_owned())
}

/// `80351110224678912`, from "Copy User ID"; names can be changed by anybody.
fn snowflake(name: &str, id: &str) -> Result<String> {
    if id.len() < 17 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!(
            "people: `{id}` of {name} is not a Discord user id; copy the long number with \"Copy User ID\""
        );
    }
    Ok(id.to_owned())
}

/// The configured people. Names and identities are unique.
pub fn grants(people: &[PersonConfig]) -> Result<Vec<ConfiguredPerson>> {
    let grants: Vec<ConfiguredPerson> = people
        .iter()
        .map(PersonConfig::grant)
        .collect::<Result<_>>()?;
    let mut taken = HashSet::new();
    for grant in &grants {
        let name = ("name".to_owned(), grant.user.name.to_lowercase());
        for key in grant.identities.iter().cloned().chain([name]) {
            if !taken.insert(key.clone()) {
                bail!("people: two entries have the same {} `{}`", key.0, key.1);
            }
        }
    }
    Ok(grants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn people(text: &str) -> Result<Vec<ConfiguredPerson>> {
        grants(&toml::from_str::<Config>(text)?.people)
    }

    #[test]
    fn a_person_has_a_role_and_identities() {
        let read = people(
            "[[people]]\nname = \"Ann\"\nrole = \"operator\"\nrepos = { site = \"admin\" }\nmatrix = \"@ann:x.org\"",
        )
        .expect("good");
        assert_eq!(
            (read[0].user.role, read[0].on("matrix")),
            (Some(Role::Operator), Some("@ann:x.org"))
        );
        assert_eq!(read[0].user.repos[&Slug::from_text("site")], Role::Admin);
    }

    #[test]
    fn people_of_another_workspace_are_named_with_it() {
        let slack = |id: &str| people(&format!("[[people]]\nname = \"Eve\"\nslack = \"{id}\""));
        for id in ["U024BE7LH", "W024BE7LH", "T9EVIL:U9EVE", "E0ORG1:W0EVE"] {
            assert_eq!(slack(id).expect("good")[0].on("slack"), Some(id));
        }
        for id in ["eve", "T9EVIL:", ":U9EVE", "T9EVIL", "U9EVE:T9EVIL"] {
            assert!(slack(id).is_err(), "{id}");
        }
    }

    #[test]
    fn doubtful_people_are_refused_in_words() {
        let one = |name: &str, matrix: &str| {
            format!("[[people]]\nname = \"{name}\"\nmatrix = \"{matrix}\"\n")
        };
        for (text, word) in [
            (one("Ann", "ann"), "not a Matrix id"),
            (one("", "@a:x"), "no name"),
            (one("admin", "@a:x"), "is a role"),
            (
                one("Ann", "@a:x") + one("ann", "@b:x").as_str(),
                "same name",
            ),
            (
                one("Ann", "@a:x") + one("Bob", "@a:x").as_str(),
                "same matrix",
            ),
        ] {
            let error = people(&text).expect_err(&text).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
