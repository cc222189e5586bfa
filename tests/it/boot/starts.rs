//! Environments in which the binaries start.

use std::time::{Duration, Instant};

use agent_testkit::binaries::Binary;

use super::{Variables, assert_no_secret, with};

/// Starts a binary, waits until it answers, and gives what it logged.
async fn start(name: &'static str, variables: &Variables) -> (Binary, String) {
    let listen = if name == "agent-api" {
        "HTTP_LISTEN"
    } else {
        "WORKER_LISTEN"
    };
    let address = variables[listen].parse().unwrap();
    let mut binary = Binary::spawn(name, address, variables);
    let started = Instant::now();
    let live = format!("http://{address}/health/live");
    while reqwest::get(&live).await.is_err() {
        assert!(binary.is_alive(), "{name}: {}", binary.log());
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{}",
            binary.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = binary.log();
    assert_no_secret(&log, variables);
    (binary, log)
}

#[tokio::test]
async fn p001_p107_with_all_keys_both_binaries_start_while_their_servers_are_away() {
    let variables = with([]);
    for name in super::BOTH {
        let (binary, log) = start(name, &variables).await;
        assert!(!log.contains("in production"), "nothing to warn of: {log}");
        // It knows that it cannot work.
        let health = binary.wait_for_status("/health", 503).await;
        assert_eq!(health.body["checks"]["database"], "unhealthy");
        assert_no_secret(&binary.log(), &variables);
        binary.ask_to_stop();
        let mut binary = binary;
        assert_eq!(binary.ended().await.code(), Some(0), "{}", binary.log());
    }
    let (_, log) = start("agent-api", &with([("MULTI_BRAND_ENFORCEMENT", "observe")])).await;
    assert!(
        log.contains("MULTI_BRAND_ENFORCEMENT: is not enforce in production"),
        "{log}"
    );
}

#[tokio::test]
async fn p110_q66_the_worker_neither_needs_nor_reads_the_signing_key() {
    for key in ["", "certainly no key"] {
        start("agent-worker", &with([("JWT_PRIVATE_KEY", key)])).await;
    }
}

#[tokio::test]
async fn p140_q10_outside_production_both_binaries_start_without_any_key() {
    let mut variables = with([
        ("RGB_ENV", "dev"),
        ("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on"),
    ]);
    for name in super::keys().keys() {
        variables.remove(name);
    }
    for name in super::BOTH {
        let (_, log) = start(name, &variables).await;
        assert_eq!(
            log.contains("JWT_PRIVATE_KEY is not set"),
            name == "agent-api",
            "{log}"
        );
    }
}
