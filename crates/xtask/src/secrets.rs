//! The environment of the development system, with secrets made at the first `up`.

use std::fs::File;
use std::io::Read;
use std::process::Command;

use agent_devenv::tell;

use crate::env_file::EnvFile;
use crate::failure::{Outcome, While};
use crate::state::State;
use crate::step;
use crate::workspace::{Profile, Workspace};

/// What `agent-api generate-secrets` prints, and the binaries cannot start without.
const GENERATED: &[&str] = &[
    "SECRET_KEY",
    "PASSWORD_SALT",
    "AES_KEY",
    "AES_IV",
    "JWT_PRIVATE_KEY",
];

/// Settings that a person may change in the file.
const DEFAULTS: &[(&str, &str)] = &[
    ("RGB_ENV", "development"),
    ("LOG_FORMAT", "text"),
    ("MULTI_BRAND_ENFORCEMENT", "enforce"),
    ("RECOVERY_TOKEN_TTL_MINUTES", "10"),
];

/// Writes `.dev/env` for the servers of this run, and gives its content.
pub(crate) fn write_environment(
    workspace: &Workspace,
    state: &State,
    profile: Profile,
) -> Outcome<EnvFile> {
    let path = workspace.env_file();
    let mut file = EnvFile::read(&path)?;
    if GENERATED.iter().any(|key| file.get(key).is_none()) {
        generate(workspace, state, profile, &mut file)?;
    }
    for (key, value) in DEFAULTS {
        file.set_default(key, value);
    }
    manage(&mut file, state);
    file.write(&path)?;
    Ok(file)
}

/// URLs and ports belong to this run, so they are written each time.
fn manage(file: &mut EnvFile, state: &State) {
    let listen = |port: u16| format!("127.0.0.1:{port}");
    file.set("DATABASE_URL", state.database_url());
    file.set("REDIS_URL", state.redis_url());
    file.set("HTTP_LISTEN", listen(state.ports.api));
    file.set("METRICS_LISTEN", listen(state.ports.metrics));
    file.set("WORKER_LISTEN", listen(state.ports.worker));
    file.set(
        "SMS_URL",
        format!("http://127.0.0.1:{}/send", state.ports.sms),
    );
}

fn generate(
    workspace: &Workspace,
    state: &State,
    profile: Profile,
    file: &mut EnvFile,
) -> Outcome<()> {
    tell(&format!(
        "writing new development secrets to {}",
        workspace.env_file().display()
    ));
    if state.postgres_data.join("PG_VERSION").exists() {
        tell(
            "the data that is there was written with other secrets: run `cargo dev reset` if it cannot be read",
        );
    }
    let mut command = Command::new(workspace.binary("agent-api", profile));
    let text = step::output(command.arg("generate-secrets"), "make secrets")?;
    for (key, value) in EnvFile::parse(&text).pairs() {
        file.set_default(key, value);
    }
    Ok(())
}

/// 24 bytes of the kernel's randomness, as hexadecimal digits.
pub(crate) fn password() -> Outcome<String> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .while_doing(|| "read random bytes".into())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Ports;

    #[test]
    fn passwords_are_long_and_new_each_time() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_eq!(one.len(), 48);
        assert_ne!(one, two);
    }

    #[test]
    fn urls_follow_the_ports_of_the_run() {
        let mut file = EnvFile::parse("DATABASE_URL=old\nAES_KEY=kept\n");
        let state = State {
            ports: Ports {
                postgres: 1001,
                redis: 1002,
                api: 1003,
                metrics: 1004,
                worker: 1005,
                sms: 1006,
            },
            postgres_password: "pw".into(),
            redis_password: "rw".into(),
            postgres_data: "/x".into(),
        };
        manage(&mut file, &state);
        assert_eq!(
            file.get("DATABASE_URL"),
            Some("postgres://postgres:pw@127.0.0.1:1001/agent_service")
        );
        assert_eq!(file.get("REDIS_URL"), Some("redis://:rw@127.0.0.1:1002"));
        assert_eq!(file.get("HTTP_LISTEN"), Some("127.0.0.1:1003"));
        assert_eq!(file.get("SMS_URL"), Some("http://127.0.0.1:1006/send"));
        assert_eq!(file.get("AES_KEY"), Some("kept"));
    }
}
