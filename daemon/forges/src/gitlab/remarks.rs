//! What people say at a merge request: notes in discussions, and approvals.

use serde_json::Value;
use vine_domain::{
    forge::{ForgeProject, Remark, ReviewVerdict},
    ports::ForgeResult,
};

use crate::{
    gitlab::{Gitlab, request},
    json::{id, list, text as words, user},
};

/// GitLab itself touches a note within moments: ten seconds are the same time.
fn is_edited(note: &Value) -> bool {
    let about = |at: &Value| at.as_str().and_then(|at| at.get(..18)).map(str::to_owned);
    about(&note["updated_at"]) != about(&note["created_at"])
}

impl Gitlab {
    pub async fn remarks(&self, project: &ForgeProject, number: u64) -> ForgeResult<Vec<Remark>> {
        let request = request(project, number);
        let discussions = self.client.all(&format!("{request}/discussions")).await?;
        let approvals = self.client.get(&format!("{request}/approvals")).await?;
        let mut remarks = Vec::new();
        for discussion in &discussions {
            let thread = words(&discussion["id"]);
            let notes = list(&discussion["notes"]).iter();
            for note in notes.filter(|note| note["system"] != true) {
                let Some(author) = user(&note["author"], "username") else {
                    continue;
                };
                let position = &note["position"];
                let place = position["new_path"].as_str().map(|path| {
                    let new = position["new_line"].as_u64();
                    match new.or(position["old_line"].as_u64()) {
                        Some(line) => format!("{path} line {line}"),
                        None => path.to_owned(),
                    }
                });
                remarks.push(Remark {
                    key: format!("{thread}:{}", id(&note["id"])),
                    author,
                    text: words(&note["body"]),
                    place,
                    edited: is_edited(note),
                    verdict: None,
                });
            }
        }
        for approval in list(&approvals["approved_by"]) {
            if let Some(author) = user(&approval["user"], "username") {
                remarks.push(Remark {
                    key: format!("approved:{}", author.id),
                    author,
                    text: String::new(),
                    place: None,
                    edited: false,
                    verdict: Some(ReviewVerdict::Approved),
                });
            }
        }
        Ok(remarks)
    }
}
