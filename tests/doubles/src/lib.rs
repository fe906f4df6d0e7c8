//! Stand-ins for services that cannot be had in tests.

pub mod discord;
pub mod gate;
mod json;
pub mod model;
pub mod slack;
