//! What the forges hold. Branches and commits are those of bare repositories on disk.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{apps::App, hooks::Hook};

/// Projects and people.
#[derive(Default)]
pub struct World {
    pub projects: BTreeMap<String, Project>,
    pub users: Vec<User>,
    /// The App, if there is one.
    pub app: Option<App>,
    /// The most entries on a page, if its owner has set that.
    pub page_cap: Option<usize>,
    next: u64,
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub token: String,
    /// Whether they may write to projects.
    pub writes: bool,
    /// Whether they may make webhooks.
    pub administers: bool,
}

/// A project.
pub struct Project {
    pub id: u64,
    pub path: String,
    pub bare: PathBuf,
    pub requests: Vec<Request>,
    /// The checks of commits.
    pub checks: BTreeMap<String, Vec<Check>>,
    pub labels: Vec<(u64, String)>,
    pub hooks: Vec<Hook>,
    /// Tokens may not read check runs, only jobs.
    pub hides_checks: bool,
}

/// A check of a commit.
#[derive(Debug, Clone)]
pub struct Check {
    pub id: u64,
    pub name: String,
    pub state: State,
    pub log: String,
}

/// The state of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    Passed,
    Failed,
}

/// A request to merge.
#[derive(Debug, Clone)]
pub struct Request {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub head: String,
    pub base: String,
    pub draft: bool,
    pub stage: Stage,
    /// Who owns the fork that its branch is in; `None` if it is in the project.
    pub fork: Option<String>,
    /// The head when it was merged or closed, or that of a fork.
    pub last: Option<String>,
    pub labels: Vec<String>,
    pub reviewers: Vec<String>,
    pub assignees: Vec<String>,
    pub remarks: Vec<Remark>,
}

/// Whether a request is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    Open,
    Merged(u64),
    Closed(u64),
}

/// Something said at a request.
#[derive(Debug, Clone)]
pub struct Remark {
    pub id: u64,
    pub author: u64,
    pub body: String,
    pub kind: Kind,
}

/// The kinds of remarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Comment,
    /// `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`.
    Review(&'static str),
    /// At a line, within a review.
    Line {
        path: String,
        line: u64,
        review: u64,
    },
    /// A reply to another one.
    Reply(u64),
}

impl World {
    pub fn id(&mut self) -> u64 {
        self.next += 1;
        1000 + self.next
    }

    /// An account. Its number is what people are listed by.
    pub fn add_user(&mut self, name: &str, writes: bool) -> u64 {
        let id = self.id();
        self.users.push(User {
            id,
            name: name.into(),
            token: format!("token-of-{name}"),
            writes,
            administers: writes,
        });
        id
    }

    pub fn add_project(&mut self, path: &str, bare: &Path) {
        let id = self.id();
        let label = self.id();
        self.projects.insert(
            path.into(),
            Project {
                id,
                path: path.into(),
                bare: bare.to_owned(),
                requests: Vec::new(),
                checks: BTreeMap::new(),
                labels: vec![(label, "vine".into())],
                hooks: Vec::new(),
                hides_checks: false,
            },
        );
    }

    pub fn user_of(&self, token: &str) -> Option<User> {
        self.users.iter().find(|user| user.token == token).cloned()
    }

    pub fn user(&self, id: u64) -> &User {
        let found = self.users.iter().find(|user| user.id == id);
        found.expect("a user of this world")
    }

    pub fn named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The only project.
    pub fn project(&mut self) -> &mut Project {
        self.projects.values_mut().next().expect("a project")
    }

    /// Somebody says something at a request.
    pub fn say(&mut self, number: u64, by: &str, body: &str, kind: Kind) -> u64 {
        let id = self.id();
        let author = self.named(by).expect("somebody with an account").id;
        let request = self.project().request(number).expect("a request");
        request.remarks.push(Remark {
            id,
            author,
            body: body.into(),
            kind,
        });
        id
    }

    /// A check of the head of a request.
    pub fn check(&mut self, number: u64, name: &str, state: State, log: &str) {
        let id = self.id();
        let project = self.project();
        let request = project.request(number).expect("a request");
        let branch = request.head.clone();
        let head = project.tip(&branch).expect("its branch");
        let checks = project.checks.entry(head).or_default();
        checks.retain(|check| check.name != name);
        checks.push(Check {
            id,
            name: name.into(),
            state,
            log: log.into(),
        });
    }
}

impl Project {
    pub fn request(&mut self, number: u64) -> Option<&mut Request> {
        self.requests.iter_mut().find(|one| one.number == number)
    }

    /// The commit at a branch.
    pub fn tip(&self, branch: &str) -> Option<String> {
        self.git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("refs/heads/{branch}^{{commit}}"),
        ])
    }

    /// The commit at the head of a request.
    pub fn head(&self, request: &Request) -> String {
        match &request.last {
            Some(last) => last.clone(),
            None => self.tip(&request.head).unwrap_or_default(),
        }
    }

    /// The parents of a commit.
    pub fn parents(&self, sha: &str) -> Vec<String> {
        let found = self.git(&["rev-list", "--parents", "-n", "1", sha]);
        let found = found.unwrap_or_default();
        found
            .split_whitespace()
            .skip(1)
            .map(str::to_owned)
            .collect()
    }

    pub fn default_branch(&self) -> String {
        self.git(&["symbolic-ref", "--short", "HEAD"])
            .unwrap_or_else(|| "main".into())
    }

    /// Whether the branches cannot be merged without a person.
    pub fn conflicts(&self, base: &str, head: &str) -> bool {
        self.git(&["merge-tree", "--write-tree", base, head])
            .is_none()
    }

    /// Merges a commit into a branch.
    pub fn merge(&self, into: &str, commit: &str, squash: bool, message: &str) -> bool {
        let (Some(tree), Some(tip)) = (
            self.git(&["merge-tree", "--write-tree", into, commit]),
            self.tip(into),
        ) else {
            return false;
        };
        let mut arguments = vec!["commit-tree", tree.as_str(), "-p", tip.as_str()];
        if !squash {
            arguments.extend(["-p", commit]);
        }
        arguments.extend(["-m", message]);
        let Some(merged) = self.git(&arguments) else {
            return false;
        };
        self.git(&["update-ref", &format!("refs/heads/{into}"), &merged, &tip])
            .is_some()
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.bare)
            .args(arguments)
            .envs([
                ("GIT_AUTHOR_NAME", "Forge"),
                ("GIT_AUTHOR_EMAIL", "forge@example.org"),
                ("GIT_COMMITTER_NAME", "Forge"),
                ("GIT_COMMITTER_EMAIL", "forge@example.org"),
            ])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    /// Adds a request of a branch of the project.
    pub fn open(&mut self, title: &str, body: &str, head: &str, base: &str) -> &mut Request {
        let number = self.requests.len() as u64 + 1;
        self.requests.push(Request {
            number,
            title: title.into(),
            body: body.into(),
            head: head.into(),
            base: base.into(),
            draft: false,
            stage: Stage::Open,
            fork: None,
            last: None,
            labels: Vec::new(),
            reviewers: Vec::new(),
            assignees: Vec::new(),
            remarks: Vec::new(),
        });
        self.requests.last_mut().expect("just added")
    }

    /// Why it cannot be opened: the branch is missing, has nothing new, or has an open request.
    pub fn not_openable(&self, head: &str, base: &str) -> Option<&'static str> {
        let is_open = |one: &&Request| {
            one.fork.is_none() && one.head == head && one.base == base && one.stage == Stage::Open
        };
        match (self.tip(head), self.tip(base)) {
            (None, _) | (_, None) => Some("a branch is missing"),
            (Some(head), Some(base)) if head == base => Some("No commits between the branches"),
            _ if self.requests.iter().any(|one| is_open(&one)) => {
                Some("A pull request already exists")
            }
            _ => None,
        }
    }

    /// Merges a request. `Err` says why not.
    pub fn merge_request(
        &mut self,
        number: u64,
        by: u64,
        squash: bool,
    ) -> Result<(), &'static str> {
        let request = self
            .requests
            .iter()
            .find(|one| one.number == number)
            .ok_or("Not Found")?;
        let (head, base, draft) = (self.head(request), request.base.clone(), request.draft);
        if draft {
            return Err("Pull Request is still a draft");
        }
        if request.stage != Stage::Open {
            return Err("Pull Request is not open");
        }
        if !self.merge(&base, &head, squash, &format!("Merge #{number}")) {
            return Err("Pull Request has merge conflicts");
        }
        let request = self.request(number).ok_or("Not Found")?;
        request.stage = Stage::Merged(by);
        request.last = Some(head);
        Ok(())
    }

    pub fn close_request(&mut self, number: u64, by: u64) {
        let Some(at) = self.requests.iter().position(|one| one.number == number) else {
            return;
        };
        let head = self.head(&self.requests[at]);
        if self.requests[at].stage == Stage::Open {
            self.requests[at].stage = Stage::Closed(by);
            self.requests[at].last = Some(head);
        }
    }
}
