//! Guessing codes: how often, how many at once, for how long (Q-71, P-112).

use chrono::Duration;
use futures_util::future::join_all;
use serde_json::json;

use super::stage::*;

#[tokio::test]
async fn q71_of_200_parallel_guesses_five_are_evaluated_and_the_right_one_comes_too_late() {
    let stage = Stage::set().await;
    let (id, code) = stage.requested().await;
    let wrong = other_than(&code);
    let five = (0..5).map(|_| stage.verify(&id, &wrong));
    let rest = (0..194).map(|_| stage.verify(&id, &wrong));
    // The order of arrival is the network's, so the first five are let in before.
    let mut answers = join_all(five).await;
    let (rest, right) = tokio::join!(join_all(rest), stage.verify(&id, &code));
    answers.extend(rest);
    answers.push(right);
    assert_eq!(answers.len(), 200);
    for answer in answers {
        answer.assert_problem(400, "otp_invalid");
    }
    let outcomes = stage.outcomes().await;
    let count = |outcome: &str| outcomes.iter().filter(|one| *one == outcome).count();
    assert_eq!(count("VERIFY TOKEN_INVALID CODE_WRONG"), 5);
    assert_eq!(count("VERIFY RATE_LIMITED GUESSES_USED_UP"), 195);
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_of_200_guesses_all_at_once_five_are_evaluated() {
    let stage = Stage::set().await;
    let (_, one_step) = (stage.brand.id, stage.sent().await);
    let guesses = (0..200).map(|turn| {
        let guess = format!(
            "{:06}",
            (one_step.parse::<u32>().unwrap() + 1 + turn) % 1_000_000
        );
        let body = stage.forget_body(&guess);
        let stage = &stage;
        async move { stage.ask(FORGET, &body).await }
    });
    for answer in join_all(guesses).await {
        answer.assert_problem(400, "otp_invalid");
    }
    stage
        .forget(&one_step)
        .await
        .assert_problem(400, "otp_invalid");
    stage.assert_password(false).await;
    let outcomes = stage.outcomes().await;
    let wrong = outcomes.iter().filter(|one| one.ends_with("CODE_WRONG"));
    assert_eq!((wrong.count(), outcomes.len()), (5, 202));
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_the_fifth_guess_may_be_the_right_one() {
    let stage = Stage::set().await;
    let (id, code) = stage.requested().await;
    for _ in 0..4 {
        stage
            .verify(&id, &other_than(&code))
            .await
            .assert_problem(400, "otp_invalid");
    }
    assert_eq!(stage.verify(&id, &code).await.status, 200);
    stage.app.finish().await;
}

#[tokio::test]
async fn p112_a_code_and_a_permission_end_with_their_time() {
    for (minutes, seconds, good) in [
        ("1", 45, true),
        ("1", 60, false),
        ("60", 3_590, true),
        ("60", 3_600, false),
    ] {
        let stage = Stage::with(&[("RECOVERY_TOKEN_TTL_MINUTES", minutes)]).await;
        let (id, code) = stage.requested().await;
        let one_step = stage.sent().await;
        stage.app.clock.advance(Duration::seconds(seconds));
        let verified = stage.verify(&id, &code).await;
        assert_eq!(
            verified.status,
            if good { 200 } else { 400 },
            "{verified:?}"
        );
        if good {
            // The permission has a time of its own, which the code's does not shorten.
            let token = verified.body["reset_token"].as_str().unwrap();
            stage.app.clock.advance(Duration::seconds(seconds));
            let reset = stage.reset(token).await;
            assert_eq!(reset.status, 204, "{reset:?}");
        } else {
            stage
                .forget(&one_step)
                .await
                .assert_problem(400, "otp_invalid");
            stage.assert_password(false).await;
        }
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p112_an_expired_permission_is_refused() {
    // Differences of clocks are tolerated for signatures; the row knows none.
    let stage = Stage::with(&[("RECOVERY_TOKEN_TTL_MINUTES", "1")]).await;
    let token = stage.permitted().await;
    stage.app.clock.advance(Duration::seconds(60));
    stage
        .reset(&token)
        .await
        .assert_problem(400, "token_invalid");
    assert_eq!(
        stage.last_outcome().await,
        "RESET TOKEN_INVALID TOKEN_REFUSED"
    );
    stage.assert_password(false).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn a_newer_request_ends_the_older_code_and_the_older_permission() {
    let stage = Stage::set().await;
    let (old_id, old_code) = stage.requested().await;
    let (id, code) = stage.requested().await;
    stage
        .verify(&old_id, &old_code)
        .await
        .assert_problem(400, "otp_invalid");
    let verified = stage.verify(&id, &code).await;
    assert_eq!(verified.status, 200);
    // However the account is named.
    stage.ask(REQUEST, &json!({ "contact": PHONE })).await;
    stage.app.sms().wait_for(PHONE).await;
    let token = verified.body["reset_token"].as_str().unwrap();
    stage
        .reset(token)
        .await
        .assert_problem(400, "token_invalid");

    let older = stage.sent().await;
    let newer = stage.sent().await;
    if older != newer {
        stage
            .forget(&older)
            .await
            .assert_problem(400, "otp_invalid");
    }
    assert_eq!(stage.forget(&newer).await.status, 204);
    stage.app.finish().await;
}

#[tokio::test]
async fn a_new_password_ends_every_recovery_under_way() {
    let stage = Stage::set().await;
    let username = &stage.agent.username;
    let session = stage
        .app
        .login(&stage.brand.host, username, &stage.agent.password)
        .await;
    let (id, code) = stage.requested().await;
    let one_step = stage.sent().await;
    let body = json!({ "old_password": stage.agent.password, "new_password": NEW });
    assert_eq!(
        session.post("/agent/edit/password", &body).await.status,
        204
    );
    stage
        .verify(&id, &code)
        .await
        .assert_problem(400, "otp_invalid");
    stage
        .forget(&one_step)
        .await
        .assert_problem(400, "otp_invalid");

    let token = stage.permitted().await;
    let session = stage.app.login(&stage.brand.host, username, NEW).await;
    let again = "yet another password";
    stage.app.plant(again);
    let body = json!({ "old_password": NEW, "new_password": again });
    assert_eq!(
        session.post("/agent/edit/password", &body).await.status,
        204
    );
    stage
        .reset(&token)
        .await
        .assert_problem(400, "token_invalid");
    assert_eq!(
        stage
            .app
            .try_login(&stage.brand.host, username, again)
            .await
            .status,
        200
    );

    // One way of recovery ends the other.
    let token = stage.permitted().await;
    let one_step = stage.sent().await;
    assert_eq!(stage.forget(&one_step).await.status, 204);
    stage
        .reset(&token)
        .await
        .assert_problem(400, "token_invalid");
    stage.app.finish().await;
}

#[tokio::test]
async fn a_locked_account_is_not_recovered_however_far_the_recovery_is() {
    for status in ["locked", "deleted"] {
        let stage = Stage::set().await;
        let token = stage.permitted().await;
        let one_step = stage.sent().await;
        stage.app.set_agent(&stage.agent, "status", status).await;
        stage
            .reset(&token)
            .await
            .assert_problem(400, "token_invalid");
        stage
            .forget(&one_step)
            .await
            .assert_problem(400, "otp_invalid");
        stage.app.set_agent(&stage.agent, "status", "active").await;
        stage.assert_password(false).await;
        let (id, code) = stage.requested().await;
        stage.app.set_agent(&stage.agent, "status", status).await;
        // Whether or not the code is exchanged, no password is set by it.
        let verified = stage.verify(&id, &code).await;
        if let Some(token) = verified.body["reset_token"].as_str() {
            stage
                .reset(token)
                .await
                .assert_problem(400, "token_invalid");
        }
        stage.app.set_agent(&stage.agent, "status", "active").await;
        stage.assert_password(false).await;
        stage.app.finish().await;
    }
}

/// A code proves the phone that it was sent to. Where another program gave the account a new one,
/// the old phone proves nothing any more.
#[tokio::test]
async fn p183_a_code_sent_to_a_phone_that_is_no_longer_the_accounts_sets_no_password() {
    let stage = Stage::set().await;
    let one_step = stage.sent().await;
    let new_phone = "+66855555555";
    stage.app.plant(&new_phone[1..]);
    give_phone(&stage.app, &stage.agent, new_phone).await;
    stage
        .forget(&one_step)
        .await
        .assert_problem(400, "otp_invalid");
    assert_eq!(
        stage.last_outcome().await,
        "RESET REJECTED CONTACT_MISMATCH"
    );
    stage.assert_password(false).await;
    stage.app.finish().await;
}
