//! Our doubles of platforms, before the platforms' own SDKs as judges.

mod discord;
mod forges;
mod slack;
