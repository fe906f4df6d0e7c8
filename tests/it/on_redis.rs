// The same stories, on PostgreSQL with Redis: `harness/base.rs` sees it from this program's name.

include!("main.rs");
