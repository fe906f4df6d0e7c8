//! The fields for a model and an effort.

use maud::{Markup, html};
use vine_domain::{Effort, ModelChoice};

/// Fields with what is chosen; `otherwise` says whose choice counts if nothing is.
pub fn fields(chosen: &ModelChoice, otherwise: &str) -> Markup {
    let model = chosen.model.as_ref().map(|model| model.as_str());
    html! {
        label { "Model" input name="model" value=[model] placeholder=(otherwise) maxlength="100" autocomplete="off" spellcheck="false"; }
        label { "Effort" select name="effort" {
            option value="" { (otherwise) }
            @for one in Effort::ALL { option selected[chosen.effort == Some(*one)] { (one) } }
        } }
    }
}
