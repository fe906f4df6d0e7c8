//! `vine answer`: shows open questions in the terminal, one after the other, and takes the answers.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use rustix::termios::{QueueSelector, tcflush};
use serde::Deserialize;
use vine_api::{Client, ClientError, GiveAnswer};
use vine_app::texts;
use vine_domain::{
    Ask, QuestionId, TaskId,
    chat::Button,
    form::{Field, FilledField, FilledForm, Form},
    markdown::quoted,
    visible_text,
};

use crate::endpoint::Endpoint;

/// A question, as the API returns it.
#[derive(Debug, Deserialize)]
struct OpenQuestion {
    id: QuestionId,
    task: TaskId,
    state: String,
    ask: Ask,
    context: String,
}

#[derive(Debug, Deserialize)]
struct OpenQuestions {
    items: Vec<OpenQuestion>,
}

/// Asks for the answer to one question, or to all that are open, the oldest first.
pub async fn run(question: Option<QuestionId>) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "`vine answer` asks in a terminal; from a script, use `vine question answer Q-7 TEXT`"
        );
    }
    let endpoint = Endpoint::find()?;
    let client = endpoint.client();
    let ids = match question {
        Some(id) => vec![id],
        None => {
            let open: OpenQuestions = client.get("/questions?limit=200").await?;
            open.items.iter().map(|question| question.id).collect()
        }
    };
    let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout());
    if ids.is_empty() {
        writeln!(out, "Nothing needs an answer.")?;
    }
    for (place, id) in ids.iter().enumerate() {
        // Masked in the list, and perhaps answered meanwhile.
        let question: OpenQuestion = client.get(&format!("/questions/{id}")).await?;
        if ids.len() > 1 {
            writeln!(out, "\n── {} of {} ──", place + 1, ids.len())?;
        }
        if !["open", "expired"].contains(&question.state.as_str()) {
            writeln!(out, "{id} is {} already.", question.state)?;
            continue;
        }
        show(&question, &mut out)?;
        if !answer(&client, &question, &mut input, &mut out).await? {
            break;
        }
    }
    Ok(())
}

/// What is asked, and what the agent wrote before.
fn show(question: &OpenQuestion, out: &mut impl Write) -> Result<()> {
    let OpenQuestion {
        id,
        task,
        ask,
        context,
        ..
    } = question;
    let before = match context.is_empty() {
        true => String::new(),
        false => format!("{}\n\n", quoted(context)),
    };
    let text = format!("{id} · {task}\n\n{before}{}\n", texts::body(ask));
    Ok(writeln!(out, "{}", visible_text::exact(&text))?)
}

/// Asks until the answer is taken or the question is skipped; `false` to stop here.
async fn answer(
    client: &Client,
    question: &OpenQuestion,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<bool> {
    loop {
        let given = match fill(&question.ask, input, out)? {
            Filled::Answer(given) => given,
            Filled::Skip => return Ok(true),
            Filled::Stop => return Ok(false),
        };
        let path = format!("/questions/{}/answer", question.id);
        match client.post::<_, serde_json::Value>(&path, &given).await {
            Ok(_) => {
                writeln!(out, "Answered {}.", question.id)?;
                return Ok(true);
            }
            Err(ClientError::Refused { status, error }) => {
                writeln!(out, "{}\n{}", error.message, error.hint)?;
                // Only other words can help.
                if status != 422 {
                    return Ok(true);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a person typed.
#[derive(Debug)]
enum Filled {
    Answer(GiveAnswer),
    Skip,
    Stop,
}

/// Asks for one answer: by the number of a button, or field by field.
fn fill(ask: &Ask, input: &mut impl BufRead, out: &mut impl Write) -> Result<Filled> {
    let buttons = texts::quick(ask);
    let form = Form::of(ask);
    // The choices of a clarifying question are numbered in its text.
    if matches!(ask, Ask::Clarify { .. }) {
        return fields(&form, input, out);
    }
    for (number, button) in (1..).zip(&buttons) {
        writeln!(out, "  {number}. {}", button.label)?;
    }
    writeln!(out, "  {}. {}", buttons.len() + 1, form.opens)?;
    loop {
        let Some(line) = line("Number (Enter skips, q stops): ", input, out)? else {
            return Ok(Filled::Stop);
        };
        match line.as_str() {
            "" => return Ok(Filled::Skip),
            "q" => return Ok(Filled::Stop),
            number => match number.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                Some(place) if place < buttons.len() => return Ok(says(&buttons[place])),
                Some(place) if place == buttons.len() => return fields(&form, input, out),
                _ => writeln!(out, "Type a number from 1 to {}.", buttons.len() + 1)?,
            },
        }
    }
}

fn says(button: &Button) -> Filled {
    Filled::Answer(GiveAnswer {
        text: button.says.clone(),
        form: None,
        key: None,
    })
}

/// Asks for each field in turn.
fn fields(form: &Form, input: &mut impl BufRead, out: &mut impl Write) -> Result<Filled> {
    let mut filled = FilledForm::default();
    for (place, field) in form.fields.iter().enumerate() {
        let head = match form.fields.len() {
            1 => String::new(),
            many => format!(
                "{} of {many}: {}\n",
                place + 1,
                visible_text::exact(field.label.lines().next().unwrap_or_default())
            ),
        };
        let Some(words) = line(&format!("{head}{}", prompt(field)), input, out)? else {
            return Ok(Filled::Stop);
        };
        match words.as_str() {
            "" => return Ok(Filled::Skip),
            "q" => return Ok(Filled::Stop),
            _ => filled.fields.push(read(field, words)),
        }
    }
    Ok(Filled::Answer(GiveAnswer {
        text: String::new(),
        form: Some(filled),
        key: None,
    }))
}

/// A number is a choice, and several are if several may be chosen; all else is words.
fn read(field: &Field, words: String) -> FilledField {
    let place = |number: &str| {
        let place = number.trim().parse::<usize>().ok()?.checked_sub(1)?;
        (place < field.options.len()).then_some(place)
    };
    let picks: Option<Vec<usize>> = match field.multi {
        true => words.split(',').map(place).collect(),
        false => place(&words).map(|place| vec![place]),
    };
    match picks {
        Some(picks) => FilledField {
            picks,
            words: String::new(),
        },
        None => FilledField {
            picks: Vec::new(),
            words,
        },
    }
}

fn prompt(field: &Field) -> &'static str {
    match (field.options.is_empty(), field.multi) {
        (true, _) => "Your answer (Enter skips, q stops): ",
        (false, false) => "Number or your own words (Enter skips, q stops): ",
        (false, true) => "Numbers, like 1,3, or your own words (Enter skips, q stops): ",
    }
}

/// A line that was typed; `None` at the end of the input.
fn line(prompt: &str, input: &mut impl BufRead, out: &mut impl Write) -> Result<Option<String>> {
    // What was typed before this is shown answers nothing.
    let _no_terminal_in_tests = tcflush(std::io::stdin(), QueueSelector::IFlush);
    write!(out, "{prompt}")?;
    out.flush()?;
    let mut line = String::new();
    match input.read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(line.trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{
        Decision, form,
        question::{Choice, Item},
        reading,
    };

    use super::*;

    fn item(options: &[&str], multi: bool) -> Item {
        let option = |label: &&str| Choice {
            label: (*label).into(),
            ..Choice::default()
        };
        Item {
            question: "Which?".into(),
            header: String::new(),
            options: options.iter().map(option).collect(),
            multi,
        }
    }

    /// What is decided when these lines are typed; `None` if nothing is.
    fn typed(ask: &Ask, lines: &str) -> Option<Decision> {
        let mut out = Vec::new();
        match fill(ask, &mut lines.as_bytes(), &mut out).expect("asked") {
            Filled::Answer(GiveAnswer {
                form: Some(filled), ..
            }) => form::decision(ask, &filled).ok(),
            Filled::Answer(given) => reading::decision(ask, &given.text).ok(),
            Filled::Skip | Filled::Stop => None,
        }
    }

    #[test]
    fn clarifying_questions_are_answered_item_by_item() {
        let colours = ["Red", "Blue"];
        let ask = Ask::Clarify {
            items: vec![
                item(&colours, false),
                item(&colours, true),
                item(&[], false),
            ],
        };
        let chosen = |labels: &[&[&str]]| {
            let item = |item: &&[&str]| item.iter().map(ToString::to_string).collect();
            Some(Decision::Chosen {
                labels: labels.iter().map(item).collect(),
            })
        };
        assert_eq!(
            typed(&ask, "2\n1,2\nsoon\n"),
            chosen(&[&["Blue"], &["Red", "Blue"], &["soon"]])
        );
        assert_eq!(typed(&ask, "2\n\n"), None, "skipped");
        assert_eq!(typed(&ask, "2\n"), None, "the input ended");
    }

    #[test]
    fn permissions_and_plans_are_decided_by_number_and_never_by_accident() {
        let permission = Ask::Permission {
            tool: "Bash".into(),
            what: "rm x".into(),
            why: String::new(),
            rules: vec!["Bash(rm *)".into()],
        };
        let allow = |session| Some(Decision::Allow { session });
        let deny = |reason: &str| {
            let reason = reason.into();
            Some(Decision::Deny { reason })
        };
        assert_eq!(typed(&permission, "1\n"), allow(false));
        assert_eq!(typed(&permission, "2\n"), allow(true));
        assert_eq!(typed(&permission, "3\n"), deny(""));
        assert_eq!(
            typed(&permission, "4\nyes, but later\n"),
            deny("yes, but later")
        );
        assert_eq!(typed(&permission, "yes\n9\n\n"), None);
        let plan = Ask::Plan { plan: "1.".into() };
        assert_eq!(typed(&plan, "1\n"), Some(Decision::Approve));
        let words = "smaller".into();
        assert_eq!(
            typed(&plan, "2\nsmaller\n"),
            Some(Decision::SendBack { words })
        );
    }
}
