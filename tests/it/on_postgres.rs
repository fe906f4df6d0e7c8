// The same stories on PostgreSQL, and those of several daemons: `harness/base.rs` knows it from this program's name.

include!("stories.rs");

mod story_replicas;
