//! The version of the worker protocol.

/// Updated for each change that an older side would misread. Each request and response carries
/// it. Two sides with different versions refuse each other.
pub const WIRE: &str = "5";

/// The header that carries it. Programs that use version 1 do not send it.
pub const WIRE_HEADER: &str = "agentvine-wire";
