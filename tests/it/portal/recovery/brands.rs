//! The brand of a recovery: the token's, then the host's, on the agent's list in every mode
//! (P-180 … P-182, P-213, Q-15, Q-91).

use agent_crypto::jwt::{RecoveryClaims, TokenType};
use agent_testkit::BrandFixture;
use serde_json::{Value, json};

use super::stage::*;

const MODES: [&str; 3] = ["off", "observe", "enforce"];

/// What the token says, read without checking.
fn claims(token: &str) -> RecoveryClaims {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The same permission with another brand in it, or none.
fn with_brand(stage: &Stage, token: &str, brand: Option<i64>) -> String {
    let claims = RecoveryClaims {
        brand_id: brand,
        ..claims(token)
    };
    let signed = stage.app.app.tokens.sign(TokenType::Recovery, &claims);
    let signed = signed.unwrap();
    stage.app.plant(&signed);
    signed
}

async fn last_brand(stage: &Stage) -> Value {
    stage.audit().await.pop().unwrap()["brand_id"].take()
}

async fn under(mode: &str) -> (Stage, BrandFixture) {
    let stage = Stage::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
    let other = stage.app.brand("b").await;
    (stage, other)
}

#[tokio::test]
async fn p180_the_brand_in_the_token_counts_before_the_host() {
    for mode in MODES {
        for host in ["b.test", NOWHERE] {
            let (stage, _) = under(mode).await;
            let token = stage.permitted().await;
            assert_eq!(claims(&token).brand_id, Some(stage.brand.id.0));
            let reset = stage.ask_under(host, RESET, &reset_body(&token)).await;
            assert_eq!(reset.status, 204, "{mode} {host}: {reset:?}");
            assert_eq!(last_brand(&stage).await, stage.brand.id.0);
            stage.app.finish().await;
        }
    }
}

#[tokio::test]
async fn p180_p182_a_token_of_a_brand_that_is_not_enabled_is_refused_on_a_host_that_is() {
    for mode in MODES {
        let (stage, other) = under(mode).await;
        let token = stage.permitted().await;
        for brand in [other.id.0, 0, -1, 999_999] {
            let foreign = with_brand(&stage, &token, Some(brand));
            stage
                .reset(&foreign)
                .await
                .assert_problem(400, "token_invalid");
            let expected = "RESET BRAND_MISMATCH BRAND_NOT_ENABLED";
            assert_eq!(stage.last_outcome().await, expected);
            assert_eq!(last_brand(&stage).await, brand);
        }
        stage.assert_password(false).await;
        // The permission itself is as good as before.
        assert_eq!(stage.reset(&token).await.status, 204);
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p181_p182_a_token_without_a_brand_falls_back_to_the_host() {
    for mode in MODES {
        let (stage, other) = under(mode).await;
        let token = stage.permitted().await;
        let bare = with_brand(&stage, &token, None);
        assert!(!bare.is_empty() && claims(&bare).brand_id.is_none());
        for (host, brand, reason) in [
            (other.host.as_str(), other.id.0, "BRAND_NOT_ENABLED"),
            (NOWHERE, 0, "BRAND_UNRESOLVED"),
        ] {
            let refused = stage.ask_under(host, RESET, &reset_body(&bare)).await;
            refused.assert_problem(400, "token_invalid");
            let expected = format!("RESET BRAND_MISMATCH {reason}");
            assert_eq!(stage.last_outcome().await, expected);
            assert_eq!(last_brand(&stage).await, brand);
        }
        assert_eq!(stage.reset(&bare).await.status, 204);
        assert_eq!(last_brand(&stage).await, stage.brand.id.0);
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p182_p213_q15_q91_a_brand_that_is_not_enabled_is_refused_in_every_mode_and_step() {
    for mode in MODES {
        let (stage, other) = under(mode).await;
        for host in [other.host.as_str(), NOWHERE] {
            let requested = stage.ask_under(host, REQUEST, &stage.by_name()).await;
            assert_eq!(requested.status, 200, "{requested:?}");
            let sent = stage.ask_under(host, SEND, &stage.by_both()).await;
            assert_eq!(sent.body, json!({ "sent": true, "expires_in": 600 }));
        }
        let (id, code) = stage.requested().await;
        let one_step = stage.sent().await;
        for host in [other.host.as_str(), NOWHERE] {
            let body = json!({ "request_id": id, "code": code });
            stage
                .ask_under(host, VERIFY, &body)
                .await
                .assert_problem(400, "otp_invalid");
            let body = stage.forget_body(&one_step);
            stage
                .ask_under(host, FORGET, &body)
                .await
                .assert_problem(400, "otp_invalid");
        }
        stage.assert_password(false).await;
        let outcomes = stage.outcomes().await;
        let refused = outcomes.iter().filter(|one| one.contains("BRAND_MISMATCH"));
        assert_eq!(refused.count(), 8, "{mode}: {outcomes:?}");
        assert_eq!(
            stage.messages().await,
            2,
            "nothing was sent for another brand"
        );
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p182_a_brand_that_is_taken_off_the_list_between_the_steps_ends_them() {
    for mode in MODES {
        for statement in [
            "UPDATE agent_brand SET status = 'disabled'",
            "DELETE FROM agent_brand",
        ] {
            let (stage, _) = under(mode).await;
            // Nothing is announced: recovery trusts no cache.
            let (id, code) = stage.requested().await;
            stage.execute(statement).await;
            stage
                .verify(&id, &code)
                .await
                .assert_problem(400, "otp_invalid");
            assert_eq!(
                stage.last_outcome().await,
                "VERIFY BRAND_MISMATCH BRAND_NOT_ENABLED"
            );
            stage.app.allow(&stage.agent, &stage.brand, "enabled").await;
            let token = stage.permitted().await;
            let one_step = stage.sent().await;
            stage.execute(statement).await;
            stage
                .reset(&token)
                .await
                .assert_problem(400, "token_invalid");
            assert_eq!(
                stage.last_outcome().await,
                "RESET BRAND_MISMATCH BRAND_NOT_ENABLED"
            );
            stage
                .forget(&one_step)
                .await
                .assert_problem(400, "otp_invalid");
            assert_eq!(
                stage.last_outcome().await,
                "RESET BRAND_MISMATCH BRAND_NOT_ENABLED"
            );
            let again = stage.ask(REQUEST, &stage.by_name()).await;
            assert_eq!(again.status, 200, "{mode}: {again:?}");
            assert_eq!(
                stage.last_outcome().await,
                "REQUEST BRAND_MISMATCH BRAND_NOT_ENABLED"
            );
            stage.app.allow(&stage.agent, &stage.brand, "enabled").await;
            stage.assert_password(false).await;
            stage.app.finish().await;
        }
    }
}

#[tokio::test]
async fn p180_p182_a_permission_ends_with_its_brand() {
    let (stage, other) = under("enforce").await;
    stage.app.allow(&stage.agent, &other, "enabled").await;
    let token = stage.permitted().await;
    let statement = format!(
        "UPDATE brand SET status = 'suspended' WHERE brand_id = {}",
        stage.brand.id
    );
    stage.execute(&statement).await;
    let refused = stage
        .ask_under(&other.host, RESET, &reset_body(&token))
        .await;
    refused.assert_problem(400, "token_invalid");
    assert_eq!(
        stage.last_outcome().await,
        "RESET BRAND_MISMATCH BRAND_NOT_ENABLED"
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn p182_a_code_is_good_on_the_brand_that_it_was_sent_for_only() {
    let (stage, other) = under("enforce").await;
    stage.app.allow(&stage.agent, &other, "enabled").await;
    let (id, code) = stage.requested().await;
    let one_step = stage.sent().await;
    let body = json!({ "request_id": id, "code": code });
    stage
        .ask_under(&other.host, VERIFY, &body)
        .await
        .assert_problem(400, "otp_invalid");
    let expected = "VERIFY BRAND_MISMATCH BRAND_NOT_ENABLED";
    assert_eq!(stage.last_outcome().await, expected);
    let body = stage.forget_body(&one_step);
    stage
        .ask_under(&other.host, FORGET, &body)
        .await
        .assert_problem(400, "otp_invalid");
    assert_eq!(stage.verify(&id, &code).await.status, 200);
    assert_eq!(stage.forget(&one_step).await.status, 204);
    stage.app.finish().await;
}
