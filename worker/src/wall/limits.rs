//! Limits for one agent with everything it starts: by a control group if this process may create
//! one (cgroups(7), both versions), otherwise by per-process limits.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

const ROOT: &str = "/sys/fs/cgroup";
/// Minimum share: with less, Claude Code barely starts.
const LEAST: u64 = 1 << 30;

/// Where groups are created.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CgroupRoot {
    /// Version 1: one folder per controller.
    Each { memory: PathBuf, pids: PathBuf },
    /// Version 2.
    One(PathBuf),
}

/// Determined once: with version 2 this process moves into its own group first.
fn groups() -> Option<&'static CgroupRoot> {
    static FOUND: OnceLock<Option<CgroupRoot>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref()
}

fn find() -> Option<CgroupRoot> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let found = each(&own).or_else(|| one(&own))?;
    let folders = match &found {
        CgroupRoot::Each { memory, pids } => vec![memory, pids],
        CgroupRoot::One(folder) => vec![folder],
    };
    folders
        .into_iter()
        .for_each(|folder| remove_left_behind(folder));
    Some(found)
}

/// The folder of a controller, as in `/proc/self/cgroup`: `4:memory:/user.slice`.
fn folder_of(own: &str, controller: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next()?;
        let path = parts.next()?;
        let is_it = match controller {
            "" => controllers.is_empty(),
            name => controllers.split(',').any(|one| one == name),
        };
        let below = path.trim_start_matches('/');
        is_it.then(|| Path::new(ROOT).join(controller).join(below))
    })
}

fn each(own: &str) -> Option<CgroupRoot> {
    let memory = folder_of(own, "memory")?;
    let pids = folder_of(own, "pids")?;
    let may = |folder: &Path| {
        let tried = folder.join(format!("vine-{}-try", std::process::id()));
        fs::create_dir(&tried)
            .and_then(|()| fs::remove_dir(tried))
            .is_ok()
    };
    (may(&memory) && may(&pids)).then_some(CgroupRoot::Each { memory, pids })
}

/// A group that limits its children must not contain processes itself, so this process moves into a
/// child group.
fn one(own: &str) -> Option<CgroupRoot> {
    let folder = folder_of(own, "")?;
    let keeper = folder.join("vine-keeper");
    let _there_already = fs::create_dir(&keeper);
    fs::write(keeper.join("cgroup.procs"), std::process::id().to_string()).ok()?;
    if fs::write(folder.join("cgroup.subtree_control"), "+memory +pids").is_err() {
        let _back = fs::write(folder.join("cgroup.procs"), std::process::id().to_string());
        let _as_before = fs::remove_dir(&keeper);
        return None;
    }
    Some(CgroupRoot::One(folder))
}

/// Removes groups of keepers that are gone; those with processes stay.
fn remove_left_behind(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| {
            name.strip_prefix("vine-")?
                .split('-')
                .next()?
                .parse::<u32>()
                .ok()
        });
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _in_use = fs::remove_dir(entry.path());
        }
    }
}

/// The limits of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentLimits {
    /// Bytes of memory.
    pub memory: u64,
    /// Number of processes, including threads.
    pub processes: u64,
}

impl AgentLimits {
    /// The configured limits, or an equal share of the machine's memory per agent.
    pub fn of(memory: Option<u64>, processes: u64, agents: u32) -> Self {
        let share = || {
            let of_machine = total().unwrap_or(8 << 30) / 10 * 8 / u64::from(agents.max(1));
            of_machine.max(LEAST)
        };
        Self {
            memory: memory.unwrap_or_else(share),
            processes,
        }
    }
}

fn total() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Whether control groups can be created.
pub fn can_group() -> bool {
    groups().is_some()
}

/// The group of one agent; removed when dropped.
#[derive(Debug)]
pub struct AgentCgroup {
    folders: Vec<PathBuf>,
}

impl AgentCgroup {
    /// Creates a group with these limits; `None` if that is not possible.
    pub fn new(most: AgentLimits) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!(
            "vine-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let memory = most.memory.to_string();
        let pids = most.processes.to_string();
        let (folders, limits) = match groups()? {
            CgroupRoot::Each {
                memory: at_memory,
                pids: at_pids,
            } => {
                let at_memory = at_memory.join(&name);
                let at_pids = at_pids.join(&name);
                let limits = vec![
                    (at_memory.join("memory.limit_in_bytes"), memory),
                    (at_pids.join("pids.max"), pids),
                ];
                (vec![at_memory, at_pids], limits)
            }
            CgroupRoot::One(folder) => {
                let folder = folder.join(&name);
                let swap = (folder.join("memory.swap.max"), "0".to_owned());
                let limits = vec![
                    (folder.join("memory.max"), memory),
                    (folder.join("pids.max"), pids),
                    swap,
                ];
                (vec![folder], limits)
            }
        };
        let made = Self { folders };
        for folder in &made.folders {
            fs::create_dir(folder).ok()?;
        }
        for (file, limit) in limits {
            let written = fs::write(&file, limit);
            if written.is_err() && !file.ends_with("memory.swap.max") {
                return None;
            }
        }
        Some(made)
    }

    /// Adds a process before it starts any other, so that everything it starts is in the group. The
    /// kernel takes milliseconds per group, so this is done in parallel.
    pub async fn hold(&self, process: u32) -> io::Result<()> {
        let one = |folder: &PathBuf| {
            let file = folder.join("cgroup.procs");
            tokio::task::spawn_blocking(move || fs::write(file, process.to_string()))
        };
        let all: Vec<_> = self.folders.iter().map(one).collect();
        for held in all {
            held.await.map_err(io::Error::other)??;
        }
        Ok(())
    }

    /// Whether a process in it was killed for exceeding the memory limit.
    pub fn overflowed(&self) -> bool {
        let files = self.folders.iter().flat_map(|folder| {
            ["memory.oom_control", "memory.events"].map(|file| folder.join(file))
        });
        let text: String = files
            .filter_map(|file| fs::read_to_string(file).ok())
            .collect();
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok());
        count.is_some_and(|count| count > 0)
    }
}

impl Drop for AgentCgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _older_kernels_have_none = fs::write(folder.join("cgroup.kill"), "1");
        }
        // Killed processes leave the group a moment later.
        let folders = std::mem::take(&mut self.folders);
        std::thread::spawn(move || {
            for _ in 0..100 {
                if folders
                    .iter()
                    .all(|folder| fs::remove_dir(folder).is_ok() || !folder.exists())
                {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_in_both_versions() {
        let first = "9:name=systemd:/\n8:pids:/\n4:cpu,memory:/user/one\n0::/\n";
        assert_eq!(
            folder_of(first, "memory"),
            Some(PathBuf::from("/sys/fs/cgroup/memory/user/one"))
        );
        assert_eq!(
            folder_of(first, "pids"),
            Some(PathBuf::from("/sys/fs/cgroup/pids/"))
        );
        let second = "0::/system.slice/agentvine-worker@1.service\n";
        let expected = PathBuf::from("/sys/fs/cgroup/system.slice/agentvine-worker@1.service");
        assert_eq!(folder_of(second, ""), Some(expected));
        assert_eq!(folder_of(second, "memory"), None);
    }
}
