//! The errors that every endpoint can return.

use utoipa::IntoResponses;
use vine_api::ApiError;

/// The errors that every endpoint can return: a code for programs, what happened, what to do next.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is part of the OpenAPI document")]
pub enum Refused {
    /// The parameters or the body cannot be read.
    #[response(status = 400)]
    Unreadable(ApiError),
    /// The token is missing, or is not valid for this endpoint.
    #[response(status = 401)]
    Unauthenticated(ApiError),
    /// The caller does not have the required role.
    #[response(status = 403)]
    Denied(ApiError),
    /// The object does not exist.
    #[response(status = 404)]
    NotFound(ApiError),
    /// The object's state does not allow it: the attempt is over, the question is already answered,
    /// or the name is taken.
    #[response(status = 409)]
    Conflict(ApiError),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ApiError),
    /// The content type of the body is not JSON.
    #[response(status = 415)]
    NotJson(ApiError),
    /// The request is well-formed, but a value is not valid.
    #[response(status = 422)]
    Invalid(ApiError),
    /// The database is unavailable, or the daemon is stopping. Try again.
    #[response(status = 503)]
    Unavailable(ApiError),
}
