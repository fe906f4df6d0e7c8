//! The log on standard error.

use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{config, log_limit::RateLimit};

/// Slack's crate logs addresses of sockets with the secrets that open them, Discord's puts tokens
/// and texts into its spans, and what a connection pool logs is also in our own errors.
const NEVER: &str = "slack_morphism=off,serenity=off,sqlx_core::pool=off";

/// Sends the log to standard error.
pub fn log_to_stderr(config: &config::LogConfig) {
    let filter = EnvFilter::try_new(format!("{},{NEVER}", config.filter))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{NEVER}")));
    // Our spans are of level debug: each says how long it took when it ends. Others' are not printed.
    let ours = filter_fn(|what| what.is_span() && what.target().starts_with("vine"));
    let _set_before = tracing_subscriber::registry()
        .with(filter)
        .with(lines(config, FmtSpan::NONE).with_filter(RateLimit::default()))
        .with(lines(config, FmtSpan::CLOSE).with_filter(ours))
        .try_init();
}

fn lines<S>(config: &config::LogConfig, spans: FmtSpan) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let colours = std::env::var_os("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let layer = fmt::layer()
        .with_span_events(spans)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    match config.json {
        true => layer.json().boxed(),
        false => layer.boxed(),
    }
}
