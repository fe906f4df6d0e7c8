//! How a repository names the branches of tasks, and how it ends their commit messages.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    ids::TaskId,
    input::{Branch, Title},
    invalid::{Invalid, shown},
};

/// What a repository wants of branches and commits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Conventions {
    /// The names of branches; `vine/{id}-{title}` if it says nothing.
    pub branches: Option<BranchPattern>,
    /// The last lines of commit messages; `Task: …` and `Requested-by: …` if it says nothing.
    pub trailers: Option<Trailers>,
}

impl Conventions {
    /// The branch of a task that names none.
    pub fn branch(&self, id: TaskId, title: &Title) -> Branch {
        let named = self.branches.as_ref().and_then(|one| one.of(id, title));
        named.unwrap_or_else(|| Branch::of_task(id, title))
    }

    /// The last lines of a commit message.
    pub fn trailers(&self, id: TaskId, requester: &str) -> String {
        match &self.trailers {
            Some(trailers) => trailers.of(id, requester),
            None => Trailers::ours().of(id, requester),
        }
    }

    /// For people: `branches agents/{id}`; empty if nothing is set.
    pub fn said(&self) -> Vec<String> {
        let branches = self.branches.as_ref();
        let branches = branches.map(|pattern| format!("branches `{}`", pattern.as_str()));
        let trailers = self.trailers.as_ref().map(|lines| match lines.0.len() {
            0 => "no trailers".to_owned(),
            _ => format!("trailers `{lines}`"),
        });
        branches.into_iter().chain(trailers).collect()
    }
}

/// The name of a branch with places for the task: `agents/{id}-{title}`. It holds `{id}` (T-142) or `{number}`
/// (142), so that tasks do not share a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BranchPattern(String);

impl BranchPattern {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(&self, id: TaskId, title: &Title) -> Option<Branch> {
        let title = title.as_words();
        let number = id.0.to_string();
        let places = [
            ("{id}", id.to_string()),
            ("{number}", number),
            ("{title}", title),
        ];
        filled(&self.0, &places).parse().ok()
    }
}

/// Fills each place once; what is filled in is not read again.
fn filled(pattern: &str, places: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (before, place) = rest.split_at(at);
        text.push_str(before);
        match places.iter().find(|(name, _)| place.starts_with(name)) {
            Some((name, value)) => {
                text.push_str(value);
                rest = &place[name.len()..];
            }
            None => {
                text.push('{');
                rest = &place[1..];
            }
        }
    }
    text + rest
}

/// Whether a text has braces other than those of these places.
fn has_other_places(text: &str, places: &[&str]) -> bool {
    let without = places
        .iter()
        .fold(text.to_owned(), |text, place| text.replace(place, ""));
    without.contains(['{', '}'])
}

impl FromStr for BranchPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse =
            |hint: &str| Invalid::new("branch pattern", format!("`{}`", shown(text)), hint);
        let places = ["{id}", "{number}", "{title}"];
        if has_other_places(text, &places) {
            return Err(refuse("its places are {id}, {number} and {title}"));
        }
        if !places[..2].iter().any(|place| text.contains(place)) {
            return Err(refuse(
                "add {id} or {number}, so that each task has a branch of its own",
            ));
        }
        if text.len() > LONGEST {
            return Err(refuse("use at most 100 characters"));
        }
        let sample = places
            .iter()
            .fold(text.to_owned(), |text, place| text.replace(place, "x"));
        sample.parse::<Branch>()?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for BranchPattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<BranchPattern> for String {
    fn from(pattern: BranchPattern) -> Self {
        pattern.0
    }
}

/// The longest pattern and the longest trailer.
const LONGEST: usize = 100;
/// The most trailers.
const MOST: usize = 10;

/// Last lines of commit messages, each a `Key: value` as git-interpret-trailers(1) knows them. Values may hold
/// `{id}` and `{requester}`. As a text they have `; ` between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Trailers(Vec<String>);

impl Trailers {
    fn ours() -> Self {
        Self(vec![
            "Task: {id}".into(),
            "Requested-by: {requester}".into(),
        ])
    }

    fn of(&self, id: TaskId, requester: &str) -> String {
        // A name must not begin another line.
        let requester: String = requester.chars().filter(|c| !c.is_control()).collect();
        let places = [("{id}", id.to_string()), ("{requester}", requester)];
        let lines: Vec<String> = self.0.iter().map(|line| filled(line, &places)).collect();
        lines.join("\n")
    }
}

impl std::fmt::Display for Trailers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl FromStr for Trailers {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let lines = text
            .split(';')
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.map(trailer).collect::<Result<_, _>>()?;
        match lines.len() > MOST {
            true => Err(Invalid::new(
                "trailers",
                "there are more than 10",
                "use fewer",
            )),
            false => Ok(Self(lines)),
        }
    }
}

fn trailer(line: &str) -> Result<String, Invalid> {
    let refuse = |hint: &str| Invalid::new("trailer", format!("`{}`", shown(line)), hint);
    let is_key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let (key, value) = line.split_once(": ").unwrap_or_default();
    if !is_key(key) || value.trim().is_empty() {
        return Err(refuse("write it as `Key: value`, like `Refs: {id}`"));
    }
    if line.chars().count() > LONGEST || line.chars().any(char::is_control) {
        return Err(refuse("use one line of at most 100 characters"));
    }
    if has_other_places(line, &["{id}", "{requester}"]) {
        return Err(refuse("its places are {id} and {requester}"));
    }
    Ok(line.to_owned())
}

impl TryFrom<String> for Trailers {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Trailers> for String {
    fn from(trailers: Trailers) -> Self {
        trailers.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(text: &str) -> Title {
        text.parse().expect("a title")
    }

    #[test]
    fn branches_are_named_by_the_pattern_of_their_repository() {
        let named = |pattern: &str, text: &str| {
            let branches = Some(pattern.parse().expect(pattern));
            let conventions = Conventions {
                branches,
                ..Conventions::default()
            };
            conventions.branch(TaskId(7), &title(text)).to_string()
        };
        assert_eq!(
            named("agents/{id}-{title}", "Paint the door"),
            "agents/T-7-paint-the-door"
        );
        assert_eq!(named("feature/{number}", "Paint the door"), "feature/7");
        assert_eq!(named("{title}.{number}", "日本"), "task.7");
        assert_eq!(
            named("a/{title}/{id}", "{id}"),
            "a/id/T-7",
            "a title is not read as a pattern"
        );
        let none = Conventions::default();
        assert_eq!(
            none.branch(TaskId(7), &title("Paint")).as_str(),
            "vine/T-7-paint"
        );
    }

    #[test]
    fn patterns_that_make_bad_branches_are_refused() {
        for (pattern, word) in [
            ("", "add {id}"),
            ("agents/{title}", "add {id}"),
            ("agents/{user}-{id}", "its places"),
            ("agents/{id", "its places"),
            ("-{id}", "branch"),
            ("a b/{id}", "branch"),
            ("{id}.lock", "branch"),
            ("a..b/{id}", "branch"),
        ] {
            let error = pattern.parse::<BranchPattern>().expect_err(pattern);
            assert!(format!("{error:?}").contains(word), "{pattern}: {error:?}");
        }
        let long = format!("{}/{{id}}", "x".repeat(100));
        assert!(long.parse::<BranchPattern>().is_err());
    }

    #[test]
    fn trailers_are_those_of_the_repository() {
        let said = |text: &str| {
            let trailers = Some(text.parse().expect(text));
            let conventions = Conventions {
                trailers,
                ..Conventions::default()
            };
            conventions.trailers(TaskId(7), "Ann {id}\nSigned-off-by: Eve")
        };
        assert_eq!(
            said("Refs: {id}; Change-type: fix"),
            "Refs: T-7\nChange-type: fix"
        );
        assert_eq!(said("By: {requester}"), "By: Ann {id}Signed-off-by: Eve");
        assert_eq!(said(""), "");
        assert_eq!(
            Conventions::default().trailers(TaskId(7), "Ann"),
            "Task: T-7\nRequested-by: Ann"
        );
        for wrong in [
            "Refs",
            "Refs:",
            "Re fs: x",
            ": x",
            "Refs: {title}",
            "Refs: a\u{7}b",
        ] {
            assert!(wrong.parse::<Trailers>().is_err(), "{wrong}");
        }
    }
}
