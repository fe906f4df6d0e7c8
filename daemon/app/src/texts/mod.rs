//! Every sentence that AgentVine posts in threads. A message states what happened, to what, and
//! what comes next; ids stand alone, so that they can be copied. All of them are functions of
//! values: nothing is loaded here.

mod ask;
mod card;
mod change;
mod context;
mod outcome;
mod progress;
mod question;
mod request;
mod words;

pub use crate::texts::{
    ask::{body, quick},
    card::{TaskButton, progress, state},
    outcome::{deleted, missed},
    progress::at_work,
    words::{counted, span, spent, timeline, total, when},
};
pub(crate) use crate::texts::{
    card::card,
    card::{new_card, queued},
    change::messages,
    context::{QUESTIONS, TASKS, TextContext, is_local, link},
    outcome::{kept, notice, of_agent, shown},
    progress::working_card,
    question::{digest, moved_digest},
    request::{
        act_done, act_refused, forge_refuses, request_elsewhere, request_news, request_opened,
    },
};
