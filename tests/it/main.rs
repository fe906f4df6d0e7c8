// All stories, on SQLite, and what needs no store: the doubles before their judges.

include!("stories.rs");

#[expect(dead_code, reason = "each program uses its part of it")]
mod harness;

mod app_consent;
mod app_rivals;
mod corpora;
mod double_discord;
mod double_slack;
mod fixtures;
mod frozen;
mod measure_matrix;
mod story_bounds;
mod story_browser;
mod story_clocks;
mod story_discord_kept;
mod story_ends;
mod story_escape;
mod story_grants;
mod story_hostile;
mod story_hurt;
mod story_inside;
mod story_issuer;
mod story_keeper;
mod story_matrix_kept;
mod story_openapi;
mod story_place;
mod story_rivals;
mod story_slack_kept;
mod story_transfer;
mod story_walls;
mod typed;
