//! Charts: small ones, drawn here in the colours of the page. Text beside them says the same for
//! people who do not see them.

use std::time::Duration;

use maud::{Markup, html};
use vine_app::{
    reporting::trends::{Trend, TrendSpan},
    texts,
};

/// The height of a chart, and the width of one span, in its own units.
const HEIGHT: u64 = 48;
const WIDTH: u64 = 10;

/// A trend: what was finished, and how soon people answered.
pub fn trend(trend: &Trend) -> Markup {
    let ended = trend.done() + trend.failed() > 0;
    let asked = trend.median.is_some();
    html! {
        figure {
            figcaption { strong { "Last " (trend.words) } ": " (words(trend)) }
            div.charts {
                @if ended { (chart("Finished tasks, failed ones on top", trend, |span| (span.done, span.failed))) }
                @if asked { (chart("Time to answer (each step doubles)", trend, |span| (span.response.map_or(0, height_of), 0))) }
            }
        }
    }
}

/// A chart with its name and the ends of its time axis.
fn chart(name: &str, trend: &Trend, parts: impl Fn(&TrendSpan) -> (u64, u64)) -> Markup {
    html! {
        div {
            p.dim { (name) }
            (bars(&format!("{name}, last {}", trend.words), &trend.spans, parts))
            p.dim.axis { span { (trend.words) " ago" } span { "now" } }
        }
    }
}

fn words(trend: &Trend) -> String {
    let done = trend.done();
    let failed = trend.failed();
    let ended = match done + failed {
        0 => "nothing finished".to_owned(),
        all => format!(
            "{done} finished, {failed} failed ({} %)",
            failed * 100 / all
        ),
    };
    match (trend.median, trend.p95) {
        (Some(median), Some(p95)) => {
            format!(
                "{ended}; questions answered within {} (median), {} (95th percentile)",
                texts::span(median),
                texts::span(p95)
            )
        }
        _ => format!("{ended}; no questions answered"),
    }
}

/// A logarithmic height, so that seconds and days fit in one chart.
fn height_of(took: Duration) -> u64 {
    u64::from(took.as_secs().max(1).ilog2()) + 1
}

/// Bars of two parts each, scaled to the largest one.
fn bars(name: &str, spans: &[TrendSpan], parts: impl Fn(&TrendSpan) -> (u64, u64)) -> Markup {
    let largest = spans
        .iter()
        .map(|span| parts(span).0 + parts(span).1)
        .max()
        .unwrap_or(0)
        .max(1);
    let high = |count: u64| (count * HEIGHT).div_ceil(largest);
    html! {
        svg.chart role="img" aria-label=(name) viewBox={ "0 0 " (WIDTH * spans.len() as u64) " " (HEIGHT + 1) } preserveAspectRatio="none" {
            @for (number, span) in spans.iter().enumerate() {
                @let (first, second) = parts(span);
                @let left = WIDTH * number as u64;
                @if first > 0 { rect x=(left) y=(HEIGHT - high(first)) width=(WIDTH - 2) height=(high(first)) {} }
                @if second > 0 { rect.bad x=(left) y=((HEIGHT - high(first)).saturating_sub(high(second))) width=(WIDTH - 2) height=(high(second)) {} }
            }
            line x1="0" x2=(WIDTH * spans.len() as u64) y1=(HEIGHT) y2=(HEIGHT) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_the_chart_shows() {
        let span = TrendSpan {
            done: 3,
            failed: 1,
            response: Some(Duration::from_secs(90)),
        };
        let some = Trend {
            words: "24 hours",
            spans: vec![TrendSpan::default(), span],
            median: Some(Duration::from_secs(90)),
            p95: Some(Duration::from_secs(600)),
        };
        assert_eq!(
            words(&some),
            "3 finished, 1 failed (25 %); questions answered within 90 s (median), 10 min (95th \
             percentile)"
        );
        let none = Trend {
            spans: vec![TrendSpan::default()],
            median: None,
            p95: None,
            ..some
        };
        assert_eq!(words(&none), "nothing finished; no questions answered");
        let drawn = trend(&none).into_string();
        assert!(
            !drawn.contains("<rect") && !drawn.contains("style="),
            "{drawn}"
        );
    }
}
