//! What `/health` answers (P-093, P-094, Q-18, Q-92).

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// State of one thing that the process depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Ok,
    /// Switched off by configuration, which is healthy (Q-17).
    Disabled,
    /// Worth a look, but requests are served.
    Degraded,
    /// The process cannot do its work.
    Unhealthy,
}

/// The checks of one process and what follows from them: the worst check decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    pub service: &'static str,
    pub checks: BTreeMap<&'static str, CheckState>,
}

impl HealthReport {
    #[must_use]
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            checks: BTreeMap::new(),
        }
    }

    /// Adds a check.
    #[must_use]
    pub fn with(mut self, check: &'static str, state: CheckState) -> Self {
        self.checks.insert(check, state);
        self
    }

    /// False when any check is [`CheckState::Unhealthy`].
    #[must_use]
    pub fn healthy(&self) -> bool {
        !self.any(CheckState::Unhealthy)
    }

    /// `ok`, `degraded` or `unhealthy`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.any(CheckState::Unhealthy) {
            "unhealthy"
        } else if self.any(CheckState::Degraded) {
            "degraded"
        } else {
            "ok"
        }
    }

    /// HTTP status: 503 when unhealthy, else 200.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        if self.healthy() { 200 } else { 503 }
    }

    fn any(&self, state: CheckState) -> bool {
        self.checks.values().any(|check| *check == state)
    }
}

impl Serialize for HealthReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("HealthReport", 3)?;
        report.serialize_field("status", self.status())?;
        report.serialize_field("service", self.service)?;
        report.serialize_field("checks", &self.checks)?;
        report.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p093_the_worst_check_decides() {
        let report = HealthReport::new("agent_service")
            .with("database", CheckState::Ok)
            .with("relay", CheckState::Disabled);
        assert_eq!((report.status(), report.http_status()), ("ok", 200));
        let report = report.with("worker", CheckState::Degraded);
        assert_eq!((report.status(), report.http_status()), ("degraded", 200));
        let report = report.with("redis", CheckState::Unhealthy);
        assert_eq!((report.status(), report.http_status()), ("unhealthy", 503));
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"status":"unhealthy","service":"agent_service","checks":{"database":"ok","redis":"unhealthy","relay":"disabled","worker":"degraded"}}"#
        );
    }
}
