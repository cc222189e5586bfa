//! One row for each outcome of a request, and what is in it (P-184 … P-196, P-214, P-215, Q-20, Q-21).

use serde_json::json;

use super::{audit_log::*, stage::*};

#[tokio::test]
async fn p184_p185_p192_p193_p194_p195_p196_every_request_is_one_row() {
    let limits = [
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_SOURCE", "1000"),
    ];
    let stage = Stage::with(&limits).await;
    let log = Log::of(&stage);
    let elsewhere = stage.app.brand("b").await;

    stage.ask(REQUEST, &stage.by_name()).await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    stage.ask(REQUEST, &json!({ "contact": NATIONAL })).await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    stage.ask(SEND, &stage.by_both()).await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;

    stage.app.plant("66899999999");
    for (path, body, contact) in [
        (REQUEST, json!({ "account": "Nobody" }), "nobody"),
        (REQUEST, json!({ "contact": "0899999999" }), "+66899999999"),
        (
            REQUEST,
            json!({ "contact": "Nobody@Example.com" }),
            "nobody@example.com",
        ),
        (
            SEND,
            json!({ "username": "nobody", "phone_num": "0899999999" }),
            "+66899999999",
        ),
    ] {
        stage.ask(path, &body).await;
        let about = log.unknown(contact);
        log.assert_next("REQUEST REJECTED UNKNOWN_ACCOUNT", about)
            .await;
    }
    let mismatch = json!({ "username": "forgetful", "phone_num": "0899999999" });
    stage.ask(SEND, &mismatch).await;
    let about = About {
        contact: Some("+66899999999"),
        ..log.known()
    };
    log.assert_next("REQUEST REJECTED CONTACT_MISMATCH", about)
        .await;

    for (path, body) in [(REQUEST, stage.by_name()), (SEND, stage.by_both())] {
        stage.ask_under(&elsewhere.host, path, &body).await;
        let about = About {
            brand: elsewhere.id.0,
            ..log.known()
        };
        log.assert_next("REQUEST BRAND_MISMATCH BRAND_NOT_ENABLED", about)
            .await;
        stage.ask_under(NOWHERE, path, &body).await;
        let about = About {
            brand: 0,
            ..log.known()
        };
        log.assert_next("REQUEST BRAND_MISMATCH BRAND_UNRESOLVED", about)
            .await;
    }
    assert_eq!(counted(&stage, "REQUEST", "SUCCESS"), 3);
    assert_eq!(counted(&stage, "REQUEST", "REJECTED"), 5);
    assert_eq!(counted(&stage, "REQUEST", "BRAND_MISMATCH"), 4);
    assert_eq!(stage.messages().await, 3);
    stage.app.finish().await;
}

#[tokio::test]
async fn p185_q20_p202_an_account_without_a_phone_is_one_row_and_no_message() {
    let limits = [
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_SOURCE", "1000"),
    ];
    let stage = Stage::with(&limits).await;
    let log = Log::of(&stage);
    let email = "owner@example.com";
    stage.app.plant(email);
    give_only_email(&stage.app, &stage.agent, email).await;
    for (path, body) in [
        (REQUEST, stage.by_name()),
        (REQUEST, json!({ "contact": "Owner@Example.com" })),
        (SEND, stage.by_both()),
    ] {
        assert_eq!(stage.ask(path, &body).await.status, 200);
        let about = About {
            contact: Some(email),
            ..log.known()
        };
        log.assert_next("REQUEST REJECTED EMAIL_UNPROVISIONED", about)
            .await;
    }
    let counter = r#"recovery_email_unprovisioned_total{service="agent_service"} 3"#;
    assert!(stage.app.metrics.render().contains(counter));

    stage
        .execute("UPDATE agent SET email = NULL, email_bidx = NULL")
        .await;
    stage.ask(REQUEST, &stage.by_name()).await;
    let about = About {
        contact: Some("forgetful"),
        ..log.known()
    };
    log.assert_next("REQUEST REJECTED NO_CONTACT", about).await;
    stage
        .execute("UPDATE agent SET phone_num = 'aesgcm:v1:damaged'")
        .await;
    stage.ask(REQUEST, &stage.by_name()).await;
    let about = About {
        contact: Some("forgetful"),
        ..log.known()
    };
    log.assert_next("REQUEST REJECTED CONTACT_UNREADABLE", about)
        .await;
    assert_eq!(stage.messages().await, 0);
    stage.app.finish().await;
}

#[tokio::test]
async fn p185_p188_q71_a_request_over_a_limit_is_one_row() {
    let stage = Stage::with(&[("CODE_SENDS_PER_CONTACT", "1")]).await;
    let log = Log::of(&stage);
    stage.ask(REQUEST, &stage.by_name()).await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    let refused = stage.ask(REQUEST, &stage.by_name()).await;
    refused.assert_problem(429, "rate_limited");
    let about = About {
        agent: false,
        contact: Some("forgetful"),
        ..log.known()
    };
    log.assert_next("REQUEST RATE_LIMITED REQUEST_LIMIT", about)
        .await;
    // Under another name for the same phone nothing is told, and nothing is sent.
    let hidden = stage.ask(REQUEST, &json!({ "contact": PHONE })).await;
    assert_eq!(hidden.status, 200, "{hidden:?}");
    log.assert_next("REQUEST RATE_LIMITED SEND_LIMIT", log.known())
        .await;
    assert_eq!(counted(&stage, "REQUEST", "RATE_LIMITED"), 2);
    assert_eq!(stage.messages().await, 1);
    stage.app.finish().await;
}

#[tokio::test]
async fn p194_the_source_is_the_clients_as_trusted_proxies_tell_it() {
    let stage = Stage::with(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let from = "203.0.113.7";
    let request = stage.app.request("POST", &stage.brand.host, REQUEST);
    let request = request
        .header("X-Forwarded-For", from)
        .json(&stage.by_name());
    assert_eq!(agent_testkit::Answer::of(request).await.status, 200);
    stage.app.plant(from);
    let row = stage.audit().await.remove(0);
    assert_eq!(row["ip_hash"], stage.sha256(from).await.as_str());
    stage.app.finish().await;
}

#[tokio::test]
async fn p191_the_application_adds_rows_and_changes_none() {
    let stage = Stage::set().await;
    stage.ask(REQUEST, &stage.by_name()).await;
    // The pool of the API itself, under the rights of its role.
    let pool = stage.app.app.core.db.pool();
    for statement in [
        "UPDATE recovery_audit SET outcome = 'SUCCESS'",
        "DELETE FROM recovery_audit",
        "TRUNCATE recovery_audit",
    ] {
        let refused = sqlx::query(statement).execute(pool).await.unwrap_err();
        assert!(refused.as_database_error().is_some(), "{refused}");
    }
    assert_eq!(stage.outcomes().await, ["REQUEST SUCCESS -"]);
    stage.app.finish().await;
}

#[tokio::test]
async fn p185_a_locked_account_is_one_row_that_names_it_and_a_deleted_one_is_unknown() {
    let stage = Stage::set().await;
    let log = Log::of(&stage);
    stage.app.set_agent(&stage.agent, "status", "locked").await;
    stage.ask(REQUEST, &stage.by_name()).await;
    let about = About {
        contact: Some("forgetful"),
        ..log.known()
    };
    log.assert_next("REQUEST REJECTED ACCOUNT_LOCKED", about)
        .await;
    stage.app.set_agent(&stage.agent, "status", "deleted").await;
    stage.ask(REQUEST, &stage.by_name()).await;
    let about = log.unknown("forgetful");
    log.assert_next("REQUEST REJECTED UNKNOWN_ACCOUNT", about)
        .await;
    assert_eq!(stage.messages().await, 0);
    stage.app.finish().await;
}
