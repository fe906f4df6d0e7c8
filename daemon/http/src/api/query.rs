//! Parameters of lists and waits.

use serde::Deserialize;
use utoipa::IntoParams;
use vine_app::AppError;
use vine_domain::Invalid;

/// The size of a page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The maximum number of items (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// The requested page size, if it is valid.
pub fn limit(wish: Option<u32>) -> Result<u32, AppError> {
    let limit = wish.unwrap_or(50);
    if (1..=1000).contains(&limit) {
        return Ok(limit);
    }
    Err(Invalid::new("limit", limit.to_string(), "use 1 to 1000").into())
}

/// The requested wait, limited to 60 seconds.
pub fn patience(seconds: f64) -> std::time::Duration {
    let bounded = if seconds.is_finite() {
        seconds.clamp(0.0, 60.0)
    } else {
        0.0
    };
    std::time::Duration::from_secs_f64(bounded)
}
