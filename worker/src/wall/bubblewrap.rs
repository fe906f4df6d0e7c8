//! The wall `bubblewrap`: separate namespaces for users, processes, mounts, network, IPC and host
//! name, created by bwrap(1), with our own first process in them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::mounts::VisibleMounts;

/// What is mounted into one agent's sandbox.
pub struct SandboxPlan<'a> {
    /// Programs and libraries.
    pub seen: &'a VisibleMounts,
    /// Mounted as `/etc`; unused if an image has its own.
    pub etc: &'a Path,
    /// The folder that the agent works in; writable, at its own path.
    pub folder: &'a Path,
    /// The agent's home; writable, at its own path.
    pub home: &'a Path,
    /// Files that people sent; read only, at their own path.
    pub sent: Option<&'a Path>,
    /// Mounted as `/tmp`.
    pub temp: &'a Path,
    /// Our files and sockets, mounted below `/run/vine`.
    pub run: &'a Path,
    /// The repository's objects, which the folder borrows.
    pub objects: Option<&'a Path>,
    /// Writable files mounted over others: a login, if necessary.
    pub files: &'a [(PathBuf, PathBuf)],
    /// Entries of the person's Claude Code folder that an administrator named; read only.
    pub own: &'a [(PathBuf, PathBuf)],
    /// The first process.
    pub inside: &'a Path,
    /// `vine` itself, for its door.
    pub vine: &'a Path,
}

/// The path of the first process inside the sandbox.
pub const INSIDE: &str = "/run/vine/inside";
/// Where our files are mounted.
pub const RUN: &str = "/run/vine";
/// Files in a plan's `run` folder that are mounted into containers one by one.
pub const FILES: [&str; 5] = ["spec.json", "settings.json", "door", "model", "egress"];
/// System files that we write ourselves.
pub const SYSTEM: [(&str, &str); 2] = [("passwd", "/etc/passwd"), ("group", "/etc/group")];
/// Parts of `/proc` that belong to the whole machine and are not hidden by the process namespace.
const KERNEL: [&str; 7] = [
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
    "/proc/acpi",
    "/proc/mtrr",
];
/// Bytes of shared memory; browsers and databases in tests need some.
const SHARED: &str = "268435456";
/// A root worker's agent is an ordinary user inside.
const USER: u32 = 1000;

/// The agent's user id inside.
pub fn user() -> u32 {
    match rustix::process::geteuid().as_raw() {
        0 => USER,
        own => own,
    }
}

/// Arguments of `bwrap`, up to the program.
pub fn arguments(plan: &SandboxPlan<'_>) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut say = |words: &[&dyn AsRef<std::ffi::OsStr>]| {
        all.extend(words.iter().map(|word| word.as_ref().to_os_string()));
    };
    let user = user().to_string();
    say(&[&"--unshare-user", &"--uid", &user, &"--gid", &user]);
    for space in ["pid", "ipc", "uts", "net", "cgroup-try"] {
        say(&[&format!("--unshare-{space}")]);
    }
    say(&[
        &"--hostname",
        &"agent",
        &"--new-session",
        &"--die-with-parent",
        &"--as-pid-1",
        &"--cap-drop",
        &"ALL",
    ]);
    for (link, to) in &plan.seen.links {
        say(&[&"--symlink", to, link]);
    }
    // Mounted before anything that may be below it.
    say(&[&"--bind", &plan.temp, &"/tmp"]);
    for path in &plan.seen.paths {
        say(&[&"--ro-bind-try", path, path]);
    }
    say(&[&"--ro-bind", &plan.etc, &"/etc"]);
    for (name, path) in SYSTEM {
        say(&[&"--ro-bind", &plan.run.join(name), &path]);
    }
    say(&[&"--proc", &"/proc", &"--dev", &"/dev"]);
    say(&[&"--size", &SHARED, &"--tmpfs", &"/dev/shm"]);
    // Kernel settings that root owns stay writable for root in any namespace.
    for kernel in KERNEL.iter().filter(|path| Path::new(path).exists()) {
        say(&[&"--ro-bind", kernel, kernel]);
    }
    say(&[&"--dir", &"/var", &"--symlink", &"../tmp", &"/var/tmp"]);
    say(&[
        &"--bind",
        &plan.home,
        &plan.home,
        &"--bind",
        &plan.folder,
        &plan.folder,
    ]);
    if let Some(objects) = plan.objects {
        say(&[&"--ro-bind", &objects, &objects]);
    }
    if let Some(sent) = plan.sent {
        say(&[&"--ro-bind", &sent, &sent]);
    }
    for (from, to) in plan.files {
        say(&[&"--bind", from, to]);
    }
    for (from, to) in plan.own {
        say(&[&"--ro-bind", from, to]);
    }
    say(&[&"--ro-bind", &plan.run, &RUN]);
    say(&[&"--ro-bind", &plan.inside, &format!("{RUN}/inside")]);
    say(&[&"--ro-bind", &plan.vine, &format!("{RUN}/bin/vine")]);
    say(&[
        &"--remount-ro",
        &"/",
        &"--chdir",
        &plan.folder,
        &"--clearenv",
        &"--",
    ]);
    say(&[&format!("{RUN}/inside"), &vine_inside::SPEC]);
    all
}

/// Writes the system files, with accounts only for root, the agent and nobody, and mount points for
/// our programs.
pub fn write_system(run: &Path, home: &Path) -> std::io::Result<()> {
    fs::create_dir_all(run.join("bin"))?;
    for place in ["inside", "bin/vine"] {
        fs::write(run.join(place), "")?;
    }
    let user = user();
    let home = home.display();
    let texts = [
        format!(
            "root:x:0:0::/nonexistent:/usr/sbin/nologin\nagent:x:{user}:{user}:agent:{home}:/bin/bash\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
        ),
        format!("root:x:0:\nagent:x:{user}:\nnogroup:x:65534:\n"),
    ];
    SYSTEM
        .iter()
        .zip(texts)
        .try_for_each(|((name, _), text)| fs::write(run.join(name), text))
}

/// Facts about this machine that explain why bubblewrap is not available.
#[derive(Debug, Default, Clone)]
pub struct MachineSigns {
    /// Whether `bwrap` is installed.
    pub installed: bool,
    /// Whether `vine-inside` exists.
    pub inside: bool,
    /// `user.max_user_namespaces`
    pub most: Option<u64>,
    /// `kernel.unprivileged_userns_clone` (Debian)
    pub clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu 24.04)
    pub apparmor: Option<u64>,
    /// Whether this process is in a container.
    pub contained: bool,
    /// Whether this is Linux.
    pub linux: bool,
    /// bwrap's error message.
    pub said: String,
}

impl MachineSigns {
    /// Inspects this machine.
    pub fn look(said: String, installed: bool, inside: bool) -> Self {
        let number = |file: &str| {
            fs::read_to_string(format!("/proc/sys/{file}"))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        Self {
            installed,
            inside,
            most: number("user/max_user_namespaces"),
            clone: number("kernel/unprivileged_userns_clone"),
            apparmor: number("kernel/apparmor_restrict_unprivileged_userns"),
            contained: ["/.dockerenv", "/run/.containerenv"]
                .iter()
                .any(|file| Path::new(file).exists()),
            linux: cfg!(target_os = "linux"),
            said,
        }
    }

    /// Why bubblewrap is not available, and a command that helps.
    pub fn reason(&self) -> String {
        match self {
            Self { linux: false, .. } => "bubblewrap requires Linux; on macOS, use a container (`worker.image`)".into(),
            Self { installed: false, .. } => {
                "bubblewrap is not installed: `sudo apt install bubblewrap` (or dnf, pacman, apk)".into()
            }
            Self { inside: false, .. } => {
                "the program `vine-inside` is missing: it is part of the release; install it beside `vine`".into()
            }
            Self { most: Some(0), .. } => {
                "user namespaces are disabled on this system: `sudo sysctl -w user.max_user_namespaces=15000`".into()
            }
            Self { clone: Some(0), .. } => {
                "only root may create user namespaces on this system: `sudo sysctl -w kernel.unprivileged_userns_clone=1`".into()
            }
            Self { contained: true, .. } => format!(
                "this container forbids namespaces: start it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`, as our compose file does ({})",
                self.short()
            ),
            Self { apparmor: Some(1), .. } => {
                "AppArmor prevents bubblewrap from creating user namespaces: `sudo apt install apparmor-profiles && sudo ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict`".into()
            }
            _ => format!("bubblewrap does not start here: {}", self.short()),
        }
    }

    fn short(&self) -> String {
        let line = self
            .said
            .trim()
            .lines()
            .next_back()
            .unwrap_or("it gave no reason");
        line.chars().take(200).collect()
    }
}

/// Checks whether bwrap starts with all our arguments; otherwise returns its error.
pub fn try_out(bwrap: &Path, plan: &SandboxPlan<'_>) -> Result<(), String> {
    let tried = Command::new(bwrap)
        .args(arguments(plan))
        .env_clear()
        .output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_what_stands_in_the_way_and_what_helps() {
        let fine = MachineSigns {
            installed: true,
            inside: true,
            linux: true,
            said: "bwrap: setting up uid map: Permission denied".into(),
            ..MachineSigns::default()
        };
        for (signs, words) in [
            (
                MachineSigns {
                    installed: false,
                    ..fine.clone()
                },
                "apt install bubblewrap",
            ),
            (
                MachineSigns {
                    inside: false,
                    ..fine.clone()
                },
                "vine-inside",
            ),
            (
                MachineSigns {
                    most: Some(0),
                    ..fine.clone()
                },
                "user.max_user_namespaces=15000",
            ),
            (
                MachineSigns {
                    clone: Some(0),
                    ..fine.clone()
                },
                "kernel.unprivileged_userns_clone=1",
            ),
            (
                MachineSigns {
                    apparmor: Some(1),
                    ..fine.clone()
                },
                "bwrap-userns-restrict",
            ),
            (
                MachineSigns {
                    contained: true,
                    apparmor: Some(1),
                    ..fine.clone()
                },
                "--security-opt seccomp",
            ),
            (
                MachineSigns {
                    linux: false,
                    ..fine.clone()
                },
                "macOS",
            ),
            (fine, "Permission denied"),
        ] {
            assert!(
                signs.reason().contains(words),
                "{} has no {words}",
                signs.reason()
            );
        }
    }
}
