//! Reading the audit log row by row.

use std::cell::Cell;

use serde_json::{Value, json};

use super::stage::*;

/// The audit log, read row by row.
pub(super) struct Log<'a> {
    pub(super) stage: &'a Stage,
    pub(super) read: Cell<usize>,
}

/// Whom and what a row is about.
pub(super) struct About<'a> {
    pub(super) agent: bool,
    pub(super) brand: i64,
    pub(super) contact: Option<&'a str>,
}

impl<'a> Log<'a> {
    pub(super) fn of(stage: &'a Stage) -> Self {
        let read = Cell::new(0);
        Self { stage, read }
    }

    pub(super) fn known(&self) -> About<'static> {
        About {
            agent: true,
            brand: self.stage.brand.id.0,
            contact: Some(PHONE),
        }
    }

    pub(super) fn unknown<'t>(&self, contact: &'t str) -> About<'t> {
        About {
            agent: false,
            brand: self.stage.brand.id.0,
            contact: Some(contact),
        }
    }

    /// Exactly one more row, and this is what it says.
    pub(super) async fn assert_next(&self, expected: &str, about: About<'_>) -> Value {
        let rows = self.stage.audit().await;
        assert_eq!(rows.len(), self.read.get() + 1, "{expected}: {rows:#?}");
        self.read.set(rows.len());
        let row = rows.into_iter().next_back().unwrap();
        assert_eq!(outcome(&row), expected, "{row}");
        assert_eq!(row["subject_type"], "agent");
        let agent = about.agent.then_some(self.stage.agent.guid.0);
        assert_eq!(row["subject_id"], json!(agent), "{row}");
        assert_eq!(row["brand_id"], about.brand, "{row}");
        let contact = match about.contact {
            Some(contact) => json!(self.stage.sha256(contact).await),
            None => Value::Null,
        };
        assert_eq!(row["contact_hash"], contact, "{row}");
        let source = self.stage.sha256("127.0.0.1").await;
        assert_eq!(row["ip_hash"], source.as_str(), "{row}");
        assert_details(&row["metadata"]);
        row
    }
}

/// Names of flow and reason, the id of the recovery, and nothing else (P-196).
fn assert_details(metadata: &Value) {
    let members = metadata.as_object().unwrap();
    assert!(["recovery", "forget"].contains(&members["flow"].as_str().unwrap()));
    for (name, value) in members {
        let text = value.as_str().unwrap();
        let harmless = match name.as_str() {
            "flow" => true,
            "reason" => text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
            "recovery_id" => uuid::Uuid::parse_str(text).is_ok(),
            _ => false,
        };
        assert!(harmless, "{metadata}");
    }
}

/// How often an outcome was counted.
pub(super) fn counted(stage: &Stage, action: &str, outcome: &str) -> u64 {
    let counter = &stage.app.metrics.recovery_total;
    counter.with_label_values(&[action, outcome]).get()
}
