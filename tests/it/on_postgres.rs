// The same stories on PostgreSQL, and those of several daemons: `harness/base.rs` knows it from
// this program's name.
#![expect(
    clippy::disallowed_types,
    reason = "a program chooses its clock and its ids"
)]

mod app {
    mod kept;
    mod metrics;
    pub mod platforms;
    pub mod races;
    mod words;
}
#[expect(dead_code, reason = "each program uses its part of it")]
mod harness;
mod shared {
    mod clocks;
    mod reach;
    mod replicas;
}
mod store {
    mod cancelled;
    pub mod contract;
    mod feed;
    pub mod one_write;
    mod outbox;
    mod plans;
    mod requests;
    mod reserved;
}
mod stories;
