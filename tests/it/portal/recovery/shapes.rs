//! Known and unknown are answered alike (P-183).

use agent_testkit::{Answer, BrandFixture};
use serde_json::{Value, json};

use super::stage::*;

/// All that a client can tell apart, but for what is random in every answer.
fn shape(answer: &Answer) -> Value {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        for (name, value) in members {
            // Of ids, the length.
            if name == "request_id" {
                *value = value.as_str().map(str::len).into();
            }
        }
    }
    let fixed = ["content-type", "content-length", "cache-control"];
    let fixed = fixed.map(|name| {
        answer
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    });
    json!([answer.status, names, fixed, body])
}

/// What makes an account one that cannot be recovered.
const STATES: [&str; 7] = [
    "UPDATE agent SET status = 'locked' WHERE username = 'odd'",
    "UPDATE agent SET status = 'deleted' WHERE username = 'odd'",
    "UPDATE agent SET phone_num = NULL, phone_bidx = NULL WHERE username = 'odd'",
    "UPDATE agent SET phone_num = 'aesgcm:v1:damaged' WHERE username = 'odd'",
    "UPDATE agent SET phone_num = NULL, phone_bidx = NULL, email = 'a@example.com' WHERE username = 'odd'",
    "DELETE FROM agent_brand WHERE agent_id = (SELECT guid FROM agent WHERE username = 'odd')",
    "UPDATE agent SET phone_bidx = o.phone_bidx, phone_num = o.phone_num FROM agent o \
     WHERE agent.username = 'same' AND o.username = 'odd'",
];
const ODD_PHONE: &str = "+66877777777";
const FREE_PHONE: &str = "+66899999999";

/// Beside the agent of the stage: an odd one, and one that may come to share its phone.
async fn set() -> (Stage, BrandFixture) {
    let stage = Stage::with(&[
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_CONTACT_PER_DAY", "1000"),
        ("CODE_SENDS_PER_SOURCE", "1000"),
        // Before a proxy or not, nobody knows better.
        ("CODE_GUESSES", "1000"),
    ])
    .await;
    for phone in [ODD_PHONE, FREE_PHONE] {
        stage.app.plant(&phone[1..]);
    }
    let other = stage.app.brand("b").await;
    let odd = stage.app.agent("odd", &[&stage.brand]).await;
    give_phone(&stage.app, &odd, ODD_PHONE).await;
    stage.app.agent("same", &[&stage.brand]).await;
    (stage, other)
}

fn named(username: &str, phone: &str) -> [(&'static str, Value); 3] {
    [
        (REQUEST, json!({ "account": username })),
        (REQUEST, json!({ "contact": phone })),
        (SEND, json!({ "username": username, "phone_num": phone })),
    ]
}

#[tokio::test]
async fn p183_q89_asking_for_a_code_tells_nothing() {
    for state in STATES {
        let (stage, other) = set().await;
        stage.execute(state).await;
        let known = named("forgetful", PHONE);
        let hosts = [stage.brand.host.as_str(), other.host.as_str(), NOWHERE];
        for host in hosts {
            for (username, phone) in [
                ("odd", ODD_PHONE),
                ("nobody", FREE_PHONE),
                ("forgetful", PHONE),
                ("forgetful", FREE_PHONE),
            ] {
                let asked = named(username, phone).into_iter().zip(&known);
                for ((path, body), (_, known)) in asked {
                    let known = stage.ask_under(&stage.brand.host, path, known).await;
                    let answer = stage.ask_under(host, path, &body).await;
                    assert_eq!(known.status, 200, "{known:?}");
                    assert_eq!(
                        shape(&answer),
                        shape(&known),
                        "{state}: {host} {path} {body}"
                    );
                }
            }
        }
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p183_a_wrong_code_tells_nothing_of_the_account() {
    for state in STATES {
        let (stage, other) = set().await;
        stage.execute(state).await;
        let (id, code) = stage.requested().await;
        let wrong = other_than(&code);
        let known = stage.verify(&id, &wrong).await;
        known.assert_problem(400, "otp_invalid");
        for host in [stage.brand.host.as_str(), other.host.as_str(), NOWHERE] {
            for body in ["odd", "nobody", "forgetful"].map(|name| json!({ "account": name })) {
                let id = request_id(&stage.ask_under(host, REQUEST, &body).await);
                let body = json!({ "request_id": id, "code": wrong });
                let answer = stage.ask_under(host, VERIFY, &body).await;
                assert_eq!(shape(&answer), shape(&known), "{state}: {host}");
            }
            let never = json!({ "request_id": uuid::Uuid::new_v4(), "code": wrong });
            let answer = stage.ask_under(host, VERIFY, &never).await;
            assert_eq!(shape(&answer), shape(&known), "{state}: {host}");
        }
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p183_a_wrong_code_in_one_step_tells_nothing_of_the_account() {
    for state in STATES {
        let (stage, other) = set().await;
        stage.execute(state).await;
        let code = stage.sent().await;
        let wrong = other_than(&code);
        let known = stage.forget(&wrong).await;
        known.assert_problem(400, "otp_invalid");
        for host in [stage.brand.host.as_str(), other.host.as_str(), NOWHERE] {
            for (username, phone) in [
                ("odd", ODD_PHONE),
                ("odd", PHONE),
                ("nobody", PHONE),
                ("forgetful", FREE_PHONE),
                ("forgetful", PHONE),
            ] {
                let mut body = json!({ "username": username, "phone_num": phone });
                // With a code asked for, and without.
                for asked in [false, true] {
                    if asked {
                        let sent = stage.ask_under(host, SEND, &body).await;
                        assert_eq!(sent.status, 200, "{sent:?}");
                    }
                    for password in [NEW, "short"] {
                        body["code"] = wrong.clone().into();
                        body["new_password"] = password.into();
                        let answer = stage.ask_under(host, FORGET, &body).await;
                        assert_eq!(shape(&answer), shape(&known), "{state}: {host} {body}");
                        body.as_object_mut().unwrap().remove("code");
                        body.as_object_mut().unwrap().remove("new_password");
                    }
                }
            }
        }
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p183_q71_a_limit_tells_nothing_of_the_account() {
    let stage = Stage::with(&[("CODE_SENDS_PER_CONTACT", "2")]).await;
    stage.app.plant(&FREE_PHONE[1..]);
    for ((path, known), (_, unknown)) in named("forgetful", PHONE)
        .iter()
        .zip(&named("nobody", FREE_PHONE))
    {
        for _ in 0..4 {
            let known = stage.ask(path, known).await;
            let unknown = stage.ask(path, unknown).await;
            assert_eq!(shape(&known), shape(&unknown), "{path}");
        }
    }
    stage.app.finish().await;
}

/// A newer request ends the older code of an account that exists. Whoever guesses at the older one
/// learns nothing from that, because the row is written to all the same: work that can be timed.
#[tokio::test]
async fn p183_a_guess_at_an_older_code_is_the_same_work_for_known_and_unknown_accounts() {
    let (stage, _) = set().await;
    let written = "SELECT coalesce(jsonb_agg(jsonb_build_array(attempts, length(code_hash), contact_hash IS NULL) \
                   ORDER BY created_at), '[]') FROM agent_recovery";
    let mut seen: Vec<Value> = Vec::new();
    for (username, phone) in [("forgetful", PHONE), ("nobody", FREE_PHONE)] {
        for (path, body) in named(username, phone) {
            stage.execute("DELETE FROM agent_recovery").await;
            let older = stage.ask(path, &body).await;
            stage.ask(path, &body).await;
            for _ in 0..2 {
                guess_at(&stage, &older, &body).await;
            }
            let rows = sqlx::query_scalar(written).fetch_one(&stage.app.owner);
            seen.push(rows.await.unwrap());
        }
    }
    assert_eq!(seen[0], json!([[2, 32, false], [0, 32, false]]));
    assert_eq!(seen[..3], seen[3..]);
    stage.app.finish().await;
}

async fn guess_at(stage: &Stage, asked: &Answer, named: &Value) {
    let answer = match asked.body["request_id"].as_str() {
        Some(id) => stage.verify(id, "no code").await,
        None => {
            let mut body = named.clone();
            body["code"] = "no code".into();
            body["new_password"] = NEW.into();
            stage.ask(FORGET, &body).await
        }
    };
    answer.assert_problem(400, "otp_invalid");
}

/// What differs by microseconds is covered by a floor under every answer that could tell something.
#[tokio::test]
async fn p183_a_request_and_a_refused_code_are_answered_no_sooner_than_the_floor() {
    let stage = Stage::with(&[("RECOVERY_ANSWER_MILLISECONDS", "250")]).await;
    stage.app.plant(&FREE_PHONE[1..]);
    let floor = std::time::Duration::from_millis(250);
    for (username, phone) in [("forgetful", PHONE), ("nobody", FREE_PHONE)] {
        let forget = json!({
            "username": username, "phone_num": phone, "code": "no code", "new_password": NEW,
        });
        let mut asked = named(username, phone).to_vec();
        asked.push((FORGET, forget));
        for (path, body) in asked {
            let started = std::time::Instant::now();
            let answer = stage.ask(path, &body).await;
            assert!(
                started.elapsed() >= floor,
                "{path}: {:?}",
                started.elapsed()
            );
            let Some(id) = answer.body["request_id"].as_str() else {
                continue;
            };
            let started = std::time::Instant::now();
            stage
                .verify(id, "no code")
                .await
                .assert_problem(400, "otp_invalid");
            assert!(started.elapsed() >= floor, "{:?}", started.elapsed());
        }
    }
    stage.app.finish().await;
}
