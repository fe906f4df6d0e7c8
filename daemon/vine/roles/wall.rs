//! The wall around agents of `vine up`: the strongest one that works here or, if none does, what
//! the user decides.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use vine_domain::{Wall, WorkerIsolation};
use vine_worker::{NoWall, Walls, WorkerConfig};

/// The file that records that this user accepted to run without a wall.
fn accepted(root: &Path) -> PathBuf {
    root.join("no-wall-accepted")
}

/// Chooses the wall; asks once, in a terminal, before it runs without one. Never waits if nobody
/// can answer.
pub fn settle(work: &mut WorkerConfig, root: &Path) -> Result<WorkerIsolation> {
    let why = match Walls::stand(work) {
        Ok(walls) => return Ok(walls.standing),
        Err(NoWall(why)) => why,
    };
    if work.wall.wanted.is_some() {
        bail!("the requested wall does not work here: {why}");
    }
    if !accepted(root).exists() {
        if !io::stdin().is_terminal() {
            bail!(NoWall(why));
        }
        if !agrees(&why)? {
            bail!("nothing was started");
        }
        fs::create_dir_all(root)?;
        fs::write(
            accepted(root),
            "`vine up` runs without a wall here; remove this file to be asked again.\n",
        )?;
    }
    work.wall.wanted = Some(Wall::Plain);
    work.wall.why = why;
    Ok(Walls::stand(work)?.standing)
}

fn agrees(why: &str) -> Result<bool> {
    print!(
        "No wall around agents works here:\n  {why}\nAgents here can read your files and the model's key, and reach this machine's services. Continue? [y/N] "
    );
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
