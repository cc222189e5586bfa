//! What a person sees when the system is up.

use std::process::Command;

use crate::env_file::EnvFile;
use crate::output;
use crate::state::State;
use crate::step;
use crate::workspace::{Profile, Workspace};

/// Prints addresses, demo logins and a first call.
pub(crate) fn print(workspace: &Workspace, state: &State, profile: Profile, environment: &EnvFile) {
    output::print(&text(state, &logins(workspace, profile, environment)));
}

/// The demo logins as `agent-lab` tells them; the system is usable without them.
fn logins(workspace: &Workspace, profile: Profile, environment: &EnvFile) -> String {
    let mut command = Command::new(workspace.binary("agent-lab", profile));
    command
        .args(["seed", "--print-logins"])
        .envs(environment.pairs());
    step::output(&mut command, "ask for the demo logins").unwrap_or_default()
}

fn text(state: &State, logins: &str) -> String {
    let ports = state.ports;
    let base = format!("http://127.0.0.1:{}", ports.api);
    let logins: String = logins.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "\n\
         agent_service is up\n\
         \n\
         \x20 API      {base}\n\
         \x20 Docs     {base}/docs\n\
         \x20 Metrics  http://127.0.0.1:{}/metrics (API), http://127.0.0.1:{}/metrics (worker)\n\
         \x20 Hosts    http://brand-a.localhost:{api}, http://brand-b.localhost:{api}\n\
         \x20 SMS      every message shows up in this log, after \"sms   |\"; also: cargo dev logs sms\n\
         \x20 Look in  cargo dev psql | redis | tail | status\n\
         \n\
         Demo logins\n\
         \n\
         {logins}\n\
         First call\n\
         \n\
         \x20 curl -s {base}/agent/login -H 'Host: brand-a.localhost' -H 'Content-Type: application/json' \\\n\
         \x20   -d '{{\"username\":\"demo_agent\",\"password\":\"demo-password-1\"}}'\n\
         \n\
         Ctrl-C stops everything; the data stays in .dev/.\n",
        ports.metrics,
        ports.worker,
        api = ports.api,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Ports;

    #[test]
    fn tells_addresses_logins_and_a_call_but_no_secret() {
        let state = State {
            ports: Ports {
                postgres: 1001,
                redis: 1002,
                api: 8080,
                metrics: 9464,
                worker: 9465,
                sms: 9466,
            },
            postgres_password: "pg-secret".into(),
            redis_password: "redis-secret".into(),
            postgres_data: "/x".into(),
        };
        let text = text(&state, "demo_agent  demo-password-1\n");
        for part in [
            "http://127.0.0.1:8080/docs",
            ":9464/metrics",
            ":9465/metrics",
            "  demo_agent  demo-password-1\n",
            "curl -s http://127.0.0.1:8080/agent/login -H 'Host: brand-a.localhost'",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }
}
