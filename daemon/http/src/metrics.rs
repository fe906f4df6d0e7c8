//! Health and numbers.

use std::{collections::BTreeMap, fmt::Write};

use axum::{extract::State, http::header, response::IntoResponse};
use vine_app::{platforms::Health, view};
use vine_domain::{WorkerState, ports::SessionFigures, session::ENDINGS};

use crate::{Shared, error::Failure};

/// Ready when the store answers; no more once the daemon is being stopped, so that a load balancer looks elsewhere.
pub async fn ready(State(shared): State<Shared>) -> Result<&'static str, Failure> {
    if shared.app.stop.is_cancelled() {
        return Err(vine_app::AppError::Stopping.into());
    }
    shared.app.store.depths().await.map_err(vine_app::AppError::from)?;
    Ok("ready")
}

/// Prometheus text. No label carries anything that people or agents wrote.
pub async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Failure> {
    let app = &shared.app;
    let depths = app.store.depths().await.map_err(vine_app::AppError::from)?;
    let workers = app.store.workers().await.map_err(vine_app::AppError::from)?;
    let sessions = app.store.session_figures().await.map_err(vine_app::AppError::from)?;
    let now = app.clock.now();
    let mut text = String::from("# HELP vine_queue_depth Entries in each queue.\n# TYPE vine_queue_depth gauge\n");
    for (name, depth) in view::queues(&depths) {
        let _infallible = writeln!(text, "vine_queue_depth{{queue=\"{name}\"}} {depth}");
    }
    text.push_str("# HELP vine_workers Workers in each state.\n# TYPE vine_workers gauge\n");
    for state in [WorkerState::Idle, WorkerState::Busy, WorkerState::Waiting, WorkerState::Error, WorkerState::Offline] {
        let count = workers.iter().filter(|(worker, running, waiting)| worker.state(*running, *waiting, now) == state).count();
        let _infallible = writeln!(text, "vine_workers{{state=\"{}\"}} {count}", state.as_str());
    }
    let _infallible = write!(
        text,
        "# HELP vine_outbox_depth Messages not yet posted.\n# TYPE vine_outbox_depth gauge\nvine_outbox_depth {}\n",
        depths.outbox
    );
    let _infallible = write!(
        text,
        "# HELP vine_store_transactions_total Transactions of this daemon at its database.\n# TYPE vine_store_transactions_total counter\n\
         vine_store_transactions_total {}\n",
        app.store.transactions()
    );
    text.push_str(&of_sessions(&sessions));
    text.push_str(&of_adapters(&app.platforms.health()));
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// Active ones, how long they lived, how often they were used again, why they ended.
fn of_adapters(adapters: &BTreeMap<String, Health>) -> String {
    let mut text = String::from("# HELP vine_adapter_up Whether a chat platform's adapter works.\n# TYPE vine_adapter_up gauge\n");
    for (platform, health) in adapters {
        let _infallible = writeln!(text, "vine_adapter_up{{platform=\"{platform}\"}} {}", u8::from(health.trouble.is_none()));
    }
    text
}

fn of_sessions(figures: &SessionFigures) -> String {
    let ended: u64 = figures.ended.iter().map(|(_, count)| count).sum();
    let mut text = format!(
        "# HELP vine_sessions Live sessions in each state.\n# TYPE vine_sessions gauge\n\
         vine_sessions{{state=\"active\"}} {}\nvine_sessions{{state=\"warm\"}} {}\n\
         # HELP vine_sessions_reused_total Tasks begun in the session of an earlier one.\n# TYPE vine_sessions_reused_total counter\n\
         vine_sessions_reused_total {}\n\
         # HELP vine_session_duration_seconds How long sessions that ended had lived.\n# TYPE vine_session_duration_seconds summary\n\
         vine_session_duration_seconds_sum {}\nvine_session_duration_seconds_count {ended}\n\
         # HELP vine_sessions_ended_total Sessions that ended, by reason.\n# TYPE vine_sessions_ended_total counter\n",
        figures.active,
        figures.warm,
        figures.reused,
        figures.lived.as_secs_f64()
    );
    for reason in ENDINGS {
        let count = figures.ended.iter().find(|(word, _)| word == reason).map_or(0, |(_, count)| *count);
        let _infallible = writeln!(text, "vine_sessions_ended_total{{reason=\"{reason}\"}} {count}");
    }
    text
}
