//! One row for each outcome of a verification or a reset (P-186 … P-190, P-214, P-215).

use chrono::Duration;
use serde_json::{Value, json};

use super::{audit_log::*, stage::*};

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
