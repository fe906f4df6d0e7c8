//! Webhooks. What a forge sends is only a hint to look at a project now: nothing in it is believed, so that a
//! repeated, delayed or invented one changes nothing. Its signature says that it came from the forge.

use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use vine_domain::forge::ForgeKind;

use crate::json::text;

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something may have happened to requests of the project at this path.
    Look(String),
    /// Nothing that we act on or show.
    Ignored,
    /// A type that this version does not know.
    Unknown(String),
}

/// Why a webhook was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHook {
    /// It is not signed with our secret.
    Unsigned,
    /// It is not JSON.
    Unreadable,
}

/// The header that names the type.
fn type_header(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::Github => "x-github-event",
        ForgeKind::Gitlab => "x-gitlab-event",
        ForgeKind::Forgejo => "x-forgejo-event",
    }
}

/// The types that say something about a request: what they tell is shown, or acts as its author may act. The
/// types of GitHub are those of `@octokit/webhooks-examples` 7.6, those of GitLab of its page "Webhook events"
/// (18.0), those of Forgejo of its page "Webhooks" (11.0).
const LOOKED_AT: [(ForgeKind, &[&str]); 3] = [
    (
        ForgeKind::Github,
        &[
            "check_run",
            "check_suite",
            "issue_comment",
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "pull_request_review_thread",
            "push",
            "status",
            "workflow_job",
            "workflow_run",
        ],
    ),
    (
        ForgeKind::Gitlab,
        &[
            "Job Hook",
            "Merge Request Hook",
            "Note Hook",
            "Pipeline Hook",
            "Push Hook",
        ],
    ),
    (
        ForgeKind::Forgejo,
        &[
            "action_run_failure",
            "action_run_recover",
            "action_run_success",
            "issue_comment",
            "pull_request",
            "pull_request_approved",
            "pull_request_comment",
            "pull_request_rejected",
            "pull_request_sync",
            "push",
            "status",
        ],
    ),
];

/// The types of a forge that say something about a request.
pub(crate) fn looked_at(kind: ForgeKind) -> &'static [&'static str] {
    let found = LOOKED_AT.iter().find(|(known, _)| *known == kind);
    found.map_or(&[], |(_, types)| types)
}

/// The types that we neither act on nor show.
const IGNORED: [(ForgeKind, &[&str]); 3] = [
    (
        ForgeKind::Github,
        &[
            "branch_protection_configuration",
            "branch_protection_rule",
            "code_scanning_alert",
            "commit_comment",
            "create",
            "custom_property",
            "custom_property_values",
            "delete",
            "dependabot_alert",
            "deploy_key",
            "deployment",
            "deployment_protection_rule",
            "deployment_review",
            "deployment_status",
            "discussion",
            "discussion_comment",
            "fork",
            "github_app_authorization",
            "gollum",
            "installation",
            "installation_repositories",
            "installation_target",
            "issues",
            "label",
            "marketplace_purchase",
            "member",
            "membership",
            "merge_group",
            "meta",
            "milestone",
            "org_block",
            "organization",
            "package",
            "page_build",
            "personal_access_token_request",
            "ping",
            "project",
            "project_card",
            "project_column",
            "projects_v2",
            "projects_v2_item",
            "public",
            "registry_package",
            "release",
            "repository",
            "repository_advisory",
            "repository_dispatch",
            "repository_import",
            "repository_ruleset",
            "repository_vulnerability_alert",
            "secret_scanning_alert",
            "secret_scanning_alert_location",
            "security_advisory",
            "security_and_analysis",
            "sponsorship",
            "star",
            "sub_issues",
            "team",
            "team_add",
            "watch",
            "workflow_dispatch",
        ],
    ),
    (
        ForgeKind::Gitlab,
        &[
            "Deployment Hook",
            "Emoji Hook",
            "Feature Flag Hook",
            "Issue Hook",
            "Member Hook",
            "Milestone Hook",
            "Project Hook",
            "Release Hook",
            "Resource Access Token Hook",
            "Subgroup Hook",
            "System Hook",
            "Tag Push Hook",
            "Vulnerability Hook",
            "Wiki Page Hook",
        ],
    ),
    (
        ForgeKind::Forgejo,
        &[
            "create",
            "delete",
            "fork",
            "issue_assign",
            "issue_label",
            "issue_milestone",
            "issues",
            "package",
            "pull_request_assign",
            "pull_request_label",
            "pull_request_milestone",
            "pull_request_review_request",
            "release",
            "repository",
            "wiki",
        ],
    ),
];

fn has(table: &[(ForgeKind, &[&str]); 3], kind: ForgeKind, named: &str) -> bool {
    table
        .iter()
        .any(|(of, types)| *of == kind && types.contains(&named))
}

/// Reads a webhook. `header` finds a header by its lower-case name.
pub fn read<'a>(
    kind: ForgeKind,
    secret: &str,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> Result<Hint, BadHook> {
    if !is_signed(kind, secret, &header, body) {
        return Err(BadHook::Unsigned);
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| BadHook::Unreadable)?;
    let named = header(type_header(kind))
        .or_else(|| header("x-gitea-event"))
        .unwrap_or_default();
    Ok(match () {
        () if has(&LOOKED_AT, kind, named) => match project(kind, &value) {
            Some(path) => Hint::Look(path),
            None => Hint::Ignored,
        },
        () if has(&IGNORED, kind, named) => Hint::Ignored,
        () => Hint::Unknown(named.chars().take(60).collect()),
    })
}

fn project(kind: ForgeKind, value: &Value) -> Option<String> {
    let path = match kind {
        ForgeKind::Gitlab => text(&value["project"]["path_with_namespace"]),
        ForgeKind::Github | ForgeKind::Forgejo => text(&value["repository"]["full_name"]),
    };
    // The hook of a job names its project as people read it, with spaces.
    let named = || {
        let web = value["repository"]["homepage"]
            .as_str()
            .or(value["project"]["web_url"].as_str())?;
        url::Url::parse(web)
            .ok()
            .map(|url| url.path().trim_matches('/').to_owned())
    };
    Some(path).filter(|path| !path.is_empty()).or_else(named)
}

fn is_signed<'a>(
    kind: ForgeKind,
    secret: &str,
    header: &impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> bool {
    let digest = match kind {
        ForgeKind::Github => {
            header("x-hub-signature-256").and_then(|given| given.strip_prefix("sha256="))
        }
        ForgeKind::Forgejo => header("x-forgejo-signature").or_else(|| header("x-gitea-signature")),
        // GitLab sends the secret itself.
        ForgeKind::Gitlab => {
            return header("x-gitlab-token")
                .is_some_and(|given| is_same(given.as_bytes(), secret.as_bytes()));
        }
    };
    let Some(digest) = digest.and_then(bytes) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&digest).is_ok()
}

/// Compares without telling by the time it takes where they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(b"compare") else {
        return false;
    };
    let mut check = mac.clone();
    mac.update(one);
    check.update(other);
    mac.verify_slice(&check.finalize().into_bytes()).is_ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (hex.len().is_multiple_of(2)).then(|| (0..hex.len()).step_by(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(body);
        let bytes = mac.finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn only_what_is_signed_is_a_hint_and_only_to_look() {
        let body = br#"{"action":"closed","repository":{"full_name":"org/site"}}"#;
        let digest = signed("s3cret", body);
        let read = |event: &str, signature: String| {
            let headers = [
                ("x-github-event", event.to_owned()),
                ("x-hub-signature-256", signature),
            ];
            read(
                ForgeKind::Github,
                "s3cret",
                |name| {
                    headers
                        .iter()
                        .find(|(known, _)| *known == name)
                        .map(|(_, value)| value.as_str())
                },
                body,
            )
        };
        let good = || format!("sha256={digest}");
        assert_eq!(
            read("pull_request", good()),
            Ok(Hint::Look("org/site".into()))
        );
        assert_eq!(read("star", good()), Ok(Hint::Ignored));
        assert_eq!(
            read("new_thing", good()),
            Ok(Hint::Unknown("new_thing".into()))
        );
        for bad in [
            String::new(),
            digest.clone(),
            format!("sha256={}", signed("other", body)),
            "sha256=zz".into(),
        ] {
            assert_eq!(read("pull_request", bad), Err(BadHook::Unsigned));
        }
    }

    #[test]
    fn each_type_stands_in_one_table() {
        for (kind, types) in &LOOKED_AT {
            for one in *types {
                assert!(!has(&IGNORED, *kind, one), "{one}");
            }
        }
    }
}
