//! What the binary can be, a file for each role.

pub mod answer;
pub mod audit;
pub mod chat;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod feed;
pub mod forges;
pub mod login;
pub mod merge;
pub mod migrate;
pub mod reload;
pub mod setup;
pub mod transfer;
pub mod up;
mod wall;
pub mod worker;
