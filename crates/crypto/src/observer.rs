//! What the cipher and the password pipeline report, without knowing a metrics registry.

/// Direction of a field operation: the `op` label of `pii_aes_unconfigured_total` and
/// `pii_legacy_read_total` (P-141, Q-89).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PiiOp {
    Encrypt,
    Decrypt,
}

impl PiiOp {
    /// Label value: `encrypt` or `decrypt`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

/// How a stored value that is not `aesgcm:v1:` was read: the `shape` label of
/// `pii_legacy_read_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyShape {
    /// Legacy AES-256-CBC, decrypted.
    Cbc,
    /// Shaped like CBC but not decryptable; taken as plain text because it is a number.
    Ambiguous,
    /// Plain text of before encryption.
    Plain,
}

impl LegacyShape {
    /// Label value: `cbc`, `ambiguous` or `plain`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cbc => "cbc",
            Self::Ambiguous => "ambiguous",
            Self::Plain => "plain",
        }
    }
}

/// Receives counts; implemented by the telemetry side. No method gets any value of a field.
pub trait PiiObserver: Send + Sync {
    /// A field was written or read without the key it needs, outside production (P-141).
    fn unconfigured(&self, op: PiiOp);
    /// A stored value of an old shape was read.
    fn legacy_read(&self, op: PiiOp, shape: LegacyShape);
    /// One more random GCM nonce was used under the current key; 2^32 is the bound
    /// (NIST SP 800-38D section 8.3).
    fn encrypted(&self);
    /// A stored password hash was neither Argon2id nor a known legacy shape.
    fn unknown_password_shape(&self);
}

/// Ignores every report: for tools and tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl PiiObserver for NoObserver {
    fn unconfigured(&self, _op: PiiOp) {}
    fn legacy_read(&self, _op: PiiOp, _shape: LegacyShape) {}
    fn encrypted(&self) {}
    fn unknown_password_shape(&self) {}
}

#[cfg(test)]
pub(crate) mod recording {
    use super::{LegacyShape, PiiObserver, PiiOp};
    use std::sync::Mutex;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Report {
        Unconfigured(PiiOp),
        LegacyRead(PiiOp, LegacyShape),
        Encrypted,
        UnknownPasswordShape,
    }

    /// Remembers what was reported, in order.
    #[derive(Default)]
    pub(crate) struct Recording(Mutex<Vec<Report>>);

    impl Recording {
        pub(crate) fn take(&self) -> Vec<Report> {
            std::mem::take(&mut self.0.lock().unwrap())
        }

        fn push(&self, report: Report) {
            self.0.lock().unwrap().push(report);
        }
    }

    impl PiiObserver for Recording {
        fn unconfigured(&self, op: PiiOp) {
            self.push(Report::Unconfigured(op));
        }
        fn legacy_read(&self, op: PiiOp, shape: LegacyShape) {
            self.push(Report::LegacyRead(op, shape));
        }
        fn encrypted(&self) {
            self.push(Report::Encrypted);
        }
        fn unknown_password_shape(&self) {
            self.push(Report::UnknownPasswordShape);
        }
    }
}
