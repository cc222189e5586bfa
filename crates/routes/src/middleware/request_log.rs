//! What a request's one log line tells beyond method, path template and status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_domain::{AgentGuid, BrandId};
use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::error::ApiError;

/// More unknown members than this are not named.
const MAX_UNKNOWN: usize = 10;

/// The log entry of one request, filled by whoever learns something. Also an extractor.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Arc<Mutex<Entry>>);

#[derive(Debug, Default)]
struct Entry {
    agent: Option<AgentGuid>,
    brand: Option<BrandId>,
    legacy: bool,
    sent: Vec<String>,
    known: Vec<&'static [&'static str]>,
}

impl RequestLog {
    /// The entry of the request, or an unread one outside the edge.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        parts.extensions.get().cloned().unwrap_or_default()
    }

    /// Who makes the request.
    pub fn set_agent(&self, agent: AgentGuid) {
        self.entry().agent = Some(agent);
    }

    /// Which brand's host it came to.
    pub fn set_brand(&self, brand: BrandId) {
        self.entry().brand = Some(brand);
    }

    pub(crate) fn set_legacy(&self) {
        self.entry().legacy = true;
    }

    /// It came by an old path (see [`super::legacy`]).
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.entry().legacy
    }

    /// Members that were sent, and those that the reading type knows. Several types may read one
    /// request; a member is unknown when none of them knows it.
    pub(crate) fn note_members<'a>(
        &self,
        known: &'static [&'static str],
        sent: impl Iterator<Item = &'a str>,
    ) {
        let mut entry = self.entry();
        if !entry.legacy {
            return;
        }
        entry.known.push(known);
        // All have to be kept until the last type has read; the body's limit bounds them.
        entry.sent.extend(sent.map(str::to_owned));
    }

    pub(super) fn agent(&self) -> Option<i64> {
        self.entry().agent.map(|agent| agent.0)
    }

    pub(super) fn brand(&self) -> Option<i64> {
        self.entry().brand.map(|brand| brand.0)
    }

    /// Names of members that no type knows, for the log of a refused legacy request.
    pub(super) fn unknown_members(&self) -> Option<String> {
        let entry = self.entry();
        let is_known = |name: &str| entry.known.iter().any(|names| names.contains(&name));
        let mut unknown: Vec<&str> = entry.sent.iter().map(String::as_str).collect();
        unknown.retain(|name| !is_known(name));
        unknown.sort_unstable();
        unknown.dedup();
        unknown.truncate(MAX_UNKNOWN);
        (!unknown.is_empty()).then(|| unknown.join(","))
    }

    fn entry(&self) -> MutexGuard<'_, Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestLog {
    type Rejection = ApiError;

    /// Never refuses.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q99_a_member_is_unknown_when_no_type_knows_it() {
        let log = RequestLog::default();
        log.set_legacy();
        log.note_members(&["page"], ["page", "status", "old", "<other>"].into_iter());
        log.note_members(
            &["status"],
            ["page", "status", "old", "<other>"].into_iter(),
        );
        assert_eq!(log.unknown_members().unwrap(), "<other>,old");
    }

    #[test]
    fn q99_names_are_kept_under_legacy_paths_only() {
        let log = RequestLog::default();
        log.note_members(&[], ["old"].into_iter());
        assert_eq!(log.unknown_members(), None);
    }
}
