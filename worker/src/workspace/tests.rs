//! How people and agents change repositories, and that no work is lost. Uses real git throughout.

use crate::workspace::changes::GitChanges;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use vine_domain::{
    Epoch, FailureKind, Repo, Slug, TaskId, Timestamp, assignment::UnfinishedWork,
    attempt::Attempt, repo::Push,
};

use super::*;
use crate::config::GitAccess;

/// A source, a worker's state folder, and a task.
struct Bench {
    folder: tempfile::TempDir,
    task: Assignment,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Ann",
            "-c",
            "user.email=ann@localhost",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn git_config() -> GitConfig {
    let commit = CommitConfig {
        name: "Vine".into(),
        email: "vine@localhost".into(),
        trailer: String::new(),
    };
    GitConfig {
        tokens: std::sync::Arc::default(),
        commit,
        access: GitAccess::default(),
        repos: BTreeMap::new(),
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(|source| source.to_owned())
    }

    /// `address` turns the source's folder into the repository's source.
    fn with(address: impl Fn(&str) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("site");
        fs::create_dir(&source).expect("made");
        git(&source, &["init", "--quiet", "--initial-branch=trunk"]);
        fs::write(source.join("README.md"), "# Site\n").expect("written");
        git(&source, &["add", "."]);
        git(&source, &["commit", "--quiet", "-m", "Begin"]);
        let address = address(&source.display().to_string());
        let repo = Repo::new(
            Slug::from_text("site"),
            address.try_into().expect("a source"),
            "trunk".parse().expect("a branch"),
        );
        let task = Assignment {
            attempt: Attempt {
                task: TaskId(1),
                epoch: Epoch(1),
            },
            lease_secs: 60,
            title: "Paint the door".parse().expect("a title"),
            prompt: "Paint".parse().expect("a prompt"),
            base: repo.base.clone(),
            repo,
            branch: "vine/T-1-paint".parse().expect("a branch"),
            model: vine_domain::ModelChoice::default(),
            requester: "Ann".into(),
            created_at: Timestamp(7),
            resume: None,
            unheard: false,
            fork: false,
            unfinished_work: None,
            rounds: Vec::new(),
            answered: vec![],
        };
        Self { folder, task }
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn state(&self, worker: &str) -> PathBuf {
        self.folder.path().join(worker)
    }

    async fn prepare(&self) -> Workspace {
        self.prepare_on("w-1", false).await
    }

    async fn prepare_on(&self, worker: &str, resumes: bool) -> Workspace {
        let state = self.state(worker);
        let git = git_config();
        let prepared = Workspace::prepare(&state, &self.task, &git, resumes);
        prepared
            .await
            .unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    async fn refused(&self) -> Failure {
        let state = self.state("w-1");
        let git = git_config();
        let prepared = Workspace::prepare(&state, &self.task, &git, false);
        prepared.await.expect_err("refused")
    }

    /// Starts another attempt with what the previous one pushed.
    fn hand_on(&mut self, epoch: u64, kept: ReportKeptWork) {
        self.task.attempt.epoch = Epoch(epoch);
        self.task.unfinished_work = kept.name.map(|name| UnfinishedWork {
            name,
            commit: kept.commit.expect("a commit"),
        });
    }

    /// The content of a path on a branch of the source.
    fn shows(&self, name: &str, path: &str) -> String {
        git(&self.source(), &["show", &format!("{name}:{path}")])
    }
}

fn write(workspace: &Workspace, path: &str, text: &str) {
    let path = workspace.folder().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

async fn done(workspace: &mut Workspace) -> GitChanges {
    let notes = workspace
        .finish(&FinishedRun::default())
        .await
        .expect("taken");
    let mut changes = workspace
        .publish(true, &KnownSecrets::default())
        .await
        .expect("published");
    changes.notes.extend(notes);
    changes
}

/// What each agent does in its folder, and where its file must end up.
const WAYS: [(&str, &str); 12] = [
    ("leaves it uncommitted", "echo new > f"),
    ("commits it", "echo new > f; git add .; git commit -qm mine"),
    (
        "amends the only commit",
        "echo new > f; git add .; git commit -q --amend -m mine",
    ),
    (
        "commits on a detached head",
        "git checkout -q --detach; echo new > f; git add .; git commit -qm mine",
    ),
    (
        "commits on a branch of its own",
        "git switch -qc mine; echo new > f; git add .; git commit -qm mine",
    ),
    (
        "begins an orphan branch",
        "git checkout -q --orphan mine; echo new > f",
    ),
    ("removes its repository", "rm -rf .git; echo new > f"),
    (
        "makes a new repository",
        "rm -rf .git; git init -q; echo new > f; git add .; git commit -qm mine",
    ),
    (
        "is killed with the index locked",
        "echo new > f; touch .git/index.lock .git/HEAD.lock",
    ),
    (
        "is killed in a rebase",
        "echo a > f; git add .; git commit -qm a; echo b > f; git commit -qam b; git rebase -q -i --exec false HEAD~1 >&2 || true; echo new > f",
    ),
    (
        "is killed in a merge",
        "git switch -qc other; echo a > f; git add .; git commit -qm a; git switch -q -; echo b > f; git add .; git commit -qm b; git merge other >&2 || true; echo new > f",
    ),
    (
        "names a filter in its own configuration",
        "git config filter.x.clean 'touch ../ran; cat'; echo '* filter=x' > .gitattributes; echo new > f",
    ),
];

#[tokio::test]
async fn whatever_the_agent_does_with_git_its_work_is_on_the_branch_and_nothing_of_it_runs() {
    for (what, way) in WAYS {
        let bench = Bench::new();
        let mut workspace = bench.prepare().await;
        let agent = Command::new("sh")
            .args(["-c", way])
            .env("GIT_SEQUENCE_EDITOR", ":")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Agent")
            .env("GIT_AUTHOR_EMAIL", "agent@localhost")
            .env("GIT_COMMITTER_NAME", "Agent")
            .env("GIT_COMMITTER_EMAIL", "agent@localhost")
            .current_dir(workspace.folder())
            .output()
            .expect("it runs");
        assert!(
            agent.status.success(),
            "{what}: {}",
            String::from_utf8_lossy(&agent.stderr)
        );
        let trunk = git(&bench.source(), &["rev-parse", "trunk"]);
        let changes = done(&mut workspace).await;
        assert!(changes.commit.is_some(), "{what}: {:?}", changes.notes);
        assert_eq!(bench.shows("vine/T-1-paint", "f"), "new", "{what}");
        assert_eq!(
            git(&bench.source(), &["rev-parse", "trunk"]),
            trunk,
            "{what}"
        );
        assert!(changes.patch.contains("+new"), "{what}: {}", changes.patch);
        let ran = workspace.folder().parent().expect("a parent").join("ran");
        assert!(
            !ran.exists(),
            "{what}: a program of the agent's ran as ours"
        );
        workspace.close().await.expect("closed");
        assert!(!workspace.folder().exists(), "{what}");
        assert_eq!(
            git(&bench.source(), &["status", "--porcelain"]),
            "",
            "{what}"
        );
    }
}

#[tokio::test]
async fn what_an_attempt_left_is_a_commit_that_the_next_one_builds_on() {
    let bench = Bench::new();
    let mut first = bench.prepare().await;
    write(&first, "half", "half");
    let kept = first
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept")
        .expect("something");
    assert_eq!(kept.name.as_deref(), Some("refs/vine/T-1"));
    assert_eq!(
        bench.shows("refs/vine/T-1", "half"),
        "half",
        "people can have it"
    );
    let mut second = bench.prepare().await;
    assert!(
        second
            .notes
            .iter()
            .any(|note| note.contains("uncommitted changes")),
        "{:?}",
        second.notes
    );
    write(&second, "whole", "whole");
    done(&mut second).await;
    let count = ["rev-list", "--count", "trunk..vine/T-1-paint"];
    assert_eq!(git(&bench.source(), &count), "2");
    let refs = git(&bench.source(), &["for-each-ref", "refs/vine"]);
    assert_eq!(refs, "", "the branch holds it now");
}

#[tokio::test]
async fn repositories_inside_the_folder_stay_and_are_named() {
    let bench = Bench::new();
    let mut workspace = bench.prepare().await;
    let inner = workspace.folder().join("app");
    fs::create_dir(&inner).expect("made");
    git(&inner, &["init", "-q"]);
    fs::write(inner.join("f"), "x").expect("written");
    git(&inner, &["add", "."]);
    git(&inner, &["commit", "-qm", "x"]);
    write(&workspace, "beside", "y");
    let changes = done(&mut workspace).await;
    assert_eq!(bench.shows("vine/T-1-paint", "beside"), "y");
    assert!(
        !git(&bench.source(), &["ls-tree", "vine/T-1-paint"]).contains("160000"),
        "no link to nowhere"
    );
    let notes = workspace.close().await.expect("closed");
    assert!(inner.join("f").exists(), "it is left in place");
    for notes in [changes.notes, notes] {
        assert!(
            notes
                .iter()
                .any(|note| note.contains("`app`") && note.contains("left in")),
            "{notes:?}"
        );
    }
}

#[tokio::test]
async fn names_are_free_or_gone_on_with_and_never_forced() {
    let mut bench = Bench::new();
    git(&bench.source(), &["branch", "vine"]);
    let mut workspace = bench.prepare().await;
    assert_eq!(workspace.branch(), "vine-T-1-paint");
    write(&workspace, "f", "1");
    // Someone takes the name while the agent works.
    git(&bench.source(), &["branch", "vine-T-1-paint"]);
    let changes = done(&mut workspace).await;
    assert_eq!(changes.branch.as_deref(), Some("vine-T-1-paint-2"));
    assert_eq!(bench.shows("vine-T-1-paint-2", "f"), "1");
    workspace.close().await.expect("closed");

    bench.task.attempt.task = TaskId(2);
    bench.task.branch = "mine".parse().expect("a branch");
    git(&bench.source(), &["branch", "mine"]);
    assert_eq!(bench.refused().await.kind, FailureKind::BranchTaken);
    bench.task.base = "mine".parse().expect("a branch");
    let mut workspace = bench.prepare().await;
    write(&workspace, "f", "2");
    done(&mut workspace).await;
    assert_eq!(bench.shows("mine", "f"), "2", "it is gone on with");
    workspace.close().await.expect("closed");

    bench.task.attempt.task = TaskId(3);
    let mut workspace = bench.prepare().await;
    write(&workspace, "g", "3");
    // A person rewrites the branch meanwhile.
    git(&bench.source(), &["branch", "-f", "mine", "trunk"]);
    git(&bench.source(), &["switch", "-q", "mine"]);
    fs::write(bench.source().join("theirs"), "x").expect("written");
    git(&bench.source(), &["add", "."]);
    git(&bench.source(), &["commit", "-qm", "theirs"]);
    let theirs = git(&bench.source(), &["rev-parse", "mine"]);
    let changes = done(&mut workspace).await;
    assert_eq!(changes.branch.as_deref(), Some("mine-2"));
    assert_eq!(
        git(&bench.source(), &["rev-parse", "mine"]),
        theirs,
        "never forced"
    );

    bench.task.attempt.task = TaskId(4);
    bench.task.branch = "trunk".parse().expect("a branch");
    bench.task.base = "trunk".parse().expect("a branch");
    assert_eq!(
        bench.refused().await.kind,
        FailureKind::BranchTaken,
        "where all tasks start from"
    );
}

#[tokio::test]
async fn a_base_is_the_remotes_as_it_is_now_and_its_default_is_asked() {
    let mut bench = Bench::with(|source| format!("file://{source}"));
    bench.prepare().await.close().await.expect("closed");
    fs::write(bench.source().join("new"), "x").expect("written");
    git(&bench.source(), &["add", "."]);
    git(&bench.source(), &["commit", "-qm", "new"]);
    bench.task.attempt.task = TaskId(2);
    bench.task.base = "HEAD".parse().expect("a branch");
    bench.task.branch = "vine/T-2-paint".parse().expect("a branch");
    let workspace = bench.prepare().await;
    assert!(workspace.folder().join("new").exists());
    bench.task.attempt.task = TaskId(3);
    bench.task.base = "nowhere".parse().expect("a branch");
    assert_eq!(bench.refused().await.kind, FailureKind::BaseMissing);
}

#[tokio::test]
async fn what_is_borrowed_outlives_gc_and_the_deletion_of_the_base() {
    let mut bench = Bench::new();
    git(&bench.source(), &["branch", "feature"]);
    git(&bench.source(), &["switch", "-q", "feature"]);
    fs::write(bench.source().join("only-here"), "x").expect("written");
    git(&bench.source(), &["add", "."]);
    git(&bench.source(), &["commit", "-qm", "only"]);
    git(&bench.source(), &["switch", "-q", "trunk"]);
    bench.task.base = "feature".parse().expect("a branch");
    let mut workspace = bench.prepare().await;
    git(&bench.source(), &["branch", "-qD", "feature"]);
    git(
        &bench.source(),
        &["reflog", "expire", "--expire=now", "--all"],
    );
    git(&bench.source(), &["gc", "-q", "--prune=now"]);
    // Another task makes the keeper fetch from the source again.
    bench.task.attempt.task = TaskId(2);
    bench.task.base = "trunk".parse().expect("a branch");
    let _other = bench.prepare().await;
    let copy = bench.state("w-1").join("repos/site.git");
    git(&copy, &["gc", "-q", "--prune=now"]);
    assert_eq!(
        git(workspace.folder(), &["fsck", "--connectivity-only"]),
        ""
    );
    write(&workspace, "f", "1");
    done(&mut workspace).await;
    assert_eq!(bench.shows("vine/T-1-paint", "only-here"), "x");
}

#[tokio::test]
async fn another_worker_goes_on_from_what_was_pushed() {
    let mut bench = Bench::with(|source| format!("file://{source}"));
    let mut first = bench.prepare_on("w-1", false).await;
    write(&first, "half", "half");
    let kept = first
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept")
        .expect("something");
    bench.task.attempt.epoch = Epoch(2);
    bench.task.unfinished_work = kept.name.map(|name| UnfinishedWork {
        name,
        commit: kept.commit.expect("a commit"),
    });
    let mut second = bench.prepare_on("w-2", false).await;
    assert_eq!(
        fs::read_to_string(second.folder().join("half")).expect("there"),
        "half"
    );
    write(&second, "whole", "whole");
    done(&mut second).await;
    assert_eq!(bench.shows("vine/T-1-paint", "half"), "half");
    assert_eq!(bench.shows("vine/T-1-paint", "whole"), "whole");
}

#[tokio::test]
async fn an_agent_that_goes_back_into_its_session_finds_its_folder_as_it_was() {
    let bench = Bench::new();
    let mut first = bench.prepare().await;
    write(&first, "half", "half");
    first
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept");
    let second = bench.prepare_on("w-1", true).await;
    assert!(git(second.folder(), &["status", "--porcelain"]).contains("?? half"));
}

#[tokio::test]
async fn finished_work_is_remembered_before_git_is_asked() {
    let mut bench = Bench::with(|source| format!("file://{source}"));
    let mut first = bench.prepare().await;
    write(&first, "f", "1");
    let finished = FinishedRun {
        summary: "Painted.".into(),
        ..FinishedRun::default()
    };
    first.finish(&finished).await.expect("taken");
    fs::rename(bench.source(), bench.folder.path().join("away")).expect("moved");
    let failure = first
        .publish(true, &KnownSecrets::default())
        .await
        .err()
        .expect("nobody is there");
    assert_eq!(failure.kind, FailureKind::RemoteAway);
    fs::rename(bench.folder.path().join("away"), bench.source()).expect("moved back");
    // Attempts in between found the work nowhere else either.
    bench.task.attempt.epoch = Epoch(5);
    let mut second = bench.prepare().await;
    assert_eq!(second.finished().expect("remembered").summary, "Painted.");
    done(&mut second).await;
    assert_eq!(bench.shows("vine/T-1-paint", "f"), "1");
}

#[tokio::test]
async fn the_agent_finds_what_a_clone_has_and_can_commit() {
    let bench = Bench::new();
    git(&bench.source(), &["tag", "v1"]);
    git(&bench.source(), &["branch", "other"]);
    let workspace = bench.prepare().await;
    let folder = workspace.folder();
    assert_eq!(
        git(folder, &["rev-parse", "v1"]),
        git(folder, &["rev-parse", "origin/trunk"])
    );
    assert_eq!(
        git(folder, &["rev-parse", "origin/other"]),
        git(folder, &["rev-parse", "HEAD"])
    );
    assert_eq!(git(folder, &["config", "--local", "user.name"]), "Vine");
    assert_eq!(
        git(folder, &["status", "--porcelain", "--branch"]),
        "## vine/T-1-paint"
    );
}

#[tokio::test]
async fn a_folder_whose_making_was_cut_off_is_made_anew_and_nothing_counts_as_deleted() {
    let bench = Bench::new();
    let mut first = bench.prepare().await;
    first.record.made = false;
    first.save().expect("saved");
    fs::remove_file(first.folder().join("README.md")).expect("not there yet");
    let mut second = bench.prepare().await;
    assert!(second.notes.is_empty(), "{:?}", second.notes);
    assert!(second.folder().join("README.md").exists());
    assert_eq!(done(&mut second).await.commit, None);
}

#[tokio::test]
async fn what_no_worktree_holds_is_named() {
    let bench = Bench::new();
    fs::write(bench.source().join(".gitmodules"), "[submodule \"lib\"]\n").expect("written");
    fs::write(bench.source().join(".gitattributes"), "*.bin filter=lfs\n").expect("written");
    git(&bench.source(), &["add", "."]);
    git(&bench.source(), &["commit", "-qm", "more"]);
    let workspace = bench.prepare().await;
    let notes = workspace.notes.join(" ");
    assert!(
        notes.contains("submodules") && notes.contains("Git LFS"),
        "{notes}"
    );
}

#[tokio::test]
async fn what_git_refuses_stays_and_the_rest_is_taken() {
    let bench = Bench::new();
    fs::write(bench.source().join(".gitignore"), "node_modules\n").expect("written");
    git(&bench.source(), &["add", "."]);
    git(&bench.source(), &["commit", "-qm", "ignore"]);
    let mut workspace = bench.prepare().await;
    let way = "mkdir -p node_modules/foo && git -C node_modules/foo init -q && echo x > node_modules/foo/f; \
               echo 'x filter=lost' > .gitattributes; git config --global --get x || true; echo y > f; \
               echo z > 'git~1'; rm README.md && mkfifo README.md; ln -s f .gitmodules";
    let ran = Command::new("sh")
        .args(["-c", way])
        .current_dir(workspace.folder())
        .output();
    assert!(ran.expect("it runs").status.success());
    let changes = done(&mut workspace).await;
    assert_eq!(
        bench.shows("vine/T-1-paint", "f"),
        "y",
        "{:?}",
        changes.notes
    );
    assert_eq!(bench.shows("vine/T-1-paint", "git~1"), "z");
    let notes = workspace.close().await.expect("closed").join(" ");
    assert!(notes.contains("node_modules/foo"), "{notes}");
    assert!(workspace.folder().join("node_modules/foo/f").exists());
}

#[tokio::test]
async fn what_is_left_beside_the_result_is_held_over_attempts() {
    let bench = Bench::new();
    let mut first = bench.prepare().await;
    let way = "git switch -qc extra; echo 1 > extra; git add .; git commit -qm extra; git switch -q -; \
               echo 2 > a; git add a; git stash -q; echo 3 > b; git add b; git stash -q; \
               git checkout -q --detach; echo 4 > left; git add .; git commit -qm left; git switch -q -; \
               git tag mine extra; echo 5 > half";
    let sh = |folder: &Path, way: &str| {
        let ran = Command::new("sh")
            .args(["-c", way])
            .current_dir(folder)
            .output()
            .expect("it runs");
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    };
    sh(first.folder(), way);
    let commit = |name: &str| git(first.folder(), &["rev-parse", name]);
    let all = [
        commit("extra"),
        commit("stash@{0}"),
        commit("stash@{1}"),
        commit("HEAD@{1}"),
        commit("mine"),
    ];
    let kept = first
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept")
        .expect("something");
    assert!(
        kept.notes.iter().any(|note| note.contains("`extra`")),
        "{:?}",
        kept.notes
    );
    let mut second = bench.prepare().await;
    done(&mut second).await;
    second.close().await.expect("closed");
    let copy = bench.state("w-1").join("repos/site.git");
    git(&copy, &["gc", "-q", "--prune=now"]);
    for one in all {
        git(&copy, &["cat-file", "-e", &one]);
    }
}

#[tokio::test]
async fn a_bad_object_hides_none_of_the_others_and_a_shallow_mark_cuts_nothing() {
    let bench = Bench::new();
    let mut workspace = bench.prepare().await;
    let way = "echo 1 > f; git add .; git commit -qm one; echo 2 > f; git commit -qam two; \
               git rev-parse HEAD > .git/shallow; \
               bad=$(git cat-file commit HEAD | sed 's/@/ @ </' | git hash-object -t commit -w --stdin --literally); \
               git update-ref refs/heads/bad $bad";
    let ran = Command::new("sh")
        .args(["-c", way])
        .current_dir(workspace.folder())
        .output();
    assert!(ran.expect("it runs").status.success());
    let changes = done(&mut workspace).await;
    let count = ["rev-list", "--count", "trunk..vine/T-1-paint"];
    assert_eq!(git(&bench.source(), &count), "2", "{:?}", changes.notes);
    workspace.close().await.expect("closed");
    assert!(
        workspace.folder().join(".git").exists(),
        "what could not be read is left in place"
    );
    let copy = bench.state("w-1").join("repos/site.git");
    assert!(!copy.join("shallow").exists());
}

#[tokio::test]
async fn sources_of_every_make_can_be_worked_on() {
    for (name, make) in [
        (
            "borrows",
            "git clone -q --shared site other && cd other && git switch -q trunk && echo x > own && git add . && git -c user.name=A -c user.email=a@b commit -qm own",
        ),
        ("sha256-in-its-name", "cp -r site other"),
        (
            "shallow",
            "git -C site commit -q --allow-empty -m more && git clone -q --depth 1 file://$PWD/site other",
        ),
        (
            "sha256",
            "git init -q --object-format=sha256 --initial-branch=trunk other && cd other && git commit -q --allow-empty -m begin",
        ),
    ] {
        let mut bench = Bench::new();
        let ran = Command::new("sh")
            .args(["-c", make])
            .envs([
                ("GIT_AUTHOR_NAME", "A"),
                ("GIT_AUTHOR_EMAIL", "a@b"),
                ("GIT_COMMITTER_NAME", "A"),
                ("GIT_COMMITTER_EMAIL", "a@b"),
            ])
            .current_dir(bench.folder.path())
            .output()
            .expect("it runs");
        assert!(
            ran.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let place = bench.folder.path().join(name);
        fs::rename(bench.folder.path().join("other"), &place).expect("moved");
        bench.task.repo.source = place.display().to_string().try_into().expect("a source");
        for attempt in 1..=2 {
            bench.task.attempt.task = TaskId(attempt);
            bench.task.branch = format!("vine/T-{attempt}-paint").parse().expect("a branch");
            let mut workspace = bench.prepare().await;
            write(&workspace, "f", &attempt.to_string());
            let changes = done(&mut workspace).await;
            let branch = changes
                .branch
                .unwrap_or_else(|| panic!("{name}: {:?}", changes.notes));
            assert_eq!(
                git(&place, &["show", &format!("{branch}:f")]),
                attempt.to_string(),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_damaged_copy_is_made_anew_with_what_it_kept() {
    let bench = Bench::new();
    let mut first = bench.prepare().await;
    write(&first, "half", "half");
    first
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept");
    let copy = bench.state("w-1").join("repos/site.git");
    let zeroes = copy.join("refs/remotes/origin");
    fs::create_dir_all(&zeroes).expect("made");
    fs::write(zeroes.join("trunk"), "").expect("written");
    let mut second = bench.prepare().await;
    done(&mut second).await;
    assert_eq!(bench.shows("vine/T-1-paint", "half"), "half");
}

#[tokio::test]
async fn a_half_made_folder_is_no_work_and_a_half_removed_one_neither() {
    let bench = Bench::new();
    let mut workspace = bench.prepare().await;
    workspace.record.made = false;
    fs::remove_file(workspace.folder().join("README.md")).expect("not there yet");
    assert_eq!(
        workspace
            .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
            .await
            .expect("nothing"),
        None
    );
    workspace.close().await.expect("closed");
    assert!(!workspace.folder().exists());
    assert_eq!(git(&bench.source(), &["for-each-ref", "refs/vine"]), "");
}

#[tokio::test]
async fn who_comes_back_goes_on_from_what_others_did_since() {
    let mut bench = Bench::new();
    let mut first = bench.prepare_on("w-1", false).await;
    write(&first, "one", "1");
    first.finish(&FinishedRun::default()).await.expect("taken");
    let kept = first
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept")
        .expect("something");
    bench.hand_on(2, kept);
    let mut second = bench.prepare_on("w-2", false).await;
    write(&second, "two", "2");
    let kept = second
        .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
        .await
        .expect("kept")
        .expect("something");
    bench.hand_on(3, kept);
    let mut third = bench.prepare_on("w-1", false).await;
    assert!(third.finished().is_none(), "people were asked since");
    assert_eq!(
        fs::read_to_string(third.folder().join("two")).expect("there"),
        "2"
    );
    done(&mut third).await;
    assert_eq!(bench.shows("vine/T-1-paint", "one"), "1");
    assert_eq!(bench.shows("vine/T-1-paint", "two"), "2");
}

#[tokio::test]
async fn a_task_that_goes_on_after_its_end_goes_on_on_its_branch() {
    for branch in ["vine/T-1-paint", "feature/door"] {
        let mut bench = Bench::new();
        bench.task.branch = branch.parse().expect("a branch");
        let mut first = bench.prepare().await;
        write(&first, "one", "1");
        done(&mut first).await;
        first.close().await.expect("closed");
        // An answer came late.
        bench.task.attempt.epoch = Epoch(2);
        let mut second = bench.prepare().await;
        assert!(second.finished().is_none() && second.folder().join("one").exists());
        write(&second, "two", "2");
        let changes = done(&mut second).await;
        assert_eq!(
            changes.branch.as_deref(),
            Some(branch),
            "{:?}",
            changes.notes
        );
        assert_eq!(bench.shows(branch, "one"), "1");
        assert_eq!(bench.shows(branch, "two"), "2");
    }
}

#[tokio::test]
async fn a_worktree_of_a_former_version_is_taken_up_where_it_is() {
    let mut bench = Bench::new();
    bench.task.branch = "vine/T-1".parse().expect("a branch");
    bench.task.attempt.epoch = Epoch(2);
    let folder = bench.state("w-1").join("worktrees/site/T-1");
    let place = folder.display().to_string();
    git(
        &bench.source(),
        &["worktree", "add", "-q", "-b", "vine/T-1", &place],
    );
    fs::write(folder.join("one"), "1").expect("written");
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "-qm", "one"]);
    fs::write(folder.join("half"), "half").expect("written");
    let mut workspace = bench.prepare_on("w-1", true).await;
    assert_eq!(workspace.folder(), folder, "sessions know it by its path");
    let changes = done(&mut workspace).await;
    let branch = changes.branch.expect("pushed");
    assert_eq!(bench.shows(&branch, "one"), "1");
    assert_eq!(bench.shows(&branch, "half"), "half");
}

/// The refs at the source below `refs`.
fn refs_at(bench: &Bench) -> String {
    let format = "--format=%(refname)";
    git(
        &bench.source(),
        &["for-each-ref", format, "refs/vine", "refs/heads"],
    )
}

/// Someone who knows the current state requests a push.
async fn asked(workspace: &mut Workspace, known: &KnownSecrets) -> ReportKeptWork {
    let seen = workspace.kept(Vec::new()).commit.expect("a commit");
    workspace.push(&seen, known).await.expect("pushed")
}

/// The folder of a task that is over, as found for a requested push.
fn orphan(bench: &Bench) -> Workspace {
    let state = bench.state("w-1");
    let task = &bench.task;
    let record =
        FolderRecord::retired(&state, task.attempt.task, task.created_at).expect("a record");
    Workspace::of_orphan(&state, record, &git_config())
}

#[tokio::test]
async fn what_looks_like_a_secret_is_named_before_it_leaves_and_goes_out_when_asked_again() {
    let bench = Bench::with(|source| format!("file://{source}"));
    let known =
        KnownSecrets::of(&[("FORGE_TOKEN".to_owned(), "hunter2-hunter2".to_owned())].into());
    let mut workspace = bench.prepare().await;
    write(&workspace, "web/.env", "COLOUR=red");
    write(&workspace, "config", "token hunter2-hunter2");
    git(workspace.folder(), &["add", "."]);
    git(workspace.folder(), &["commit", "-qm", "all"]);
    // Deleted from the files, but still in the commits to be pushed.
    git(workspace.folder(), &["rm", "-q", "web/.env", "config"]);
    git(workspace.folder(), &["commit", "-qm", "nothing to see"]);
    write(&workspace, "plain", "text");
    workspace
        .finish(&FinishedRun::default())
        .await
        .expect("taken");
    let changes = workspace.publish(true, &known).await.expect("looked");
    let found = ["`config`".to_owned(), "`web/.env`".to_owned()];
    assert_eq!(changes.unpushed.as_deref(), Some(&found[..]));
    assert_eq!(changes.branch, None);
    assert!(!changes.patch.is_empty(), "people see what it would be");
    workspace.close().await.expect("closed");
    assert!(!workspace.folder().exists());
    let mut left = orphan(&bench);
    let again = left.publish(true, &known).await.expect("looked");
    assert!(again.unpushed.is_some(), "nobody has said yes");
    assert_eq!(refs_at(&bench), "refs/heads/trunk");
    let mut left = orphan(&bench);
    let other = left.push("another commit", &known).await.expect("looked");
    assert_eq!(other.held, found, "somebody saw another commit");
    let pushed = asked(&mut left, &known).await;
    left.told();
    assert_eq!(
        (pushed.name.as_deref(), pushed.held),
        (Some("refs/heads/vine/T-1-paint"), vec![])
    );
    assert_eq!(bench.shows("vine/T-1-paint", "plain"), "text");
    assert!(FolderRecord::retired(&bench.state("w-1"), TaskId(1), bench.task.created_at).is_none());
}

#[tokio::test]
async fn what_lies_in_a_folder_of_this_machine_is_only_named() {
    let bench = Bench::new();
    let mut workspace = bench.prepare().await;
    write(&workspace, ".env", "COLOUR=red");
    let changes = done(&mut workspace).await;
    assert!(changes.branch.is_some());
    let named = |note: &String| note.contains("looks like a secret") && note.contains("`.env`");
    assert!(changes.notes.iter().any(named), "{:?}", changes.notes);
}

#[tokio::test]
async fn a_repository_says_what_is_pushed_unasked() {
    for (rule, unfinished, finished) in [
        (Push::All, "refs/heads/trunk\nrefs/vine/T-1", true),
        (
            Push::Branches,
            "refs/heads/trunk\nrefs/heads/vine-kept/T-1",
            true,
        ),
        (Push::Done, "refs/heads/trunk", true),
        (Push::Never, "refs/heads/trunk", false),
    ] {
        let mut bench = Bench::new();
        bench.task.repo.push = rule;
        let mut workspace = bench.prepare().await;
        write(&workspace, "half", "half");
        let kept = workspace
            .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
            .await;
        let kept = kept.expect("kept").expect("something");
        assert_eq!(refs_at(&bench), unfinished, "{rule:?}");
        assert_eq!(kept.name.is_some(), rule.is_of_unfinished());
        workspace.told();
        let again = workspace
            .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
            .await;
        assert_eq!(again.expect("kept"), None, "{rule:?}: it is told once");
        let changes = done(&mut workspace).await;
        assert_eq!(changes.branch.is_some(), finished, "{rule:?}");
        assert_eq!(changes.unpushed.is_some(), !finished, "{rule:?}");
        workspace.close().await.expect("closed");
        if !finished {
            assert_eq!(refs_at(&bench), "refs/heads/trunk", "{rule:?}");
            asked(&mut orphan(&bench), &KnownSecrets::default()).await;
        }
        let refs = "refs/heads/trunk\nrefs/heads/vine/T-1-paint";
        assert_eq!(refs_at(&bench), refs, "{rule:?}");
    }
}

#[tokio::test]
async fn cancelled_work_stays_until_somebody_asks_for_it() {
    let bench = Bench::new();
    let mut workspace = bench.prepare().await;
    write(&workspace, "half", "half");
    let kept = workspace
        .keep(UnfinishedPolicy::Here, &KnownSecrets::default())
        .await;
    assert_eq!(kept.expect("kept").expect("something").name, None);
    workspace.close().await.expect("closed");
    assert_eq!(refs_at(&bench), "refs/heads/trunk");
    let pushed = asked(&mut orphan(&bench), &KnownSecrets::default()).await;
    assert_eq!(pushed.name.as_deref(), Some("refs/vine/T-1"));
    assert_eq!(bench.shows("refs/vine/T-1", "half"), "half");
}

#[tokio::test]
async fn unfinished_work_that_looks_like_a_secret_is_named_once_and_stays_until_somebody_asks() {
    let bench = Bench::with(|source| format!("file://{source}"));
    let known = KnownSecrets::default();
    let mut workspace = bench.prepare().await;
    write(&workspace, ".env", "COLOUR=red");
    let kept = workspace.keep(UnfinishedPolicy::ByRule, &known).await;
    assert_eq!(kept.expect("kept").expect("to be told").held, ["`.env`"]);
    workspace.told();
    for _ in 0..2 {
        let again = workspace.keep(UnfinishedPolicy::ByRule, &known).await;
        assert_eq!(again.expect("kept"), None, "it is told once");
        assert_eq!(refs_at(&bench), "refs/heads/trunk");
    }
    asked(&mut workspace, &known).await;
    assert_eq!(bench.shows("refs/vine/T-1", ".env"), "COLOUR=red");
    // What is there already is not reported again; what is added is.
    write(&workspace, "plain", "text");
    let more = workspace.keep(UnfinishedPolicy::ByRule, &known).await;
    assert_eq!(more.expect("kept").expect("told").held, [""; 0]);
    assert_eq!(bench.shows("refs/vine/T-1", "plain"), "text");
}

#[tokio::test]
async fn nothing_hides_a_secret_from_the_look() {
    let token = format!("ghp_{}", "a1b2".repeat(9));
    let cases: [(&str, String, &str); 5] = [
        ("bytes", format!("printf 'x\\000{token}' > blob"), "`blob`"),
        ("words of a commit", format!("git commit -q --allow-empty -m x -m 'diff --git' -m {token}"), "a commit message"),
        ("a change", "echo PASSWORD=hunter2 > .env".into(), "`.env`"),
        ("a name", "mkdir -p \"$(printf 'a\\n\\n[x](http:')\"; echo 1 > \"$(printf 'a\\n\\n[x](http:')/.env\"".into(), "`a??[x](http:/.env`"),
        ("a merge", format!("git checkout -q -b side; echo {token} > t; git add t; git commit -qm t; git checkout -q -; git merge -q --no-ff -m m side; git rm -q t"), "`t`"),
    ];
    for (what, script, found) in cases {
        let mut bench = Bench::with(|source| format!("file://{source}"));
        fs::write(bench.source().join(".env"), "PASSWORD=\n").expect("written");
        git(&bench.source(), &["add", "."]);
        git(
            &bench.source(),
            &["commit", "--quiet", "-m", "Placeholders"],
        );
        bench.task.repo.push = Push::All;
        let mut workspace = bench.prepare().await;
        let ran = Command::new("sh")
            .args(["-ec", &script])
            .current_dir(workspace.folder())
            .status();
        assert!(ran.expect("sh").success(), "{what}");
        let kept = workspace
            .keep(UnfinishedPolicy::ByRule, &KnownSecrets::default())
            .await;
        let kept = kept.expect("kept").expect("something");
        assert_eq!(kept.held, [found], "{what}");
        assert_eq!(refs_at(&bench), "refs/heads/trunk", "{what}");
    }
}
