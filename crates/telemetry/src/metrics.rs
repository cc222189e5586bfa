//! Every metric of both processes. The doc comment of a field is its `HELP` text.

use std::sync::Arc;

use prometheus::{
    Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

/// Upper bounds of the latency histogram, in seconds: fine around the targets, and up to the
/// request deadline of 15 s.
const LATENCY_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
];

/// Builds one kind of metric from its name, help, constant labels and label names.
trait Metric: Collector + Clone + Sized + 'static {
    fn build(opts: Opts, labels: &[&str]) -> prometheus::Result<Self>;
}

macro_rules! metric {
    ($kind:ty, |$opts:ident, $labels:ident| $build:expr) => {
        impl Metric for $kind {
            fn build($opts: Opts, $labels: &[&str]) -> prometheus::Result<Self> {
                $build
            }
        }
    };
}

metric!(IntCounter, |opts, _labels| Self::with_opts(opts));
metric!(IntCounterVec, |opts, labels| Self::new(opts, labels));
metric!(IntGauge, |opts, _labels| Self::with_opts(opts));
metric!(IntGaugeVec, |opts, labels| Self::new(opts, labels));
metric!(Gauge, |opts, _labels| Self::with_opts(opts));
metric!(HistogramVec, |opts, labels| {
    let opts = HistogramOpts::from(opts).buckets(LATENCY_BUCKETS.to_vec());
    Self::new(opts, labels)
});

#[expect(
    clippy::expect_used,
    reason = "names and labels are the constants below; a bad one fails every test and every boot"
)]
fn register<M: Metric>(
    registry: &Registry,
    service: &str,
    name: &str,
    help: &str,
    labels: &[&str],
) -> M {
    let opts = Opts::new(name, help.trim()).const_label("service", service);
    let metric = M::build(opts, labels).expect("a metric with valid constant names");
    registry
        .register(Box::new(metric.clone()))
        .expect("a metric registered once");
    metric
}

macro_rules! metrics {
    ($( #[doc = $help:literal] $name:ident: $kind:ident $([$($label:literal),+])?; )*) => {
        /// The metrics of one process, in a registry of their own, so that every test
        /// application counts for itself. Every metric carries the label `service`.
        ///
        /// A label's value comes from a fixed set, a route template or an error code: never from
        /// what a client sent.
        pub struct Metrics {
            service: &'static str,
            registry: Registry,
            $( #[doc = $help] pub $name: $kind, )*
        }

        impl Metrics {
            /// Metrics at zero; `service` is `agent_service` or `agent_worker`.
            #[must_use]
            pub fn new(service: &'static str) -> Arc<Self> {
                let registry = Registry::new();
                $(
                    let labels: &[&str] = &[$($($label),+)?];
                    let $name: $kind =
                        register(&registry, service, stringify!($name), $help, labels);
                )*
                Arc::new(Self { service, registry, $($name,)* })
            }
        }
    };
}

metrics! {
    /// Enforcement of the agents' brand lists: 0 off, 1 observe, 2 enforce (Q-16).
    multi_brand_enforcement_mode: IntGauge;
    /// Requests whose brand the agent may not serve, in the modes observe and enforce (P-162).
    multi_brand_violation_total: IntCounterVec["mode", "reason", "route"];
    /// Encryptions or decryptions that had no key to work with.
    pii_aes_unconfigured_total: IntCounterVec["op"];
    /// Values read that are not yet in the GCM v1 format, by shape.
    pii_legacy_read_total: IntCounterVec["op", "shape"];
    /// GCM encryptions under the current key; a random nonce is good for 2^32 of them.
    pii_gcm_encryptions_total: IntCounter;
    /// Stored passwords whose shape no rule knows (Q-22).
    password_unknown_shape_total: IntCounter;

    /// Answered requests by route template.
    http_requests_total: IntCounterVec["method", "route", "status"];
    /// Seconds from a request's head to its answer's head.
    http_request_duration_seconds: HistogramVec["route"];
    /// Requests answered 500 because a handler panicked.
    http_panics_total: IntCounter;
    /// Open connections.
    http_connections: IntGauge;
    /// Connections closed at once because too many were open.
    http_connections_refused_total: IntCounter;
    /// Requests answered 4xx under a legacy path (Q-99).
    legacy_rejected_total: IntCounterVec["path", "method", "code"];

    /// Logins by outcome.
    login_total: IntCounterVec["outcome"];
    /// Attempts refused by a limit.
    rate_limited_total: IntCounterVec["limit"];
    /// Attempts counted inside the process because Redis was away (Q-86).
    limiter_fallback_total: IntCounterVec["limit"];
    /// Look-ups in the brand caches by outcome.
    brand_cache_total: IntCounterVec["cache", "outcome"];
    /// Times a whole brand cache was emptied.
    brand_cache_flush_total: IntCounterVec["reason"];
    /// Database connections by state.
    db_pool_connections: IntGaugeVec["state"];
    /// 1 when the database role may do more than the application needs (Q-93).
    db_role_overprivileged: IntGauge;
    /// Exports by what they list and how they ended.
    exports_total: IntCounterVec["report", "outcome"];
    /// Rows that exports wrote.
    export_rows_total: IntCounterVec["report"];
    /// Withdrawal requests by outcome.
    withdrawals_total: IntCounterVec["outcome"];
    /// Steps of recovery by how they ended.
    recovery_total: IntCounterVec["action", "outcome"];
    /// Messages, notices too, that did not reach the SMS provider, or that it did not take (P-201).
    recovery_sms_delivery_failed_total: IntCounter;
    /// Recoveries asked for accounts that have a mail address and no phone (P-202).
    recovery_email_unprovisioned_total: IntCounter;
    /// Messages by what became of them.
    sms_delivery_total: IntCounterVec["outcome"];
    /// Messages that wait for the SMS provider or are on their way to it.
    sms_queue_length: IntGauge;
    /// Password checks refused because the hashing queue was full.
    hash_pool_refused_total: IntCounter;

    /// Events appended to the stream.
    outbox_published_total: IntCounter;
    /// Failed attempts to append events.
    outbox_publish_failed_total: IntCounterVec["reason"];
    /// Events set aside after too many refusals.
    outbox_parked_total: IntCounter;
    /// Events waiting to be published.
    outbox_pending_rows: IntGauge;
    /// Age of the oldest event that waits to be published, in seconds.
    outbox_oldest_pending_seconds: Gauge;
    /// Events set aside now.
    outbox_parked_rows: IntGauge;
    /// Shards that this worker holds.
    outbox_leases_held: IntGauge;
    /// Events that this worker published in a second, on average since the last look.
    outbox_publish_rate: Gauge;
    /// Entries in the stream.
    outbox_stream_length: IntGauge;
    /// Entries to which the stream is trimmed.
    outbox_stream_limit: IntGauge;
    /// Entries trimmed from the stream (Q-19).
    outbox_stream_trimmed_total: IntCounter;
    /// Signals that woke the relay.
    outbox_wake_signals_total: IntCounterVec["source"];
    /// Marks of days that wait to be summed up, by what is to be done; 100000 stands for more (Q-97).
    roll_up_waiting: IntGaugeVec["work"];
    /// Seconds for which the first of these marks waits.
    roll_up_waiting_seconds: IntGaugeVec["work"];
    /// Runs of background jobs by outcome.
    job_runs_total: IntCounterVec["job", "outcome"];
    /// When a job last succeeded, in seconds since 1970.
    job_last_success_timestamp_seconds: IntGaugeVec["job"];
    /// Background tasks started again after they ended or panicked.
    task_restarts_total: IntCounterVec["task"];
    /// Errors that were passed over on purpose.
    tolerated_errors_total: IntCounterVec["what"];
}

impl Metrics {
    /// The value of the label `service`.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// All metrics and the figures of the process, in the Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let families = self.registry.gather();
        if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut text) {
            // Only a metric without samples or with a wrong type is refused, which these are not.
            tracing::error!(%error, "metrics could not be rendered");
        }
        crate::process::render(&mut text, self.service);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_carries_the_service() {
        let metrics = Metrics::new("agent_service");
        metrics.login_total.with_label_values(&["ok"]).inc();
        metrics
            .http_request_duration_seconds
            .with_label_values(&["/agent/login"])
            .observe(0.02);
        let text = metrics.render();
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(samples.len() > 20, "{text}");
        for sample in samples {
            assert!(sample.contains(r#"service="agent_service""#), "{sample}");
        }
        assert!(text.contains(r#"login_total{outcome="ok",service="agent_service"} 1"#));
        assert!(text.contains(r#"route="/agent/login",service="agent_service",le="15"} 1"#));
    }

    #[test]
    fn help_is_written_without_leading_space() {
        let text = Metrics::new("agent_worker").render();
        assert!(text.contains("# HELP http_connections Open connections.\n"));
        assert!(text.contains("# TYPE http_connections gauge\n"));
    }

    #[test]
    fn two_values_count_for_themselves() {
        let (one, two) = (Metrics::new("agent_service"), Metrics::new("agent_service"));
        one.outbox_published_total.inc();
        assert_eq!(two.outbox_published_total.get(), 0);
    }
}
