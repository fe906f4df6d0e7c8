//! What stands around the agents of `vine up`: the best wall that can, and where none can, what its
//! owner says.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use vine_domain::{Wall, WorkerIsolation};
use vine_worker::{NoWall, Walls, WorkerConfig};

/// Where it is remembered that this user goes on without a wall.
fn accepted(root: &Path) -> PathBuf {
    root.join("no-wall-accepted")
}

/// Decides on the wall; asks once, in a terminal, before going on without one. Never waits where
/// nobody can answer.
pub fn settle(work: &mut WorkerConfig, root: &Path) -> Result<WorkerIsolation> {
    let why = match Walls::stand(work) {
        Ok(walls) => return Ok(walls.standing),
        Err(NoWall(why)) => why,
    };
    if work.wall.wanted.is_some() {
        bail!("the wall that is wanted cannot stand here: {why}");
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
            "`vine up` goes on without a wall here; remove this file to be asked again.\n",
        )?;
    }
    work.wall.wanted = Some(Wall::Plain);
    work.wall.why = why;
    Ok(Walls::stand(work)?.standing)
}

fn agrees(why: &str) -> Result<bool> {
    print!(
        "No wall can stand around agents here:\n  {why}\nAgents here can read your files and the model's key, and reach this machine's services. Go on? [y/N] "
    );
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
