//! The message by which `admin_service` says that an allow list changed (P-169).

use agent_domain::AgentGuid;
use serde_json::Value;

/// What a message on `AGENT_BRAND_CHANGED` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// One agent's allow list changed.
    Agent(AgentGuid),
    /// Something changed that the message does not tell, so nothing cached can be trusted.
    Everything,
}

impl Change {
    /// A JSON object with an integer `agent_id`, or a bare integer, names an agent; any other
    /// payload means everything (Q-98).
    pub(crate) fn parse(payload: &str) -> Self {
        let agent = match serde_json::from_str(payload) {
            Ok(Value::Number(number)) => number.as_i64(),
            Ok(Value::Object(fields)) => fields.get("agent_id").and_then(Value::as_i64),
            _ => None,
        };
        agent.map_or(Self::Everything, |guid| Self::Agent(AgentGuid(guid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q98_an_agent_id_or_a_bare_integer_names_one_agent() {
        for payload in [
            "42",
            " 42\n",
            r#"{"agent_id":42}"#,
            r#"{"brand_id":7,"agent_id":42,"status":"disabled"}"#,
        ] {
            assert_eq!(
                Change::parse(payload),
                Change::Agent(AgentGuid(42)),
                "{payload}"
            );
        }
    }

    #[test]
    fn q98_any_other_payload_means_everything() {
        for payload in [
            "",
            "all",
            "null",
            "true",
            "[42]",
            "42.5",
            "99999999999999999999",
            "{}",
            r#"{"agent_id":null}"#,
            r#"{"agent_id":"forty-two"}"#,
            r#"{"agent_id":[42]}"#,
            r#"{"brand_id":7}"#,
            r#"{"agent_id":42"#,
            "42 43",
        ] {
            assert_eq!(Change::parse(payload), Change::Everything, "{payload}");
        }
    }
}
