//! What all chat adapters share; each adapter only translates.
#![warn(missing_docs)]

mod connection;

pub use connection::{SOON, Slot, keep_connected};
