//! What is written: one authenticated form, never twice the same.

use agent_crypto::PiiColumn;
use agent_testkit::TestApp;

use super::{assert_tells_nothing, encrypted, set_card};

/// Every column that holds personal data (P-130, Q-08).
const COLUMNS: [(&str, &str); 8] = [
    ("agent", "phone_num"),
    ("agent", "email"),
    ("agent", "bank_num"),
    ("agent_bank_card", "card_number"),
    ("agent_bank_card", "holder_name"),
    ("agent_withdraw", "card_number"),
    ("agent_withdraw", "bank_num"),
    ("agent_withdraw", "holder_name"),
];

/// Planted values make [`TestApp::finish`] look for them in every table, log line, metric and
/// Redis key, in clear, hex and base64.
#[tokio::test]
async fn p130_p131_what_the_service_writes_is_gcm_v1_in_every_column() {
    let app = TestApp::spawn().await;
    let brand = app.brand("written").await;
    let payee = app.payee("written", &brand, "5000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 9")
        .await;
    payee.session.withdrawn("500", payee.card).await;
    let legacy_card = app.legacy_card(&payee.agent).await;
    payee.session.withdrawn("500", legacy_card).await;
    // The row of the old service is not this service's writing.
    app.as_owner("UPDATE agent_withdraw SET card_id = NULL")
        .await;
    app.as_owner(&format!(
        "DELETE FROM agent_bank_card WHERE id = {legacy_card}"
    ))
    .await;
    for (table, column) in COLUMNS {
        let other = format!("{column} !~ '^aesgcm:v1:[A-Za-z0-9+/]{{38,}}=*$'");
        let query = format!("SELECT count(*) FROM {table} WHERE {other}");
        assert_eq!(app.count(&query).await, 0, "{table}.{column}");
    }
    assert_eq!(app.count("SELECT count(*) FROM agent_withdraw").await, 2);
    app.finish().await;
}

#[tokio::test]
async fn p132_p133_equal_values_of_two_agents_have_nothing_in_common() {
    let app = TestApp::spawn().await;
    let brand = app.brand("equal").await;
    let number = "4556737586899855";
    app.plant(number);
    for username in ["equal_one", "equal_two"] {
        let payee = app.payee(username, &brand, "5000").await;
        set_card(
            &app,
            payee.card,
            "card_number",
            &encrypted(&app, PiiColumn::CardNumber, number),
        )
        .await;
        payee.session.withdrawn("500", payee.card).await;
    }
    let stored = "SELECT string_agg(v, ',') FROM (SELECT card_number AS v FROM agent_withdraw \
                  UNION ALL SELECT card_number FROM agent_bank_card) x";
    let stored = app.text(stored).await;
    let stored: Vec<&str> = stored
        .split(',')
        .map(|value| value.strip_prefix("aesgcm:v1:").unwrap())
        .collect();
    assert_eq!(stored.len(), 4);
    for (at, value) in stored.iter().enumerate() {
        let plain = app
            .app
            .pii
            .decrypt(PiiColumn::CardNumber, &format!("aesgcm:v1:{value}"))
            .unwrap();
        assert_eq!(*plain, number);
        for other in &stored[at + 1..] {
            // Sixteen characters hold the nonce of twelve bytes.
            assert_ne!(value[..16], other[..16], "a nonce was used twice");
            assert_ne!(value[16..], other[16..]);
        }
    }
    app.finish().await;
}

/// Outside production only: without a key values are stored as they are, counted and warned of;
/// what was encrypted before is not readable, and never taken for plain text.
#[tokio::test]
async fn p130_p141_without_a_key_the_fallback_is_counted_and_warned_of() {
    let app = TestApp::with(&[("AES_KEY", ""), ("AES_IV", "")]).await;
    let brand = app.brand("keyless").await;
    let agent = app.agent("keyless", &[&brand]).await;
    app.as_owner("INSERT INTO bank (bank_id, code, name) VALUES (1, 'TEST', 'Test Bank')")
        .await;
    let encrypted_before = "aesgcm:v1:bm9uY2UtMTJieXRljCRNPvgTsoF3hiWxMjccC8Mrtp8G+NcnDhLrjA==";
    for (card, number) in [(1, "4556737586899855"), (2, encrypted_before)] {
        let row = "INSERT INTO agent_bank_card (id, agent_id, bank_id, card_number, card_last4, holder_name) \
                   VALUES ($1, $2, 1, $3, '9855', $4)";
        let row = sqlx::query(row).bind(card).bind(agent.guid.0).bind(number);
        row.bind("Somchai Jaidee")
            .execute(&app.owner)
            .await
            .unwrap();
    }
    app.credit(&agent, &brand, "5000").await;
    let session = app.session(&agent, &brand).await;
    session.withdrawn("500", 1).await;
    assert_eq!(
        app.text("SELECT card_number FROM agent_withdraw").await,
        "4556737586899855"
    );
    for op in ["encrypt", "decrypt"] {
        let counted = app
            .metrics
            .pii_aes_unconfigured_total
            .with_label_values(&[op])
            .get();
        assert_eq!(counted, 2, "{op}");
    }
    let logs = app.logs.text();
    let warned = logs
        .lines()
        .filter(|line| line.contains("personal data is not protected") && line.contains("WARN"));
    assert_eq!(warned.count(), 4);
    assert!(!logs.contains("4556737586899855") && !logs.contains("Somchai"));
    app.setting(&agent, &brand, "max_open_withdrawals = 9")
        .await;
    assert_tells_nothing(&session.withdraw("500", 2).await, &agent);
    app.finish().await;
}
