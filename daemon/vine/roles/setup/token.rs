//! The token for a forge: from a file, a terminal, a pipe or the configuration.

use std::{
    fs,
    io::{IsTerminal, Read, Write},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use vine_domain::forge::ForgeKind;
use vine_forges::ForgeAuth;

use crate::{cli::SetupArgs, config::ForgeConfig, output::say};

/// The token to use.
pub enum GivenToken {
    /// It was typed or piped in.
    New(String),
    /// It is in a file that stays where it is.
    InFile {
        /// The file.
        file: PathBuf,
        /// What is in it.
        text: String,
    },
    /// The configuration has it.
    Known(ForgeAuth),
}

impl GivenToken {
    /// Who we are with it.
    pub fn auth(&self) -> ForgeAuth {
        match self {
            Self::New(text) | Self::InFile { text, .. } => ForgeAuth::Token(text.clone()),
            Self::Known(auth) => auth.clone(),
        }
    }
}

/// The token to use, which was not tried yet.
pub fn token(args: &SetupArgs, known: Option<&ForgeConfig>, host: &str) -> Result<GivenToken> {
    if let Some(file) = &args.token_file {
        let text = fs::read_to_string(file)
            .with_context(|| format!("could not read the token from {}", file.display()))?;
        let (file, text) = (std::path::absolute(file)?, whole(&text)?);
        return Ok(GivenToken::InFile { file, text });
    }
    let mut input = std::io::stdin();
    if input.is_terminal() {
        if let Some(known) = known {
            return Ok(GivenToken::Known(known.settings()?.auth));
        }
        say!("{}", steps(args.forge, host));
        return Ok(GivenToken::New(whole(&typed("Paste the token: ")?)?));
    }
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .context("could not read the token from standard input")?;
    match (text.trim().is_empty(), known) {
        (true, Some(known)) => Ok(GivenToken::Known(known.settings()?.auth)),
        (true, None) => bail!(
            "there is no token: write it to standard input, or name a file with --token-file.\n\n{}",
            steps(args.forge, host)
        ),
        (false, _) => Ok(GivenToken::New(whole(&text)?)),
    }
}

/// One word, without spaces around it.
fn whole(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        bail!("a token is one word; nothing was changed");
    }
    Ok(text.to_owned())
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct QuietTerminal {
    input: std::io::Stdin,
    before: Termios,
}

impl QuietTerminal {
    fn of(input: std::io::Stdin) -> Result<Self> {
        let before = tcgetattr(&input)?;
        let mut quiet = before.clone();
        // Control and C is a character then, which no token has: it ends the command in order.
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(&input, OptionalActions::Flush, &quiet)?;
        Ok(Self { input, before })
    }
}

impl Drop for QuietTerminal {
    fn drop(&mut self) {
        let _nothing_else_helps = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

/// A line that is not shown while it is typed.
fn typed(prompt: &str) -> Result<String> {
    let terminal = QuietTerminal::of(std::io::stdin())?;
    let mut out = std::io::stderr();
    write!(out, "{prompt}")?;
    out.flush()?;
    let mut line = String::new();
    terminal.input.read_line(&mut line)?;
    writeln!(out)?;
    Ok(line)
}

/// What to click for a token. Sources: GitHub's "Permissions required for fine-grained personal access tokens",
/// GitLab's "Project access tokens", Forgejo's "Access token scope".
fn steps(kind: ForgeKind, host: &str) -> String {
    let steps: &[&str] = match kind {
        ForgeKind::Github => &[
            "Log in as the account that opens the pull requests, and open https://@HOST@/settings/personal-access-tokens/new",
            "Choose \"Only select repositories\", and select those that AgentVine works on",
            "Under \"Repository permissions\": Contents and Pull requests (read and write), Actions and Commit statuses (read). For webhooks that this command makes, also Webhooks (read and write)",
            "Press \"Generate token\" and copy the token",
        ],
        ForgeKind::Gitlab => &[
            "Open the project on https://@HOST@, then Settings, Access tokens, \"Add new token\"",
            "Choose the role Developer and the scope `api`. For webhooks that this command makes, choose Maintainer instead",
            "Press \"Create project access token\" and copy the token",
        ],
        ForgeKind::Forgejo => &[
            "Log in as the account that opens the pull requests; it has to be a collaborator who may write",
            "Open https://@HOST@/user/settings/applications and choose \"Generate new token\"",
            "Give it `repository` and `issue` (read and write) and `user` (read)",
            "Press \"Generate token\" and copy the token. For webhooks that this command makes, the account has to be an administrator of the repository",
        ],
    };
    let lines: Vec<String> = steps
        .iter()
        .enumerate()
        .map(|(number, step)| format!("  {}. {}", number + 1, step.replace("@HOST@", host)))
        .collect();
    format!("To get a token:\n{}\n", lines.join("\n"))
}
