//! Counts what the field cipher and the password pipeline report.

use std::sync::Arc;

use agent_crypto::{LegacyShape, PiiObserver, PiiOp};
use agent_telemetry::Metrics;

/// Turns reports into metrics and warnings (P-141, Q-89).
pub struct CryptoReports(pub Arc<Metrics>);

impl PiiObserver for CryptoReports {
    fn unconfigured(&self, op: PiiOp) {
        self.0
            .pii_aes_unconfigured_total
            .with_label_values(&[op.as_str()])
            .inc();
        tracing::warn!(op = op.as_str(), "PII column handled without AES_KEY");
    }

    fn legacy_read(&self, op: PiiOp, shape: LegacyShape) {
        self.0
            .pii_legacy_read_total
            .with_label_values(&[op.as_str(), shape.as_str()])
            .inc();
    }

    fn encrypted(&self) {
        self.0.pii_gcm_encryptions_total.inc();
    }

    fn unknown_password_shape(&self) {
        self.0.password_unknown_shape_total.inc();
    }
}
