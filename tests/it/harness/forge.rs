//! A forge for a story: one of the doubles, and a real git server behind a real sshd.

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use vine_doubles::forge::{
    Forge,
    apps::App,
    world::{Request, Stage},
};

use super::{Agent, PATIENCE, Place, Process, Sections, git, path};

/// The token of our account on the forge.
pub const TOKEN: &str = "token-of-vine-bot";

/// The id of our App.
pub const APP: &str = "4711";

/// Installs an App in all projects of a forge, and gives the file with its key.
pub fn install_app(forge: &Forge, folder: &Path) -> PathBuf {
    let key = folder.join("app.pem");
    let file = path(&key);
    run(
        "ssh-keygen",
        &[
            "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", file,
        ],
    );
    let public = run(
        "ssh-keygen",
        &["-e", "-m", "PEM", "-f", &format!("{file}.pub")],
    );
    let mut world = forge.world();
    world.app = Some(App {
        id: APP.into(),
        slug: "vine-app".into(),
        public,
        permissions: serde_json::json!({ "contents": "write", "pull_requests": "write", "checks": "read" }),
        good_for: Duration::from_secs(3600),
        tokens: Vec::new(),
    });
    world.add_user("vine-app[bot]", true);
    key
}

/// A git server that checks keys.
pub struct GitServer {
    pub folder: TempDir,
    pub port: u16,
    _sshd: Process,
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::piped())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Repositories are below its folder; each push is noted, and one that is not fast-forward as forced.
const SHELL: &str = r#"#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
    "git-upload-pack '"*|"git-receive-pack '"*) ;;
    *) echo "only git is served" >&2; exit 1 ;;
esac
PATH=@PATH@
export PATH
exec git shell -c "$(printf %s "$SSH_ORIGINAL_COMMAND" | sed "s#'/#'@ROOT@/#")"
"#;
const RECEIVED: &str = r#"#!/bin/sh
zero=0000000000000000000000000000000000000000
while read -r old new name; do
    how=ff
    [ "$old" = $zero ] && how=new
    [ "$new" = $zero ] && how=deleted
    [ $how = ff ] && ! git merge-base --is-ancestor "$old" "$new" && how=FORCED
    echo "$how $name $old $new" >> "@ROOT@/pushes"
done
"#;

impl GitServer {
    /// Serves a bare copy of a repository as `org/site.git`.
    pub async fn of(repo: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-forge-")
            .tempdir()
            .expect("a folder");
        let root = folder.path();
        fs::create_dir_all(root.join("org")).expect("a folder");
        let bare = root.join("org/site.git");
        run(
            "git",
            &["clone", "--quiet", "--bare", path(repo), path(&bare)],
        );
        script(
            &bare.join("hooks/post-receive"),
            &RECEIVED.replace("@ROOT@", path(root)),
        );
        for key in ["host", "worker"] {
            let file = root.join(key);
            run(
                "ssh-keygen",
                &[
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-C",
                    key,
                    "-f",
                    path(&file),
                ],
            );
        }
        fs::copy(root.join("worker.pub"), root.join("authorized")).expect("copied");
        let paths = std::env::var("PATH").unwrap_or_default();
        let shell = SHELL
            .replace("@ROOT@", path(root))
            .replace("@PATH@", &paths);
        script(&root.join("shell"), &shell);
        let port = super::servers::free_port();
        let host = fs::read_to_string(root.join("host.pub")).expect("there");
        fs::write(root.join("known"), format!("[127.0.0.1]:{port} {host}")).expect("written");
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nPidFile none\n\
             UsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             ForceCommand {root}/shell\nMaxStartups 200\nMaxSessions 200\nLogLevel ERROR\n",
            root = path(root)
        );
        fs::write(root.join("sshd.conf"), config).expect("written");
        // Where sshd goes before anybody is known; it has to be there for root.
        let _only_root_needs_it = fs::create_dir_all("/run/sshd");
        let program = std::env::var("VINE_TEST_SSHD").unwrap_or_else(|_| "/usr/sbin/sshd".into());
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f", path(&root.join("sshd.conf"))]);
        let sshd = Process::start("sshd", command);
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < end,
                "sshd does not serve: {}",
                sshd.output()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            folder,
            port,
            _sshd: sshd,
        }
    }

    pub fn bare(&self) -> PathBuf {
        self.folder.path().join("org/site.git")
    }

    /// The host, as addresses have it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address of the repository.
    pub fn address(&self) -> String {
        format!("ssh://{}@{}/org/site.git", run("id", &["-un"]), self.host())
    }

    /// How workers reach it.
    pub fn section(&self) -> String {
        let root = path(self.folder.path());
        format!("[git.all]\nssh_key = \"{root}/worker\"\nknown_hosts = \"{root}/known\"\n")
    }

    /// What was pushed: how, where, from and to, a line each.
    pub fn pushes(&self) -> Vec<String> {
        let noted = fs::read_to_string(self.folder.path().join("pushes")).unwrap_or_default();
        noted.lines().map(str::to_owned).collect()
    }

    /// Runs git in the bare repository.
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.bare(), arguments)
    }
}

fn script(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(file, text).expect("written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("ours");
}

/// A place whose repository is on a forge.
pub struct ForgePlace {
    pub place: Place,
    pub on: OnForge,
}

impl Deref for ForgePlace {
    type Target = OnForge;

    fn deref(&self) -> &OnForge {
        &self.on
    }
}

/// A forge with its git server.
pub struct OnForge {
    pub forge: Forge,
    pub server: GitServer,
    /// The address of the repository there.
    pub address: String,
    /// The number of Ann's account, who is an operator.
    pub ann: u64,
}

impl ForgePlace {
    /// `kind` is `github`, `gitlab` or `forgejo`; Ann is an operator, Vic a viewer, Eve a stranger.
    pub async fn new(kind: &str, agent: Agent<'_>, worker: &str, more: &str) -> Self {
        let seed = tempfile::tempdir().expect("a folder");
        let repo = seed.path().join("site");
        super::make_repository(&repo);
        let server = GitServer::of(&repo).await;
        let forge = Forge::open().await;
        let (ann, vic) = {
            let mut world = forge.world();
            world.add_user("vine-bot", true);
            let (ann, vic) = (
                world.add_user("ann-on-forge", true),
                world.add_user("vic-on-forge", false),
            );
            world.add_user("eve", false);
            world.add_project("org/site", &server.bare());
            (ann, vic)
        };
        let vic = format!("[[people]]\nname = \"Vic\"\nrole = \"viewer\"\n{kind} = {vic}\n");
        // In Slack she is somebody already.
        let known = "slack = \"U0ANN\"\n";
        let people = match more.contains(known) {
            true => format!(
                "{}{vic}",
                more.replace(known, &format!("{known}{kind} = {ann}\n"))
            ),
            false => format!(
                "{more}[[people]]\nname = \"Ann\"\nrole = \"operator\"\n{kind} = {ann}\n{vic}"
            ),
        };
        let forges = format!(
            "[[forges]]\nhost = \"{}\"\nkind = \"{kind}\"\napi_url = \"{}\"\ntoken = \"{TOKEN}\"\nlook_seconds = 1\nwebhook_secret = \"hook-secret\"\n",
            server.host(),
            forge.api(kind)
        );
        let whole = format!("{}{people}{forges}", server.section());
        let sections = Sections {
            worker,
            more: &whole,
            ..Sections::default()
        };
        let place = Place::with_sections(agent, sections).await;
        let on = OnForge {
            forge,
            address: server.address(),
            server,
            ann,
        };
        Self { place, on }
    }

    /// Starts the daemon, and has the repository be the one on the forge.
    pub async fn daemon(&mut self) -> Process {
        let is_first = self.place.is_new();
        let daemon = self.place.daemon().await;
        if is_first {
            let add = format!("repo add site {} --base main", self.address);
            self.place.say(&add).await;
        }
        daemon
    }

    /// Waits until the thread of a task says this, and gives all of it.
    pub async fn says(&self, task: &str, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let thread = self.place.thread(task).await;
            if thread.contains(words) {
                return thread;
            }
            assert!(Instant::now() < end, "`{words}` is not said:\n{thread}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the script was told so far.
    pub fn prompts(&self) -> String {
        fs::read_to_string(self.place.folder.path().join("prompts")).unwrap_or_default()
    }

    /// Waits until the card of a task shows its request like that.
    pub async fn shows(&self, task: &str, is: impl Fn(&Value) -> bool) -> Value {
        let shown = self
            .place
            .wait_for(PATIENCE, task, "its request is like that", |shown| {
                is(&shown["request"])
            });
        shown.await["request"].clone()
    }
}

impl OnForge {
    /// What the forge has of the requests so far.
    pub fn requests<T>(&self, look: impl Fn(&Request) -> T) -> Vec<T> {
        self.forge
            .world()
            .project()
            .requests
            .iter()
            .map(look)
            .collect()
    }

    /// How many requests are merged.
    pub fn merged(&self) -> usize {
        let merged = self.requests(|one| matches!(one.stage, Stage::Merged(_)));
        merged.into_iter().filter(|merged| *merged).count()
    }
}
