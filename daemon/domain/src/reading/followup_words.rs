//! The words by which `followup.rs` reads what people write after a task is over.

/// What begins thanks.
pub(super) const THANKS: &str = "appreciate appreciated cheers congrats congratulations danke gracias kudos merci props thank thanks thx ty";

/// What people write before that word.
pub(super) const EAGER: &str = "i many much really so we";

/// Whom and how often people thank.
pub(super) const THANKED: &str = "a again agent all alot any both bot bunch claude everybody everyone folks guys lot man mate million \
    much so team that the this tons very vine you your";

/// Words that praise, or that say that something is settled.
pub(super) const STRONG: &str = "agreed aha amazing appreciated appreciate approved awesome beautiful best bravo bravissimo brilliant bye \
    charm cheers closed closing congrats congratulations cool danke deployed done elegant epic excellent exceptional \
    fab fabulous fantastic fast fine finished flawless genius glad good gorgeous gracias great ha haha happy helped \
    helpful hero hooray ideal impressed impressive incredible k kk kudos landed legend legendary lgtm lifesaver live \
    lol love loved lovely magic magnificent marvelous merci merged neat nice nicely nicest noted obrigado ok okay \
    outstanding perfect perfectly phew pleased pleasure props proud quick quickly rad rocks saved shipped shipping \
    slick solid solved sorted splendid star stellar super superb sweet swift terrific thank thanks thrilled thx \
    tidy top ty tysm tyvm understood wicked wonderful woohoo works wow yay yeah yep yes yup";

/// Words that stand beside them, and say nothing alone.
pub(super) const WEAK: &str = "a agent ah all already also am an any are as at bot by claude day did doing else enough evening everybody \
    everyone everything exactly for from fun guys have here i in indeed is it it's its job just life like looking looks \
    lot luck man mate me mine morning much my night now of oh on one our pretty quite really recent right schön \
    so some stuff such sure team than that that's the them there these they thing this those time to today tomorrow \
    totally turnaround u ur very vine was way we week weekend well were what with work worked world you you're \
    your";

/// Whole clauses that close a conversation, with words that would ask for something elsewhere.
pub(super) const PHRASES: &str = "
    clean work
    exactly
    exactly what i needed
    exactly what i wanted
    fair enough
    got it
    hats off
    i like it
    i see
    isn't it
    it is live
    keep it up
    just what i needed
    looks right
    makes sense
    much appreciated
    never mind
    nevermind
    no further changes
    no longer needed
    not bad
    not needed
    not needed any more
    not needed anymore
    nothing else
    on point
    right
    see you
    see you later
    see you monday
    see you tomorrow
    spot on
    that did it
    this is exactly what i needed
    this is exactly what i wanted
    that works
    that's all
    that's all for
    that's it
    you rock
    this is live
    this works
    ";

/// Orders to continue with something that only the agent proposed: what that is, is asked.
pub(super) const GO: &str = "
    approve
    carry on
    continue
    do it
    go ahead
    go for it
    keep going
    let's do it
    make it so
    more
    not approved
    please do
    please do it
    please proceed
    proceed
    reject it
    ship it
    yes do it
    yes please
    yes, please
    ";

/// How people begin to tell what they themselves do or did.
pub(super) const OWN: &str = "
    am going to
    brb
    closing
    going to
    gonna
    hm
    hmm
    huh
    i am
    i can
    i did
    i have
    i just
    i like
    i love
    i merged
    i will
    i'd
    i'll
    i'm
    i've
    interesting
    let me
    merging
    reviewing
    testing
    we are
    we can
    we have
    we merged
    we will
    we'll
    we're
    we've
    will check
    will do
    will have a look
    will look
    will merge
    will review
    will see
    will test
    will try
    ";

/// Words after which something else may be asked for.
pub(super) const TURNS: &str =
    "also although but however instead next now please plus still then though yet";

pub(super) const NEGATIONS: &str = "cannot neither never no nobody none nor not nothing without";

/// Verbs with which people begin an order.
pub(super) const ORDERS: &str = "add address adjust allow apply avoid bring build bump change check clean clear close commit compare continue convert \
    copy correct cover create cut delete describe disable display document drop enable ensure escape expand explain \
    export extend extract find finish fix format generate give go handle have hide ignore implement improve include \
    increase insert install introduce keep let limit link list load log look lower make mark merge mention move open \
    optimise optimize order paint pin point polish prepare print publish put raise rebase redo reduce refactor \
    regenerate remove rename reopen reorder replace restore return revert rewrite run save send separate set shorten \
    show simplify skip sort split squash start stop store support swap switch take test tell tighten translate trim \
    try turn undo unify update upgrade use validate verify work wrap write";

/// Words that stand for what is wrong, missing or wanted.
pub(super) const NEEDS: &str = "blank breaks broke broken bug bugs crash crashed crashes cut error errors fail failed failing fails \
    forgot forgotten incorrect lost missing must need needs not off problem same should slow still too typo \
    typos unreadable want wants warning warnings worse wrong";

/// Words that begin a statement.
pub(super) const SUBJECTS: &str = "a all an and as at both each every everything for he her his i if in it it's its my of on our she so some that \
    that's the their there there's these they this those to we with you your";

/// Words that follow a verb.
pub(super) const OBJECTS: &str = "a all an another any both each every everything it its more my our some that the their them these this those \
    two your";

pub(super) const QUESTIONS: &str = "how what when where which who why";

pub(super) const MODALS: &str = "can could may might shall would";

/// How people begin to say that nothing is to be done.
pub(super) const LEAVE: &str = "
    do not
    don't
    keep it as
    leave
    let's leave
    no need
    no more
    nothing
    sorry
    there is no need
    there's no need
    ";

/// What people put around such orders.
pub(super) const FILLERS: &str =
    "absolutely hey oh ok okay perfect please pls sure then thanks well yeah yep yes";
