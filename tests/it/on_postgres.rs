// The same stories, on PostgreSQL: `harness/base.rs` sees it from this program's name.

include!("main.rs");
