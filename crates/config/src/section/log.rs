//! Logs.

use agent_telemetry::log::LogFormat;

use crate::{reader::Reader, variables::var};

/// How much is logged, and how it looks.
#[derive(Clone, Debug)]
pub struct LogSettings {
    pub format: LogFormat,
    /// Level or directives; read by the log set-up.
    pub filter: String,
}

impl LogSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let format = match reader.text(&var::LOG_FORMAT).as_deref() {
            Some("json") => LogFormat::Json,
            Some("text") => LogFormat::Text,
            _ => {
                reader.fault(var::LOG_FORMAT.name, "must be json or text");
                LogFormat::Json
            }
        };
        Self {
            format,
            filter: reader.text(&var::LOG_FILTER).unwrap_or_default(),
        }
    }
}
