//! From the forgotten password to the new one.

use serde_json::json;

use super::stage::*;

#[tokio::test]
async fn p041_p112_three_steps_set_a_password_and_end_every_session() {
    let stage = Stage::with(&[("RECOVERY_TOKEN_TTL_MINUTES", "7")]).await;
    let (app, username) = (&stage.app, &stage.agent.username);
    let session = app
        .login(&stage.brand.host, username, &stage.agent.password)
        .await;
    assert_eq!(session.get("/agent/info").await.status, 200);
    stage
        .execute("UPDATE agent SET must_change_password = true")
        .await;

    let requested = stage.ask(REQUEST, &stage.by_name()).await;
    assert_eq!(requested.body["expires_in"], 420);
    let message = app.sms().wait_for(PHONE).await;
    assert!(message.text.contains("Brand a"), "{message:?}");
    assert!(message.text.contains("7 minutes"), "{message:?}");
    let verified = stage.verify(&request_id(&requested), &message.code()).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    assert_eq!(verified.body["expires_in"], 420);
    let mut members: Vec<_> = verified.body.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["expires_in", "reset_token"]);
    // Nothing has changed yet.
    assert_eq!(session.get("/agent/info").await.status, 200);

    let token = verified.body["reset_token"].as_str().unwrap();
    let reset = stage.reset(token).await;
    assert_eq!((reset.status, reset.text.as_str()), (204, ""));
    session
        .get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    session
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    stage.assert_password(true).await;
    let login = app.try_login(&stage.brand.host, username, NEW).await;
    assert_eq!(login.body["agent"]["must_change_password"], false);
    let steps = ["REQUEST SUCCESS -", "VERIFY SUCCESS -", "RESET SUCCESS -"];
    assert_eq!(stage.outcomes().await, steps);
    // One success for one permission and one code.
    stage
        .reset(token)
        .await
        .assert_problem(400, "token_invalid");
    let again = stage.verify(&request_id(&requested), &message.code()).await;
    again.assert_problem(400, "otp_invalid");
    stage.app.finish().await;
}

/// The walk through `/agent/forget`, or through its alias.
async fn one_step(send: &str, forget: &str, form: bool) {
    let stage = Stage::set().await;
    let (app, username) = (&stage.app, &stage.agent.username);
    let host = &stage.brand.host;
    let session = app.login(host, username, &stage.agent.password).await;
    let ask = async |path: &str, body: &serde_json::Value| {
        let request = app.request("POST", host, path);
        let request = if form {
            request.form(body)
        } else {
            request.json(body)
        };
        agent_testkit::Answer::of(request).await
    };
    let body = json!({ "username": username, "phone_num": NATIONAL });
    let sent = ask(send, &body).await;
    assert_eq!(
        (sent.status, &sent.body),
        (200, &json!({ "sent": true, "expires_in": 600 }))
    );
    let code = app.sms().wait_for(PHONE).await.code();
    let done = ask(forget, &stage.forget_body(&format!(" {code} "))).await;
    assert_eq!((done.status, done.text.as_str()), (204, ""));
    session
        .get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    session
        .try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    stage.assert_password(true).await;
    assert_eq!(
        stage.outcomes().await,
        ["REQUEST SUCCESS -", "RESET SUCCESS -"]
    );
    ask(forget, &stage.forget_body(&code))
        .await
        .assert_problem(400, "otp_invalid");
    stage.app.finish().await;
}

#[tokio::test]
async fn p022_p023_one_step_sets_a_password_and_ends_every_session() {
    one_step(SEND, FORGET, false).await;
}

#[tokio::test]
async fn p052_the_old_paths_do_the_same() {
    one_step("/user/forget/send-sms", "/user/forget", false).await;
    one_step("/user/forget/send-sms", "/user/forget", true).await;
}

#[tokio::test]
async fn q01_q02_both_ways_are_described_and_one_service_serves_them() {
    let document = serde_json::to_value(agent_routes::document()).unwrap();
    for path in [REQUEST, VERIFY, RESET, SEND, FORGET] {
        let operation = &document["paths"][path]["post"];
        assert!(operation.is_object(), "{path}");
        assert!(
            operation.get("security").is_none(),
            "{path} needs no session"
        );
    }
    // A code of one way is none of the other, though both are written to one log.
    let stage = Stage::set().await;
    let (id, of_recovery) = stage.requested().await;
    let of_forget = stage.sent().await;
    assert_ne!(of_recovery, of_forget, "one in a million; run it again");
    stage
        .verify(&id, &of_forget)
        .await
        .assert_problem(400, "otp_invalid");
    stage
        .forget(&of_recovery)
        .await
        .assert_problem(400, "otp_invalid");
    assert_eq!(stage.forget(&of_forget).await.status, 204);
    let flows: Vec<_> = stage
        .audit()
        .await
        .iter()
        .map(|row| row["metadata"]["flow"].clone())
        .collect();
    assert_eq!(
        flows,
        ["recovery", "forget", "recovery", "forget", "forget"]
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn p041_an_account_is_named_by_username_phone_in_any_spelling_or_old_names_of_both() {
    let stage = Stage::with(&[("CODE_SENDS_PER_CONTACT", "100")]).await;
    for body in [
        json!({ "account": "forgetful" }),
        json!({ "account": " FORGETFUL " }),
        json!({ "username": "forgetful" }),
        json!({ "contact": PHONE }),
        json!({ "contact": "0066812345678" }),
        json!({ "contact": "66812345678" }),
        json!({ "contact": NATIONAL }),
        json!({ "contact": "812345678" }),
        json!({ "phone_num": "(081) 234 5678" }),
    ] {
        stage.app.plant("66812345678");
        let id = request_id(&stage.ask(REQUEST, &body).await);
        let code = stage.app.sms().wait_for(PHONE).await.code();
        let verified = stage.verify(&id, &code).await;
        assert_eq!(verified.status, 200, "{body}: {verified:?}");
    }
    for body in [
        json!({}),
        json!({ "account": "forgetful", "contact": PHONE }),
    ] {
        stage
            .ask(REQUEST, &body)
            .await
            .assert_problem(422, "validation_failed");
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q91_a_password_against_the_rules_leaves_the_permission_good() {
    let stage = Stage::set().await;
    let token = stage.permitted().await;
    for short in ["short", &"x".repeat(129)] {
        let body = json!({ "reset_token": token, "new_password": short });
        stage
            .ask(RESET, &body)
            .await
            .assert_problem(422, "validation_failed");
        assert_eq!(stage.last_outcome().await, "RESET REJECTED PASSWORD_POLICY");
    }
    let body = json!({ "reset_token": "x", "new_password": "short" });
    // Whether the password would do is told to nobody without the permission.
    stage
        .ask(RESET, &body)
        .await
        .assert_problem(400, "token_invalid");
    assert_eq!(stage.reset(&token).await.status, 204);
    stage.assert_password(true).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn q91_a_password_against_the_rules_leaves_the_code_of_one_step_good() {
    let stage = Stage::set().await;
    let code = stage.sent().await;
    let mut body = stage.forget_body(&code);
    body["new_password"] = "short".into();
    stage
        .ask(FORGET, &body)
        .await
        .assert_problem(422, "validation_failed");
    body["code"] = other_than(&code).into();
    stage
        .ask(FORGET, &body)
        .await
        .assert_problem(400, "otp_invalid");
    let outcomes = stage.outcomes().await;
    assert_eq!(
        outcomes[1..],
        [
            "RESET REJECTED PASSWORD_POLICY",
            "RESET TOKEN_INVALID CODE_WRONG"
        ]
    );
    assert_eq!(stage.forget(&code).await.status, 204);
    stage.app.finish().await;
}
