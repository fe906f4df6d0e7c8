//! Which branch a task works on.

use vine_domain::{Failure, FailureKind, assignment::Assignment};

use crate::keeper::Keeper;

/// The branch for a task, and whether it continues one that others made.
pub(super) async fn choose_branch(
    keeper: &Keeper,
    task: &Assignment,
    name: &str,
    base: &str,
) -> Result<(String, bool), Failure> {
    let wanted = task.branch.as_str();
    let is_default = wanted.starts_with(&format!("vine/{}-", task.attempt.task));
    let there = keeper.has_branch(wanted).await?;
    let is_ours = match &there {
        Some(there) => is_ours(keeper, task, base, there).await?,
        None => !is_default,
    };
    if is_ours {
        return Ok((wanted.to_owned(), false));
    }
    if is_default {
        return Ok((keeper.free_name(wanted).await?, false));
    }
    if wanted == keeper.base(task.repo.base.as_str()).await?.0 {
        let what = format!(
            "The branch `{wanted}` is where the tasks of `{}` start from.",
            task.repo.name
        );
        return Err(Failure::new(FailureKind::BranchTaken, what));
    }
    if wanted == name {
        return Ok((wanted.to_owned(), true));
    }
    Err(taken(wanted))
}

/// Whether the branch contains what an earlier attempt of this task made here and pushed.
pub(super) async fn is_ours(
    keeper: &Keeper,
    task: &Assignment,
    base: &str,
    there: &str,
) -> Result<bool, Failure> {
    let work = format!("refs/vine/{}-{}/work", task.attempt.task, task.created_at.0);
    let Some(work) = keeper.commit_at(&work).await? else {
        return Ok(false);
    };
    Ok(keeper.is_in(there, &work).await? && !keeper.is_in(there, base).await?)
}

pub(super) fn taken(branch: &str) -> Failure {
    let what = format!(
        "The branch `{branch}` already exists and was not created for this task. To continue it, use \
         it as the base too: `--base {branch} --branch {branch}`."
    );
    Failure::new(FailureKind::BranchTaken, what)
}
