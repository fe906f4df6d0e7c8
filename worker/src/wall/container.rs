//! The wall `container`: the administrator's image, run by podman or docker without a network, with
//! our own first process.

use std::{ffi::OsString, path::Path, process::Command};

use super::{
    bubblewrap::{FILES, RUN, SYSTEM, SandboxPlan, user},
    limits::AgentLimits,
};
use crate::process::find_program;

/// Supported container engines.
const ENGINES: [&str; 2] = ["podman", "docker"];

/// The label that marks a worker's containers, by its state folder.
fn label(state: &Path) -> String {
    format!("agentvine={}", state.display())
}

/// Kills containers that an earlier process of the worker left running.
pub fn end_left_behind(engine: &str, state: &Path) {
    let filter = format!("label={}", label(state));
    let Ok(listed) = Command::new(engine)
        .args(["ps", "--quiet", "--filter", &filter])
        .output()
    else {
        return;
    };
    for id in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        let _gone_already = Command::new(engine).args(["kill", id]).output();
    }
}

/// Checks whether the image exists; it is never pulled.
pub fn has_image(engine: &str, image: &str) -> Result<(), String> {
    let looked = Command::new(engine)
        .args(["image", "inspect", image])
        .output();
    match looked {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(format!(
            "{engine} has no image `{image}`: build or pull it first"
        )),
    }
}

/// The first engine that works; otherwise each one's error.
pub fn engine() -> Result<String, String> {
    let mut complaints = Vec::new();
    for name in ENGINES {
        if find_program(name).is_none() {
            complaints.push(format!("{name} is not installed"));
            continue;
        }
        match Command::new(name)
            .args(["info", "--format", "{{.ID}}"])
            .output()
        {
            Ok(output) if output.status.success() => return Ok(name.to_owned()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let line = said
                    .trim()
                    .lines()
                    .next()
                    .unwrap_or("it gave no reason")
                    .to_owned();
                complaints.push(format!("{name}: {line}"));
            }
            Err(error) => complaints.push(format!("{name}: {error}")),
        }
    }
    Err(complaints.join("; "))
}

/// The engine's arguments, up to the program. `name` identifies the container.
pub fn arguments(
    plan: &SandboxPlan<'_>,
    (engine, image): (&str, &str),
    (name, state): (&str, &Path),
    most: AgentLimits,
) -> Vec<OsString> {
    let user = user();
    let mut all: Vec<OsString> = [
        "run",
        "--rm",
        "--interactive",
        "--pull",
        "never",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--ipc",
        "private",
        "--name",
        name,
    ]
    .map(OsString::from)
    .into();
    all.extend(["--user".into(), format!("{user}:{user}").into()]);
    all.extend(["--label".into(), label(state).into()]);
    // Rootless podman maps our user id differently by default.
    if engine == "podman" {
        all.push("--userns=keep-id".into());
    }
    all.extend(["--pids-limit".into(), most.processes.to_string().into()]);
    all.extend(["--memory".into(), most.memory.to_string().into()]);
    all.extend(["--workdir".into(), plan.folder.into()]);
    let mut mount = |from: &Path, to: &Path, mode: &str| {
        let mut word = OsString::from(from);
        word.push(":");
        word.push(to);
        word.push(mode);
        all.extend(["--volume".into(), word]);
    };
    // Programs come from the image, except the agent's and ours.
    for (name, path) in SYSTEM {
        mount(&plan.run.join(name), Path::new(path), ":ro");
    }
    mount(plan.temp, Path::new("/tmp"), "");
    mount(plan.home, plan.home, "");
    mount(plan.folder, plan.folder, "");
    if let Some(objects) = plan.objects {
        mount(objects, objects, ":ro");
    }
    if let Some(sent) = plan.sent {
        mount(sent, sent, ":ro");
    }
    for (from, to) in plan.files {
        mount(from, to, "");
    }
    for (from, to) in plan.own {
        mount(from, to, ":ro");
    }
    for name in FILES.iter().filter(|name| plan.run.join(name).exists()) {
        mount(&plan.run.join(name), &Path::new(RUN).join(name), ":ro");
    }
    let is_of_agent =
        |path: &&std::path::PathBuf| !path.starts_with("/usr") && !path.starts_with("/etc");
    for path in plan.seen.paths.iter().filter(is_of_agent) {
        mount(path, path, ":ro");
    }
    mount(plan.inside, &Path::new(RUN).join("inside"), ":ro");
    mount(plan.vine, &Path::new(RUN).join("bin/vine"), ":ro");
    all.extend([
        "--entrypoint".into(),
        format!("{RUN}/inside").into(),
        image.into(),
        vine_inside::SPEC.into(),
    ]);
    all
}

/// Kills a container, if it still exists.
pub async fn end(engine: &str, name: &str) {
    let mut command = tokio::process::Command::new(engine);
    command
        .args(["kill", name])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let _gone_already = command.status().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::mounts::VisibleMounts;

    #[test]
    fn a_container_has_no_network_no_rights_and_writes_in_three_folders_alone() {
        let seen = VisibleMounts::default();
        let path = Path::new;
        let plan = SandboxPlan {
            seen: &seen,
            etc: path("/s/etc"),
            folder: path("/s/tree"),
            home: path("/s/home"),
            sent: Some(path("/s/sent")),
            temp: path("/s/tmp"),
            run: path("/nowhere"),
            objects: Some(path("/s/objects")),
            files: &[],
            own: &[],
            inside: path("/b/vine-inside"),
            vine: path("/b/vine"),
        };
        let most = AgentLimits {
            memory: 1 << 30,
            processes: 100,
        };
        let words: Vec<String> =
            arguments(&plan, ("docker", "image"), ("vine-x", path("/s")), most)
                .into_iter()
                .map(|word| word.into_string().expect("text"))
                .collect();
        let line = words.join(" ");
        for part in [
            "--network none",
            "--cap-drop ALL",
            "--read-only",
            "no-new-privileges",
            "--pids-limit 100",
            "--pull never",
        ] {
            assert!(line.contains(part), "{line}");
        }
        let written: Vec<&String> = words
            .iter()
            .filter(|word| word.starts_with("/s/") && !word.ends_with(":ro") && word.contains(':'))
            .collect();
        assert_eq!(
            written,
            ["/s/tmp:/tmp", "/s/home:/s/home", "/s/tree:/s/tree"]
        );
        assert!(line.ends_with("image /run/vine/spec.json"), "{line}");
    }
}
