//! How metrics are created.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, core::Collector,
};

/// Creates metrics and registers them.
pub(super) struct MetricsBuilder(pub Registry);

impl MetricsBuilder {
    pub fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("names and labels are ours and well formed");
        self.0
            .register(Box::new(made.clone()))
            .expect("each name is used once");
        made
    }

    pub fn count(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help))
    }

    /// A counter with one value for each word of its label; all of them are shown from the start.
    pub fn counts(&self, name: &str, help: &str, label: &str, words: &[&str]) -> IntCounterVec {
        let made = self.keep(IntCounterVec::new(Opts::new(name, help), &[label]));
        words
            .iter()
            .for_each(|word| made.with_label_values(&[word]).inc_by(0));
        made
    }

    pub fn spans(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.keep(Histogram::with_opts(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
        ))
    }
}
