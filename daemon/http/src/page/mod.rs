//! The page: what needs an answer, and the console to give it. Rendered here, refreshed by a small
//! script; reading and writing also work without the script.

mod ansi;
mod answer_form;
mod assets;
mod audit;
mod chart;
mod command;
mod commonmark;
mod diff;
mod document;
mod files;
mod groups;
mod guards;
mod history;
mod issuer;
mod log;
mod login;
mod models;
mod new_task;
mod numbers;
mod oidc;
mod overview;
mod overview_data;
mod per_version;
mod questions;
mod queues;
mod refusals;
mod reply;
mod screen;
mod sessions;
mod settings;
mod task;
mod task_list;
mod tasks;
mod text;
mod time;
mod waiting_count;
mod workers;

use axum::{
    Router, middleware,
    response::Redirect,
    routing::{get, post},
};
use tower_http::compression::CompressionLayer;

pub use crate::page::{
    issuer::{Issuer, OidcSettings},
    overview_data::Overview,
    per_version::PerVersion,
    refusals::for_people,
    waiting_count::WaitingCount,
};
use crate::{
    auth::{self},
    state::HttpState,
};

pub fn routes(shared: HttpState) -> Router<HttpState> {
    Router::new()
        .route("/", get(overview::show))
        .route("/tasks", get(tasks::show).post(new_task::create))
        .route("/tasks/{id}", get(task::show))
        .route("/tasks/{id}/say", post(reply::say))
        .route("/tasks/{id}/continue", post(reply::go_on))
        .route("/tasks/{id}/log", get(log::show))
        .route("/answers", post(groups::answer))
        .route("/meant", post(reply::meant))
        .route("/files/{hash}", get(files::show))
        .route("/workers", get(workers::show))
        .route("/sessions", get(sessions::show))
        .route("/queues", get(queues::show))
        .route("/questions", get(questions::show))
        .route("/questions/{id}", get(task::of_question))
        .route("/numbers", get(numbers::show))
        .route("/audit", get(audit::show))
        .route("/settings", get(settings::show))
        .route("/settings/{repo}", post(guards::save))
        .route("/command", post(overview::command))
        .route("/do", post(command::done))
        .route("/login", get(login::show).post(login::enter))
        .route("/login/link", post(login::open))
        .route("/login/oidc", get(oidc::leave))
        .route("/login/oidc/back", get(oidc::back))
        .route("/password", post(login::change))
        .route("/logout", post(login::leave))
        .route("/assets/style.css", get(|| assets::STYLE.send()))
        .route("/assets/idiomorph.js", get(|| assets::MORPH.send()))
        .route("/assets/keys.js", get(|| assets::KEYS.send()))
        .route("/assets/vine.js", get(|| assets::SCRIPT.send()))
        .route("/assets/icon.svg", get(assets::icon))
        .route(
            "/favicon.ico",
            get(|| async { Redirect::permanent("/assets/icon.svg") }),
        )
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(shared, auth::guard))
}
