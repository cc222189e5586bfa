//! `agent-api pii` as operators meet it.

use std::{collections::BTreeMap, process::Output, time::Instant};

use agent_crypto::PiiColumn;
use agent_testkit::{TestApp, process};

use super::rows::{Stored, bare, cbc, count_writes, gcm, insert_agent, many, pending, writes};

fn pii(app: &TestApp, arguments: &[&str], environment: &BTreeMap<String, String>) -> Output {
    assert!(environment.contains_key("DATABASE_URL"), "{}", app.address);
    process::run("agent-api", &[&["pii"], arguments].concat(), environment)
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[tokio::test]
async fn q07_status_counts_values_by_shape() {
    let app = TestApp::spawn().await;
    let brand = app.brand("status").await;
    many(&app, &brand, 3).await;
    let none = || Stored::default();
    let phone = gcm(&app, PiiColumn::Phone, "+66812345678");
    insert_agent(
        &app,
        &[&brand],
        phone,
        bare("a.b@example.com"),
        bare("4556 7375 8689 9855"),
    )
    .await;
    insert_agent(
        &app,
        &[&brand],
        bare("081-234 5678"),
        bare("nobody"),
        bare("1234"),
    )
    .await;
    insert_agent(&app, &[&brand], bare("aesgcm:v2:abc"), none(), none()).await;
    app.as_owner("UPDATE agent_bank_card SET holder_name = 'สมชาย ใจดี' WHERE id = (SELECT min(id) FROM agent_bank_card)")
        .await;
    app.as_owner("UPDATE agent_bank_card SET holder_name = 'Q2FyZA2x' WHERE id = (SELECT max(id) FROM agent_bank_card)")
        .await;
    let output = pii(&app, &["status", "--json"], app.environment());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let shapes: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |column: &str| {
        ["gcm", "cbc", "plain", "other", "without_index"]
            .map(|shape| shapes[column][shape].as_i64())
    };
    let counts = |all: [i64; 5]| all.map(Some);
    assert_eq!(count("agent.phone_num"), counts([1, 3, 1, 1, 6]));
    assert_eq!(count("agent.email"), counts([0, 0, 1, 1, 2]));
    let [gcm, cbc, plain, other, index] = count("agent.bank_num");
    assert_eq!([gcm, cbc, plain, other], [0, 0, 1, 1].map(Some));
    assert_eq!(index, None);
    assert_eq!(
        count("agent_bank_card.card_number"),
        counts([0, 3, 0, 0, 3])
    );
    assert_eq!(
        count("agent_bank_card.holder_name"),
        counts([0, 1, 1, 1, 3])
    );
    assert_eq!(count("agent_withdraw.bank_num")[1], Some(3));

    let table = said(&pii(&app, &["status"], app.environment()));
    let lines: Vec<Vec<&str>> = table
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert!(
        lines.contains(&vec!["agent.phone_num", "1", "3", "1", "1", "6"]),
        "{table}"
    );
    assert!(
        lines.contains(&vec!["agent_withdraw.holder_name", "0", "3", "0", "0", "-"]),
        "{table}"
    );
    assert!(table.contains("there is work"), "{table}");
    app.finish().await;
}

#[tokio::test]
async fn q07_dry_run_says_what_would_happen_and_writes_nothing() {
    let app = TestApp::spawn().await;
    let brand = app.brand("dry").await;
    many(&app, &brand, 30).await;
    count_writes(&app).await;
    let output = pii(&app, &["backfill", "--dry-run"], app.environment());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.contains("would write") && text.contains("nothing was written"),
        "{text}"
    );
    assert!(text.contains("30 encrypted, 30 indexed"), "{text}");
    assert!(writes(&app).await.is_empty());
    assert_eq!(pending(&app).await, 90);

    let output = pii(&app, &["backfill"], app.environment());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(pending(&app).await, 0);
    let table = said(&pii(&app, &["status"], app.environment()));
    assert!(table.contains("nothing is left to do"), "{table}");
    app.finish().await;
}

#[tokio::test]
async fn q07_the_pace_is_held() {
    let app = TestApp::spawn().await;
    let brand = app.brand("pace").await;
    many(&app, &brand, 20).await;
    let started = Instant::now();
    let arguments = ["backfill", "--rate", "40", "--batch", "5000"];
    let output = pii(&app, &arguments, app.environment());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let seconds = started.elapsed().as_secs_f64();
    assert!(seconds >= 1.5, "60 rows at 40 a second took {seconds} s");
    app.finish().await;
}

#[tokio::test]
async fn q07_without_a_key_it_refuses_and_names_what_is_missing() {
    let app = TestApp::spawn().await;
    let brand = app.brand("keyless").await;
    insert_agent(
        &app,
        &[&brand],
        cbc(&app, "0812345678"),
        bare("a@b.cd"),
        bare("12345678"),
    )
    .await;
    for (environment, names) in [
        ("", ["AES_KEY", "AES_IV", "SECRET_KEY"]),
        ("production", ["AES_KEY", "AES_IV", "PASSWORD_SALT"]),
    ] {
        for missing in names {
            let mut variables = app.environment().clone();
            variables.insert("RGB_ENV".to_owned(), environment.to_owned());
            variables.insert(missing.to_owned(), String::new());
            for arguments in [&["backfill"][..], &["backfill", "--dry-run"]] {
                let output = pii(&app, arguments, &variables);
                assert_eq!(output.status.code(), Some(1));
                assert!(
                    said(&output).contains(missing),
                    "{missing}: {}",
                    said(&output)
                );
            }
        }
    }
    assert_eq!(pending(&app).await, 1);
    app.finish().await;
}
