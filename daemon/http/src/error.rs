//! Errors on the wire: a status that fits, and `{code, message, hint}`.

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::JsonRejection},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use vine_api::ApiError;
use vine_app::AppError;
use vine_domain::ports::StoreError;

/// An error as it is sent.
#[derive(Debug, Clone)]
pub struct ErrorResponse(StatusCode, ApiError);

impl ErrorResponse {
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>, hint: &str) -> Self {
        Self(
            status,
            ApiError {
                code: code.into(),
                message: message.into(),
                hint: hint.into(),
            },
        )
    }

    /// What is wrong and what to do about it, in sentences.
    pub fn message(&self) -> String {
        let mut said = sentence(&self.1.message);
        if !self.1.hint.is_empty() {
            said = format!("{said} {}", sentence(&self.1.hint));
        }
        said
    }

    /// The body, for one of several results in one response.
    pub fn into_error(self) -> ApiError {
        self.1
    }

    /// Whether the store could not serve it.
    pub fn is_store_failure(&self) -> bool {
        self.1.code == "unavailable"
    }

    pub fn status(&self) -> StatusCode {
        self.0
    }
}

/// Text that begins with a capital and ends with a full stop. Commands and ids at its start stay.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let said: String = first.chain(characters).collect();
    match said.ends_with(['.', '!', '?', '…']) {
        true => said,
        false => format!("{said}."),
    }
}

impl From<AppError> for ErrorResponse {
    fn from(error: AppError) -> Self {
        let status = match &error {
            AppError::NotFound(_) => StatusCode::NOT_FOUND,
            AppError::Unauthenticated => StatusCode::UNAUTHORIZED,
            AppError::Denied(_) | AppError::Own(_) => StatusCode::FORBIDDEN,
            AppError::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            AppError::Early | AppError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            AppError::Invalid(_) | AppError::Unreadable(_) | AppError::Unclear(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            AppError::Refused(vine_domain::lifecycle::Refusal::NoQuestion(_)) => {
                StatusCode::NOT_FOUND
            }
            AppError::Refused(_)
            | AppError::Corrected { .. }
            | AppError::Store(StoreError::Conflict | StoreError::Taken(_)) => StatusCode::CONFLICT,
            AppError::Store(cause) => {
                tracing::error!(error = %cause, "a request failed: {cause}");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(status, error.code(), error.to_string(), &error.hint())
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(self.1.clone())).into_response();
        // For what shows it to a person.
        response.extensions_mut().insert(self);
        response
    }
}

/// A JSON body, or an error that explains what is wrong with it.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ErrorResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, ErrorResponse> {
        let refused = |rejection: JsonRejection| {
            let hint = "send a JSON object as documented, with `Content-Type: application/json`";
            ErrorResponse::new(rejection.status(), "invalid", rejection.body_text(), hint)
        };
        Json::<T>::from_request(request, state)
            .await
            .map(|Json(body)| Self(body))
            .map_err(refused)
    }
}

/// An id in the path, or the domain's own error about it.
pub struct PathId<T>(pub T);

impl<T: std::str::FromStr<Err = vine_domain::Invalid> + Send, S: Send + Sync> FromRequestParts<S>
    for PathId<T>
{
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ErrorResponse> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| {
                ErrorResponse::new(
                    StatusCode::BAD_REQUEST,
                    "invalid",
                    error.body_text(),
                    "check the address",
                )
            })?;
        text.parse()
            .map(Self)
            .map_err(|invalid| AppError::Invalid(invalid).into())
    }
}

/// Query parameters, or an error that explains what is wrong with them.
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ErrorResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ErrorResponse> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(params)| Self(params))
            .map_err(|error| {
                ErrorResponse::new(
                    StatusCode::BAD_REQUEST,
                    "invalid",
                    error.body_text(),
                    "check the parameters after `?`",
                )
            })
    }
}

pub async fn wrong_method() -> ErrorResponse {
    let hint = "the `Allow` header lists the supported methods; /api/v1/docs describes them";
    ErrorResponse::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "this address does not support that method",
        hint,
    )
}

pub async fn no_such_path() -> ErrorResponse {
    ErrorResponse::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is nothing at this address",
        "the API is under /api/v1, the page at /",
    )
}
