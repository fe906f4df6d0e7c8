//! The home of a session: it outlives attempts, since the agent's own records are in it, and
//! contains no person's login. Registries are configured as the person has them, without their
//! secrets.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use vine_domain::{SessionId, Slug, secrets};

use crate::{
    agent_folder::AgentFolder,
    config::CommitConfig,
    disk::{remove_all, size_of},
};

/// Files in which tools configure registries.
const SETTINGS: [&str; 8] = [
    ".npmrc",
    ".yarnrc.yml",
    ".cargo/config.toml",
    ".config/pip/pip.conf",
    ".pip/pip.conf",
    ".config/uv/uv.toml",
    ".config/go/env",
    ".gemrc",
];

/// Variables for the same purpose.
pub const VARIABLES: [&str; 14] = [
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "YARN_NPM_REGISTRY_SERVER",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOPRIVATE",
    "CARGO_REGISTRIES_CRATES_IO_PROTOCOL",
    "BUNDLE_MIRROR__ALL",
];

/// Download caches of tools. What tools unpack from them is not shared, since nothing verifies it
/// again.
const CACHES: [&str; 5] = [
    ".cargo/registry/cache",
    ".cargo/registry/index",
    ".npm/_cacache",
    ".cache/pip",
    "go/pkg/mod/cache/download",
];
/// A repository's shared cache is deleted above this many bytes.
const CACHE: u64 = 2 << 30;

/// Where files are that people sent, by session.
const SENT: &str = "sent";

/// Where the agent's own records are while its home is not there.
const KEPT: &str = "claude.kept";

/// The folders of one session.
#[derive(Debug, Clone)]
pub struct SessionHome(PathBuf);

impl SessionHome {
    /// The folders of a session.
    pub fn of(state: &Path, session: SessionId) -> Self {
        Self(state.join("sessions").join(session.to_string()))
    }

    /// All sessions with a folder here.
    pub fn all(state: &Path) -> BTreeSet<SessionId> {
        let folders = ["sessions", SENT].map(|name| fs::read_dir(state.join(name)));
        let entries = folders.into_iter().flatten().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// The folder that contains home and temporary files.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The agent's home.
    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// Files that people sent. They are outside the agent's own folders: the owner of a folder can lead us elsewhere.
    pub fn sent(&self) -> PathBuf {
        let state = self.0.ancestors().nth(2).unwrap_or(&self.0);
        state
            .join(SENT)
            .join(self.0.file_name().unwrap_or_default())
    }

    /// Its temporary files, for one attempt.
    pub fn temp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Claude Code's own folder.
    pub fn claude(&self) -> PathBuf {
        self.home().join(".claude")
    }

    /// Whether it was created a while ago.
    pub fn is_old(&self) -> bool {
        let made = self
            .home()
            .symlink_metadata()
            .and_then(|found| found.created());
        made.ok()
            .and_then(|made| made.elapsed().ok())
            .is_none_or(|age| age >= NEW)
    }

    /// Removes the folders.
    pub fn remove(&self) {
        for folder in [self.0.clone(), self.sent()] {
            if let Err(error) = remove_all(&folder)
                && error.kind() != io::ErrorKind::NotFound
            {
                let folder = folder.display();
                tracing::warn!("could not remove the session folder {folder}: {error}");
            }
        }
    }

    /// Takes a copy of the agent's own records in another session's home, before this one is made.
    /// Fails if that session does not rest: it may be writing.
    pub fn copy_records(&self, other: &Self) -> io::Result<()> {
        if self.home().is_dir() {
            return Ok(());
        }
        let from = AgentFolder::ours(&other.0)?.below(Path::new(KEPT))?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let to = self.0.join(KEPT);
        let _left_by_a_crash = remove_all(&to);
        copy(&from, &to, &mut u64::MAX.clone())
    }

    /// Keeps only the agent's own records: the task is done, and may continue.
    pub fn rest(&self) {
        let resting = self.0.join(KEPT);
        if !is_folder(&self.claude()) {
            return;
        }
        let _left_by_a_crash = remove_all(&resting);
        let kept = fs::rename(self.claude(), &resting);
        if kept.is_ok()
            && let Err(error) = remove_all(&self.home()).and_then(|()| remove_all(&self.temp()))
        {
            tracing::warn!("could not empty the home {}: {error}", self.0.display());
        }
    }

    /// Creates what is missing and deletes temporary files of an earlier attempt. An earlier agent
    /// may have left anything: what must be a folder becomes one.
    pub fn make(&self, from: &HomeSource<'_>) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let ours = AgentFolder::ours(&self.0)?;
        let _left_by_an_attempt = remove_all(&self.temp());
        ours.make(OsStr::new("tmp"))?;
        if is_folder(&self.0.join(KEPT)) {
            // It was coming to rest when its worker ended.
            remove_all(&self.home())?;
        }
        if !self.home().is_dir() {
            self.furnish(from)?;
        }
        // An agent may have closed its own folders to us.
        fs::set_permissions(self.home(), fs::Permissions::from_mode(0o700))?;
        let claude = ours.below(Path::new("home"))?.make(OsStr::new(".claude"))?;
        // An agent must not set its own permissions, and logins are provided again each time.
        for name in ["settings.json", "settings.local.json", ".credentials.json"] {
            claude.clear(OsStr::new(name));
            let _mostly_not_there = remove_all(&self.claude().join(name));
        }
        Ok(())
    }

    /// Creates a new home atomically.
    fn furnish(&self, from: &HomeSource<'_>) -> io::Result<()> {
        let draft = self.0.join("home.new");
        let resting = self.0.join(KEPT);
        let drafted = draft.join(".claude");
        // A crash may have left the records in the draft.
        if is_folder(&drafted) && !is_folder(&resting) {
            fs::rename(&drafted, &resting)?;
        }
        let _left_by_a_crash = remove_all(&draft);
        fs::DirBuilder::new().mode(0o700).create(&draft)?;
        for name in SETTINGS {
            let person = from.person.map(|home| home.join(name));
            let Some(text) = person.and_then(|file| fs::read_to_string(file).ok()) else {
                continue;
            };
            let file = draft.join(name);
            fs::create_dir_all(file.parent().unwrap_or(&draft))?;
            fs::write(file, without_secrets(&text))?;
        }
        let CommitConfig { name, email, .. } = from.commit;
        let quoted =
            |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let git = format!(
            "[user]\n\tname = {}\n\temail = {}\n[init]\n\tdefaultBranch = main\n",
            quoted(name),
            quoted(email)
        );
        fs::write(draft.join(".gitconfig"), git)?;
        let shared = cache(from.state, from.repo);
        if shared.is_dir() {
            copy_caches(&AgentFolder::ours(&shared)?, &draft, u64::MAX)?;
        }
        if is_folder(&resting) {
            fs::rename(&resting, drafted)?;
        }
        fs::rename(draft, self.home())
    }

    /// Keeps a finished attempt's downloads for later attempts on its repository; existing files
    /// are not replaced.
    pub fn share(&self, state: &Path, repo: &Slug) {
        let to = cache(state, repo);
        if size_of(&to) > CACHE {
            let _begun_anew = fs::remove_dir_all(&to);
        }
        let home = AgentFolder::ours(&self.0).and_then(|ours| ours.below(Path::new("home")));
        if let Err(error) = home.and_then(|home| copy_caches(&home, &to, CACHE)) {
            tracing::warn!("could not keep downloads for {repo}: {error}");
        }
    }
}

/// Whether this is a folder, and no link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// What a new home is made from.
pub struct HomeSource<'a> {
    /// The worker's own folder.
    pub state: &'a Path,
    /// The person's home.
    pub person: Option<&'a Path>,
    /// The repository whose cache is copied.
    pub repo: &'a Slug,
    /// The author of commits.
    pub commit: &'a CommitConfig,
}

fn cache(state: &Path, repo: &Slug) -> PathBuf {
    state.join("caches").join(repo.as_str())
}

fn copy_caches(from: &AgentFolder, to: &Path, most: u64) -> io::Result<()> {
    let mut left = most;
    for part in CACHES {
        if let Ok(folder) = from.below(Path::new(part)) {
            copy(&folder, &to.join(part), &mut left)?;
        }
    }
    Ok(())
}

/// Copies regular files that do not exist yet.
fn copy(from: &AgentFolder, to: &Path, left: &mut u64) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (name, is_folder) in from.entries()? {
        let target = to.join(&name);
        if is_folder {
            if let Ok(below) = from.below(Path::new(&name)) {
                copy(&below, &target, left)?;
            }
            continue;
        }
        let Ok(mut file) = from.file(Path::new(&name)) else {
            continue;
        };
        let size = file.metadata()?.len();
        if target.exists() || size > *left {
            continue;
        }
        *left -= size;
        io::copy(&mut file, &mut fs::File::create_new(target)?)?;
    }
    Ok(())
}

/// Removes lines that set a secret, and logins from addresses.
pub fn without_secrets(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines().filter(|line| !sets_secret(line)) {
        let (line, _) = secrets::without(without_login(line));
        kept.push_str(&line);
        kept.push('\n');
    }
    kept
}

fn sets_secret(line: &str) -> bool {
    let split = |c: char| c == '=' || c == ':';
    let name = match line.rsplit_once(['=']) {
        Some((name, _)) => name.to_ascii_lowercase(),
        None => line
            .rsplit_once(split)
            .map_or("", |(name, _)| name)
            .to_ascii_lowercase(),
    };
    [
        "auth",
        "token",
        "password",
        "passwd",
        "secret",
        "username",
        "credential",
        "cert",
        "keyfile",
        "api_key",
        "apikey",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// `https://ann:key@host/` as `https://host/`.
pub fn without_login(line: &str) -> String {
    let mut rest = line;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("://") {
        kept.push_str(before);
        kept.push_str("://");
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || "\"'<>,".contains(c))
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        kept.push_str(
            authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host),
        );
        rest = behind;
    }
    kept.push_str(rest);
    kept
}

/// A newer home may belong to a session that the daemon does not know yet.
const NEW: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn registries_are_kept_and_what_opens_them_is_not() {
        let npm = "registry=https://ann:pw@npm.example/\n//npm.example/:_authToken=npm_abc\n@corp:registry=https://corp.example/\n_auth=xyz\nalways-auth=true\n";
        assert_eq!(
            without_secrets(npm),
            "registry=https://npm.example/\n@corp:registry=https://corp.example/\n"
        );
        let pip = "[global]\nindex-url = https://user:pa@ss@pypi.example/simple\ntrusted-host = pypi.example\n";
        assert_eq!(
            without_secrets(pip),
            "[global]\nindex-url = https://pypi.example/simple\ntrusted-host = pypi.example\n"
        );
        let cargo = "[registries.vine]\nindex = \"sparse+https://t@crates.example/\"\ntoken = \"abc\"\n[registry]\ndefault = \"vine\"\n";
        assert_eq!(
            without_secrets(cargo),
            "[registries.vine]\nindex = \"sparse+https://crates.example/\"\n[registry]\ndefault = \"vine\"\n"
        );
        let yarn = "npmRegistryServer: \"https://npm.example\"\nnpmAuthToken: \"abc\"\n";
        assert_eq!(
            without_secrets(yarn),
            "npmRegistryServer: \"https://npm.example\"\n"
        );
    }

    #[test]
    fn a_shared_cache_takes_no_links_and_overwrites_nothing() {
        let place = tempfile::tempdir().expect("a folder");
        let state = place.path();
        let repo = Slug::from_text("site");
        let home = SessionHome(state.join("sessions/one"));
        fs::create_dir_all(place.path().join("person/pip")).expect("made");
        fs::write(place.path().join("person/pip/pip.conf"), "password").expect("written");
        fs::create_dir_all(home.home()).expect("made");
        symlink(place.path().join("person"), home.home().join(".cache")).expect("linked");
        let crates = home.home().join(".cargo/registry/cache");
        fs::create_dir_all(&crates).expect("made");
        fs::write(crates.join("a.crate"), "first").expect("written");
        fs::write(place.path().join("secret"), "key").expect("written");
        symlink(place.path().join("secret"), crates.join("b.crate")).expect("linked");
        fs::create_dir_all(home.home().join(".cargo/registry/src/a")).expect("made");
        home.share(state, &repo);
        fs::write(crates.join("a.crate"), "second").expect("written");
        home.share(state, &repo);
        let shared = cache(state, &repo).join(".cargo/registry");
        assert_eq!(
            fs::read_to_string(shared.join("cache/a.crate")).expect("kept"),
            "first"
        );
        assert!(!shared.join("cache/b.crate").exists() && !shared.join("src").exists());
        assert!(
            !cache(state, &repo).join(".cache").exists(),
            "no link in the middle is followed"
        );
    }
}
