//! What people and programs see, word for word, as inline snapshots: every kind of message as each
//! platform's adapter posts it, screens, API answers, the shell's help, tables and errors, names of
//! metrics. They hold what is there today, good or bad, so that each change of a word or a shape
//! shows in review.
//!
//! After a change on purpose: `cargo insta test --accept` (or `review`), then read the diff.
//!
//! Everything happens in one process, on SQLite and by a clock that stands still until it is moved,
//! so that only identities have to be left out ([`text::Names`]).

mod api;
mod day;
mod discord;
mod errors;
mod help;
mod matrix;
mod metrics;
mod page;
mod served;
mod shell;
mod slack;
mod text;
