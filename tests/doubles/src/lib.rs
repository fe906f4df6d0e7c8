//! Stand-ins for services that cannot be had in tests.

pub mod gate;
pub mod model;
pub mod slack;
