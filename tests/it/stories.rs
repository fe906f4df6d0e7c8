// Stories of a user's day, told to real processes: `vine daemon`, `vine worker`, the real Claude Code.

mod app_platforms;
mod app_races;
mod store_contract;
mod store_feed;
mod story_claude;
mod story_crashes;
mod story_discord;
mod story_discord_faults;
mod story_endings;
mod story_input;
mod story_many;
mod story_matrix;
mod story_matrix_crashes;
mod story_matrix_encrypted;
mod story_matrix_rooms;
mod story_migrations;
mod story_notes;
mod story_patience;
mod story_script;
mod story_sessions;
mod story_slack;
mod story_slack_ways;
mod story_stale;
mod story_trouble;
mod story_up;
mod story_waiting;
