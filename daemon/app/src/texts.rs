//! Every sentence that AgentVine posts in threads. A message states what happened, to what, and
//! what comes next; ids stand alone, so that they can be copied.

use std::time::Duration;

use vine_domain::{
    Ask, Decision, MessageId, Note, NoteState, Question, QuestionState, Slug, Task, TaskState,
    Timestamp, WorkerId,
    attempt::{Execution, Usage},
    chat::{Button, MessagePlace, Outbound, OutboundKind},
    grants,
    lifecycle::{Announcement, Change, TaskSnapshot},
    markdown::{fenced, literal, quoted},
    ports::NewTask,
    question::{Choice, Item, Milestones},
    reading,
    task::Report,
};

use crate::{App, workers::KeptWorkReport};

/// The messages of a decided change, in order.
pub fn messages(app: &App, before: &TaskSnapshot, change: &Change) -> Vec<Outbound> {
    change
        .says
        .iter()
        .filter_map(|say| message(app, before, change, say))
        .collect()
}

fn message(
    app: &App,
    before: &TaskSnapshot,
    change: &Change,
    say: &Announcement,
) -> Option<Outbound> {
    let task = &change.task;
    let id = MessageId(app.ids.uuid());
    let question = |id| {
        change
            .questions
            .iter()
            .chain(&before.questions)
            .find(|question| question.id == id)
    };
    let place = MessagePlace::Thread(task.id);
    let told = |text| Some(notice(id, task.id, text));
    let calls = |whom: &str, text| told(text).map(|notice| notice.calling(vec![whom.to_owned()]));
    match say {
        Announcement::Card => Some(Outbound::new(
            id,
            place,
            OutboundKind::Card,
            card(app, task, before),
        )),
        Announcement::Question(asked) => Some(asks(app, id, task, question(*asked)?)),
        Announcement::Settled(closed) => {
            let kind = OutboundKind::Settled { question: *closed };
            let question = question(*closed)?;
            let told = Outbound::new(id, place, kind, settled(question));
            // A late answer counts, so the buttons stay.
            let buttons = match question.state {
                QuestionState::Expired { .. } => chat_buttons(&question.ask),
                _ => Vec::new(),
            };
            Some(Outbound { buttons, ..told })
        }
        Announcement::Reminder(open) => {
            calls(&task.requester, reminder(app, task, question(*open)?))
        }
        Announcement::Escalation(open) => calls(
            &app.settings().patience.escalate_to,
            escalation(app, question(*open)?),
        ),
        Announcement::Expired(given_up) => told(expired(app, question(*given_up)?)),
        Announcement::Late(answered) => told(late(task, question(*answered)?)),
        Announcement::Note(key) => {
            let note = change.notes.iter().find(|note| note.key == *key)?;
            let kind = OutboundKind::Note { note: *key };
            Some(Outbound::new(id, place, kind, noted(task, note)))
        }
        Announcement::Done(report) => calls(&task.requester, done(task, report)),
        Announcement::Failed {
            failure,
            again: Some(at),
        } => told(format!(
            "**An attempt failed.** {}\nRetrying {}.",
            failure.what,
            when(app, *at)
        )),
        Announcement::Failed {
            failure,
            again: None,
        } => calls(
            &task.requester,
            format!(
                "**{} failed.** {}\n{}",
                task.id,
                failure.what,
                failure.advice()
            ),
        ),
        Announcement::Lost {
            why,
            again: Some(at),
        } => told(format!(
            "**An attempt was lost:** {why}.\n\
         Restarting {}.",
            when(app, *at)
        )),
        Announcement::Lost { why, again: None } => told(format!(
            "**The agent was lost:** {why}.\nOpen questions stay open; an answer \
             resumes the same session."
        )),
        Announcement::Released if before.questions.iter().any(Question::is_open) => told(
            "The agent has ended. Open questions stay open; an answer resumes the same \
             session."
                .into(),
        ),
        Announcement::Released => told(
            "The worker handed the task back without a failure; it restarts in the \
         next free slot."
                .into(),
        ),
        Announcement::HandedBack(failure) => {
            let reset = failure.retry_at.map_or_else(String::new, |at| {
                format!("\nThe limit resets at {}.", at.to_minute())
            });
            told(format!(
                "**The worker cannot run this now; nothing is wrong with the task.** {}{reset}\n{} continues on a worker that can run it; this \
                 attempt does not count.",
                failure.what, task.id
            ))
        }
        Announcement::Cancelled { by } => told(format!("**{} was cancelled** by {by}.", task.id)),
        Announcement::Retried { by } => told(format!("{by} retried {}.", task.id)),
    }
}

/// Where the work of an attempt is that did not finish or was not pushed.
pub fn kept(task: &Task, kept: &KeptWorkReport) -> String {
    let id = task.id;
    let said = kept.commit.as_ref().map(|commit| {
        let commit: String = commit.chars().take(10).collect();
        let branch = kept
            .name
            .as_deref()
            .and_then(|name| name.strip_prefix("refs/heads/"));
        match (&kept.name, branch) {
            (Some(_), Some(branch)) => {
                format!("**Pushed** to the branch `{branch}` (commit `{commit}`).")
            }
            (Some(name), None) => format!(
                "**The work so far is saved.** Get it with `git fetch origin {name}` (commit `{commit}`)."
            ),
            (None, _) if !kept.held.is_empty() => format!(
                "**Not pushed yet: this looks like a secret.** {}\nCheck it first. Then `task push {id}` pushes the work as it is, \
                 or `task push {id} --leave` leaves it on its worker (commit `{commit}`).",
                kept.held.join(", ")
            ),
            (None, _) if task.is_over() => format!(
                "**The work is saved but not pushed.** Its worker has it as commit `{commit}`; `task push {id}` pushes it."
            ),
            (None, _) => format!(
                "**The work so far is saved.** Its worker has it as commit `{commit}`; a retry on that worker continues from it."
            ),
        }
    });
    let lines: Vec<String> = said.into_iter().chain(kept.notes.iter().cloned()).collect();
    lines.join("\n")
}

/// A message that an agent posts in its thread.
pub fn of_agent(words: &str) -> String {
    format!("The agent says:\n\n{}", quoted(words))
}

/// A plain message.
pub fn notice(id: MessageId, task: vine_domain::TaskId, text: String) -> Outbound {
    Outbound::new(id, MessagePlace::Thread(task), OutboundKind::Notice, text)
}

/// The root of a new task's thread.
pub fn new_card(app: &App, task: &NewTask) -> Outbound {
    let text = format!(
        "**{}** {}\n`{}` · from `{}` to `{}` · requested by {}\nQueued{} · {}",
        task.id,
        literal(task.title.as_str()),
        task.repo,
        task.base,
        task.branch,
        task.requester,
        around(app, &task.repo, None),
        link(app, task.id)
    );
    Outbound::new(
        MessageId(app.ids.uuid()),
        MessagePlace::Thread(task.id),
        OutboundKind::Card,
        text,
    )
}

fn card(app: &App, task: &Task, before: &TaskSnapshot) -> String {
    let lease = task.lease().or(before.task.lease());
    format!(
        "**{}** {}\n`{}` · from `{}` to `{}` · requested by {}\n{}{} · {}",
        task.id,
        literal(task.title.as_str()),
        task.repo,
        task.base,
        task.branch,
        task.requester,
        state(app, &task.state),
        around(app, &task.repo, lease.map(|lease| lease.worker)),
        link(app, task.id)
    )
}

/// What the agent may do without asking, and the wall around it.
fn around(app: &App, repo: &Slug, worker: Option<WorkerId>) -> String {
    let said = app.around.said(repo, worker);
    said.map_or_else(String::new, |said| format!(" · {said}"))
}

fn link(app: &App, task: vine_domain::TaskId) -> String {
    format!("{}/tasks/{task}", app.settings().link)
}

/// The state of a task, in a few words.
pub fn state(app: &App, state: &TaskState) -> String {
    match state {
        TaskState::Queued { due, .. } if *due > app.clock.now() => {
            format!("Queued, starts {}", when(app, *due))
        }
        TaskState::Queued { .. } => "Queued".into(),
        TaskState::Running { .. } => "Running".into(),
        TaskState::Waiting { lease: Some(_) } => "Waiting for an answer".into(),
        TaskState::Waiting { lease: None } => "Waiting for an answer (agent parked)".into(),
        TaskState::Done { .. } => "Done".into(),
        TaskState::Failed { .. } => "Failed".into(),
        TaskState::Cancelled { by } => format!("Cancelled by {by}"),
    }
}

/// How long until a moment, in words.
pub fn when(app: &App, at: Timestamp) -> String {
    let wait = at.since(app.clock.now());
    if wait < Duration::from_secs(1) {
        "now".into()
    } else {
        format!("in {}", span(wait))
    }
}

fn asks(app: &App, id: MessageId, task: &Task, question: &Question) -> Outbound {
    let mut parts = vec![format!(
        "**{}** for {} · {} · `{}` · `{}`",
        question.id,
        task.requester,
        literal(task.title.as_str()),
        task.repo,
        task.branch
    )];
    if !question.context.is_empty() {
        parts.push(quoted(&question.context));
    }
    parts.push(body(&question.ask.masked()));
    let role = app
        .settings()
        .rules
        .needs(&task.repo, &question.ask)
        .as_str();
    let buttons = chat_buttons(&question.ask);
    let ways = if question.ask.is_secret() {
        "It contains what looks like a secret, so it is masked here and can only be denied here; \
         anyone who may allow it can see all of it on the page and decide there"
            .into()
    } else {
        let hint = reading::options_hint(&question.ask);
        match buttons.is_empty() {
            true => hint.replacen("reply", "Reply", 1),
            false => format!("Or {hint}"),
        }
    };
    parts.push(format!(
        "{ways}. Requires role `{role}` or higher. {} · {}",
        prospects(app, question),
        link(app, task.id)
    ));
    let kind = OutboundKind::Question {
        question: question.id,
    };
    let asked = Outbound::new(id, MessagePlace::Thread(task.id), kind, parts.join("\n\n"))
        .calling(vec![task.requester.clone()]);
    Outbound { buttons, ..asked }
}

/// What happens if nobody answers.
fn prospects(app: &App, question: &Question) -> String {
    let patience = std::sync::Arc::clone(&app.settings().patience);
    let (remind, expire) = (span(patience.remind), span(patience.expiry(&question.ask)));
    format!("Reminder after {remind}; after {expire} the agent is told that nobody answered")
}

fn reminder(app: &App, task: &Task, question: &Question) -> String {
    let waited = span(app.clock.now().since(question.asked_at));
    format!(
        "**{}** still waiting ({waited}) · for {}: {}",
        question.id,
        task.requester,
        literal(&question.ask.headline())
    )
}

fn escalation(app: &App, question: &Question) -> String {
    let waited = span(app.clock.now().since(question.asked_at));
    let settings = app.settings();
    let whom = &settings.patience.escalate_to;
    format!(
        "**{}** has been waiting for {waited} · escalated to **{whom}**: {}",
        question.id,
        literal(&question.ask.headline())
    )
}

fn expired(app: &App, question: &Question) -> String {
    let limit = span(app.settings().patience.expiry(&question.ask));
    let id = question.id;
    format!(
        "**Nobody answered {id} within {limit}.** The agent was told that no answer came (this is \
         not a “no”) and continues without one.\n\
         You can still answer: reply to the question, or type `{id} your answer`."
    )
}

fn late(task: &Task, question: &Question) -> String {
    match task.state {
        TaskState::Queued { .. } => format!(
            "{} continues with the late answer to {}, in the same session.",
            task.id, question.id
        ),
        _ => format!("The agent receives the late answer to {}.", question.id),
    }
}

/// Whether the agent has read a note.
fn noted(task: &Task, note: &Note) -> String {
    let author = &note.author;
    match (note.state, &task.state) {
        (NoteState::Delivered { .. }, _) => {
            format!("The agent has received the note from {author}.")
        }
        (NoteState::Missed, state) => format!(
            "{} is {}: no agent has read the note from {author}.",
            task.id,
            state.as_str()
        ),
        (NoteState::Waiting, TaskState::Running { .. }) => {
            format!("The note from {author} reaches the agent at its next step.")
        }
        (NoteState::Waiting, TaskState::Waiting { .. }) => {
            format!(
                "The note from {author} is saved; the agent reads it after the answer that it is \
                 waiting for."
            )
        }
        (NoteState::Waiting, _) => {
            format!("The note from {author} is saved; the agent reads it when it starts.")
        }
    }
}

/// The notice that a message was deleted after it was used as `used`.
pub fn deleted(by: Option<&str>, used: &str) -> String {
    let what = by.map_or_else(
        || format!("The message with {used} was deleted"),
        |by| format!("{by} deleted the message with {used}"),
    );
    let counts = match used.starts_with("the answer") {
        true => "answer",
        false => "note",
    };
    format!("{what}. The {counts} still counts.")
}

/// Messages in a repository's room could not be read.
pub fn missed(id: MessageId, repo: &Slug, platform: &str) -> Outbound {
    let text = format!(
        "{platform} did not let AgentVine read every message that was posted here while it was \
         disconnected. If you answered a question and see no ✅ on \
         your answer, send it again."
    );
    Outbound::new(
        id,
        MessagePlace::Room(repo.clone()),
        OutboundKind::Notice,
        text,
    )
}

/// All open questions of a room in one message.
pub fn digest(app: &App, id: MessageId, repo: &Slug, open: &[Question]) -> Outbound {
    let now = app.clock.now();
    let line = |question: &Question| {
        let (waited, task) = (span(now.since(question.asked_at)), question.task());
        format!(
            "- **{}** ({waited}): {} · {}",
            question.id,
            literal(&question.ask.headline()),
            link(app, task)
        )
    };
    let lines: Vec<String> = open.iter().take(DIGEST).map(line).collect();
    let rest = if open.len() > DIGEST {
        format!(
            "\n… and {} more; `question list` shows all",
            open.len() - DIGEST
        )
    } else {
        String::new()
    };
    let waiting = counted(open.len() as u64, "open question", "open questions");
    let text = format!("**{waiting}** in `{repo}`:\n{}{rest}", lines.join("\n"));
    Outbound::new(
        id,
        MessagePlace::Room(repo.clone()),
        OutboundKind::Notice,
        text,
    )
}

/// A digest lists at most this many questions.
const DIGEST: usize = 15;

/// A question's milestones so far, one a line.
pub fn timeline(question: &Question, stations: &Milestones) -> String {
    let mut before = question.asked_at;
    let hop = |(station, at): (&str, Timestamp)| {
        let line = format!(
            "{station:<10}{at}  +{:.3} s",
            at.since(before).as_secs_f64()
        );
        before = at;
        line
    };
    question
        .timeline(stations)
        .into_iter()
        .map(hop)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A number of things: `1 task`, `2 tasks`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A duration in the largest unit that fits.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// The complete ask. Agents' words are quoted or fenced, never in our own voice.
pub fn body(ask: &Ask) -> String {
    match ask {
        Ask::Clarify { items } => items.iter().map(item).collect::<Vec<_>>().join("\n\n"),
        Ask::Permission {
            tool,
            what,
            why,
            rules,
        } => permission(tool, what, why, rules),
        Ask::Plan { plan } => format!("Approve this plan?\n\n{}", quoted(plan)),
    }
}

fn permission(tool: &str, what: &str, why: &str, rules: &[String]) -> String {
    let mut parts = vec![format!("Allow **{}**?\n{}", literal(tool), fenced(what))];
    if !why.is_empty() {
        parts.push(format!("The agent's reason:\n{}", quoted(why)));
    }
    if !rules.is_empty() {
        let grants: Vec<String> = rules.iter().map(|rule| grant(rule)).collect();
        parts.push(format!(
            "“Allow for this session” also allows, until this task is over:\n{}",
            grants.join("\n")
        ));
    }
    parts.join("\n\n")
}

fn grant(rule: &str) -> String {
    format!("- {}", literal(&grants::sentence(rule)))
}

fn item(item: &Item) -> String {
    let head = if item.header.is_empty() {
        String::new()
    } else {
        format!("{}: ", item.header)
    };
    let mut parts = vec![quoted(&format!("{head}{}", item.question))];
    if item.multi {
        parts.push("Choose all that apply:".into());
    }
    let choices: Vec<String> = item.options.iter().enumerate().map(choice).collect();
    if !choices.is_empty() {
        parts.push(choices.join("\n"));
    }
    parts.extend(item.options.iter().enumerate().filter_map(preview));
    parts.join("\n\n")
}

fn choice((number, choice): (usize, &Choice)) -> String {
    let meaning = if choice.description.is_empty() {
        String::new()
    } else {
        format!(" — {}", literal(&choice.description))
    };
    format!("{}. **{}**{meaning}", number + 1, literal(&choice.label))
}

fn preview((number, choice): (usize, &Choice)) -> Option<String> {
    let shown = fenced(&choice.preview);
    (!choice.preview.is_empty()).then(|| format!("Preview of {}:\n{shown}", number + 1))
}

/// The buttons in a room, where others read along: a masked ask can only be denied there.
fn chat_buttons(ask: &Ask) -> Vec<Button> {
    let mut buttons = buttons(ask);
    buttons.retain(|button| !ask.is_secret() || button.says == "no");
    buttons
}

/// Buttons, if a single press can answer.
pub fn buttons(ask: &Ask) -> Vec<Button> {
    let button = |label: &str, says: &str, dangerous| Button {
        label: label.into(),
        says: says.into(),
        dangerous,
    };
    match ask {
        Ask::Clarify { items } => match items.as_slice() {
            [only] if !only.multi => only
                .options
                .iter()
                .map(|choice| button(&choice.label, &choice.label, false))
                .collect(),
            _ => vec![],
        },
        Ask::Permission { rules, .. } => {
            let session = button("Allow for this session", "always", true);
            let mut buttons = vec![button("Allow once", "yes", false)];
            // Without rules, “for this session” would allow nothing more.
            buttons.extend((!rules.is_empty()).then_some(session));
            buttons.push(button("Deny", "no", false));
            buttons
        }
        Ask::Plan { .. } => vec![button("Approve", "approve", false)],
    }
}

/// The outcome of a question, and below it what was asked, so that the decision can be reviewed.
fn settled(question: &Question) -> String {
    let (id, asked) = (question.id, body(&decided(question)));
    let outcome = match &question.state {
        QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } => {
            format!(
                "**{id}** {} answered in {} at {}: {}",
                answer.name,
                answer.via,
                answer.at.to_minute(),
                literal(&answer.decision.headline())
            )
        }
        QuestionState::Withdrawn { why } => {
            format!("**{id}** no longer needs an answer: {why}.")
        }
        QuestionState::Expired { .. } => {
            format!("**{id}** Nobody answered in time. You can still answer.")
        }
        QuestionState::Open => format!("**{id}**"),
    };
    format!("{outcome}\n\n{asked}")
}

/// What was decided on. The rules of a session grant are left out unless it was given.
fn decided(question: &Question) -> Ask {
    let granted = question
        .answer()
        .is_some_and(|answer| answer.decision == Decision::Allow { session: true });
    match &question.ask.masked() {
        Ask::Permission {
            tool, what, why, ..
        } if !granted && !matches!(question.state, QuestionState::Expired { .. }) => {
            Ask::Permission {
                tool: tool.clone(),
                what: what.clone(),
                why: why.clone(),
                rules: Vec::new(),
            }
        }
        other => other.clone(),
    }
}

/// What an attempt cost.
pub fn spent(usage: &Usage) -> String {
    let Usage {
        turns,
        input_tokens,
        output_tokens,
        cost_microdollars,
    } = usage;
    let cents = cost_microdollars / 10_000;
    format!(
        "{}, {input_tokens} tokens in, {output_tokens} out, about ${}.{:02}",
        counted(*turns, "turn", "turns"),
        cents / 100,
        cents % 100
    )
}

/// What several attempts cost together; `None` unless at least two report usage.
pub fn total(attempts: &[Execution]) -> Option<String> {
    let paid = attempts.iter().filter(|one| one.usage != Usage::default());
    let mut sum = Usage::default();
    for one in paid.clone() {
        sum += one.usage;
    }
    (paid.count() > 1).then(|| spent(&sum))
}

/// Characters shown of a call that was not allowed.
const DENIED: usize = 200;

fn done(task: &Task, report: &Report) -> String {
    // Scripts report no usage.
    let spent = match report.usage == Usage::default() {
        true => String::new(),
        false => format!("\n{}", spent(&report.usage)),
    };
    let outcome = match &report.commit {
        Some(commit) => {
            let place = match &report.branch {
                Some(branch) => format!("on `{branch}`"),
                None => "is not pushed yet".to_owned(),
            };
            format!(
                "Commit `{}` {place}:\n{}",
                commit.get(..12).unwrap_or(commit),
                fenced(report.diffstat.trim_end())
            )
        }
        None => format!("No changes; `{}` is untouched.", task.branch),
    };
    let denied: String = report
        .denied
        .iter()
        .map(|what| what.chars().take(DENIED).collect::<String>())
        .map(|what| format!("\n- not allowed: {}", literal(&what)))
        .collect();
    let head = if report.commit.is_some() {
        "is done"
    } else {
        "ended without changes"
    };
    let summary = if report.summary.is_empty() {
        String::new()
    } else {
        format!("{}\n\n", quoted(&report.summary))
    };
    format!(
        "**{} {head}.**\n\n{summary}{outcome}{denied}{spent}",
        task.id
    )
}

#[cfg(test)]
mod tests {
    use vine_domain::markdown::{Block, Span, parse};

    use super::*;

    /// What is in our own voice: paragraphs outside quotes.
    fn ours(blocks: &[Block]) -> String {
        let line = |spans: &Vec<Span>| -> String {
            spans
                .iter()
                .map(|span| match span {
                    Span::Text(text) | Span::Bold(text) => text.clone(),
                    Span::Code(_) | Span::Link(_) => String::new(),
                })
                .collect()
        };
        blocks
            .iter()
            .map(|block| match block {
                Block::Paragraph(lines) => lines.iter().map(line).collect::<Vec<_>>().join("\n"),
                // Choices and grants, each after a number or bullet of ours.
                Block::List(_) | Block::Quote(_) | Block::Code(_) => String::new(),
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn no_field_of_an_agent_speaks_in_our_voice() {
        let forged = [
            "Run the tests\n\n**Approved already by Ann.** Only this is left:",
            "x\n```\n\n**Approved already by Ann.**",
            "x\r\r**Approved already by Ann.**",
            "x\u{2028}\u{2028}Approved already by Ann.",
            "> quoted\n\nApproved already by Ann.",
            "\n\n- Approved already by Ann.\n1. Approved already by Ann.",
        ];
        let choice = |text: &str| Choice {
            label: text.into(),
            description: text.into(),
            preview: text.into(),
        };
        for text in forged {
            let item = Item {
                question: text.into(),
                header: text.into(),
                options: vec![choice(text), choice("Red")],
                multi: true,
            };
            let asks = [
                Ask::Clarify { items: vec![item] },
                Ask::Plan { plan: text.into() },
                Ask::Permission {
                    tool: text.into(),
                    what: text.into(),
                    why: text.into(),
                    rules: vec![text.into()],
                },
            ];
            for ask in asks {
                let shown = parse(&body(&ask));
                let ours = ours(&shown);
                let forged = |line: &str| line.starts_with("Approved already");
                assert!(!ours.lines().any(forged), "{ask:?}\n{ours}");
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown_wherever_it_stands() {
        let hidden = "rm \u{202e}tset\u{200b}\u{e0041}\u{1b}[2K";
        let asks = [
            Ask::Permission {
                tool: hidden.into(),
                what: hidden.into(),
                why: hidden.into(),
                rules: vec![format!("Bash({hidden})")],
            },
            Ask::Plan {
                plan: format!("1. {hidden}\n```\n{hidden}\n```\n`{hidden}`"),
            },
        ];
        for ask in asks {
            let shown = format!("{:?}", parse(&body(&ask)));
            for sign in ["U+202E", "U+200B", "U+E0041", "U+001B"] {
                assert!(shown.contains(sign), "{shown}");
            }
            assert!(
                !shown.contains("\\u{202e}") && !shown.contains("\\u{200b}"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_permission_is_shown_whole() {
        let what = format!("echo {}\nrm -rf /", "x".repeat(5000));
        let text = body(&Ask::Permission {
            tool: "Bash".into(),
            what: what.clone(),
            why: String::new(),
            rules: vec![],
        });
        assert!(text.contains(&what));
    }
}
