// The same stories on PostgreSQL with Redis: `harness/base.rs` knows it from this program's name.

include!("stories.rs");

#[expect(dead_code, reason = "each program uses its part of it")]
mod harness;

mod story_ledger;
mod story_reach;
mod story_redis;
mod story_redis_sets;
mod story_replicas;
