//! Stories that are the same on every store and told once, on SQLite.

mod bounds;
mod browser;
mod day;
mod discord_kept;
mod ends;
mod escape;
mod grants;
mod hostile;
mod hurt;
mod inside;
mod issuer;
mod keeper;
mod matrix_kept;
mod models;
mod openapi;
mod output;
mod place;
mod progress;
mod protocol;
mod rivals;
mod sentences;
mod slack_kept;
mod terminal;
mod transfer;
mod walls;
