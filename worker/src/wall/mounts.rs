//! What an agent sees of the machine: programs and libraries, read only. A list of what is visible,
//! never of what is hidden.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Where systems keep programs and libraries.
const SYSTEM: [&str; 10] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/snap",
];

/// The parts of `/etc` that programs read; it contains no secrets and no accounts.
const ETC: [&str; 33] = [
    "alternatives",
    "bash.bashrc",
    "bash_completion.d",
    "ca-certificates",
    "ca-certificates.conf",
    // An organisation's policy for Claude Code.
    "claude-code",
    "crypto-policies",
    "debian_version",
    "fonts",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "locale.alias",
    "lsb-release",
    "magic",
    "mime.types",
    "os-release",
    "perl",
    "pki/ca-trust",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "profile",
    "profile.d",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "xml",
];

/// Folders in a home where people install toolchains, with the variable that overrides the
/// location, if any (the tools' own documentation, 2026-11-29). Folders with logins are not
/// included.
const TOOLS: [(&str, Option<&str>); 24] = [
    (".rustup", Some("RUSTUP_HOME")),
    (".cargo/bin", None),
    (".nvm", Some("NVM_DIR")),
    (".fnm", Some("FNM_DIR")),
    (".volta", Some("VOLTA_HOME")),
    (".nodenv", Some("NODENV_ROOT")),
    (".bun/bin", None),
    (".deno/bin", None),
    (".pyenv", Some("PYENV_ROOT")),
    (".local/bin", None),
    (".local/share/uv/python", None),
    (".local/share/uv/tools", None),
    (".local/share/pipx", None),
    (".local/pipx", None),
    (".local/share/mise", Some("MISE_DATA_DIR")),
    (".local/share/pnpm", None),
    (".asdf", Some("ASDF_DATA_DIR")),
    (".rbenv", Some("RBENV_ROOT")),
    (".sdkman", Some("SDKMAN_DIR")),
    (".goenv", Some("GOENV_ROOT")),
    ("go/bin", None),
    ("sdk", None),
    (".juliaup", None),
    (".nix-profile", None),
];

/// What is mounted read only, and the variables that point to toolchains.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct VisibleMounts {
    /// Folders and files, each mounted at its own path, parents first.
    pub paths: Vec<PathBuf>,
    /// Links in the root folder, kept as they are.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Variables that point to toolchains outside the agent's home.
    pub variables: Vec<(String, String)>,
}

/// What the mounts depend on.
pub struct MountRequest<'a> {
    /// The search path.
    pub path: &'a str,
    /// The person's home.
    pub home: Option<&'a Path>,
    /// The agent's program and its arguments.
    pub command: &'a [String],
    /// Our own folders; nothing that contains them or is in them is mounted.
    pub ours: &'a [PathBuf],
    /// The worker's own environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Creates the agents' own `/etc`: mounting one folder is far faster than mounting many files.
/// Files that are not world-readable are left out.
pub fn make_etc(to: &Path) -> io::Result<()> {
    let draft = to.with_extension("new");
    let _left_by_a_crash = fs::remove_dir_all(&draft);
    for name in ETC.iter().map(PathBuf::from).chain(versioned()) {
        let from = Path::new("/etc").join(&name);
        let to = draft.join(&name);
        if from.symlink_metadata().is_ok() {
            fs::create_dir_all(to.parent().unwrap_or(&draft))?;
            copy(&from, &to)?;
        }
    }
    for (name, text) in [
        ("hosts", "127.0.0.1 localhost agent\n::1 localhost\n"),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files\n",
        ),
        // Mount points for our own versions.
        ("passwd", ""),
        ("group", ""),
    ] {
        fs::write(draft.join(name), text)?;
    }
    let _mostly_not_there = fs::remove_dir_all(to);
    fs::rename(draft, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = from.symlink_metadata()?;
    let is_for_all = found.permissions().mode() & 0o004 != 0;
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if !is_for_all {
        return Ok(());
    }
    if found.is_file() {
        return fs::copy(from, to).map(|_| ());
    }
    if found.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)?.flatten() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Inspects this machine.
pub fn seen(wanted: &MountRequest<'_>) -> VisibleMounts {
    let mut seen = VisibleMounts::default();
    let mut paths = BTreeSet::new();
    for folder in SYSTEM {
        match fs::read_link(folder) {
            Ok(to) => seen.links.push((folder.into(), to)),
            Err(_) if Path::new(folder).is_dir() => drop(paths.insert(PathBuf::from(folder))),
            Err(_) => {}
        }
    }
    let homes = homes(wanted);
    for (part, variable) in TOOLS {
        let named = variable.and_then(|name| Some((name, PathBuf::from((wanted.variable)(name)?))));
        let found = homes
            .iter()
            .map(|home| home.join(part))
            .find(|path| path.is_dir());
        let found = match (named, variable) {
            (Some((_, path)), _) => Some(path),
            (None, _) => found,
        };
        let Some(path) = found.filter(|path| path.is_dir() && is_fine(path, wanted)) else {
            continue;
        };
        if let Some(name) = variable {
            seen.variables
                .push((name.to_owned(), path.display().to_string()));
        }
        paths.insert(path);
    }
    let on_path =
        std::env::split_paths(wanted.path).filter(|path| path.is_dir() && is_fine(path, wanted));
    paths.extend(on_path);
    paths.extend(programs(wanted));
    // Skip what is inside a folder that is mounted anyway.
    let all = paths.clone();
    let is_inside = |path: &PathBuf| path.ancestors().skip(1).any(|above| all.contains(above));
    seen.paths = paths.into_iter().filter(|path| !is_inside(path)).collect();
    seen
}

/// The visible system folder that contains this path.
pub fn seen_in(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let holds = SYSTEM.iter().find(|system| real.starts_with(system));
    holds.map(PathBuf::from)
}

/// Versioned folders such as `/etc/java-17-openjdk` and `/etc/python3`.
fn versioned() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/etc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        (name.starts_with("java") || name.starts_with("python")).then(|| name.into())
    })
}

/// The person's home, and homes that contain folders of the search path: `/home/ann/.cargo/bin`.
fn homes(wanted: &MountRequest<'_>) -> Vec<PathBuf> {
    let of_path = std::env::split_paths(wanted.path).filter_map(|path| {
        let text = path.to_str()?;
        let at = text.find("/.")?;
        Some(PathBuf::from(&text[..at])).filter(|home| home.components().count() > 1)
    });
    let mut homes: Vec<PathBuf> = wanted
        .home
        .map(Path::to_owned)
        .into_iter()
        .chain(of_path)
        .collect();
    homes.dedup();
    homes
}

/// Whether it may be mounted: not a home, not the root, and neither in nor around our own folders.
fn is_fine(path: &Path, wanted: &MountRequest<'_>) -> bool {
    let Ok(real) = path.canonicalize() else {
        return false;
    };
    let wide = [
        "/", "/root", "/home", "/etc", "/var", "/run", "/proc", "/sys", "/dev", "/tmp", "/srv",
        "/mnt", "/media",
    ];
    let is_home = wanted
        .home
        .and_then(|home| home.canonicalize().ok())
        .is_some_and(|home| home.starts_with(&real));
    let is_wide = wide.iter().any(|other| real == Path::new(other));
    let is_seen = SYSTEM.iter().any(|system| real.starts_with(system));
    let holds_ours = wanted
        .ours
        .iter()
        .any(|ours| ours.starts_with(&real) || real.starts_with(ours));
    !is_home && !is_wide && !is_seen && !holds_ours
}

/// The agent's program with its folder, the targets of its links, and files that the administrator
/// passes to it.
fn programs(wanted: &MountRequest<'_>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (number, word) in wanted.command.iter().enumerate() {
        let path = Path::new(word);
        if !path.is_absolute() || !path.is_file() {
            continue;
        }
        found.push(path.to_owned());
        let Ok(real) = path.canonicalize() else {
            continue;
        };
        let beside = real
            .parent()
            .filter(|_| number == 0)
            .filter(|beside| is_fine(beside, wanted));
        found.extend(beside.map(Path::to_owned));
        found.push(real);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchains_of_a_home_are_seen_and_the_home_and_its_logins_are_not() {
        let place = tempfile::tempdir().expect("a folder");
        let home = place.path().join("ann");
        for folder in [
            ".cargo/bin",
            ".rustup/toolchains",
            ".nvm/versions/node/v22/bin",
            ".ssh",
            ".claude",
            ".aws",
        ] {
            fs::create_dir_all(home.join(folder)).expect("made");
        }
        let state = home.join(".local/state/agentvine");
        fs::create_dir_all(state.join("bin")).expect("made");
        fs::write(home.join("claude"), "").expect("written");
        let path = [
            home.join(".cargo/bin"),
            home.join(".nvm/versions/node/v22/bin"),
            home.clone(),
            state.join("bin"),
            "/usr/bin".into(),
        ]
        .map(|path| path.display().to_string())
        .join(":");
        let command = [home.join("claude").display().to_string()];
        let wanted = MountRequest {
            path: &path,
            home: Some(&home),
            command: &command,
            ours: std::slice::from_ref(&state),
            variable: &|_| None,
        };
        let seen = seen(&wanted);
        let in_home: Vec<&Path> = seen
            .paths
            .iter()
            .filter_map(|path| path.strip_prefix(&home).ok())
            .collect();
        let expected = [".cargo/bin", ".nvm", ".rustup", "claude"].map(Path::new);
        assert_eq!(in_home, expected);
        let rustup = (
            "RUSTUP_HOME".to_owned(),
            home.join(".rustup").display().to_string(),
        );
        assert!(seen.variables.contains(&rustup));
        let etc = place.path().join("etc");
        make_etc(&etc).expect("made");
        assert!(
            etc.join("hosts").is_file()
                && !etc.join("shadow").exists()
                && !etc.join("ssh").exists()
        );
        for secret in [
            "/etc/shadow",
            "/etc/ssl/private",
            "/etc/ssh",
            "/root",
            "/home",
            "/var",
            "/run",
            "/etc",
        ] {
            assert!(!seen.paths.contains(&PathBuf::from(secret)), "{secret}");
        }
    }
}
