//! What people say at a pull request: reviews, comments at lines, and comments.

use serde_json::Value;
use vine_domain::{
    forge::{ForgeProject, Remark, ReviewVerdict},
    ports::ForgeResult,
};

use crate::{
    github::{Github, issue, pull},
    json::{id, text as words, user},
};

fn verdict(review: &Value) -> Option<ReviewVerdict> {
    match review["state"].as_str() {
        Some("APPROVED") => Some(ReviewVerdict::Approved),
        Some("CHANGES_REQUESTED") => Some(ReviewVerdict::ChangesWanted),
        Some("COMMENTED") => Some(ReviewVerdict::Commented),
        _ => None,
    }
}

impl Github {
    pub async fn remarks(&self, project: &ForgeProject, number: u64) -> ForgeResult<Vec<Remark>> {
        let (pull, issue) = (pull(project, number), issue(project, number));
        let reviews = self.client.all(&format!("{pull}/reviews")).await?;
        let lines = self.client.all(&format!("{pull}/comments")).await?;
        let comments = self.client.all(&format!("{issue}/comments")).await?;
        let remark = |kind: &str, one: &Value| {
            Some(Remark {
                key: format!("{kind}:{}", id(&one["id"])),
                author: user(&one["user"], "login")?,
                text: words(&one["body"]),
                place: None,
                edited: !one["updated_at"].is_null() && one["updated_at"] != one["created_at"],
                verdict: None,
            })
        };
        let reviews = reviews.iter().filter_map(|one| {
            let verdict = verdict(one)?;
            Some(Remark {
                verdict: Some(verdict),
                ..remark("review", one)?
            })
        });
        let lines = lines.iter().filter_map(|one| {
            let line = one["line"].as_u64().or(one["original_line"].as_u64());
            let line = line.map_or_else(String::new, |line| format!(" line {line}"));
            let first = one["in_reply_to_id"].as_u64();
            let first = first.map_or_else(String::new, |first| format!("{first}/"));
            Some(Remark {
                key: format!("line:{first}{}", id(&one["id"])),
                place: Some(format!("{}{line}", words(&one["path"]))),
                ..remark("line", one)?
            })
        });
        let comments = comments.iter().filter_map(|one| remark("comment", one));
        Ok(reviews.chain(lines).chain(comments).collect())
    }
}
