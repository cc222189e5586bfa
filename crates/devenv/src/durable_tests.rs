//! Boots the servers as `cargo dev up` does: with passwords, and with data that stays.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::net::{connect, free_port};
use crate::{
    EnsureOptions, PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer,
    Tools, ensure, private_directory, workspace_root,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn tools() -> Tools {
    ensure(&EnsureOptions::from_environment(&workspace_root())).unwrap()
}

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("agent-devenv-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    private_directory(&path, 0o711).unwrap();
    path
}

fn postgres_config(dir: &Path) -> PostgresConfig {
    PostgresConfig {
        data_dir: dir.join("postgres"),
        port: free_port().unwrap(),
        profile: PostgresProfile::Durable,
        password: Some("pass word".into()),
        log: dir.join("postgres.log"),
        template_cache: None,
    }
}

/// The kind of login that the server asks for: 0 none, 10 SCRAM.
fn login_kind(port: u16) -> u32 {
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let mut stream = connect(port).unwrap();
    stream
        .write_all(
            &[
                &length.to_be_bytes()[..],
                &196_608_u32.to_be_bytes(),
                parameters,
            ]
            .concat(),
        )
        .unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[0], b'R', "an authentication request");
    u32::from_be_bytes(answer[5..].try_into().unwrap())
}

#[test]
fn q77_postgres_asks_for_the_password_and_keeps_its_data() {
    let dir = scratch("durable");
    let (tools, config) = (tools(), postgres_config(&dir));
    let mut first = PostgresServer::start(&tools.postgres, &config).unwrap();
    assert_eq!(login_kind(config.port), 10);
    assert_eq!(
        PostgresServer::running(first.data_dir()),
        Some((first.id().clone(), config.port))
    );
    let second = PostgresServer::start(&tools.postgres, &config);
    assert!(second.unwrap_err().to_string().contains("already runs"));

    let made = std::fs::metadata(first.data_dir().join("PG_VERSION"))
        .unwrap()
        .modified()
        .unwrap();
    assert!(first.stop(PATIENCE), "stopped by itself");
    assert_eq!(PostgresServer::running(first.data_dir()), None);
    let mut again = PostgresServer::start(&tools.postgres, &config).unwrap();
    let kept = std::fs::metadata(again.data_dir().join("PG_VERSION"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(made, kept, "the data folder is not made anew");
    assert!(again.stop(PATIENCE));
    assert!(
        !dir.join("postgres.pwfile").exists(),
        "the password file is gone"
    );
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn q77_redis_asks_for_the_password_and_keeps_its_data() {
    let dir = scratch("redis");
    let config = RedisConfig {
        dir: dir.join("redis"),
        port: free_port().unwrap(),
        durable: true,
        databases: 16,
        password: Some("secret".into()),
        log: dir.join("redis.log"),
    };
    let tools = tools().redis;
    let ask = |question: &str| {
        let mut stream = connect(config.port).unwrap();
        // The server closes after QUIT, so the whole answer is read however it is cut.
        let questions = format!("{question}QUIT\r\n");
        stream.write_all(questions.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let mut first = RedisServer::start(&tools, &config).unwrap();
    assert!(ask("GET a\r\n").starts_with("-NOAUTH"));
    assert!(
        !first.id().command_line().contains("secret"),
        "no process list shows the password"
    );
    assert!(ask("AUTH secret\r\nSET a kept\r\n").starts_with("+OK"));
    assert_eq!(
        RedisServer::running(&config.dir),
        Some((first.id().clone(), config.port))
    );
    assert!(first.stop(PATIENCE), "stopped by itself");
    let mut again = RedisServer::start(&tools, &config).unwrap();
    let kept = ask("AUTH secret\r\nGET a\r\n");
    assert!(kept.contains("kept"), "{kept:?}");
    assert!(again.stop(PATIENCE));
    std::fs::remove_dir_all(&dir).unwrap();
}
