//! Small things about JSON that both worlds need.

use serde_json::Value;

/// Puts the keys of `more` into `value`.
pub fn merge(value: &mut Value, more: &Value) {
    for (key, one) in more.as_object().into_iter().flatten() {
        value[key] = one.clone();
    }
}
