//! The API under `/api/v1`, with one file per group of endpoints.

#[expect(unused_qualifications, reason = "utoipa names parameters in full")]
mod audit;
#[expect(unused_qualifications, reason = "utoipa names parameters in full")]
mod chat;
mod commands;
mod git_tokens;
mod query;
mod questions;
mod queue;
mod refused;
#[expect(unused_qualifications, reason = "utoipa names parameters in full")]
mod sessions;
#[expect(unused_qualifications, reason = "utoipa names parameters in full")]
mod tasks;
#[expect(unused_qualifications, reason = "utoipa names parameters in full")]
mod tokens;
mod workers;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::HeaderValue,
    middleware::{from_fn_with_state, map_response},
    response::Response,
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, ObjectBuilder, Required,
        path::{ParameterBuilder, ParameterIn},
        schema::{SchemaType, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

use vine_api::{WIRE, WIRE_HEADER};

use crate::{auth, state::HttpState};

/// The OpenAPI document, apart from the endpoints.
#[derive(OpenApi)]
#[openapi(
    info(title = "AgentVine", description = "Run many headless Claude Code workers and answer their \
     questions where your team already talks."),
    modifiers(&BearerTokens),
    tags(
        (name = "tasks", description = "What people ask agents to do."),
        (name = "questions", description = "What agents need people to decide."),
        (name = "chat", description = "Messages in threads."),
        (name = "queue", description = "Claiming and ending attempts."),
        (name = "sessions", description = "The agents' memory of their tasks."),
        (name = "workers", description = "Processes that run agents."),
        (name = "commands", description = "Commands, tokens and the audit."),
    )
)]
struct Document;

/// The two kinds of bearer tokens.
struct BearerTokens;

impl Modify for BearerTokens {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let bearer = |what: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(what))
                    .build(),
            )
        };
        let parts = document.components.get_or_insert_default();
        parts.add_security_scheme("person", bearer("A person's token (`vine token user`)."));
        parts.add_security_scheme(
            "worker",
            bearer("A worker's token, issued when the worker was enrolled."),
        );
    }
}

/// Maximum bytes of a request with a file: base64 takes a third more.
const FILE_BODY: usize = vine_domain::chat::file::LARGEST * 3 / 2;

/// All endpoints with their documentation.
fn documented() -> OpenApiRouter<HttpState> {
    let endpoints = OpenApiRouter::new()
        .routes(routes!(tasks::create, tasks::list))
        .routes(routes!(tasks::create_bulk))
        .routes(routes!(tasks::show, tasks::patch))
        .routes(routes!(tasks::go_on))
        .routes(routes!(tasks::log))
        .routes(routes!(workers::enrol, workers::list))
        .routes(routes!(workers::show, workers::leave))
        .routes(routes!(workers::beat))
        .routes(routes!(tokens::renew))
        .routes(routes!(workers::goodbye))
        .routes(routes!(workers::orphans))
        .routes(routes!(workers::kept))
        .routes(routes!(workers::spent))
        .routes(routes!(workers::guard))
        .routes(routes!(git_tokens::lend))
        .routes(routes!(workers::refused))
        .routes(routes!(queue::enqueue))
        .routes(routes!(queue::claim))
        .routes(routes!(queue::complete))
        .routes(routes!(queue::completions))
        .routes(routes!(queue::fail))
        .routes(routes!(queue::log))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(queue::show))
                .layer(DefaultBodyLimit::max(FILE_BODY)),
        )
        .routes(routes!(queue::file))
        .routes(routes!(queue::status))
        .routes(routes!(sessions::map, sessions::list))
        .routes(routes!(sessions::show, sessions::end))
        .routes(routes!(sessions::beat))
        .routes(routes!(questions::ask, questions::list))
        .routes(routes!(questions::show))
        .routes(routes!(questions::answer))
        .routes(routes!(questions::delivered))
        .routes(routes!(questions::withdraw))
        .routes(routes!(questions::note_delivered))
        .routes(routes!(chat::list, chat::send))
        .routes(routes!(chat::edit, chat::delete))
        .routes(routes!(commands::run))
        .routes(routes!(audit::list))
        .routes(routes!(tokens::make, tokens::list))
        .routes(routes!(tokens::revoke));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", endpoints)
}

/// Workers name the version of the protocol that they use, in each call.
fn name_wire(document: &mut openapi::OpenApi) {
    let version = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some([WIRE]));
    let header = ParameterBuilder::new()
        .name(WIRE_HEADER)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some("The version of the worker protocol."))
        .schema(Some(version))
        .build();
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| [&mut item.post, &mut item.delete, &mut item.get]);
    for operation in operations.filter_map(Option::as_mut) {
        let tokens = serde_json::to_string(&operation.security).unwrap_or_default();
        let enrols = operation.operation_id.as_deref() == Some("workers_enrol");
        if enrols || tokens.contains("\"worker\"") {
            let parameters = operation.parameters.get_or_insert_default();
            parameters.push(header.clone().into());
        }
    }
}

/// All endpoints, the OpenAPI document, and the Swagger UI page.
pub fn routes(shared: HttpState) -> Router<HttpState> {
    let (endpoints, mut document) = documented().split_for_parts();
    name_wire(&mut document);
    let reference =
        Router::from(SwaggerUi::new("/api/v1/docs").url("/api/v1/openapi.json", document));
    let reference = reference
        .layer(map_response(fenced))
        .layer(from_fn_with_state(shared, auth::named));
    endpoints.merge(reference)
}

/// The Swagger UI page may load resources only from this daemon, like our own page.
async fn fenced(mut response: Response) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src \
     'self' data:; connect-src 'self'; \
                  base-uri 'none'; frame-ancestors 'none'";
    response
        .headers_mut()
        .insert("content-security-policy", HeaderValue::from_static(policy));
    response.headers_mut().insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}
