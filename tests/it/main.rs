// All stories, on SQLite, and what needs no store: the doubles before their judges.
#![expect(
    clippy::disallowed_types,
    reason = "a program chooses its clock and its ids"
)]

mod adapters;
mod app {
    mod after_done;
    mod consent;
    mod kept;
    mod mentions;
    mod metrics;
    pub mod platforms;
    mod progress;
    pub mod races;
    mod rivals;
    mod words;
}
mod doubles;
mod frozen;
#[expect(dead_code, reason = "each program uses its part of it")]
mod harness;
mod once;
mod shared {
    mod clocks;
}
mod store {
    pub mod contract;
    mod feed;
    pub mod one_write;
    mod outbox;
    mod requests;
    mod reserved;
}
mod stories;
