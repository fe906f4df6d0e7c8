//! Borrows tokens for git from the daemon.

use std::time::Duration;

use vine_api::ClientError;
use vine_domain::{Repo, attempt::Attempt, forge::GitToken};

use crate::{
    context::WorkerContext,
    git_tokens::{self, Lent, https_host},
};

/// How often the daemon is asked while it or the forge is away, and the pause between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Has a good token for the attempt's repository, if it takes one and the daemon has one to lend.
///
/// # Errors
/// Says why there is none. Git may work without it.
pub async fn borrow(context: &WorkerContext, attempt: Attempt, repo: &Repo) -> Result<(), String> {
    let (tokens, state) = (&context.config.git.tokens, &context.config.state);
    let has_own = context.config.git.of(&repo.name).token_file.is_some();
    let Some(file) = git_tokens::file_of(state, repo).filter(|_| !has_own) else {
        return Ok(());
    };
    if tokens.lasts(state, repo, attempt) {
        return Ok(());
    }
    match ask(context, attempt).await {
        Ok(Some(token)) if is_for(&token, repo) => {
            git_tokens::write(&file, &token)
                .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
            let ends = token.expires_at;
            let doubted = false;
            tokens.keep(
                file,
                Lent::Good {
                    attempt,
                    ends,
                    doubted,
                },
            );
            Ok(())
        }
        // The repository has moved to another forge meanwhile.
        Ok(_) => {
            tokens.forget(state, repo);
            Ok(())
        }
        // Another attempt's is for the same repository.
        Err(_) if tokens.file(state, repo).is_some() => Ok(()),
        Err(error) => {
            tracing::warn!(task.id = %attempt.task, "no token for {}: {error}", repo.name);
            tokens.keep(file, Lent::Missing);
            Err(format!(
                "The daemon could not lend a token for it: {error}."
            ))
        }
    }
}

fn is_for(token: &GitToken, repo: &Repo) -> bool {
    let host = https_host(repo.source.as_str()).unwrap_or_default();
    token.host.eq_ignore_ascii_case(host)
}

async fn ask(context: &WorkerContext, attempt: Attempt) -> Result<Option<GitToken>, ClientError> {
    let path = format!("/workers/{}/git-token", context.worker);
    let mut tries = 1;
    loop {
        let answer = context.client.post(&path, &attempt).await;
        let passes = matches!(
            answer,
            Err(ClientError::Unreachable { .. } | ClientError::Refused { status: 500.., .. })
        );
        if !passes || tries == TRIES {
            return answer;
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
