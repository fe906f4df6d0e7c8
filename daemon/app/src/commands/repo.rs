//! `repo ...`

use vine_domain::{Repo, Slug, Verb, repo::Source};
use vine_grammar::RepoVerb;

use super::Reply;
use crate::{App, AppError, Caller, Done, view};

pub async fn run(app: &App, caller: &Caller, verb: RepoVerb) -> Done<Reply> {
    match verb {
        RepoVerb::Add { name, source, base, trusted } => {
            app.allow(caller, Verb::Administer, None, &format!("repo {name}")).await?;
            let repo = Repo { name, source: Source::try_from(source)?, base, paused: false, trusted };
            app.add_repo(&repo).await?;
            Ok(Reply::new(line(&repo), view::repo(&repo)))
        }
        RepoVerb::List => {
            app.allow(caller, Verb::See, None, "repositories").await?;
            Ok(Reply::list(&app.store.repos().await?, line, view::repo, "No repositories. `repo add <name> <path or URL>` adds one."))
        }
        RepoVerb::Show { name } => {
            app.allow(caller, Verb::See, Some(&name), &format!("repo {name}")).await?;
            let repo = find(app, &name).await?;
            Ok(Reply::new(line(&repo), view::repo(&repo)))
        }
    }
}

async fn find(app: &App, name: &Slug) -> Done<Repo> {
    let found = app.store.repos().await?.into_iter().find(|repo| repo.name == *name);
    found.ok_or_else(|| AppError::NotFound(format!("repository {name}")))
}

fn line(repo: &Repo) -> String {
    let notes =
        [(repo.paused, ", paused"), (repo.trusted, ", trusted")].iter().filter(|(yes, _)| *yes).map(|(_, note)| *note).collect::<String>();
    format!("{:<16} {} (base {}{notes})", repo.name, repo.source.as_str(), repo.base)
}

impl App {
    /// Adds a repository, or corrects the one of that name, and gives it its room in the console.
    pub async fn add_repo(&self, repo: &Repo) -> Done<()> {
        self.store.save_repo(repo).await?;
        self.store.bind_room("console", repo.name.as_str(), &repo.name).await?;
        self.wakes.page();
        Ok(())
    }
}
