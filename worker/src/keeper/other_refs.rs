//! What an agent left beside its branch: tags, other branches, dropped commits.

use std::{collections::BTreeSet, fs, path::Path};

use vine_domain::Failure;

use crate::keeper::{
    Keeper,
    record::FolderRecord,
    take::{TakenWork, counted_names},
};

/// Maximum number of commits to fetch that only the reflog names.
pub(super) const LOGGED: usize = 100;

impl Keeper {
    /// Takes tags that the agent created.
    pub(super) async fn take_tags(&self, from: &str, prefix: &str) -> Result<(), Failure> {
        let listed = self
            .git()
            .run(&["ls-remote", "--quiet", "--refs", "--tags", from])
            .await;
        let known = self
            .git()
            .run(&[
                "for-each-ref",
                "--format=%(objectname)\t%(refname)",
                "refs/tags",
            ])
            .await?;
        let known: BTreeSet<&str> = known.lines().collect();
        let listed = listed.unwrap_or_default();
        for line in listed
            .lines()
            .filter(|line| !known.contains(line))
            .take(LOGGED)
        {
            let short = line.split_once("\trefs/").map_or("", |(_, short)| short);
            let wanted = format!("+refs/{short}:{prefix}/{short}");
            let _bad_ones_stay_where_they_are = self.fetch_from(from, &[&wanted]).await;
        }
        Ok(())
    }

    /// Takes commits that the agent abandoned and only the reflog names.
    pub(super) async fn take_logged(
        &self,
        inside: &Path,
        from: &str,
        prefix: &str,
    ) -> Result<(), Failure> {
        let mut missing = Vec::new();
        for commit in logged(&inside.join("logs")) {
            if missing.len() < LOGGED && self.commit_at(&commit).await?.is_none() {
                missing.push(commit);
            }
        }
        for commit in missing {
            let wanted = format!("+{commit}:{prefix}/left/{commit}");
            let _gone_already = self.fetch_from(from, &[&wanted]).await;
        }
        Ok(())
    }

    /// Notes commits that the agent made outside its result.
    pub(super) async fn name_others(
        &self,
        record: &FolderRecord,
        head: &str,
        taken: &mut TakenWork,
    ) -> Result<(), Failure> {
        let prefix = Self::prefix(record);
        let listed = self
            .git()
            .run(&["for-each-ref", "--format=%(refname)", &prefix])
            .await?;
        let mut others = Vec::new();
        for name in listed.lines() {
            let new = self
                .git()
                .run(&[
                    "rev-list",
                    "--count",
                    name,
                    "--not",
                    head,
                    &record.base,
                    &record.tip,
                    "--remotes=origin",
                ])
                .await?;
            if new != "0" {
                let short = name.trim_start_matches(&prefix).trim_start_matches('/');
                others.push(short.trim_start_matches("heads/").to_owned());
            }
        }
        if !others.is_empty() {
            taken.notes.push(format!(
                "The agent also left commits on {}, outside its result; the worker keeps them under \
                 {prefix} of {}.",
                counted_names(others.iter()),
                self.dir().display()
            ));
        }
        Ok(())
    }
}

/// All commits named in reflogs: the second word of each line.
pub(super) fn logged(logs: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(logs).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != "remotes" => {
                found.extend(logged(&entry.path()));
            }
            Ok(kind) if kind.is_file() => {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let words = text.lines().filter_map(|line| line.split(' ').nth(1));
                let is_hash = |word: &&str| {
                    word.len() >= 40
                        && word.chars().all(|c| c.is_ascii_hexdigit())
                        && word.chars().any(|c| c != '0')
                };
                found.extend(words.filter(is_hash).map(str::to_owned));
            }
            _ => {}
        }
    }
    found
}
