//! Which parts of this worker are unhealthy: the agent, its credentials, the disk, the account, the
//! model service, or one repository. An unhealthy part blocks the work that needs it, is checked
//! again after growing pauses, and is reported in every heartbeat. Tasks are not charged for it:
//! they are handed back without counting an attempt.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};
use vine_domain::{
    Failure, FailureKind, Repo, Slug,
    clock::{Clock, System},
};

/// What can be unhealthy by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthPart {
    /// The agent's program.
    Agent,
    /// The agent's credentials.
    Credentials,
    /// The disk.
    Disk,
    /// The account's usage limit.
    Account,
    /// The model service.
    Service,
    /// A repository on this worker; others are not affected.
    Repository(Slug),
}

/// Checks whether a part has recovered, without running a task.
#[async_trait::async_trait]
pub trait PartProbe: Send + Sync {
    /// `Ok` if it is healthy, otherwise what is wrong.
    async fn look(&self, part: &HealthPart, repo: Option<&Repo>) -> Result<(), Failure>;
}

/// The current or recent state of a part.
struct PartHealth {
    /// A description for people.
    what: String,
    /// How many checks in a row found it unhealthy.
    times: u32,
    /// When to check again; `None` if healthy.
    next: Option<Instant>,
    /// When it was last found healthy.
    well: Option<Instant>,
    /// The repository, if the part is one.
    repo: Option<Repo>,
}

/// The health of all parts.
pub struct WorkerHealth {
    parts: Mutex<BTreeMap<HealthPart, PartHealth>>,
    first_pause: Duration,
    changed: Notify,
}

const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A part that fails again this soon keeps its longer pauses.
const RELAPSE: Duration = Duration::from_secs(900);
/// Assumed duration of a usage limit without a known reset time.
const UNKNOWN_RESET: Duration = Duration::from_secs(30 * 60);
/// Time limit of a check; others wait behind it.
const LOOK: Duration = Duration::from_secs(120);
/// Time limit when a large repository may have to be cloned.
const CLONE: Duration = Duration::from_secs(20 * 60);
const WORDS: usize = 400;

impl fmt::Display for HealthPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("the agent"),
            Self::Credentials => f.write_str("the agent's credentials"),
            Self::Disk => f.write_str("the disk"),
            Self::Account => f.write_str("the agent's account"),
            Self::Service => f.write_str("the model service"),
            Self::Repository(name) => write!(f, "the repository {name}"),
        }
    }
}

impl HealthPart {
    /// The part that a failure concerns; `None` if it is the task's own.
    pub fn of(kind: FailureKind, repo: &Repo) -> Option<Self> {
        use FailureKind as K;
        match kind {
            K::AgentMissing => Some(Self::Agent),
            K::BadCredentials => Some(Self::Credentials),
            K::DiskFull => Some(Self::Disk),
            K::UsageLimit => Some(Self::Account),
            K::Overloaded => Some(Self::Service),
            K::RepositoryMissing | K::RemoteAway | K::WallMissing => {
                Some(Self::Repository(repo.name.clone()))
            }
            K::AgentCrashed
            | K::StoppedEarly
            | K::AgentHung
            | K::ContextTooLong
            | K::ApiRefused
            | K::BaseMissing
            | K::BranchTaken
            | K::Git
            | K::WorkersLost
            | K::MakesIll => None,
        }
    }
}

impl WorkerHealth {
    /// Everything is healthy; `first_pause` passes before an unhealthy part is checked, then twice
    /// as long each time.
    pub fn new(first_pause: Duration) -> Self {
        Self {
            parts: Mutex::default(),
            first_pause,
            changed: Notify::new(),
        }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<HealthPart, PartHealth>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a failure of an attempt, unless it is the task's own.
    pub fn take_note(&self, failure: &Failure, repo: &Repo) {
        let Some(part) = HealthPart::of(failure.kind, repo) else {
            return;
        };
        let repo = matches!(part, HealthPart::Repository(_)).then(|| repo.clone());
        self.falls_ill(part, failure, repo);
    }

    /// Marks the part as unhealthy.
    pub fn falls_ill(&self, part: HealthPart, failure: &Failure, repo: Option<Repo>) {
        let now = Instant::now();
        let mut parts = self.parts();
        let before = parts.get(&part);
        // Simultaneous failures of several agents count once.
        let waits = |known: &PartHealth| known.next.is_some_and(|next| next > now);
        let is_one = part != HealthPart::Account && before.is_some_and(waits);
        let relapses = |known: &&PartHealth| {
            known
                .well
                .is_none_or(|well| now.duration_since(well) < RELAPSE)
        };
        let times = match before.filter(relapses) {
            Some(known) if is_one => known.times,
            Some(known) => known.times + 1,
            None => 1,
        };
        let pause = self
            .first_pause
            .saturating_mul(1 << (times - 1).min(16))
            .min(LONGEST_PAUSE.max(self.first_pause));
        let told = failure.retry_at.map(|at| at.since(System.now()));
        let (pause, what) = match (&part, told.filter(|told| !told.is_zero())) {
            (HealthPart::Account, told) => until_reset(told.unwrap_or(UNKNOWN_RESET)),
            (_, Some(told)) => (told, failure.what.clone()),
            (_, None) => (pause, failure.what.clone()),
        };
        let what = what.chars().take(WORDS).collect();
        tracing::warn!("{part}: {what}");
        let illness = PartHealth {
            what,
            times,
            next: Some(
                before
                    .and_then(|known| known.next)
                    .filter(|next| is_one && *next > now)
                    .unwrap_or(now + pause),
            ),
            well: None,
            repo,
        };
        parts.insert(part, illness);
        drop(parts);
        self.changed.notify_waiters();
    }

    fn is_well(&self, part: &HealthPart) {
        if let Some(illness) = self.parts().get_mut(part) {
            illness.next = None;
            illness.well = Some(Instant::now());
            tracing::info!("{part}: recovered");
        }
        self.changed.notify_waiters();
    }

    /// What stops the whole worker from working, for people.
    pub fn trouble(&self) -> Option<String> {
        let parts = self.parts();
        let whole = parts.iter().filter(|(part, illness)| {
            !matches!(part, HealthPart::Repository(_)) && illness.next.is_some()
        });
        let words: Vec<&str> = whole.map(|(_, illness)| illness.what.as_str()).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Repositories whose tasks this worker does not take now, and why.
    pub fn without(&self) -> Vec<(Slug, String)> {
        let unhealthy = |(part, illness): (&HealthPart, &PartHealth)| match part {
            HealthPart::Repository(name) if illness.next.is_some() => {
                Some((name.clone(), illness.what.clone()))
            }
            _ => None,
        };
        self.parts().iter().filter_map(unhealthy).collect()
    }

    /// Waits until the worker as a whole is healthy.
    pub async fn well(&self) {
        loop {
            let changed = self.changed.notified();
            if self.trouble().is_none() {
                return;
            }
            changed.await;
        }
    }

    /// Notifies when a part becomes unhealthy or recovers.
    pub fn changes(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Checks unhealthy parts when they are due, forever.
    pub async fn heal(&self, probe: &dyn PartProbe) {
        loop {
            let changed = self.changed.notified();
            let first = self
                .parts()
                .iter()
                .filter_map(|(part, illness)| {
                    Some((illness.next?, part.clone(), illness.repo.clone()))
                })
                .min_by_key(|(next, ..)| *next);
            let Some((next, part, repo)) = first else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = changed => continue,
                () = tokio::time::sleep_until(next) => {}
            }
            let patience = if repo.is_some() { CLONE } else { LOOK };
            let looked = tokio::time::timeout(patience, probe.look(&part, repo.as_ref()));
            let found = looked.await.unwrap_or_else(|_| {
                let what = "the check timed out";
                Err(Failure::new(FailureKind::Git, what))
            });
            match found {
                Ok(()) => self.is_well(&part),
                // The repository's settings may have been corrected; its next task will show, at no
                // cost to the task.
                Err(_) if self.waited_longest(&part) => self.is_well(&part),
                Err(failure) => self.is_still_ill(&part, &failure, repo),
            }
        }
    }

    /// Whether a repository has been unhealthy for the longest pause.
    fn waited_longest(&self, part: &HealthPart) -> bool {
        let of_repository = matches!(part, HealthPart::Repository(_));
        let doublings = LONGEST_PAUSE
            .as_secs()
            .checked_div(self.first_pause.as_secs().max(1));
        let enough = doublings.unwrap_or(1).max(1).ilog2() + 2;
        of_repository
            && self
                .parts()
                .get(part)
                .is_some_and(|known| known.times >= enough)
    }

    /// A check may find a different problem; then the part that it concerns becomes unhealthy
    /// instead.
    fn is_still_ill(&self, part: &HealthPart, failure: &Failure, repo: Option<Repo>) {
        let of_agent = match failure.kind {
            FailureKind::BadCredentials => HealthPart::Credentials,
            FailureKind::UsageLimit => HealthPart::Account,
            FailureKind::Overloaded => HealthPart::Service,
            FailureKind::AgentMissing => HealthPart::Agent,
            _ => part.clone(),
        };
        if of_agent != *part {
            self.is_well(part);
        }
        self.falls_ill(of_agent, failure, repo);
    }
}

fn until_reset(told: Duration) -> (Duration, String) {
    let until = System.now().plus(told).to_minute();
    let what = format!(
        "the agent's account is at its usage limit until {until}; restart this worker to try earlier"
    );
    (told, what)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    /// A service that recovers at a set time and counts how often it was checked.
    struct ServiceOutage {
        back: Instant,
        looks: AtomicU32,
    }

    #[async_trait::async_trait]
    impl PartProbe for ServiceOutage {
        async fn look(&self, _: &HealthPart, _: Option<&Repo>) -> Result<(), Failure> {
            self.looks.fetch_add(1, Ordering::Relaxed);
            if Instant::now() < self.back {
                return Err(Failure::new(FailureKind::Overloaded, "no capacity"));
            }
            Ok(())
        }
    }

    fn repo(name: &str) -> Repo {
        Repo::new(
            Slug::from_text(name),
            "/srv/site".to_owned().try_into().expect("a path"),
            "main".parse().expect("a branch"),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn half_an_hour_without_the_service_costs_a_few_looks_and_ends_by_itself() {
        let health = Arc::new(WorkerHealth::new(Duration::from_secs(15)));
        let half_an_hour = Duration::from_secs(1800);
        let start = Instant::now();
        let away = Arc::new(ServiceOutage {
            back: start + half_an_hour,
            looks: AtomicU32::new(0),
        });
        let healing = Arc::clone(&health);
        let probe = Arc::clone(&away);
        tokio::spawn(async move { healing.heal(&*probe).await });
        let overloaded = Failure::new(FailureKind::Overloaded, "no capacity");
        // Four agents were running.
        for _ in 0..4 {
            health.take_note(&overloaded, &repo("site"));
        }
        assert_eq!(health.trouble().as_deref(), Some("no capacity"));
        health.well().await;
        let took = start.elapsed();
        assert!(
            took >= half_an_hour && took < half_an_hour + LONGEST_PAUSE,
            "{took:?}"
        );
        let looks = away.looks.load(Ordering::Relaxed);
        assert!((5..12).contains(&looks), "{looks} looks");
        assert_eq!(health.trouble(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_repository_that_is_ill_keeps_the_worker_from_no_other() {
        let health = WorkerHealth::new(Duration::from_secs(15));
        let missing = Failure::new(FailureKind::RepositoryMissing, "there is no such folder");
        health.take_note(&missing, &repo("site"));
        health.take_note(&Failure::new(FailureKind::AgentCrashed, "x"), &repo("shop"));
        assert_eq!(health.trouble(), None);
        let without = health.without();
        assert_eq!(without.len(), 1);
        assert_eq!(without[0].0, Slug::from_text("site"));
        health.well().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_lasts_as_long_as_it_is_told_and_what_falls_ill_again_waits_longer() {
        let health = WorkerHealth::new(Duration::from_secs(15));
        let mut limit = Failure::new(FailureKind::UsageLimit, "limit");
        let due = |part: &HealthPart| {
            let next = health.parts()[part].next.expect("unhealthy");
            next.duration_since(Instant::now())
        };
        health.take_note(&limit, &repo("site"));
        assert_eq!(due(&HealthPart::Account), UNKNOWN_RESET);
        limit.retry_at = Some(System.now().plus(Duration::from_secs(3 * 3600)));
        health.take_note(&limit, &repo("site"));
        let told = due(&HealthPart::Account).as_secs();
        assert!((3 * 3600 - 5..=3 * 3600).contains(&told), "{told}");

        let refused = Failure::new(FailureKind::BadCredentials, "401");
        for pause in [15, 30, 60] {
            health.take_note(&refused, &repo("site"));
            assert_eq!(due(&HealthPart::Credentials), Duration::from_secs(pause));
            health.is_well(&HealthPart::Credentials);
        }
        tokio::time::sleep(RELAPSE).await;
        health.take_note(&refused, &repo("site"));
        assert_eq!(due(&HealthPart::Credentials), Duration::from_secs(15));
    }
}
