// All stories, on SQLite, and what needs no store: the doubles before their judges.

include!("stories.rs");

mod double_discord;
mod double_slack;
mod fixtures;
mod measure_matrix;
