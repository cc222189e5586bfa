//! Boots real servers: each test has a pair of its own, which the watchdog removes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::process::{Stop, wait_until};

const SHORT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);
const PLACE_VARIABLE: &str = "AGENT_DEVENV_TEST_PLACE";

fn place(name: &str) -> Place {
    Place::named(&format!("agent-devenv-{name}-{}", std::process::id()))
}

fn tools() -> Result<Tools, DevEnvError> {
    ensure(&EnsureOptions::from_environment(&workspace_root()))
}

fn state_of(place: &Place) -> state::State {
    state::State::read(&place.state_file()).expect("state file")
}

/// Waits for the watchdog, then removes what stays on purpose (lock files, fresh data folder).
fn assert_stops_and_clean(place: &Place) {
    let state = state_of(place);
    let gone = wait_until(PATIENCE, || {
        !state.postgres.id.is_alive()
            && !state.redis.id.is_alive()
            && !place.state_file().exists()
            && !place.data.exists()
    });
    assert!(gone, "the watchdog left something of {state:?}");
    assert!(
        wait_until(PATIENCE, || !state.watchdog.as_ref().unwrap().is_alive()),
        "the watchdog still runs"
    );
    std::fs::remove_dir_all(&place.state).unwrap();
}

#[test]
fn q77_two_callers_share_one_pair_which_goes_after_the_last() {
    let place = place("share");
    let (first, second) = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| place.pair(SHORT, tools).unwrap()));
        let [first, second] = threads.map(|thread| thread.join().unwrap());
        (first, second)
    });
    assert_eq!(first.database_url, second.database_url);
    assert_eq!(first.redis_url, second.redis_url);
    let state = state_of(&place);
    assert!(pair::answers(&state));
    drop(first);
    std::thread::sleep(3 * SHORT);
    assert!(pair::answers(&state), "one caller still holds the pair");
    drop(second);
    assert_stops_and_clean(&place);
}

#[test]
fn a_dead_server_is_replaced() {
    let place = place("dead");
    let first = place.pair(SHORT, tools).unwrap();
    let before = state_of(&place);
    before.redis.id.stop(Stop::Terminate, PATIENCE);
    assert!(!pair::answers(&before));
    let second = place.pair(SHORT, tools).unwrap();
    let after = state_of(&place);
    assert!(pair::answers(&after));
    assert!(
        !before.postgres.id.is_alive(),
        "the other half of the old pair still runs"
    );
    drop((first, second));
    assert_stops_and_clean(&place);
}

#[test]
fn a_lost_watchdog_is_replaced() {
    let place = place("watch");
    let first = place.pair(SHORT, tools).unwrap();
    let before = state_of(&place);
    before
        .watchdog
        .as_ref()
        .unwrap()
        .stop(Stop::Terminate, PATIENCE);
    let second = place.pair(SHORT, tools).unwrap();
    let after = state_of(&place);
    assert_eq!(before.postgres, after.postgres, "the servers stay");
    assert!(after.watchdog.as_ref().unwrap().is_alive());
    drop((first, second));
    assert_stops_and_clean(&place);
}

#[test]
fn servers_survive_the_process_that_booted_them_and_go_after_its_kill() {
    let place = place("kill");
    let name = place.state.file_name().unwrap().to_str().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "testservers::tests::helper_that_boots_and_waits",
            "--ignored",
        ])
        .env(PLACE_VARIABLE, name)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let booted = wait_until(Duration::from_secs(120), || {
        state::State::read(&place.state_file()).is_some_and(|state| state.watchdog.is_some())
    });
    assert!(booted);
    // Long enough for a watchdog that does not see the lock to act.
    std::thread::sleep(3 * SHORT);
    let state = state_of(&place);
    assert!(pair::answers(&state), "the living holder keeps the pair");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        pair::answers(&state),
        "the servers do not die with the process that booted them"
    );
    assert_stops_and_clean(&place);
}

#[test]
#[ignore = "runs as a process of its own, started by another test"]
fn helper_that_boots_and_waits() {
    let Some(name) = variable(PLACE_VARIABLE) else {
        return;
    };
    let _pair = Place::named(&name).pair(SHORT, tools).unwrap();
    std::thread::sleep(Duration::from_secs(120));
}

#[test]
fn a_warm_pair_is_taken_at_once() {
    let place = place("warm");
    let first = place.pair(SHORT, tools).unwrap();
    let start = Instant::now();
    let second = place
        .pair(SHORT, || {
            Err(DevEnvError::failed("must not look for tools"))
        })
        .unwrap();
    assert!(start.elapsed() < SHORT, "took {:?}", start.elapsed());
    drop((first, second));
    assert_stops_and_clean(&place);
}
