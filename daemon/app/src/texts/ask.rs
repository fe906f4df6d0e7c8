//! What an agent asks, and the buttons to answer it. Agents' words are quoted or fenced, never in our own
//! voice.

use vine_domain::{
    Ask,
    chat::{Button, ButtonKind},
    form::Form,
    grants,
    markdown::{fenced, literal, quoted},
    question::{Choice, Item},
};

use crate::texts::words::counted;

/// The complete ask. Agents' words are quoted or fenced, never in our own voice.
pub fn body(ask: &Ask) -> String {
    match ask {
        Ask::Clarify { items } => items.iter().map(item).collect::<Vec<_>>().join("\n\n"),
        Ask::Permission {
            tool,
            what,
            why,
            rules,
        } => format!(
            "Allow **{}**?\n{}",
            literal(tool),
            permission(what, why, rules)
        ),
        Ask::Plan { plan } => format!("Approve this plan?\n\n{}", quoted(plan)),
    }
}

/// Characters of a question that fit into the first line of its message.
const FIRST_LINE: usize = 200;

/// The ask's own first words, in one line.
pub(crate) fn first_words(ask: &Ask) -> String {
    let words = match ask {
        Ask::Clarify { items } => items.first().map_or_else(String::new, Item::asked),
        Ask::Permission { what, .. } => what.split_whitespace().collect::<Vec<_>>().join(" "),
        Ask::Plan { plan } => first_line_of_plan(plan).to_owned(),
    };
    let words = words.trim();
    let line = words.lines().next().unwrap_or_default();
    match line.chars().count() > FIRST_LINE || line.len() < words.len() {
        true => line.chars().take(FIRST_LINE).chain([' ', '…']).collect(),
        false => line.to_owned(),
    }
}

/// The first line of a plan below its headings, or its heading if there is nothing else.
fn first_line_of_plan(plan: &str) -> &str {
    let lines = || plan.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines().find(|line| !line.starts_with('#'));
    said.or_else(|| lines().next()).unwrap_or_default()
}

/// What the first line of an ask's message does not show.
pub(crate) fn below_headline(ask: &Ask) -> Option<String> {
    match ask {
        Ask::Clarify { items } => match items.as_slice() {
            [only] if first_words(ask) == only.asked().trim() => {
                let rest = choices(only);
                (!rest.is_empty()).then_some(rest)
            }
            _ => Some(body(ask)),
        },
        Ask::Permission {
            what, why, rules, ..
        } => Some(permission(what, why, rules)),
        Ask::Plan { plan } => Some(quoted(plan)),
    }
}

fn permission(what: &str, why: &str, rules: &[String]) -> String {
    let mut parts = vec![fenced(what)];
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

/// What somebody confirms who allows a call for the whole session.
fn session_grant(rules: &[String]) -> String {
    let grants: Vec<String> = rules.iter().map(|rule| grants::sentence(rule)).collect();
    let named = format!("Allow until this task is over: {}?", grants.join("; "));
    if named.chars().count() <= CONFIRMED {
        return named;
    }
    let calls = counted(rules.len() as u64, "kind of call", "kinds of calls");
    format!("Allow until this task is over: the {calls} that the message names in full?")
}

/// Characters of a confirmation. Nothing that is confirmed may be cut off: Slack shows 300.
const CONFIRMED: usize = 280;

fn grant(rule: &str) -> String {
    format!("- {}", literal(&grants::sentence(rule)))
}

fn item(item: &Item) -> String {
    let asked = quoted(&item.asked());
    match choices(item) {
        rest if rest.is_empty() => asked,
        rest => format!("{asked}\n\n{rest}"),
    }
}

/// The choices of an item.
fn choices(item: &Item) -> String {
    let mut parts = Vec::new();
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

/// The buttons in a room, and last the one that opens the form. Others read along there, so a masked
/// ask can only be denied.
pub(crate) fn chat_buttons(ask: &Ask) -> Vec<Button> {
    let mut buttons = quick(&ask.masked());
    buttons.push(Button::saying(Form::of(ask).opens, "").of(ButtonKind::Form));
    let denies = |button: &Button| matches!(button.kind, ButtonKind::Refuse | ButtonKind::Form);
    buttons.retain(|button| !ask.is_secret() || denies(button));
    buttons
}

/// The buttons that answer with a single press.
pub fn quick(ask: &Ask) -> Vec<Button> {
    match ask {
        Ask::Clarify { items } => match items.as_slice() {
            [only] if !only.multi => {
                let labels = only.options.iter().map(|choice| choice.label.as_str());
                labels.map(Button::choice).collect()
            }
            _ => vec![],
        },
        Ask::Permission { rules, .. } => {
            let session = Button::saying("Allow for this session", "always");
            let session = session.dangerous(session_grant(rules));
            let mut buttons = vec![Button::saying("Allow once", "yes").of(ButtonKind::Agree)];
            // Without rules, “for this session” would allow nothing more.
            buttons.extend((!rules.is_empty()).then_some(session));
            buttons.push(Button::saying("Deny", "no").of(ButtonKind::Refuse));
            buttons
        }
        Ask::Plan { .. } => vec![Button::saying("Approve", "approve").of(ButtonKind::Agree)],
    }
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
                    Span::Code(_) | Span::Link(_) | Span::Time(_) => String::new(),
                })
                .collect()
        };
        blocks
            .iter()
            .map(|block| match block {
                Block::Paragraph(lines) => lines.iter().map(line).collect::<Vec<_>>().join("\n"),
                // Choices and grants, each after a number or bullet of ours.
                Block::List(_)
                | Block::Heading(_)
                | Block::Table(_)
                | Block::Quote { .. }
                | Block::Code(_) => String::new(),
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
