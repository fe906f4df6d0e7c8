//! `/api/v1/audit`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use vine_api::AuditRecords;
use vine_domain::Timestamp;

use super::refused::Refused;
use crate::{
    api::query::limit,
    auth::PersonCaller,
    error::{ErrorResponse, QueryParams},
    state::HttpState,
};

/// The query of `GET /audit`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only entries after the one with this `link`.
    #[serde(default)]
    #[param(minimum = 0)]
    after: u32,
    /// Only decisions since this time.
    since: Option<Timestamp>,
    /// The maximum number of items (default: 50).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// `GET /audit`
#[utoipa::path(
    get, path = "/audit", tag = "commands", operation_id = "audit_list",
    summary = "Lists decisions and answers in the order in which they were sealed, each with the hash that \
     chains it to the previous one. Requires role `admin`.",
    params(AuditQuery),
    responses((status = 200, body = AuditRecords, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<AuditQuery>,
) -> Result<Json<AuditRecords>, ErrorResponse> {
    let limit = limit(listing.limit)?;
    let since = listing.since.unwrap_or(Timestamp(0));
    let (before, items) = shared
        .app
        .reporting
        .records(&caller, listing.after.into(), since, limit)
        .await?;
    Ok(Json(AuditRecords { before, items }))
}
