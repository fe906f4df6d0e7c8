//! Reading JSON of forges.

use serde_json::Value;
use vine_domain::forge::ForgeUser;

/// A text; empty if it is missing.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The members of a list; none if it is not a list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A number that identifies something, as a text.
pub fn id(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        other => text(other),
    }
}

/// Somebody, whose name is in the field `name`.
pub fn user(value: &Value, name: &str) -> Option<ForgeUser> {
    value["id"].is_number().then(|| ForgeUser {
        id: id(&value["id"]),
        name: text(&value[name]),
    })
}

/// A text as one part of a path or of a query.
pub fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
