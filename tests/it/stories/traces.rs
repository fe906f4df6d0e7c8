//! One trace for each question, taken in as a collector does.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use crate::harness::{Agent, PATIENCE, Place, Sections};

/// Takes requests, one for each connection, and gives their heads and bodies.
async fn collector() -> (String, mpsc::UnboundedReceiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!(
        "http://{}/v1/traces",
        listener.local_addr().expect("an address")
    );
    let (give, taken) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let (head, length) = loop {
                bytes.push(stream.read_u8().await.expect("a head"));
                if bytes.ends_with(b"\r\n\r\n") {
                    let head = String::from_utf8(bytes).expect("text").to_lowercase();
                    let length = head
                        .split("content-length: ")
                        .nth(1)
                        .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                    break (head, length.expect("a length"));
                }
            };
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.expect("a body");
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
                .expect("answered");
            let _over = give.send((head, body));
        }
    });
    (url, taken)
}

/// The words of an attribute.
fn named(value: &Option<AnyValue>) -> String {
    match value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_becomes_one_trace_with_a_span_for_each_hop() {
    let (url, mut taken) = collector().await;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("authorization");
    std::fs::write(&secret, "Bearer of-the-collector\n").expect("written");
    let traces = format!(
        "[traces]\notlp_url = \"{url}\"\nauthorization_file = \"{}\"\n",
        secret.display()
    );
    let sections = Sections {
        more: &traces,
        ..Sections::default()
    };
    let (place, _processes) =
        Place::with_sections(Agent::Script("vine ask 'Which colour?'; sleep 1"), sections)
            .await
            .at_work()
            .await;
    let task = place.task("Paint", "paint").await;
    let (question, asked) = place.question(&task).await;
    place
        .answer(&task, &question, "green, which is nobody's business")
        .await;

    let (head, body) = tokio::time::timeout(PATIENCE, taken.recv())
        .await
        .expect("in time")
        .expect("a request");
    assert!(
        head.starts_with("post /v1/traces ")
            && head.contains("authorization: bearer of-the-collector"),
        "{head}"
    );
    assert!(
        head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("as the protocol says");
    let resource = &request.resource_spans[0];
    let service = &resource.resource.as_ref().expect("a resource").attributes[0];
    assert_eq!(
        (service.key.as_str(), named(&service.value)),
        ("service.name", "agentvine".into())
    );
    let spans: &[Span] = &resource.scope_spans[0].spans;
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        (names[0], names.first() == names.last()),
        ("question", false),
        "{names:?}"
    );
    for hop in ["answered", "delivered"] {
        assert!(names.contains(&hop), "{hop} in {names:?}");
    }
    let root = &spans[0];
    for (number, hop) in spans.iter().enumerate().skip(1) {
        assert_eq!(
            (&hop.trace_id, &hop.parent_span_id),
            (&root.trace_id, &root.span_id)
        );
        assert!(
            hop.start_time_unix_nano >= root.start_time_unix_nano
                && hop.end_time_unix_nano <= root.end_time_unix_nano
        );
        assert!(
            number == 1 || hop.start_time_unix_nano == spans[number - 1].end_time_unix_nano,
            "hops follow one another"
        );
    }
    let about: Vec<(String, String)> = root
        .attributes
        .iter()
        .map(|one| (one.key.clone(), named(&one.value)))
        .collect();
    for (key, value) in [
        ("vine.question", question.as_str()),
        ("vine.task", task.as_str()),
        ("vine.kind", "clarify"),
        ("vine.end", "delivered"),
    ] {
        assert!(
            about.contains(&(key.into(), value.into())),
            "{key} in {about:?}"
        );
    }
    let words = String::from_utf8_lossy(&body);
    assert!(
        !words.contains("green") && !words.contains("colour"),
        "nothing of what was said"
    );
    let begun = Duration::from_nanos(root.start_time_unix_nano).as_millis();
    let stored: vine_domain::Timestamp =
        serde_json::from_value(asked["asked_at"].clone()).expect("a time");
    assert_eq!(
        begun,
        u128::from(stored.0.unsigned_abs()),
        "it begins when the question was asked"
    );
    assert!(
        tokio::time::timeout(Duration::from_secs(1), taken.recv())
            .await
            .is_err(),
        "one trace for one question"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_makes_a_second_way_in_the_same_trace() {
    let (url, mut taken) = collector().await;
    let traces = format!("[traces]\notlp_url = \"{url}\"\n");
    let sections = Sections {
        more: &traces,
        questions: "expire_after_seconds = 2\n",
        ..Sections::default()
    };
    let script = "answer=$(vine ask 'Which?' || echo none); sleep 4; echo \"$answer\"";
    let (place, _processes) = Place::with_sections(Agent::Script(script), sections)
        .await
        .at_work()
        .await;
    let mut told = async || {
        let (_, body) = tokio::time::timeout(PATIENCE, taken.recv())
            .await
            .expect("in time")
            .expect("a request");
        let request =
            ExportTraceServiceRequest::decode(body.as_slice()).expect("as the protocol says");
        request.resource_spans[0].scope_spans[0].spans.clone()
    };
    let task = place.task("Which", "which").await;
    let (question, _) = place.question(&task).await;
    let given_up = told().await;
    place.answer(&task, &question, "Blue").await;
    let delivered = told().await;
    let end = |spans: &[Span]| {
        spans[0]
            .attributes
            .iter()
            .find(|one| one.key == "vine.end")
            .map(|one| named(&one.value))
    };
    assert_eq!(
        (end(&given_up).as_deref(), end(&delivered).as_deref()),
        (Some("expired"), Some("delivered"))
    );
    assert_eq!(
        given_up[0].trace_id, delivered[0].trace_id,
        "one question, one trace"
    );
    let ids: std::collections::HashSet<_> = given_up
        .iter()
        .chain(&delivered)
        .map(|span| &span.span_id)
        .collect();
    assert_eq!(
        ids.len(),
        given_up.len() + delivered.len(),
        "and no span stands for two things"
    );
    let late = delivered
        .iter()
        .map(|span| span.name.as_str())
        .collect::<Vec<_>>();
    assert!(
        late.contains(&"expired") && late.contains(&"answered"),
        "{late:?}"
    );
}
