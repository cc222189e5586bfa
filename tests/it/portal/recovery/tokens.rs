//! No token does another's work (Q-91).

use agent_crypto::jwt::{AccessClaims, RecoveryClaims, TokenType};
use chrono::TimeDelta;
use serde_json::json;

use super::stage::*;

async fn refused(stage: &Stage, what: &str, token: &str) {
    stage.app.plant(token);
    let answer = stage.reset(token).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "token_invalid"),
        "{what}: {answer:?}"
    );
    assert_eq!(
        stage.last_outcome().await,
        "RESET TOKEN_INVALID TOKEN_REFUSED",
        "{what}"
    );
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

#[tokio::test]
async fn q91_access_refresh_and_recovery_tokens_are_not_interchangeable() {
    let stage = Stage::set().await;
    let (host, username) = (&stage.brand.host, &stage.agent.username);
    let session = stage.app.login(host, username, &stage.agent.password).await;
    refused(&stage, "access", &session.access_token).await;
    refused(&stage, "refresh", &session.refresh_token).await;
    let token = stage.permitted().await;
    for path in ["/agent/info", "/agent/top_info", "/agent/withdraw/init"] {
        let request = stage.app.request("GET", host, path).bearer_auth(&token);
        agent_testkit::Answer::of(request)
            .await
            .assert_problem(401, "unauthenticated");
    }
    let body = json!({ "refresh_token": token });
    let refreshed = stage.ask("/agent/refresh_token", &body).await;
    // Too long for a refresh token.
    assert!([401, 422].contains(&refreshed.status), "{refreshed:?}");
    // None of it used anything up.
    assert_eq!(session.get("/agent/info").await.status, 200);
    assert_eq!(stage.reset(&token).await.status, 204);
    stage.app.finish().await;
}

#[tokio::test]
async fn q91_a_token_is_for_one_recovery_of_one_agent() {
    let stage = Stage::set().await;
    let other = stage.app.agent("other", &[&stage.brand]).await;
    let token = stage.permitted().await;
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM agent_recovery")
        .fetch_one(&stage.app.owner)
        .await
        .unwrap();
    let now = stage.app.clock.now();
    let brand = Some(stage.brand.id.0);
    let sign = |agent, id, brand, lifetime| {
        let claims = RecoveryClaims::new(agent, id, brand, now, lifetime);
        stage
            .app
            .app
            .tokens
            .sign(TokenType::Recovery, &claims)
            .unwrap()
    };
    let own = stage.agent.guid.0;
    refused(
        &stage,
        "another agent",
        &sign(other.guid.0, id, brand, minutes(5)),
    )
    .await;
    refused(
        &stage,
        "no such recovery",
        &sign(own, uuid::Uuid::new_v4(), brand, minutes(5)),
    )
    .await;
    refused(&stage, "expired", &sign(own, id, brand, minutes(-60))).await;
    let access = AccessClaims::new(own, id, 0, now, minutes(5));
    let mistyped = stage
        .app
        .app
        .tokens
        .sign(TokenType::Recovery, &access)
        .unwrap();
    refused(&stage, "an access token's claims", &mistyped).await;
    let claims = RecoveryClaims::new(own, id, brand, now, minutes(5));
    let mistyped = stage
        .app
        .app
        .tokens
        .sign(TokenType::Access, &claims)
        .unwrap();
    refused(&stage, "an access token's type", &mistyped).await;
    stage.assert_password(false).await;
    // The recovery of another purpose, or one that was not proven, is no permission.
    let (unproven, _) = stage.requested().await;
    let unproven = unproven.parse().unwrap();
    refused(
        &stage,
        "an unproven recovery",
        &sign(own, unproven, brand, minutes(5)),
    )
    .await;
    stage.sent().await;
    stage
        .execute("UPDATE agent_recovery SET verified_at = now() WHERE purpose = 'forget'")
        .await;
    let one_step: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM agent_recovery WHERE purpose = 'forget'")
            .fetch_one(&stage.app.owner)
            .await
            .unwrap();
    refused(
        &stage,
        "another purpose",
        &sign(own, one_step, brand, minutes(5)),
    )
    .await;
    refused(&stage, "ended by a newer request", &token).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn q91_a_token_of_another_signer_is_refused() {
    let stage = Stage::set().await;
    let token = stage.permitted().await;
    let elsewhere = Stage::set().await;
    refused(&elsewhere, "another service", &token).await;
    let parts: Vec<&str> = token.split('.').collect();
    let foreign = elsewhere.permitted().await;
    let signature = foreign.rsplit('.').next().unwrap();
    refused(
        &stage,
        "another signature",
        &format!("{}.{}.{signature}", parts[0], parts[1]),
    )
    .await;
    refused(
        &stage,
        "no signature",
        &format!("{}.{}.", parts[0], parts[1]),
    )
    .await;
    assert_eq!(stage.reset(&token).await.status, 204);
    elsewhere.app.finish().await;
    stage.app.finish().await;
}

/// Neither the code nor the token is anywhere but with the client.
#[tokio::test]
async fn q90_q91_codes_and_tokens_are_stored_as_hashes_only() {
    let stage = Stage::set().await;
    let token = stage.permitted().await;
    stage.sent().await;
    let rows: Vec<serde_json::Value> =
        sqlx::query_scalar("SELECT to_jsonb(r) FROM agent_recovery r")
            .fetch_all(&stage.app.owner)
            .await
            .unwrap();
    assert_eq!(rows.len(), 2);
    let (hashes, subjects): (Vec<_>, Vec<_>) = rows
        .iter()
        .map(|row| (row["code_hash"].to_string(), row["subject_key"].to_string()))
        .unzip();
    assert_ne!(hashes[0], hashes[1]);
    assert_ne!(subjects[0], subjects[1]);
    for part in token.split('.') {
        stage.app.plant(part);
    }
    stage.app.finish().await;
}
