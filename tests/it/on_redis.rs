// The same stories on PostgreSQL with Redis: `harness/base.rs` knows it from this program's name.

include!("stories.rs");

mod story_replicas;
