//! What people and agents do to repositories, and that no work is lost by it. Real git throughout.

use std::{fs, path::Path, process::Command};

use vine_domain::{
    Epoch, Repo, Slug, TaskId, Timestamp,
    worker::{Attempt, Work},
};

use super::*;

/// A source, a worker's state, and a task of it.
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

fn commit_config() -> CommitConfig {
    CommitConfig {
        name: "Vine".into(),
        email: "vine@localhost".into(),
        trailer: String::new(),
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(|source| source.to_owned())
    }

    /// `address` makes of the folder what the repository's source is.
    fn with(address: impl Fn(&str) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("site");
        fs::create_dir(&source).expect("made");
        git(&source, &["init", "--quiet", "--initial-branch=trunk"]);
        fs::write(source.join("README.md"), "# Site\n").expect("written");
        git(&source, &["add", "."]);
        git(&source, &["commit", "--quiet", "-m", "Begin"]);
        let address = address(&source.display().to_string());
        let repo = Repo {
            name: Slug::from_text("site"),
            source: address.try_into().expect("a source"),
            base: "trunk".parse().expect("a branch"),
            paused: false,
            trusted: false,
            encrypted: false,
        };
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
            requester: "Ann".into(),
            created: Timestamp(7),
            resume: None,
            unheard: false,
            work: None,
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
        let (state, commit) = (self.state(worker), commit_config());
        let prepared = Workspace::prepare(&state, &self.task, &commit, resumes);
        prepared
            .await
            .unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    async fn refused(&self) -> Failure {
        let (state, commit) = (self.state("w-1"), commit_config());
        let prepared = Workspace::prepare(&state, &self.task, &commit, false);
        prepared.await.expect_err("refused")
    }

    /// What a path on a branch of the source holds.
    fn shows(&self, name: &str, path: &str) -> String {
        git(&self.source(), &["show", &format!("{name}:{path}")])
    }
}

fn write(workspace: &Workspace, path: &str, text: &str) {
    let path = workspace.folder().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

async fn done(workspace: &mut Workspace) -> Changes {
    let notes = workspace.finish(&Finished::default()).await.expect("taken");
    let mut changes = workspace.publish().await.expect("published");
    changes.notes.extend(notes);
    changes
}

/// What each agent does in its folder, and where its file must be in the end.
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
    let kept = first.keep().await.expect("kept").expect("something");
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
                .any(|note| note.contains("`app`") && note.contains("stay in")),
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
    // Somebody takes the name while the agent works.
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
    // Another task has the keeper look at the source again.
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
    let kept = first.keep().await.expect("kept").expect("something");
    bench.task.attempt.epoch = Epoch(2);
    bench.task.work = kept.name.map(|name| Work {
        name,
        commit: kept.commit,
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
    first.keep().await.expect("kept");
    let second = bench.prepare_on("w-1", true).await;
    assert!(git(second.folder(), &["status", "--porcelain"]).contains("?? half"));
}

#[tokio::test]
async fn finished_work_is_remembered_before_git_is_asked() {
    let bench = Bench::with(|source| format!("file://{source}"));
    let mut first = bench.prepare().await;
    write(&first, "f", "1");
    let finished = Finished {
        summary: "Painted.".into(),
        ..Finished::default()
    };
    first.finish(&finished).await.expect("taken");
    fs::rename(bench.source(), bench.folder.path().join("away")).expect("moved");
    let failure = first.publish().await.err().expect("nobody is there");
    assert_eq!(failure.kind, FailureKind::RemoteAway);
    fs::rename(bench.folder.path().join("away"), bench.source()).expect("moved back");
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
