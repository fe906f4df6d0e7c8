//! Claims that wait for work. Those that wait at the same time are decided together; one that waits
//! gets a new task in the transaction that stores it.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};
use vine_domain::{WorkerId, assignment::Assignment, ports::ClaimedTask, schedule::ClaimRequest};

/// Looks for work at least this often, in case a wake-up was lost.
pub(crate) const TICK: Duration = Duration::from_secs(5);
/// At most this many claims are decided together. If more wait, those that work is reserved for are
/// included.
const TOGETHER: usize = 200;
/// At most this many tasks go to one claim: one host must not empty the queue while others are
/// about to claim.
const LARGEST: u32 = 50;

/// A claim, and where what it gets goes.
pub(crate) struct PendingClaim {
    want: ClaimRequest,
    until: Instant,
    /// No batch has asked for it yet.
    fresh: bool,
    reply: oneshot::Sender<Vec<Assignment>>,
}

/// Where the tasks of a claim arrive. What arrives after its caller has hung up is taken back.
pub(crate) struct ClaimReply {
    worker: WorkerId,
    tasks: oneshot::Receiver<Vec<Assignment>>,
    unread: mpsc::UnboundedSender<Unread>,
}

impl ClaimReply {
    /// The tasks; none if the daemon stops.
    pub async fn tasks(mut self) -> Vec<Assignment> {
        (&mut self.tasks).await.unwrap_or_default()
    }
}

impl Drop for ClaimReply {
    fn drop(&mut self) {
        self.tasks.close();
        if let Ok(tasks) = self.tasks.try_recv()
            && !tasks.is_empty()
        {
            let _stopping = self.unread.send((self.worker, tasks));
        }
    }
}

/// The claims that a batch asks for.
pub(crate) struct Asking {
    claims: Vec<PendingClaim>,
    /// Some of them waited for others' writes.
    turn: Option<AskingTurn>,
}

/// While it lives, no other batch asks for claims that wait.
struct AskingTurn(Arc<AtomicBool>);

impl Drop for AskingTurn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Asking {
    /// Whether claims take part that waited for others' writes.
    pub fn for_others(&self) -> bool {
        self.turn.is_some()
    }

    /// What they want; nothing if there are none.
    pub fn wants(&self) -> Vec<ClaimRequest> {
        let want = |claim: &PendingClaim| ClaimRequest {
            slots: claim.want.slots.min(LARGEST),
            ..claim.want.clone()
        };
        self.claims.iter().map(want).collect()
    }
}

/// Orders that nobody took, since their worker had hung up.
pub(crate) type Unread = (WorkerId, Vec<Assignment>);

/// All claims that wait in this daemon.
pub(crate) struct WaitingClaims {
    state: Mutex<State>,
    unread: mpsc::UnboundedSender<Unread>,
    /// What [`WaitingClaims::alarm`] says has changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<PendingClaim>,
    /// A batch asks for them now; one at a time, so that each is asked for once.
    asking: Arc<AtomicBool>,
    /// No task is due before this moment, so there is no need to ask.
    quiet_until: Option<Instant>,
    /// There may be new work since a batch began to ask.
    stirred: bool,
}

impl State {
    fn is_hungry(&self) -> bool {
        !self.is_quiet() && !self.asking.load(Ordering::SeqCst) && !self.waiting.is_empty()
    }

    fn is_quiet(&self) -> bool {
        self.quiet_until.is_some_and(|until| until > Instant::now())
    }

    /// Answers the claims that have waited long enough: each was asked for, unless there is nothing.
    fn end_waits(&mut self) {
        let now = Instant::now();
        let is_quiet = self.is_quiet();
        let is_over = |claim: &mut PendingClaim| claim.until <= now && (is_quiet || !claim.fresh);
        for over in self.waiting.extract_if(.., is_over) {
            let _gone = over.reply.send(Vec::new());
        }
    }
}

impl WaitingClaims {
    /// No claims, and where orders arrive that nobody took.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Unread>) {
        let (unread, untaken) = mpsc::unbounded_channel();
        let state = Mutex::default();
        let changed = Notify::new();
        let claims = Self {
            state,
            unread,
            changed,
        };
        (claims, untaken)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A claim that waits until then for its first task, and where its tasks arrive.
    pub fn claim(&self, want: ClaimRequest, until: Instant) -> (PendingClaim, ClaimReply) {
        let (reply, tasks) = oneshot::channel();
        let reply_of = ClaimReply {
            worker: want.worker,
            tasks,
            unread: self.unread.clone(),
        };
        let claim = PendingClaim {
            want,
            until,
            fresh: true,
            reply,
        };
        (claim, reply_of)
    }

    /// Lets a claim wait.
    pub fn add(&self, claim: PendingClaim) {
        self.state().waiting.push(claim);
        self.changed.notify_one();
    }

    /// There may be new work.
    pub fn stir(&self) {
        let mut state = self.state();
        state.quiet_until = None;
        state.stirred = true;
    }

    /// Whether there is something to ask for.
    pub fn is_hungry(&self) -> bool {
        self.state().is_hungry()
    }

    /// Whether more claims wait than are decided together.
    pub fn is_crowded(&self) -> bool {
        self.state().waiting.len() > TOGETHER
    }

    /// What a batch asks for: `own` claims, which go after its own writes, and those that wait, of
    /// `preferred` workers first.
    pub fn ask(&self, own: Vec<PendingClaim>, preferred: &HashSet<WorkerId>) -> Asking {
        let mut state = self.state();
        let mut claims = own;
        state.waiting.retain(|claim| !claim.reply.is_closed());
        let turn = state.is_hungry().then(|| {
            state.asking.store(true, Ordering::SeqCst);
            AskingTurn(Arc::clone(&state.asking))
        });
        if turn.is_some() {
            let (mut first, mut others): (Vec<_>, Vec<_>) = mem::take(&mut state.waiting)
                .into_iter()
                .partition(|claim| preferred.contains(&claim.want.worker));
            // Those that were asked for go behind the others, so each has its turn.
            let room = TOGETHER.saturating_sub(first.len()).min(others.len());
            state.waiting = others.split_off(room);
            first.append(&mut others);
            claims.append(&mut first);
            state.quiet_until = None;
            state.stirred = false;
        }
        claims.iter_mut().for_each(|claim| claim.fresh = false);
        Asking { claims, turn }
    }

    /// Hands out what was claimed. Returns whether to ask again at once.
    pub fn give(&self, asking: Asking, claimed: Vec<ClaimedTask>) -> bool {
        let got = !claimed.is_empty();
        let mut by_worker: HashMap<WorkerId, Vec<Assignment>> = HashMap::new();
        for task in claimed {
            by_worker
                .entry(task.worker)
                .or_default()
                .push(task.assignment);
        }
        let mut state = self.state();
        for claim in asking.claims {
            // A worker may wait with several claims.
            let own = by_worker
                .get_mut(&claim.want.worker)
                .filter(|own| !own.is_empty());
            let Some(own) = own else {
                state.waiting.push(claim);
                continue;
            };
            let count = own.len().min(claim.want.slots as usize);
            let tasks = own.drain(..count).collect();
            if let Err(unread) = claim.reply.send(tasks) {
                let _stopping = self.unread.send((claim.want.worker, unread));
            }
        }
        drop(asking.turn);
        state.end_waits();
        self.changed.notify_one();
        let came = state.waiting.iter().any(|claim| claim.fresh);
        let more = came || ((got || state.stirred) && !state.waiting.is_empty());
        more && state.is_hungry()
    }

    /// It could not be asked for them.
    pub fn failed(&self, mut asking: Asking, pause: Duration) {
        let mut state = self.state();
        state.waiting.append(&mut asking.claims);
        drop(asking.turn);
        state.quiet_until = Some(Instant::now() + pause);
        state.end_waits();
        self.changed.notify_one();
    }

    /// Nothing that a waiting claim may have is due until then, unless something stirs.
    pub fn quiet(&self, until: Instant) {
        let mut state = self.state();
        if !state.stirred {
            state.quiet_until = Some(until);
            state.end_waits();
        }
        self.changed.notify_one();
    }

    /// Answers the claims that have waited long enough.
    pub fn end_waits(&self) {
        self.state().end_waits();
    }

    /// Waits until [`WaitingClaims::alarm`] may have changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// When to look again without a wake-up: when a claim's wait ends, a task is due, or the tick
    /// comes.
    pub fn alarm(&self) -> Instant {
        let state = self.state();
        let tick = Instant::now() + TICK;
        // One that nobody has asked for yet is not answered before.
        let is_quiet = state.is_quiet();
        let endable = state.waiting.iter();
        let endable = endable.filter(|claim| is_quiet || !claim.fresh);
        let patience = endable.map(|claim| claim.until).min();
        let due = state.quiet_until.filter(|_| !state.waiting.is_empty());
        // Slightly later, so that what was waited for is due.
        patience.unwrap_or(tick).min(due.unwrap_or(tick)).min(tick) + Duration::from_millis(1)
    }
}

#[cfg(test)]
mod tests {

    use vine_domain::{Epoch, Lane, Repo, Slug, TaskId, Timestamp, attempt::Attempt, repo::Source};

    use super::*;

    fn worker(number: u128) -> WorkerId {
        WorkerId(uuid::Uuid::from_u128(number))
    }

    fn claims() -> WaitingClaims {
        WaitingClaims::new().0
    }

    fn add(claims: &WaitingClaims, number: u128, wait: Duration) -> ClaimReply {
        let want = ClaimRequest::of(worker(number), 1);
        let (claim, reply) = claims.claim(want, Instant::now() + wait);
        claims.add(claim);
        reply
    }

    fn ask(claims: &WaitingClaims) -> Asking {
        claims.ask(Vec::new(), &HashSet::new())
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn one_batch_at_a_time_asks_for_the_same_claims() {
        let claims = claims();
        let _tasks = add(&claims, 1, LONG);
        assert!(claims.is_hungry());
        let asking = ask(&claims);
        assert_eq!(asking.wants().len(), 1);
        assert!(!claims.is_hungry(), "it is being asked for");
        assert!(ask(&claims).wants().is_empty());
        assert!(!claims.give(asking, Vec::new()), "there was nothing");
        assert!(claims.is_hungry());
    }

    #[tokio::test]
    async fn a_claim_whose_worker_is_gone_keeps_nobody_from_asking() {
        let claims = claims();
        drop(add(&claims, 1, LONG));
        assert!(ask(&claims).wants().is_empty());
        let _tasks = add(&claims, 2, LONG);
        assert_eq!(ask(&claims).wants().len(), 1);
    }

    fn claimed(worker: WorkerId) -> ClaimedTask {
        let branch = || "main".parse().expect("a branch");
        let repo = Repo::new(
            Slug::from_text("site"),
            Source::try_from("/srv/site".to_owned()).expect("a path"),
            branch(),
        );
        let attempt = Attempt {
            task: TaskId(7),
            epoch: Epoch(1),
        };
        let assignment = Assignment {
            attempt,
            lease_secs: 20,
            title: "Title".parse().expect("a title"),
            prompt: "Do it".parse().expect("a prompt"),
            repo,
            base: branch(),
            branch: branch(),
            model: vine_domain::ModelChoice::default(),
            requester: "Ann".into(),
            created_at: Timestamp(0),
            resume: None,
            unheard: false,
            fork: false,
            unfinished_work: None,
            rounds: Vec::new(),
            answered: Vec::new(),
        };
        ClaimedTask {
            worker,
            assignment,
            lane: Lane::Default,
            waited: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn tasks_of_a_worker_that_hung_up_are_taken_back_whenever_it_did() {
        let (claims, mut unread) = WaitingClaims::new();
        for hangs_up_first in [true, false] {
            let reply = add(&claims, 1, LONG);
            let asking = ask(&claims);
            let claimed = vec![claimed(worker(1))];
            if hangs_up_first {
                drop(reply);
                claims.give(asking, claimed);
            } else {
                claims.give(asking, claimed);
                drop(reply);
            }
            let (of, tasks) = unread.try_recv().expect("they come back");
            assert_eq!((of, tasks.len()), (worker(1), 1));
        }
        let reply = add(&claims, 1, LONG);
        claims.give(ask(&claims), vec![claimed(worker(1))]);
        assert_eq!(reply.tasks().await.len(), 1);
        assert!(unread.try_recv().is_err(), "its worker has it");
    }

    #[tokio::test]
    async fn a_batch_that_ends_early_keeps_nobody_from_asking() {
        let claims = claims();
        let _gone = add(&claims, 1, LONG);
        drop(ask(&claims));
        let _tasks = add(&claims, 2, LONG);
        assert_eq!(ask(&claims).wants().len(), 1);
    }

    #[tokio::test]
    async fn asking_again_ends_the_quiet_that_is_over() {
        let claims = claims();
        let _tasks = add(&claims, 1, LONG);
        claims.quiet(Instant::now());
        assert!(!claims.give(ask(&claims), Vec::new()));
        assert!(
            claims.alarm() > Instant::now() + TICK / 2,
            "no alarm in the past"
        );
    }

    #[tokio::test]
    async fn what_comes_while_a_batch_asks_is_not_slept_through() {
        let claims = claims();
        let _tasks = add(&claims, 1, LONG);
        let asking = ask(&claims);
        claims.stir();
        assert!(claims.give(asking, Vec::new()), "it asks again");
        assert!(!claims.give(ask(&claims), Vec::new()));
        claims.quiet(Instant::now() + LONG);
        assert!(!claims.is_hungry());
        claims.stir();
        assert!(claims.is_hungry());
    }

    #[tokio::test]
    async fn a_claim_that_does_not_wait_is_answered_at_once() {
        let claims = claims();
        let mut tasks = add(&claims, 1, Duration::ZERO);
        let asking = ask(&claims);
        assert!(tasks.tasks.try_recv().is_err(), "it is being asked for");
        let mut late = add(&claims, 2, Duration::ZERO);
        claims.end_waits();
        assert!(
            late.tasks.try_recv().is_err(),
            "nobody has looked for it yet"
        );
        assert!(claims.give(asking, Vec::new()), "so somebody does");
        assert!(tasks.tasks.try_recv().expect("answered").is_empty());
        claims.give(ask(&claims), Vec::new());
        assert!(late.tasks.try_recv().expect("answered").is_empty());
    }

    #[tokio::test]
    async fn a_claim_after_a_write_is_asked_for_with_it_whoever_else_asks() {
        let claims = claims();
        let _others = add(&claims, 1, LONG);
        let asking = ask(&claims);
        let (own, mut tasks) = claims.claim(ClaimRequest::of(worker(2), 1), Instant::now());
        let with_own = claims.ask(vec![own], &HashSet::new());
        assert_eq!(with_own.wants().len(), 1);
        claims.give(asking, Vec::new());
        assert!(
            tasks.tasks.try_recv().is_err(),
            "the other batch knows nothing of it"
        );
        claims.give(with_own, Vec::new());
        assert!(tasks.tasks.try_recv().expect("answered").is_empty());
    }

    #[tokio::test]
    async fn of_many_claims_each_has_its_turn_and_reserved_ones_come_first() {
        let claims = claims();
        let _tasks: Vec<_> = (0..500).map(|number| add(&claims, number, LONG)).collect();
        assert!(claims.is_crowded());
        let mut asked: HashSet<WorkerId> = HashSet::new();
        for _ in 0..5 {
            let asking = claims.ask(Vec::new(), &HashSet::from([worker(499)]));
            let wants = asking.wants();
            assert_eq!(wants.len(), TOGETHER);
            assert_eq!(wants[0].worker, worker(499));
            asked.extend(wants.iter().map(|want| want.worker));
            claims.give(asking, Vec::new());
        }
        assert_eq!(asked.len(), 500);
    }
}
