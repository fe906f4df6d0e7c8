//! Stand-ins for services that cannot be had in tests.
#![expect(
    clippy::disallowed_types,
    reason = "a program chooses its clock and its ids"
)]

pub mod discord;
pub mod forge;
pub mod gate;
mod json;
pub mod model;
pub mod slack;

/// The content of a file that a person attaches: `text`, or `base64`.
fn content_of(file: &serde_json::Value) -> Vec<u8> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    match (file["base64"].as_str(), file["text"].as_str()) {
        (Some(encoded), _) => BASE64_STANDARD.decode(encoded).unwrap_or_default(),
        (None, text) => text.unwrap_or_default().into(),
    }
}
