//! `kill -9` and SIGTERM in the middle.

use std::time::{Duration, Instant};

use agent_testkit::{TestApp, binaries::PATIENCE, process};

use super::rows::{assert_many_in_form, count_writes, many, pending, writes};

const COUNT: usize = 1_200;

#[tokio::test]
async fn q07_killed_again_and_again_it_still_writes_each_row_once() {
    let app = TestApp::spawn().await;
    let brand = app.brand("killed").await;
    let phones = many(&app, &brand, COUNT).await;
    count_writes(&app).await;
    let all = pending(&app).await;
    assert_eq!(all, 3 * COUNT as u64);
    let mut kills_in_the_middle = 0;
    let mut left = all;
    for round in 0..8_u64 {
        let mut child = process::command("agent-api", app.environment())
            .args(["pii", "backfill", "--batch", "7", "--rate", "2500"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while pending(&app).await == left && started.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        tokio::time::sleep(Duration::from_millis(13 * round)).await;
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        let now = pending(&app).await;
        assert!(now < left, "nothing was done in round {round}");
        left = now;
        kills_in_the_middle += usize::from(ended.code().is_none() && left > 0);
        if left == 0 {
            break;
        }
    }
    assert!(
        kills_in_the_middle >= 3,
        "killed {kills_in_the_middle} times"
    );
    let arguments = ["pii", "backfill", "--rate", "100000"];
    let finished = process::run("agent-api", &arguments, app.environment());
    let said = String::from_utf8(finished.stdout).unwrap();
    assert_eq!(finished.status.code(), Some(0), "{said}");
    assert!(said.contains("done: nothing is left to do"), "{said}");
    assert_eq!(
        writes(&app).await,
        [(1, i64::try_from(all).unwrap())].into()
    );
    assert_many_in_form(&app, &phones).await;
    app.finish().await;
}

#[tokio::test]
async fn q07_sigterm_stops_after_the_running_batch_and_says_so() {
    let app = TestApp::spawn().await;
    let brand = app.brand("stopped").await;
    let phones = many(&app, &brand, 200).await;
    let all = pending(&app).await;
    let child = process::command("agent-api", app.environment())
        .args(["pii", "backfill", "--batch", "10", "--rate", "20"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    // Two seconds' worth, so that it has told of its progress.
    while pending(&app).await + 50 > all && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill").arg(pid).status();
    assert!(sent.unwrap().success());
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    // A pause for the pace would have lasted for half a second.
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("stopped by a signal"), "{errors}");
    assert!(errors.contains("/600 rows, "), "no progress: {errors}");
    let left = pending(&app).await;
    assert!(left > 0 && left % 10 == 0, "{left} left");
    assert_eq!(
        super::written(&super::run(&app, super::OPTIONS).await),
        left
    );
    assert_many_in_form(&app, &phones).await;
    app.finish().await;
}
