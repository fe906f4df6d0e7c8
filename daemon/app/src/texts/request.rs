//! Messages about the pull request of a task.

use vine_domain::{
    Branch, MessageId, Task, TaskId,
    chat::{Button, ButtonKind, Outbound},
    forge::{
        Act, ActKind, ChangeRequest, ForgeKind, MergeMethod, OpenedRequest, Remark, RequestState,
        ReviewVerdict,
        news::{News, Speaker},
        text,
    },
    markdown::{fenced, literal, quoted},
};

use crate::texts::{counted, notice};

/// The last lines of a log that are shown, and their characters.
const LOG: (usize, usize) = (12, 1_200);
/// Failed checks that are named.
const NAMES: usize = 20;
/// Characters of a name.
const NAME: usize = 100;
/// Characters of a button's label.
const LABEL: usize = 40;
/// Failed checks whose logs are shown.
const CHECKS: usize = 3;

/// A request was opened; `None` before the forge has it.
pub(crate) fn request_opened(
    id: MessageId,
    task: &Task,
    request: &ChangeRequest,
    notes: &[String],
) -> Option<Outbound> {
    let opened = request.opened.as_ref()?;
    let is_draft = request.state == RequestState::Draft;
    let how = if is_draft { " as a draft" } else { "" };
    let notes: String = notes
        .iter()
        .map(|note| format!("\n{}", literal(note)))
        .collect();
    let text = format!("**{} is open**{how}: {}{notes}", opened.title(), opened.url);
    let shown = Shown {
        task,
        request,
        opened,
    };
    let merge = (!is_draft).then(|| shown.merge_button(&request.seen_head()));
    Some(Outbound {
        buttons: merge
            .into_iter()
            .chain(shown.update_button())
            .chain([shown.close_button()])
            .collect(),
        ..notice(id, task.id, text)
    })
}

/// The work of a later round is on another branch than the request.
pub(crate) fn request_elsewhere(request: &ChangeRequest, branch: &Branch) -> String {
    let named = request.opened.as_ref().map(OpenedRequest::title);
    format!(
        "{} stays as it is: the latest work is on `{branch}`, because somebody else's work is on its branch. It gets a request of its own.",
        named.unwrap_or_else(|| "The request".into())
    )
}

/// A request, for messages about it.
struct Shown<'a> {
    task: &'a Task,
    request: &'a ChangeRequest,
    opened: &'a OpenedRequest,
}

/// What is new at a request, as it is known now. What [`News::Told`] says is reported elsewhere.
pub(crate) fn request_news(
    id: MessageId,
    task: &Task,
    request: &ChangeRequest,
    news: &News,
) -> Outbound {
    let Some(opened) = &request.opened else {
        return notice(id, task.id, String::new());
    };
    let (text, buttons) = Shown {
        task,
        request,
        opened,
    }
    .news(news);
    let calls = match news {
        News::Failed { by_rule: None, .. } | News::Said { .. } | News::Conflict { .. } => {
            vec![task.requester.clone()]
        }
        _ => Vec::new(),
    };
    Outbound {
        buttons,
        ..notice(id, task.id, text).calling(calls)
    }
}

impl Shown<'_> {
    fn news(&self, news: &News) -> (String, Vec<Button>) {
        let Self {
            task,
            request,
            opened,
        } = self;
        let (title, named, url) = (opened.title(), opened.named(), &opened.url);
        let base = request.base();
        let by = |by: &Option<String>| {
            by.as_ref()
                .map_or_else(String::new, |by| format!(" by {}", literal(by)))
        };
        match news {
            News::Ready { head } => (
                format!("**{title} is ready for review.** {url}"),
                vec![self.merge_button(head)],
            ),
            News::Merged { by: whom } => (
                format!("**{title} was merged**{} into `{base}`.", by(whom)),
                vec![],
            ),
            News::Closed { by: whom } => (
                format!("**{title} was closed**{} without being merged.", by(whom)),
                vec![],
            ),
            News::Reopened => (format!("**{title} was opened again.** {url}"), vec![]),
            News::Passed { head } => (
                format!("**The checks of {named} passed.** {url}"),
                vec![self.merge_button(head)],
            ),
            News::Failed {
                finding,
                checks,
                by_rule,
            } => failed(task, opened, *finding, checks, *by_rule),
            News::Said {
                finding,
                speaker,
                verdict,
                remarks,
                head,
            } => {
                let (text, mut buttons) =
                    said(task, opened, *finding, speaker, (*verdict, remarks));
                if *verdict == Some(ReviewVerdict::Approved) && speaker.person.is_some() {
                    buttons.push(self.merge_button(head));
                }
                (text, buttons)
            }
            News::Told { text, .. } => (quoted(text), vec![]),
            News::Crowd => (
                format!("Other people say more at {named} than is shown here: {url}"),
                vec![],
            ),
            News::Conflict { finding } => (
                format!(
                    "**{title} conflicts with `{base}`** and cannot be merged.{}",
                    hint(task.id, *finding)
                ),
                vec![fix_button(task.id, *finding)],
            ),
            News::Mergeable => (
                format!("{title} does not conflict with `{base}` any more."),
                vec![],
            ),
        }
    }

    /// Merges the commit that is shown, and no other.
    fn merge_button(&self, head: &str) -> Button {
        let Self {
            task,
            request,
            opened,
        } = self;
        let commit = head.get(..12).unwrap_or(head);
        let confirm = format!(
            "Merge {}, {}, at commit {commit} into {}?",
            opened.named(),
            task.title,
            request.base()
        );
        Button::saying(
            "Merge",
            format!("/vine task merge {} --head {commit}", task.id),
        )
        .of(ButtonKind::Command)
        .dangerous(confirm)
    }

    /// Merges the base into its branch; GitLab could only rewrite the branch.
    fn update_button(&self) -> Option<Button> {
        let Self { task, opened, .. } = self;
        let says = format!("/vine task request {} --update", task.id);
        let label = format!("Update from {}", self.request.base());
        let label: String = label.chars().take(LABEL).collect();
        let button = Button::saying(label, says).of(ButtonKind::Command);
        (opened.kind != ForgeKind::Gitlab).then_some(button)
    }

    fn close_button(&self) -> Button {
        let Self { task, opened, .. } = self;
        let confirm = format!(
            "Close {}, {}, without merging it?",
            opened.named(),
            task.title
        );
        Button::saying("Close", format!("/vine task request {} --close", task.id))
            .of(ButtonKind::Command)
            .dangerous(confirm)
    }
}

fn failed(
    task: &Task,
    opened: &OpenedRequest,
    finding: u32,
    checks: &[(String, Option<String>)],
    by_rule: Option<(u8, u8)>,
) -> (String, Vec<Button>) {
    let more = match checks.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<String> = checks
        .iter()
        .take(NAMES)
        .map(|(name, _)| format!("`{}`", code(name)))
        .collect();
    let logs = checks
        .iter()
        .filter_map(|(name, log)| Some((name, log.as_ref()?)));
    let logs: Vec<String> = logs
        .take(CHECKS)
        .map(|(name, log)| format!("What `{}` says:\n{}", code(name), fenced(&last_lines(log))))
        .collect();
    let what = match checks.len() {
        1 => "A check failed".to_owned(),
        many => format!("{} failed", counted(many as u64, "check", "checks")),
    };
    let head = format!(
        "**{what}** at {}: {}{more}. {}",
        opened.named(),
        names.join(", "),
        opened.url
    );
    let next = match by_rule {
        Some((this, most)) => format!(
            "The rule of `{}` lets the agent fix it ({this} of {most}).",
            task.repo
        ),
        None => hint(task.id, finding).trim_start().to_owned(),
    };
    let text = [vec![head], logs, vec![next]].concat().join("\n\n");
    let buttons = match by_rule {
        Some(_) => Vec::new(),
        None => vec![fix_button(task.id, finding)],
    };
    (text, buttons)
}

fn said(
    task: &Task,
    opened: &OpenedRequest,
    finding: Option<u32>,
    speaker: &Speaker,
    (verdict, remarks): (Option<ReviewVerdict>, &[Remark]),
) -> (String, Vec<Button>) {
    let who = match speaker.person {
        Some(_) => literal(&speaker.name),
        None => format!("{} (not on your list)", literal(&speaker.name)),
    };
    let did = match verdict {
        Some(ReviewVerdict::Approved) => "approved",
        Some(ReviewVerdict::ChangesWanted) => "wants changes at",
        Some(ReviewVerdict::Commented) | None => "commented on",
    };
    let head = format!("**{who} {did} {}.** {}", opened.named(), opened.url);
    let spoken = remarks
        .iter()
        .filter(|remark| !remark.text.trim().is_empty());
    let shown: Vec<String> = spoken
        .map(|remark| {
            let place = remark.place.as_ref();
            let place = place.map_or_else(String::new, |place| format!("`{}`\n", code(place)));
            format!("{place}{}", quoted(&short(&remark.text)))
        })
        .collect();
    let next = finding.map(|finding| hint(task.id, finding).trim_start().to_owned());
    let parts = [vec![head], shown, next.into_iter().collect()];
    let buttons = finding.map(|finding| fix_button(task.id, finding));
    let buttons = buttons.into_iter().collect();
    (parts.concat().join("\n\n"), buttons)
}

/// What a forge refuses us.
pub(crate) fn forge_refuses(id: MessageId, task: &Task, host: &str, why: &str) -> Outbound {
    let text = format!(
        "**{} refuses what is needed for the pull request of {}:** {}\n`vine doctor` tells what is missing. AgentVine tries again, less often each time.",
        literal(host),
        task.id,
        literal(why)
    );
    notice(id, task.id, text)
}

/// An act was carried out.
pub(crate) fn act_done(opened: &OpenedRequest, act: &Act) -> String {
    let by = literal(&act.by);
    let named = opened.named();
    match &act.kind {
        ActKind::Merge { method, .. } => {
            let how = match method {
                MergeMethod::Merge => "",
                MergeMethod::Squash => ", as one commit",
                MergeMethod::Rebase => ", on top of its base",
            };
            format!("**{by} merged {named}**{how}.")
        }
        ActKind::Close => format!("**{by} closed {named}** without merging it."),
        ActKind::Update { .. } => format!("{by} had its base merged into {named}."),
        ActKind::Reply { .. } | ActKind::Fix { .. } => String::new(),
    }
}

/// An act was refused.
pub(crate) fn act_refused(opened: &OpenedRequest, task: TaskId, act: &Act, why: &str) -> String {
    let why = literal(why.trim_end_matches('.'));
    let what = match &act.kind {
        ActKind::Merge { .. } => "was not merged",
        ActKind::Close => "was not closed",
        ActKind::Update { .. } => "was not updated",
        ActKind::Reply { .. } => "did not take a reply",
        ActKind::Fix { finding } => {
            return format!(
                "**The agent does not fix this by itself:** {why}.{}",
                hint(task, *finding)
            );
        }
    };
    format!("**{} {what}:** {why}. {}", opened.title(), opened.url)
}

fn fix_button(task: TaskId, finding: u32) -> Button {
    let says = format!("/vine task fix-up {task} {finding}");
    Button::saying("Let the agent fix this", says).of(ButtonKind::Command)
}

/// For platforms without buttons.
fn hint(task: TaskId, finding: u32) -> String {
    format!("\n`task fix-up {task} {finding}` lets the agent fix it.")
}

/// A name within a code span.
fn code(name: &str) -> String {
    let name: String = name.chars().take(NAME).collect();
    name.replace(['`', '\n', '\r'], "'")
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(text::REMARK).collect();
    match cut.len() < text.len() {
        true => format!("{cut}…"),
        false => cut,
    }
}

fn last_lines(log: &str) -> String {
    let (lines, characters) = LOG;
    let all: Vec<&str> = log.lines().collect();
    let text = all[all.len().saturating_sub(lines)..].join("\n");
    let skipped = text.chars().count().saturating_sub(characters);
    text.chars().skip(skipped).collect()
}
