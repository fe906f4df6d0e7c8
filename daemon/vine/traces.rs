//! One trace for each question, from asked to its end, sent to a collector (`[traces]`). It is
//! built from stored data when the question has ended: no daemon has to run all that time, and two
//! daemons would build the same trace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use async_trait::async_trait;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use tokio::sync::mpsc;
use vine_app::{App, question_traces::QuestionTrace};
use vine_domain::{Timestamp, uuid_of};

use crate::config;

/// How long a collector may take to answer; it delays nothing else.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client that the rest of the daemon uses too; the exporter's own would be a second one.
#[derive(Debug)]
struct Collector(reqwest::Client);

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.0.execute(request.try_into()?).await?;
        let status = answer.status();
        let mut response = Response::new(answer.bytes().await?);
        *response.status_mut() = status;
        Ok(response)
    }
}

/// Sends a trace for each question that ends here, until the daemon stops.
pub fn start(
    app: &App,
    config: &config::TracesConfig,
) -> Result<Option<impl Future<Output = ()> + use<>>> {
    let Some(url) = &config.otlp_url else {
        return Ok(None);
    };
    let mut headers = std::collections::HashMap::new();
    if let Some(file) = &config.authorization_file {
        let value = std::fs::read_to_string(file)
            .with_context(|| format!("could not read {}", file.display()))?;
        headers.insert("authorization".to_owned(), value.trim().to_owned());
    }
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector(
            client.context("cannot make a client for traces")?,
        ))
        .with_endpoint(url)
        .with_protocol(Protocol::HttpBinary);
    let exporter = exporter
        .with_timeout(PATIENCE)
        .with_headers(headers)
        .build();
    let mut exporter =
        exporter.with_context(|| format!("traces.otlp_url: cannot send traces to {url}"))?;
    exporter.set_resource(
        &Resource::builder_empty()
            .with_service_name("agentvine")
            .build(),
    );
    Ok(Some(run(
        app.question_traces(),
        exporter,
        app.stop().clone(),
    )))
}

async fn run(
    mut ended: mpsc::Receiver<QuestionTrace>,
    exporter: SpanExporter,
    stop: tokio_util::sync::CancellationToken,
) {
    loop {
        let journey = tokio::select! {
            () = stop.cancelled() => return,
            Some(journey) = ended.recv() => journey,
        };
        if let Err(error) = exporter.export(spans(&journey)).await {
            tracing::warn!(
                "could not send the trace of {}: {error}",
                journey.question.id
            );
        }
    }
}

/// A span for the whole question, and one for each step between its milestones.
fn spans(journey: &QuestionTrace) -> Vec<SpanData> {
    let question = &journey.question;
    let stations = question.timeline(&journey.stations);
    let first = question.asked_at;
    let last = journey
        .at
        .max(stations.last().map_or(journey.at, |(_, at)| *at));
    let trace = TraceId::from_bytes(*question.key.as_bytes());
    let id = |name: &str| {
        // An answer after the end adds other spans for the same question.
        let bytes = *uuid_of(&format!(
            "{} {name} {}",
            question.key,
            question.state.as_str()
        ))
        .as_bytes();
        SpanId::from_bytes(std::array::from_fn(|at| bytes[at]))
    };
    let about = vec![
        KeyValue::new("vine.question", question.id.to_string()),
        KeyValue::new("vine.task", question.task().to_string()),
        KeyValue::new("vine.kind", question.ask.kind()),
        KeyValue::new("vine.repo", journey.repo.to_string()),
        KeyValue::new("vine.end", question.state.as_str()),
    ];
    let mut spans = vec![span(
        trace,
        id("question"),
        SpanId::INVALID,
        "question",
        (first, last),
        about,
    )];
    for pair in stations.windows(2) {
        let ((_, begun), (station, reached)) = (pair[0], pair[1]);
        spans.push(span(
            trace,
            id(station),
            id("question"),
            station,
            (begun, reached),
            Vec::new(),
        ));
    }
    spans
}

fn span(
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    name: &'static str,
    (begun, ended): (Timestamp, Timestamp),
    attributes: Vec<KeyValue>,
) -> SpanData {
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: time(begun),
        end_time: time(ended),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("vine").build(),
    }
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.0.unsigned_abs())
}
