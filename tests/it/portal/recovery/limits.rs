//! Nobody is flooded, and no bill is run up.

use agent_testkit::{
    Answer,
    proxy::{Proxy, Weather},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::*;

#[tokio::test]
async fn q71_thirty_requests_for_one_phone_however_made_send_five_messages() {
    let stage = Stage::with(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    stage.app.plant("66812345678");
    let ways: [(&str, Value); 6] = [
        (REQUEST, json!({ "account": "forgetful" })),
        (REQUEST, json!({ "contact": PHONE })),
        (REQUEST, json!({ "contact": NATIONAL })),
        (REQUEST, json!({ "contact": "0066812345678" })),
        (SEND, json!({ "username": "forgetful", "phone_num": PHONE })),
        (
            SEND,
            json!({ "username": "Forgetful", "phone_num": "0812345678" }),
        ),
    ];
    let asked = (0..30).map(|turn| {
        let (path, body) = &ways[turn % ways.len()];
        let request = stage.app.request("POST", &stage.brand.host, path);
        let source = format!("203.0.113.{turn}");
        Answer::of(request.header("X-Forwarded-For", source).json(body))
    });
    let answers = join_all(asked).await;
    for answer in &answers {
        assert!([200, 429].contains(&answer.status), "{answer:?}");
    }
    let outcomes = stage.outcomes().await;
    assert_eq!(outcomes.len(), 30);
    let sent = outcomes
        .iter()
        .filter(|one| *one == "REQUEST SUCCESS -")
        .count();
    assert_eq!((sent, stage.messages().await), (5, 5));
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_a_phone_is_limited_by_the_day_too() {
    let limits = [
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_CONTACT_PER_DAY", "3"),
    ];
    let stage = Stage::with(&limits).await;
    for _ in 0..5 {
        let answer = stage.ask(REQUEST, &stage.by_name()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(stage.messages().await, 3);
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_a_source_is_limited_over_all_names() {
    let stage = Stage::with(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let from = async |source: &str, name: &str| {
        let request = stage.app.request("POST", &stage.brand.host, REQUEST);
        let body = json!({ "account": name });
        Answer::of(request.header("X-Forwarded-For", source).json(&body)).await
    };
    for turn in 0..20 {
        // One client owns the whole /64; what stands left of it is its own invention.
        let source = format!("203.0.113.{turn}, 2001:db8:1:2::{turn}");
        let answer = from(&source, &format!("name_{turn}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for name in ["name_20", "forgetful"] {
        let limited = from("2001:db8:1:2:ffff::1", name).await;
        limited.assert_problem(429, "rate_limited");
        let seconds: u64 = limited.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=900).contains(&seconds), "{seconds}");
    }
    let elsewhere = from("2001:db8:1:3::1", "forgetful").await;
    assert_eq!(elsewhere.status, 200, "{elsewhere:?}");
    assert_eq!(stage.messages().await, 1);
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_q92_forwarded_addresses_do_not_count_from_strangers() {
    let stage = Stage::with(&[("CODE_SENDS_PER_SOURCE", "3")]).await;
    for turn in 0..5 {
        let (path, body) = if turn % 2 == 0 {
            (REQUEST, json!({ "account": format!("name_{turn}") }))
        } else {
            let phone = format!("+6689999999{turn}");
            (SEND, json!({ "username": "nobody", "phone_num": phone }))
        };
        let source = format!("203.0.113.{turn}");
        let request = stage.app.request("POST", &stage.brand.host, path);
        let request = request
            .header("X-Forwarded-For", &source)
            .header("Forwarded", format!("for={source}"))
            .header("X-Real-IP", &source);
        let answer = Answer::of(request.json(&body)).await;
        assert_eq!(
            answer.status,
            if turn < 3 { 200 } else { 429 },
            "{answer:?}"
        );
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_a_brand_is_limited_and_the_client_is_not_told() {
    let stage = Stage::with(&[("CODE_SENDS_PER_BRAND_PER_MINUTE", "2")]).await;
    for turn in 0..4 {
        let name = format!("agent_{turn}");
        let agent = stage.app.agent(&name, &[&stage.brand]).await;
        let phone = format!("+6685555555{turn}");
        stage.app.plant(&phone[1..]);
        give_phone(&stage.app, &agent, &phone).await;
        let answer = stage.ask(REQUEST, &json!({ "account": name })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let outcomes = stage.outcomes().await;
    assert_eq!(outcomes[..2], ["REQUEST SUCCESS -"; 2]);
    assert_eq!(outcomes[2..], ["REQUEST RATE_LIMITED SEND_LIMIT"; 2]);
    // Whoever is unknown uses nothing of it up.
    assert_eq!(stage.messages().await, 2);
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_unknown_names_use_nothing_up_of_a_brand() {
    let stage = Stage::with(&[("CODE_SENDS_PER_BRAND_PER_MINUTE", "2")]).await;
    for turn in 0..6 {
        let answer = stage
            .ask(REQUEST, &json!({ "account": format!("nobody_{turn}") }))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    stage.ask(REQUEST, &stage.by_name()).await;
    assert_eq!(stage.last_outcome().await, "REQUEST SUCCESS -");
    stage.app.finish().await;
}

/// The name and the brand are keyed hashes there, as are contacts and addresses.
#[tokio::test]
async fn q71_nothing_personal_gets_into_redis() {
    let stage = Stage::set().await;
    for secret in ["forgetful", "nobody@example.com", "127.0.0.1"] {
        let places = {
            stage.ask(REQUEST, &stage.by_name()).await;
            stage
                .ask(REQUEST, &json!({ "contact": "nobody@example.com" }))
                .await;
            agent_testkit::probe::redis_contents(&mut stage.app.redis.clone()).await
        };
        assert!(places.len() > 4, "there are counters to look at");
        agent_testkit::probe::assert_absent(&[secret.to_owned()], &places);
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_without_redis_nothing_is_sent_and_what_was_sent_is_good() {
    let url = agent_testkit::TestApp::spawn().await;
    let redis = url.environment()["REDIS_URL"].clone();
    let proxy = Proxy::before(&redis).await.unwrap();
    let stage = Stage::with(&[("REDIS_URL", &proxy.url(&redis))]).await;
    let (id, code) = stage.requested().await;
    let one_step = stage.sent().await;
    proxy.set(Weather::Cut);
    let rows = stage.audit().await.len();
    for (path, body) in [
        (REQUEST, stage.by_name()),
        (REQUEST, json!({ "account": "nobody" })),
        (SEND, stage.by_both()),
    ] {
        let refused = stage.ask(path, &body).await;
        refused.assert_problem(503, "unavailable");
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    }
    assert_eq!(stage.audit().await.len(), rows);
    stage
        .verify(&id, &other_than(&code))
        .await
        .assert_problem(400, "otp_invalid");
    let verified = stage.verify(&id, &code).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    let token = verified.body["reset_token"].as_str().unwrap();
    assert_eq!(stage.reset(token).await.status, 204);
    // The other way was ended by the new password.
    stage
        .forget(&one_step)
        .await
        .assert_problem(400, "otp_invalid");
    assert_eq!(stage.messages().await, 2);
    proxy.set(Weather::Fair);
    stage.app.finish().await;
    url.finish().await;
}

/// Who gets no new message can still use the last one; and a stranger who asks on a host that the
/// account does not serve takes nothing from its owner.
#[tokio::test]
async fn q71_a_request_that_sends_nothing_leaves_the_last_code_good() {
    let stage = Stage::with(&[
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_CONTACT_PER_DAY", "2"),
    ])
    .await;
    let elsewhere = stage.app.brand("b").await;
    let (id, code) = stage.requested().await;
    let forget_code = stage.sent().await;
    for host in [&stage.brand.host, &elsewhere.host] {
        for (path, body) in [(REQUEST, stage.by_name()), (SEND, stage.by_both())] {
            let answer = stage.ask_under(host, path, &body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    assert_eq!(stage.messages().await, 2);
    assert_eq!(stage.verify(&id, &code).await.status, 200);
    assert_eq!(stage.forget(&forget_code).await.status, 204);
    stage.app.finish().await;
}

/// Each refusal writes a row that nobody can delete.
#[tokio::test]
async fn q71_refusals_of_one_address_are_bounded_and_right_codes_do_not_count() {
    let stage = Stage::with(&[("RECOVERY_REFUSALS_PER_SOURCE", "3")]).await;
    for _ in 0..2 {
        let token = stage.permitted().await;
        assert_eq!(stage.reset(&token).await.status, 204);
    }
    let before = stage.audit().await.len();
    for _ in 0..3 {
        let answer = stage.reset("no token").await;
        answer.assert_problem(400, "token_invalid");
    }
    let answers = [
        stage.reset("no token").await,
        stage.verify(&uuid::Uuid::nil().to_string(), "123456").await,
        stage.forget("123456").await,
    ];
    for answer in answers {
        answer.assert_problem(429, "rate_limited");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(stage.audit().await.len(), before + 3);
    stage.app.finish().await;
}
