//! `agent-api check-config`.

use agent_config::ApiSettings;

pub(super) fn run(settings: &ApiSettings) -> anyhow::Result<()> {
    for (name, value) in settings.redacted() {
        super::say(&format!("{name}={value}"))?;
    }
    for warning in settings.warnings() {
        super::say(&format!("# warning: {warning}"))?;
    }
    Ok(())
}
