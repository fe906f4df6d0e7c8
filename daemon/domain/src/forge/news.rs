//! What is new at a request: what a forge shows, compared with what was known. Nothing is loaded or stored
//! here.

use std::collections::BTreeMap;

use super::{
    finding::{Finding, FindingSource, FindingState},
    request::{Act, ActKind, ChangeRequest, OpenedRequest, RequestState},
    snapshot::{
        Check, CheckState, ChecksVerdict, ForgeUser, Remark, RequestSnapshot, ReviewVerdict,
        SeenState,
    },
    text,
};
use crate::ids::{UserId, uuid_of};

/// Remarks of strangers that are shown in a thread; all others are counted.
const STRANGERS: u32 = 20;
/// Remarks that are shown together.
const TOGETHER: usize = 10;
/// Failed checks whose logs are read.
const LOGS: usize = 5;
/// Findings that are kept; the oldest that are over go first.
const FINDINGS: usize = 60;

/// Who somebody on a forge is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// The name to show: ours for people on the list, the forge's for strangers.
    pub name: String,
    /// The person on the list.
    pub person: Option<UserId>,
    /// Whether that person may continue tasks of this repository.
    pub may_operate: bool,
}

/// What a look at a request compares with.
#[derive(Debug)]
pub struct Look<'a> {
    /// The request on the forge.
    pub opened: &'a OpenedRequest,
    /// Our own account there.
    pub us: &'a ForgeUser,
    /// The authors of remarks, by their ids on the forge.
    pub speakers: &'a BTreeMap<String, Speaker>,
    /// The ends of logs, by what the adapter named them.
    pub logs: &'a BTreeMap<String, String>,
    /// How many rounds the repository's rule may start by itself.
    pub fixes: u8,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is ready for review now.
    Ready {
        /// The commit at its head.
        head: String,
    },
    /// It was merged.
    Merged {
        /// By whom.
        by: Option<String>,
    },
    /// It was closed without being merged.
    Closed {
        /// By whom.
        by: Option<String>,
    },
    /// It was opened again.
    Reopened,
    /// All its checks have ended, and these failed.
    Failed {
        /// The finding, by its number.
        finding: u32,
        /// Their names, each with the end of its log.
        checks: Vec<(String, Option<String>)>,
        /// Whether a round about it begins by itself: which one of how many.
        by_rule: Option<(u8, u8)>,
    },
    /// All its checks have ended, and none failed.
    Passed {
        /// The commit.
        head: String,
    },
    /// Somebody made remarks.
    Said {
        /// The finding, by its number; none for an approval without remarks.
        finding: Option<u32>,
        /// Who.
        speaker: Speaker,
        /// The verdict of their review.
        verdict: Option<ReviewVerdict>,
        /// What they said.
        remarks: Vec<Remark>,
        /// The commit at its head.
        head: String,
    },
    /// Somebody who may do so told the agent what to do next.
    Told {
        /// Who.
        person: UserId,
        /// The finding, by its number.
        finding: u32,
        /// What to do.
        text: String,
        /// The remark, by its key.
        key: String,
    },
    /// Strangers say more than is shown.
    Crowd,
    /// It conflicts with its base now.
    Conflict {
        /// The finding, by its number.
        finding: u32,
    },
    /// It does not conflict any more.
    Mergeable,
}

/// The failed checks whose logs a look needs: those that people were not told of yet.
pub fn wanted_logs<'a>(known: &ChangeRequest, seen: &'a RequestSnapshot) -> Vec<&'a Check> {
    let verdict = ChecksVerdict::of(&seen.checks);
    match verdict == ChecksVerdict::Failed && is_news(known, seen, verdict) {
        true => failed(&seen.checks).take(LOGS).collect(),
        false => Vec::new(),
    }
}

fn failed(checks: &[Check]) -> impl Iterator<Item = &Check> {
    checks
        .iter()
        .filter(|check| check.state == CheckState::Failed)
}

fn is_news(known: &ChangeRequest, seen: &RequestSnapshot, verdict: ChecksVerdict) -> bool {
    let told = known.told_checks.as_ref();
    told.is_none_or(|(head, told)| (head, *told) != (&seen.head, verdict))
}

/// Compares what is known with what the forge shows. Returns what is known then, and what is new.
pub fn observe(
    known: &ChangeRequest,
    seen: &RequestSnapshot,
    look: &Look<'_>,
) -> (ChangeRequest, Vec<News>) {
    let mut step = Comparison {
        next: known.clone(),
        news: Vec::new(),
        look,
    };
    step.remarks(seen);
    if matches!(seen.state, SeenState::Open { .. }) {
        step.checks(known, seen);
        step.conflict(known, seen);
    }
    step.state(known.state, seen);
    step.next.head = Some(seen.head.clone());
    // The forge may not have noticed our push yet.
    step.next.is_pushed &= known.head.as_ref() == Some(&seen.head) && known.described != known.head;
    step.forget();
    (step.next, step.news)
}

struct Comparison<'a> {
    next: ChangeRequest,
    news: Vec<News>,
    look: &'a Look<'a>,
}

impl Comparison<'_> {
    fn find(&mut self, source: FindingSource, foreign: bool, text: String) -> u32 {
        let number = self.next.next_finding();
        self.next.findings.push(Finding {
            number,
            source,
            foreign,
            text,
            state: FindingState::Open,
        });
        number
    }

    fn checks(&mut self, known: &ChangeRequest, seen: &RequestSnapshot) {
        let verdict = ChecksVerdict::of(&seen.checks);
        self.next.checks = verdict;
        if !is_news(known, seen, verdict) {
            return;
        }
        // A slow check may be added when a fast one has passed already: that holds if it is seen twice.
        let holds = known.checks == verdict && known.head.as_ref() == Some(&seen.head);
        match verdict {
            ChecksVerdict::None | ChecksVerdict::Running => self.next.told_checks = None,
            ChecksVerdict::Passed if !holds => {}
            ChecksVerdict::Passed => {
                self.next.told_checks = Some((seen.head.clone(), verdict));
                let head = seen.head.clone();
                self.news.push(News::Passed { head });
            }
            ChecksVerdict::Failed => {
                self.next.told_checks = Some((seen.head.clone(), verdict));
                self.failed(known, seen);
            }
        }
    }

    fn failed(&mut self, known: &ChangeRequest, seen: &RequestSnapshot) {
        let log = |check: &Check| {
            let log = check.log.as_ref().and_then(|log| self.look.logs.get(log));
            let summary = Some(&check.summary).filter(|said| !said.trim().is_empty());
            (check.name.clone(), log.or(summary).cloned())
        };
        let checks: Vec<(String, Option<String>)> = failed(&seen.checks).map(log).collect();
        let text = text::failed_checks(self.look.opened, &seen.head, &checks);
        let is_ours = self.is_fixed_by_rule(known, seen);
        let head = seen.head.clone();
        let finding = self.find(FindingSource::Checks { head }, false, text);
        let by_rule = is_ours.then(|| {
            self.next.own_fixes += 1;
            self.next.add(Act {
                key: uuid_of(&format!("fix {} {}", self.next.task, seen.head)),
                by: "the repository's rule".into(),
                kind: ActKind::Fix { finding },
            });
            (self.next.own_fixes, self.look.fixes)
        });
        self.news.push(News::Failed {
            finding,
            checks,
            by_rule,
        });
    }

    /// Whether a round begins by itself: only about jobs with logs that surely ran for the commit that we
    /// pushed to the project itself, once for each commit, and not too often.
    fn is_fixed_by_rule(&self, known: &ChangeRequest, seen: &RequestSnapshot) -> bool {
        let has_log = |check: &Check| {
            let log = check.log.as_ref();
            check.is_own && log.is_some_and(|log| self.look.logs.contains_key(log))
        };
        let is_taken_up = |one: &Finding| {
            one.state != FindingState::Open
                && matches!(&one.source, FindingSource::Checks { head } if *head == seen.head)
        };
        self.next.own_fixes < self.look.fixes
            && seen.is_of_project
            && known.described.as_ref() == Some(&seen.head)
            && failed(&seen.checks).all(has_log)
            && !known.findings.iter().any(is_taken_up)
    }

    fn conflict(&mut self, known: &ChangeRequest, seen: &RequestSnapshot) {
        let Some(conflicts) = seen.conflict else {
            return;
        };
        self.next.may_conflict = conflicts.then(|| seen.head.clone());
        // Forges say so for a moment while they find out.
        let holds = known.may_conflict.as_ref() == Some(&seen.head);
        match (conflicts, self.next.conflict) {
            (true, false) if holds => {
                let text = text::conflict(self.look.opened, self.next.base());
                let finding = self.find(FindingSource::Conflict, false, text);
                self.next.conflict = true;
                self.news.push(News::Conflict { finding });
            }
            (false, true) => {
                self.next.conflict = false;
                for finding in &mut self.next.findings {
                    if finding.source == FindingSource::Conflict {
                        finding.state = FindingState::Over;
                    }
                }
                self.news.push(News::Mergeable);
            }
            _ => {}
        }
    }

    fn state(&mut self, before: RequestState, seen: &RequestSnapshot) {
        let name = |by: &Option<ForgeUser>| {
            let by = by.as_ref()?;
            let speaker = self.look.speakers.get(&by.id);
            Some(speaker.map_or_else(|| by.name.clone(), |speaker| speaker.name.clone()))
        };
        let (state, news) = match &seen.state {
            SeenState::Merged { by } => (RequestState::Merged, Some(News::Merged { by: name(by) })),
            SeenState::Closed { by } => (RequestState::Closed, Some(News::Closed { by: name(by) })),
            SeenState::Open { draft } => {
                let state = match draft {
                    true => RequestState::Draft,
                    false => RequestState::Open,
                };
                let news = match before {
                    RequestState::Closed | RequestState::Merged => Some(News::Reopened),
                    RequestState::Draft if !draft => Some(News::Ready {
                        head: seen.head.clone(),
                    }),
                    _ => None,
                };
                (state, news)
            }
        };
        self.next.state = state;
        if state != before {
            self.news.extend(news);
        }
        if !state.is_live() {
            let replies = |act: &Act| matches!(act.kind, ActKind::Reply { .. });
            self.next.acts.retain(replies);
        }
    }

    fn remarks(&mut self, seen: &RequestSnapshot) {
        let mut fresh: Vec<&Remark> = Vec::new();
        for remark in &seen.remarks {
            if self.next.heard.insert(remark.key.clone()) && !self.is_ours(remark) {
                fresh.push(remark);
            }
        }
        let mut by_author: Vec<(&str, Vec<&Remark>)> = Vec::new();
        for remark in fresh {
            let author = remark.author.id.as_str();
            match by_author.iter_mut().find(|(known, _)| *known == author) {
                Some((_, said)) => said.push(remark),
                None => by_author.push((author, vec![remark])),
            }
        }
        for (author, said) in by_author {
            let speaker = self.look.speakers.get(author).cloned();
            let speaker = speaker.unwrap_or_else(|| Speaker {
                name: said[0].author.name.clone(),
                person: None,
                may_operate: false,
            });
            self.said(&speaker, said, &seen.head);
        }
    }

    /// The account may also belong to a person, so its name alone does not make a remark ours.
    fn is_ours(&self, remark: &Remark) -> bool {
        remark.author.id == self.look.us.id && text::is_marked(&remark.text)
    }

    fn said(&mut self, speaker: &Speaker, said: Vec<&Remark>, head: &str) {
        let is_told = |remark: &&Remark| {
            // What was changed later may be somebody else's words.
            speaker.may_operate && !remark.edited && to_us(&remark.text).is_some()
        };
        let (told, said): (Vec<&Remark>, Vec<&Remark>) = said.into_iter().partition(is_told);
        for remark in told {
            self.tell(speaker, remark);
        }
        for said in said.chunks(TOGETHER) {
            self.show(speaker, said, head);
        }
    }

    fn tell(&mut self, speaker: &Speaker, remark: &Remark) {
        let (Some(person), Some(words)) = (speaker.person, to_us(&remark.text)) else {
            return;
        };
        let place = remark.place.as_ref();
        let place = place.map_or_else(String::new, |place| {
            format!("At `{}`: ", place.replace(['`', '\n', '\r'], "'"))
        });
        let text = format!("{place}{words}");
        let keys = vec![remark.key.clone()];
        let finding = self.find(FindingSource::Remarks { keys }, false, text.clone());
        self.news.push(News::Told {
            person,
            finding,
            text,
            key: remark.key.clone(),
        });
    }

    fn show(&mut self, speaker: &Speaker, said: &[&Remark], head: &str) {
        let has_words = said.iter().any(|remark| !remark.text.trim().is_empty());
        let verdict = text::verdict(said);
        if !has_words && verdict.is_none_or(|verdict| verdict == ReviewVerdict::Commented) {
            return;
        }
        let foreign = speaker.person.is_none();
        if foreign && self.next.strangers >= STRANGERS {
            return;
        }
        self.next.strangers += u32::from(foreign);
        let finding = has_words.then(|| {
            let text = text::remarks(self.look.opened, &speaker.name, !foreign, said);
            let keys = said.iter().filter(|remark| !remark.text.trim().is_empty());
            let keys = keys.map(|remark| remark.key.clone()).collect();
            self.find(FindingSource::Remarks { keys }, foreign, text)
        });
        self.news.push(News::Said {
            finding,
            speaker: speaker.clone(),
            verdict,
            remarks: said.iter().map(|remark| (*remark).clone()).collect(),
            head: head.to_owned(),
        });
        if foreign && self.next.strangers == STRANGERS {
            self.news.push(News::Crowd);
        }
    }

    fn forget(&mut self) {
        while self.next.findings.len() > FINDINGS {
            let over = |one: &Finding| one.state == FindingState::Over;
            let oldest = self.next.findings.iter().position(over).unwrap_or(0);
            self.next.findings.remove(oldest);
        }
    }
}

/// What a remark tells us to do: the words after `@vine` or `/vine`.
fn to_us(text: &str) -> Option<&str> {
    let text = text.trim();
    let rest = text
        .strip_prefix("@vine")
        .or_else(|| text.strip_prefix("/vine"))?;
    let told = rest.trim_start_matches([',', ':']).trim();
    (rest.starts_with([' ', '\n', ',', ':']) && !told.is_empty()).then_some(told)
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
