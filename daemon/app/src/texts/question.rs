//! Messages about a question.

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

/// A few words of ours, the question's own first words, and its id.
fn headline(question: &Question, shown: &Ask) -> String {
    let asks = match shown {
        // A script has no session of Claude Code.
        Ask::Clarify { .. } if question.session.is_none() => "Question:".into(),
        Ask::Clarify { .. } => "Claude asks:".into(),
        Ask::Permission { tool, .. } => format!("Allow {}?", literal(tool)),
        Ask::Plan { .. } => "Approve?".to_owned(),
    };
    format!(
        "**{asks}** “{}” ({})",
        literal(&first_words(shown)),
        question.id
    )
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
        "**{}** still waiting ({waited}) · for {}: {}",
        question.id,
        task.requester,
        literal(&question.ask.headline())
    )
}

pub(crate) fn escalation(context: &TextContext<'_>, question: &Question) -> String {
    let waited = span(context.now.since(question.asked_at));
    let whom = &context.settings.patience.escalate_to;
    format!(
        "**{}** has been waiting for {waited} · escalated to **{whom}**: {}",
        question.id,
        literal(&question.ask.headline())
    )
}

pub(crate) fn expired(context: &TextContext<'_>, question: &Question) -> String {
    let limit = span(context.settings.patience.expiry(&question.ask));
    let id = question.id;
    format!(
        "**Nobody answered {id} within {limit}.** The agent was told that no answer came (this is \
         not a “no”) and continues without one.\n\
         You can still answer: reply to the question, or type `{id} your answer`."
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

/// All open questions of a room in one message.
pub(crate) fn digest(
    context: &TextContext<'_>,
    id: MessageId,
    repo: &Slug,
    open: &[Question],
) -> Outbound {
    let line = |question: &Question| {
        let waited = span(context.now.since(question.asked_at));
        format!(
            "- **{}** ({waited}): {} · {}",
            question.id,
            literal(&question.ask.headline()),
            context.link(question.task())
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
