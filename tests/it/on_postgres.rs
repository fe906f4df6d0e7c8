// The same stories on PostgreSQL, and those of several daemons: `harness/base.rs` knows it from
// this program's name.

include!("stories.rs");

#[expect(dead_code, reason = "each program uses its part of it")]
mod harness;

mod store_cancelled;
mod store_plans;
mod story_clocks;
mod story_reach;
mod story_replicas;
