//! A form as a person sent it; [`crate::form`] reads it.

use serde::{Deserialize, Serialize};

/// A form as a person sent it, with as many fields as the form has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FilledForm {
    /// In the order of the form's fields.
    pub fields: Vec<FilledField>,
}

/// One field as a person filled it in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FilledField {
    /// Positions of the choices, from 0.
    #[serde(default)]
    pub picks: Vec<usize>,
    /// What was written.
    #[serde(default)]
    pub words: String,
}

impl FilledForm {
    /// One field with this choice.
    pub fn choosing(place: usize) -> Self {
        let field = FilledField {
            picks: vec![place],
            words: String::new(),
        };
        Self {
            fields: vec![field],
        }
    }
}
