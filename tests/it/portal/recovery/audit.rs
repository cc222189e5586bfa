//! One row for each outcome, and what is in it (P-184 … P-196, P-214, P-215, Q-20, Q-21).

use std::cell::Cell;

use chrono::Duration;
use serde_json::{Value, json};

use super::stage::*;

/// The audit log, read row by row.
struct Log<'a> {
    stage: &'a Stage,
    read: Cell<usize>,
}

/// Whom and what a row is about.
struct About<'a> {
    agent: bool,
    brand: i64,
    contact: Option<&'a str>,
}

impl<'a> Log<'a> {
    fn of(stage: &'a Stage) -> Self {
        let read = Cell::new(0);
        Self { stage, read }
    }

    fn known(&self) -> About<'static> {
        About {
            agent: true,
            brand: self.stage.brand.id.0,
            contact: Some(PHONE),
        }
    }

    fn unknown<'t>(&self, contact: &'t str) -> About<'t> {
        About {
            agent: false,
            brand: self.stage.brand.id.0,
            contact: Some(contact),
        }
    }

    /// Exactly one more row, and this is what it says.
    async fn assert_next(&self, expected: &str, about: About<'_>) -> Value {
        let rows = self.stage.audit().await;
        assert_eq!(rows.len(), self.read.get() + 1, "{expected}: {rows:#?}");
        self.read.set(rows.len());
        let row = rows.into_iter().next_back().unwrap();
        assert_eq!(outcome(&row), expected, "{row}");
        assert_eq!(row["subject_type"], "agent");
        let agent = about.agent.then_some(self.stage.agent.guid.0);
        assert_eq!(row["subject_id"], json!(agent), "{row}");
        assert_eq!(row["brand_id"], about.brand, "{row}");
        let contact = match about.contact {
            Some(contact) => json!(self.stage.sha256(contact).await),
            None => Value::Null,
        };
        assert_eq!(row["contact_hash"], contact, "{row}");
        let source = self.stage.sha256("127.0.0.1").await;
        assert_eq!(row["ip_hash"], source.as_str(), "{row}");
        assert_details(&row["metadata"]);
        row
    }
}

/// Names of flow and reason, the id of the recovery, and nothing else (P-196).
fn assert_details(metadata: &Value) {
    let members = metadata.as_object().unwrap();
    assert!(["recovery", "forget"].contains(&members["flow"].as_str().unwrap()));
    for (name, value) in members {
        let text = value.as_str().unwrap();
        let harmless = match name.as_str() {
            "flow" => true,
            "reason" => text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
            "recovery_id" => uuid::Uuid::parse_str(text).is_ok(),
            _ => false,
        };
        assert!(harmless, "{metadata}");
    }
}

/// How often an outcome was counted.
fn counted(stage: &Stage, action: &str, outcome: &str) -> u64 {
    let counter = &stage.app.metrics.recovery_total;
    counter.with_label_values(&[action, outcome]).get()
}

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
async fn p186_p188_p189_p190_every_verification_is_one_row() {
    let stage = Stage::set().await;
    let log = Log::of(&stage);
    let elsewhere = stage.app.brand("b").await;
    let (id, code) = stage.requested().await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    let body = json!({ "request_id": id, "code": code });

    stage.verify(&id, &other_than(&code)).await;
    let row = log
        .assert_next("VERIFY TOKEN_INVALID CODE_WRONG", log.known())
        .await;
    assert_eq!(row["metadata"]["recovery_id"], id.as_str());
    stage
        .ask_under(&elsewhere.host, VERIFY, &body)
        .await
        .assert_problem(400, "otp_invalid");
    let about = About {
        brand: elsewhere.id.0,
        ..log.known()
    };
    log.assert_next("VERIFY BRAND_MISMATCH BRAND_NOT_ENABLED", about)
        .await;
    stage
        .ask_under(NOWHERE, VERIFY, &body)
        .await
        .assert_problem(400, "otp_invalid");
    let about = About {
        brand: 0,
        ..log.known()
    };
    log.assert_next("VERIFY BRAND_MISMATCH BRAND_UNRESOLVED", about)
        .await;
    assert_eq!(stage.verify(&id, &code).await.status, 200);
    log.assert_next("VERIFY SUCCESS -", log.known()).await;
    stage
        .verify(&id, &code)
        .await
        .assert_problem(400, "otp_invalid");
    log.assert_next("VERIFY TOKEN_INVALID NO_CODE", log.known())
        .await;

    let nobodys = uuid::Uuid::new_v4().to_string();
    stage
        .verify(&nobodys, &code)
        .await
        .assert_problem(400, "otp_invalid");
    let nothing = About {
        agent: false,
        contact: None,
        ..log.known()
    };
    log.assert_next("VERIFY TOKEN_INVALID NO_CODE", nothing)
        .await;

    let (id, code) = stage.requested().await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    for _ in 0..5 {
        stage.verify(&id, &other_than(&code)).await;
        log.assert_next("VERIFY TOKEN_INVALID CODE_WRONG", log.known())
            .await;
    }
    stage
        .verify(&id, &code)
        .await
        .assert_problem(400, "otp_invalid");
    log.assert_next("VERIFY RATE_LIMITED GUESSES_USED_UP", log.known())
        .await;

    let (id, code) = stage.requested().await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    stage.app.clock.advance(Duration::minutes(10));
    stage
        .verify(&id, &code)
        .await
        .assert_problem(400, "otp_invalid");
    log.assert_next("VERIFY TOKEN_INVALID CODE_EXPIRED", log.known())
        .await;
    assert_eq!(counted(&stage, "VERIFY", "SUCCESS"), 1);
    assert_eq!(counted(&stage, "VERIFY", "BRAND_MISMATCH"), 2);
    assert_eq!(counted(&stage, "VERIFY", "RATE_LIMITED"), 1);
    assert_eq!(counted(&stage, "VERIFY", "TOKEN_INVALID"), 9);
    stage.app.finish().await;
}

#[tokio::test]
async fn p187_p189_p190_every_reset_is_one_row() {
    let stage = Stage::set().await;
    let log = Log::of(&stage);
    let token = stage.permitted().await;
    log.read.set(2);
    let nothing = || About {
        agent: false,
        contact: None,
        ..log.known()
    };

    stage
        .reset("garbage")
        .await
        .assert_problem(400, "token_invalid");
    log.assert_next("RESET TOKEN_INVALID TOKEN_REFUSED", nothing())
        .await;
    let nowhere = stage
        .ask_under(NOWHERE, RESET, &reset_body("garbage"))
        .await;
    nowhere.assert_problem(400, "token_invalid");
    let about = About {
        brand: 0,
        ..nothing()
    };
    log.assert_next("RESET TOKEN_INVALID TOKEN_REFUSED", about)
        .await;

    stage
        .app
        .allow(&stage.agent, &stage.brand, "disabled")
        .await;
    stage
        .reset(&token)
        .await
        .assert_problem(400, "token_invalid");
    log.assert_next("RESET BRAND_MISMATCH BRAND_NOT_ENABLED", log.known())
        .await;
    stage.app.allow(&stage.agent, &stage.brand, "enabled").await;
    assert_eq!(stage.reset(&token).await.status, 204);
    log.assert_next("RESET SUCCESS -", log.known()).await;
    stage
        .reset(&token)
        .await
        .assert_problem(400, "token_invalid");
    log.assert_next("RESET TOKEN_INVALID TOKEN_REFUSED", nothing())
        .await;
    stage.app.finish().await;
}

#[tokio::test]
async fn p187_p214_p215_every_reset_in_one_step_is_one_row_of_its_brand() {
    let stage = Stage::set().await;
    let log = Log::of(&stage);
    let elsewhere = stage.app.brand("b").await;
    let ask = async |host: &str, body: &Value| {
        stage
            .ask_under(host, FORGET, body)
            .await
            .assert_problem(400, "otp_invalid");
    };
    let host = &stage.brand.host;
    let never = stage.forget_body("123456");
    ask(host, &never).await;
    log.assert_next("RESET TOKEN_INVALID NO_CODE", log.known())
        .await;
    let mut nobody = never.clone();
    nobody["username"] = "nobody".into();
    ask(host, &nobody).await;
    log.assert_next("RESET TOKEN_INVALID NO_CODE", log.unknown(PHONE))
        .await;

    let code = stage.sent().await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    let body = stage.forget_body(&code);
    ask(&elsewhere.host, &body).await;
    let about = About {
        brand: elsewhere.id.0,
        ..log.known()
    };
    log.assert_next("RESET BRAND_MISMATCH BRAND_NOT_ENABLED", about)
        .await;
    ask(NOWHERE, &body).await;
    let about = About {
        brand: 0,
        ..log.known()
    };
    log.assert_next("RESET BRAND_MISMATCH BRAND_UNRESOLVED", about)
        .await;
    for _ in 0..5 {
        ask(host, &stage.forget_body(&other_than(&code))).await;
        log.assert_next("RESET TOKEN_INVALID CODE_WRONG", log.known())
            .await;
    }
    ask(host, &body).await;
    log.assert_next("RESET RATE_LIMITED GUESSES_USED_UP", log.known())
        .await;

    let code = stage.sent().await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    stage.app.clock.advance(Duration::minutes(10));
    ask(host, &stage.forget_body(&code)).await;
    log.assert_next("RESET TOKEN_INVALID CODE_EXPIRED", log.known())
        .await;

    let code = stage.sent().await;
    log.assert_next("REQUEST SUCCESS -", log.known()).await;
    assert_eq!(stage.forget(&code).await.status, 204);
    log.assert_next("RESET SUCCESS -", log.known()).await;
    ask(host, &stage.forget_body(&code)).await;
    log.assert_next("RESET TOKEN_INVALID NO_CODE", log.known())
        .await;
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
