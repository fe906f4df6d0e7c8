//! The log on standard error.

use crate::{config, log_limit::RateLimit};

/// Sends the log to standard error.
pub fn log_to_stderr(config: &config::LogConfig) {
    use tracing_subscriber::{
        EnvFilter, Layer,
        fmt::{self, format::FmtSpan},
        layer::SubscriberExt,
        util::SubscriberInitExt,
    };
    // Slack's crate logs addresses of sockets with the secrets that open them; what a connection
    // pool logs is also in our own errors.
    let filter = EnvFilter::try_new(format!(
        "{},slack_morphism=off,sqlx_core::pool=off",
        config.filter
    ))
    .unwrap_or_else(|_| EnvFilter::new("info,slack_morphism=off,sqlx_core::pool=off"));
    // Spans are of level debug: each says how long it took when it ends.
    let layer = fmt::layer().with_span_events(FmtSpan::CLOSE);
    let layer = layer.with_writer(std::io::stderr).with_ansi(
        std::env::var_os("NO_COLOR").is_none()
            && std::io::IsTerminal::is_terminal(&std::io::stderr()),
    );
    let layer = match config.json {
        true => layer.json().boxed(),
        false => layer.boxed(),
    };
    let _set_before = tracing_subscriber::registry()
        .with(filter)
        .with(layer.with_filter(RateLimit::default()))
        .try_init();
}
