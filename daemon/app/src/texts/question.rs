//! Messages about a question.

use uuid::Uuid;
use vine_domain::{
    Ask, Decision, MessageId, Question, QuestionState, ReminderPolicy, Slug, Task, TaskState,
    access::verb_for,
    chat::{MessagePlace, Outbound, OutboundKind},
    markdown::{literal, quoted},
    reading,
};

use crate::texts::{
    ask::{below_headline, body, chat_buttons, first_words, quick},
    context::TextContext,
    words::{counted, span},
};

/// The message that asks, in the order in which people read: what is asked, the choices, what the agent
/// wrote before, and last the small print. A phone shows the first hundred characters.
pub(crate) fn asks(
    context: &TextContext<'_>,
    id: MessageId,
    task: &Task,
    question: &Question,
) -> Outbound {
    let shown = question.ask.masked();
    let mut parts = vec![headline(question, &shown)];
    parts.extend(below_headline(&shown));
    if !question.context.is_empty() {
        parts.push(quoted(&question.context));
    }
    parts.push(small_print(context, task, question));
    let kind = OutboundKind::Question {
        question: question.id,
    };
    let asked = Outbound::new(id, MessagePlace::Thread(task.id), kind, parts.join("\n\n"))
        .calling(vec![task.requester.clone()]);
    Outbound {
        buttons: chat_buttons(&question.ask),
        ..asked
    }
}

/// What is asked, in one line, after a word of ours: a phone shows the first hundred characters.
fn about(question: &Question, word: &str) -> String {
    let words = literal(&first_words(&question.ask.masked()));
    format!("**{word}** “{words}” ({})", question.id)
}

/// A few words of ours, the question's own first words, and its id.
fn headline(question: &Question, shown: &Ask) -> String {
    let asks = match shown {
        // A script has no session of Claude Code.
        Ask::Clarify { .. } if question.session.is_none() => "Question:".into(),
        Ask::Clarify { .. } => "Claude asks:".into(),
        Ask::Permission { tool, .. } => format!("Allow {}?", literal(tool)),
        Ask::Plan { .. } => "Approve?".to_owned(),
    };
    about(question, &asks)
}

/// How to answer in words, and what is not as usual.
fn small_print(context: &TextContext<'_>, task: &Task, question: &Question) -> String {
    let ask = &question.ask;
    let mut parts = vec![if ask.is_secret() {
        "It contains what looks like a secret, so it is masked here and can only be denied here; \
         anyone who may allow it can see all of it on the page and decide there."
            .into()
    } else {
        let hint = reading::options_hint(ask);
        match quick(ask).is_empty() {
            true => format!("{}.", hint.replacen("reply", "Reply", 1)),
            false => format!("Or {hint}."),
        }
    }];
    let role = context.settings.rules.needs(&task.repo, ask);
    if role != verb_for(ask).needs() {
        parts.push(format!("Requires role `{}` or higher.", role.as_str()));
    }
    let patience = &context.settings.patience;
    let usual = ReminderPolicy::default();
    if (patience.remind, patience.expiry(ask)) != (usual.remind, usual.expiry(ask)) {
        parts.push(prospects(context, question));
    }
    if ask.is_secret() || !context.is_local() {
        parts.push(context.link(task.id));
    }
    parts.join(" ")
}

/// What happens if nobody answers.
fn prospects(context: &TextContext<'_>, question: &Question) -> String {
    let patience = &context.settings.patience;
    let remind = span(patience.remind);
    let expire = span(patience.expiry(&question.ask));
    format!("Reminder after {remind}; after {expire} the agent is told that nobody answered.")
}

pub(crate) fn reminder(context: &TextContext<'_>, task: &Task, question: &Question) -> String {
    let waited = span(context.now.since(question.asked_at));
    format!(
        "{}\nStill waiting for {}, {waited} so far · {}",
        about(question, "Reminder:"),
        task.requester,
        context.question_link(question.id)
    )
}

pub(crate) fn escalation(context: &TextContext<'_>, question: &Question) -> String {
    let waited = span(context.now.since(question.asked_at));
    let whom = &context.settings.patience.escalate_to;
    format!(
        "{}\nNobody has answered for {waited}, so this goes to **{whom}** · {}",
        about(question, "Escalated:"),
        context.question_link(question.id)
    )
}

pub(crate) fn expired(context: &TextContext<'_>, question: &Question) -> String {
    let limit = span(context.settings.patience.expiry(&question.ask));
    let id = question.id;
    format!(
        "{}\nNobody answered within {limit}. The agent was told that no answer came (this is \
         not a “no”) and continues without one.\n\
         You can still answer: press a button of the question, reply to it, or type `{id} your answer`.",
        about(question, "No answer:")
    )
}

pub(crate) fn late(task: &Task, question: &Question) -> String {
    match task.state {
        TaskState::Queued { .. } => format!(
            "{} continues with the late answer to {}, in the same session.",
            task.id, question.id
        ),
        _ => format!("The agent receives the late answer to {}.", question.id),
    }
}

/// The outcome of a question, and below it what was asked, so that the decision can be reviewed.
pub(crate) fn settled(question: &Question) -> String {
    let id = question.id;
    let asked = body(&decided(question));
    let outcome = match &question.state {
        QuestionState::Answered { answer } | QuestionState::Delivered { answer, .. } => {
            format!(
                "{} **{}** — {}, {} ({id})",
                sign(&answer.decision),
                literal(&outcome_of(&answer.decision)),
                answer.name,
                answer.at.to_minute()
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

/// A decision as a heading: our own words begin with a capital.
fn outcome_of(decision: &Decision) -> String {
    let words = decision.headline();
    match decision {
        Decision::Chosen { .. } | Decision::Words { .. } => words,
        _ => {
            let mut characters = words.chars();
            let first = characters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(characters).collect()
        }
    }
}

/// One sign for each outcome, to be seen at a glance.
fn sign(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow { .. } | Decision::Approve => "✅",
        Decision::Deny { .. } => "🚫",
        _ => "💬",
    }
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

/// All open questions of a room in one message, which later ones with the same `list` edit.
pub(crate) fn digest(
    context: &TextContext<'_>,
    id: MessageId,
    list: Uuid,
    repo: &Slug,
    open: &[Question],
) -> Outbound {
    let line = |question: &Question| {
        let waited = span(context.now.since(question.asked_at));
        let words = first_words(&question.ask.masked());
        let mut shown: String = words.chars().take(LISTED).collect();
        if shown.len() < words.len() {
            shown.push('…');
        }
        format!(
            "- **{}:** “{}” ({}) · {waited} · {}",
            question.task(),
            literal(&shown),
            question.id,
            context.question_link(question.id)
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
    let text = match open {
        [] => format!("**All questions** of `{repo}` are answered."),
        _ => format!("**{waiting}** in `{repo}`:\n{}{rest}", lines.join("\n")),
    };
    let place = MessagePlace::Room(repo.clone());
    Outbound::new(id, place, OutboundKind::Digest { list }, text)
}

/// A digest lists at most this many questions, with so many characters of each, because an edit has to fit
/// into one message; Discord allows the least, 2,000 characters.
const DIGEST: usize = 8;
const LISTED: usize = 60;

/// A digest of which a newer one was posted.
pub(crate) fn moved_digest(id: MessageId, list: Uuid, repo: &Slug) -> Outbound {
    let place = MessagePlace::Room(repo.clone());
    let text = format!("The list of open questions in `{repo}` continues below.");
    Outbound::new(id, place, OutboundKind::Digest { list }, text)
}
