//! How much of a body is read, and whether one is being read now.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::request::Parts;

/// Where no stack says otherwise.
const DEFAULT_MAX_BODY_BYTES: usize = 65_536;

/// Tells the body extractor its limit, and the deadline whose fault a late answer is: the
/// client's while the body is being read, ours afterwards.
#[derive(Clone, Debug)]
pub struct Intake {
    max_body_bytes: usize,
    reading: Arc<AtomicBool>,
}

impl Intake {
    pub(super) fn new(max_body_bytes: usize) -> Self {
        Self {
            max_body_bytes,
            reading: Arc::default(),
        }
    }

    pub(crate) fn of(parts: &Parts) -> Self {
        let intake = parts.extensions.get().cloned();
        intake.unwrap_or_else(|| Self::new(DEFAULT_MAX_BODY_BYTES))
    }

    pub(crate) fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// The body is being read until the guard is dropped with its task's work done. A guard
    /// dropped because the deadline cancelled the handler comes after the deadline's question.
    pub(crate) fn reading(&self) -> Reading {
        self.reading.store(true, Ordering::Relaxed);
        Reading(self.reading.clone())
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reading.load(Ordering::Relaxed)
    }
}

pub(crate) struct Reading(Arc<AtomicBool>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
