//! What adapters make of a platform's events, and what platforms make of ours.

mod corpora;
mod fixtures;
mod measure_matrix;
mod typed;
