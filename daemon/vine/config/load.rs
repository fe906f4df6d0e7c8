//! Reads the configuration: the file, then the environment over it. Errors name the key and what to
//! write instead.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use toml::{Table, Value};
use vine_domain::Role;

use super::Config;

/// Read if no other file is given and it exists, see [`unnamed`].
const FILE: &str = "vine.toml";

impl Config {
    /// The configuration in effect.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let file = file.map(Path::to_owned).or_else(unnamed);
        let mut table = file.as_deref().map_or_else(|| Ok(Table::new()), read)?;
        let plain = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        for (name, value) in
            plain.filter(|(name, _)| name.starts_with("VINE_") && name.contains("__"))
        {
            overlay(&mut table, &name, &value)?;
        }
        check_keys(&table, &known()?, "")?;
        let mut config: Self =
            Value::Table(table)
                .try_into()
                .map_err(|error: toml::de::Error| {
                    anyhow!("the configuration is not valid: {}", error.message())
                })?;
        config.file = file.map(std::path::absolute).transpose()?;
        config.check()?;
        Ok(config)
    }

    /// Checks the text of a configuration file by itself.
    pub fn check_text(text: &str) -> Result<()> {
        let table: Table = text.parse()?;
        check_keys(&table, &known()?, "")?;
        let config: Self = Value::Table(table).try_into()?;
        config.check()
    }

    fn check(&self) -> Result<()> {
        if !(1..=1000).contains(&self.worker.slots) {
            bail!("worker.slots is {}; use 1 to 1000", self.worker.slots);
        }
        if self.worker.hold_seconds > 1800 {
            bail!(
                "worker.hold_seconds is {}; use at most 1800, parked questions can wait forever",
                self.worker.hold_seconds
            );
        }
        if self.worker.probe_seconds == 0 {
            bail!("worker.probe_seconds is 0; use at least 1");
        }
        self.database.check()?;
        self.redis.check(&self.database)?;
        self.questions.patience()?;
        self.rules()?;
        super::people::grants(&self.people)?;
        self.chat.matrix.check()?;
        self.chat.slack.check()?;
        self.chat.discord.check()?;
        super::forges::check(&self.forges)?;
        if self.chat.slack.by_requests() && self.daemon.public_url.is_none() {
            bail!(
                "chat.slack has a signing_secret, but daemon.public_url is not set; Slack sends its \
                 requests there"
            );
        }
        if self.agents.claude.command.is_empty() {
            bail!("agents.claude.command is empty; set it to the program, like [\"claude\"]");
        }
        Ok(())
    }

    /// The configuration without secrets, as TOML.
    pub fn shown(&self) -> Result<String> {
        let mut shown = self.clone();
        let slack = &mut shown.chat.slack;
        let others = [
            &mut shown.chat.matrix.password,
            &mut shown.chat.discord.token,
            &mut shown.database.url,
            &mut shown.redis.url,
        ];
        for secret in [
            &mut slack.bot_token,
            &mut slack.app_token,
            &mut slack.signing_secret,
        ]
        .into_iter()
        .chain(others)
        {
            *secret = secret.take().map(|_| "(set)".into());
        }
        for forge in &mut shown.forges {
            for secret in [&mut forge.token, &mut forge.webhook_secret] {
                *secret = secret.take().map(|_| "(set)".into());
            }
        }
        shown
            .agents
            .claude
            .env
            .values_mut()
            .for_each(|value| *value = "(set)".into());
        shown
            .agents
            .script
            .env
            .values_mut()
            .for_each(|value| *value = "(set)".into());
        Ok(toml::to_string_pretty(&shown)?)
    }
}

fn read(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read the configuration {}", path.display()))?;
    text.parse()
        .map_err(|error: toml::de::Error| anyhow!("{} is not valid TOML: {error}", path.display()))
}

/// The file to read if none is given: in this folder, unless it is in a repository, else in the
/// user's configuration folder. A file that agents or strangers can write is not read.
fn unnamed() -> Option<PathBuf> {
    let here = Path::new(FILE);
    if here.is_file() {
        match repository_of(&std::env::current_dir().ok()?) {
            None => return Some(here.to_owned()),
            Some(repository) => eprintln!(
                "vine: {FILE} is not read here, because it is inside the repository {}; if it is \
                 yours, use --config {FILE}",
                repository.display()
            ),
        }
    }
    let base = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let own = base.filter(|path| path.is_absolute()).or_else(home)?;
    Some(own.join("agentvine").join(FILE)).filter(|path| path.is_file())
}

/// The repository that a folder is in.
fn repository_of(folder: &Path) -> Option<&Path> {
    folder
        .ancestors()
        .find(|folder| folder.join(".git").symlink_metadata().is_ok())
}

/// `VINE_DAEMON__LISTEN=…` sets `daemon.listen`.
fn overlay(table: &mut Table, name: &str, text: &str) -> Result<()> {
    let mut path: Vec<String> = name
        .trim_start_matches("VINE_")
        .split("__")
        .map(str::to_lowercase)
        .collect();
    let (section, last) = name
        .trim_start_matches("VINE_")
        .rsplit_once("__")
        .context("no section")?;
    if FREE.contains(&section.to_lowercase().replace("__", ".").as_str()) {
        // Keys of these sections are names, whose capitals matter.
        *path.last_mut().context("an empty name")? = last.to_owned();
    }
    let (key, sections) = path.split_last().context("an empty name")?;
    let mut table = table;
    for section in sections {
        let entry = table
            .entry(section.clone())
            .or_insert_with(|| Table::new().into());
        table = entry
            .as_table_mut()
            .ok_or_else(|| anyhow!("{name}: `{section}` is not a section"))?;
    }
    table.insert(key.clone(), value(text));
    Ok(())
}

/// A value as TOML would read it, else plain text.
fn value(text: &str) -> Value {
    let parsed = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// All keys that exist: those of the defaults, and those without a default.
fn known() -> Result<Table> {
    let mut known = Table::try_from(Config::default())?;
    let optional = [
        ("chat.matrix", "homeserver_url"),
        ("chat.matrix", "password"),
        ("chat.matrix", "password_file"),
        ("chat.matrix", "recovery_key_file"),
        ("chat.slack", "bot_token"),
        ("chat.slack", "bot_token_file"),
        ("chat.slack", "app_token"),
        ("chat.slack", "app_token_file"),
        ("chat.slack", "signing_secret"),
        ("chat.slack", "signing_secret_file"),
        ("chat.slack", "team_id"),
        ("chat.discord", "token"),
        ("chat.discord", "token_file"),
        ("chat.discord", "guild"),
        ("database", "url"),
        ("database", "url_file"),
        ("redis", "url"),
        ("redis", "url_file"),
        ("daemon", "public_url"),
        ("daemon", "state"),
        ("questions", "quiet_hours"),
        ("worker", "daemon"),
        ("worker", "name"),
        ("worker", "state"),
        ("worker", "wall"),
        ("worker", "image"),
        ("git.all", "ssh_key"),
        ("git.all", "known_hosts"),
        ("git.all", "token_file"),
        ("login.oidc", "issuer_url"),
        ("login.oidc", "client_secret"),
        ("login.oidc", "client_secret_file"),
        ("traces", "otlp_url"),
        ("traces", "authorization_file"),
    ];
    for (section, key) in optional {
        let section = section.split('.').try_fold(&mut known, |table, name| {
            table.get_mut(name)?.as_table_mut()
        });
        if let Some(section) = section {
            section.insert(key.into(), Value::String(String::new()));
        }
    }
    known.insert(
        "people".into(),
        Value::Array(vec![Table::try_from(super::PersonConfig::sample())?.into()]),
    );
    known.insert(
        "forges".into(),
        Value::Array(vec![Table::try_from(super::ForgeConfig::sample())?.into()]),
    );
    let decisions = super::DecisionsConfig {
        repo: Some(String::new()),
        permissions: Some(Role::Admin),
        plans: Some(Role::Admin),
        own: Some(true),
    };
    known.insert(
        "decisions".into(),
        Value::Array(vec![Table::try_from(decisions)?.into()]),
    );
    Ok(known)
}

/// Sections that accept any key.
const FREE: [&str; 6] = [
    "agents.claude.env",
    "agents.claude.env_files",
    "agents.script.env",
    "git.repos",
    "people.repos",
    "worker.hosts",
];

fn check_keys(table: &Table, known: &Table, place: &str) -> Result<()> {
    for (key, value) in table {
        let path = if place.is_empty() {
            key.clone()
        } else {
            format!("{place}.{key}")
        };
        let Some(expected) = known.get(key) else {
            let near = known
                .keys()
                .min_by_key(|other| strsim::damerau_levenshtein(other, key))
                .filter(|other| strsim::jaro_winkler(other, key) > 0.8);
            let hint = near.map_or_else(
                || {
                    format!(
                        "known here: {}",
                        known.keys().cloned().collect::<Vec<_>>().join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            bail!("the configuration has an unknown key `{path}`; {hint}");
        };
        if let (Some(table), Some(expected), false) = (
            value.as_table(),
            expected.as_table(),
            FREE.contains(&path.as_str()),
        ) {
            check_keys(table, expected, &path)?;
        }
        if let (Some(entries), Some([Value::Table(expected)])) =
            (value.as_array(), expected.as_array().map(Vec::as_slice))
        {
            for entry in entries.iter().filter_map(Value::as_table) {
                check_keys(entry, expected, &path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_defaults_in_words() {
        let table: Table = super::super::EXAMPLE.parse().expect("the example is TOML");
        check_keys(&table, &known().expect("defaults"), "")
            .expect("the example has known keys only");
        let config: Config = Value::Table(table)
            .try_into()
            .expect("the example is a configuration");
        assert_eq!(config, Config::default(), "the example shows the defaults");
    }

    #[test]
    fn what_the_example_offers_can_be_used() {
        let mut section = String::new();
        let mut offered = 0;
        for line in super::super::EXAMPLE.lines() {
            let bare = line.trim_start_matches("# ");
            if bare.starts_with('[') && bare.contains(']') {
                section = bare.to_owned();
                continue;
            }
            let key = bare.split_once(" = ").map_or("", |(key, _)| key);
            let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if !line.starts_with("# ") || !is_key {
                continue;
            }
            let text = format!("{section}\n{bare}");
            let table: Table = text
                .parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            check_keys(&table, &known().expect("defaults"), "").expect(&text);
            offered += 1;
        }
        assert!(offered > 40, "{offered}");
    }

    #[test]
    fn unknown_keys_are_refused_with_a_suggestion() {
        let table: Table = "[daemon]\nlisen = \"127.0.0.1:1\"".parse().expect("TOML");
        let error = check_keys(&table, &known().expect("defaults"), "").expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "the configuration has an unknown key `daemon.lisen`; did you mean `listen`?"
        );
    }

    #[test]
    fn the_environment_wins_and_is_read_like_toml() {
        let mut table = Table::new();
        overlay(&mut table, "VINE_WORKER__SLOTS", "4").expect("set");
        overlay(
            &mut table,
            "VINE_AGENTS__CLAUDE__COMMAND",
            "[\"/opt/claude\"]",
        )
        .expect("set");
        overlay(
            &mut table,
            "VINE_DAEMON__PUBLIC_URL",
            "https://vine.example",
        )
        .expect("set");
        overlay(
            &mut table,
            "VINE_AGENTS__CLAUDE__ENV__ANTHROPIC_API_KEY",
            "dummy",
        )
        .expect("set");
        let config: Config = Value::Table(table).try_into().expect("a configuration");
        assert_eq!(config.agents.claude.env["ANTHROPIC_API_KEY"], "dummy");
        assert_eq!(
            (
                config.worker.slots,
                config.agents.claude.command[0].as_str()
            ),
            (4, "/opt/claude")
        );
        assert_eq!(
            config.daemon.public_url.as_deref(),
            Some("https://vine.example")
        );
    }
}
