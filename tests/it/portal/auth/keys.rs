//! Which key and algorithm a signature may have (P-110, P-111, Q-10).

use agent_crypto::jwt::SigningKeys;
use agent_testkit::{Answer, TestApp};
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::{
    forge::{self, Forge},
    held::{Held, with_token},
};

#[tokio::test]
async fn q10_only_rs256_under_our_key_is_a_signature() {
    let held = Held::new().await;
    let (header, claims) = forge::read(&held.access);
    let with_alg = |alg: &str| json!({ "alg": alg, "typ": "at+jwt", "kid": "key-1" });

    for alg in ["none", "None", "NONE", "", "RS256"] {
        let token = forge::unsigned(&with_alg(alg), &claims);
        held.assert_refused(&format!("unsigned {alg}"), &token)
            .await;
    }
    let jwks = held.jwks().await;
    let jwk = &jwks["keys"][0];
    let public = forge::public_pem(jwk);
    for secret in [
        public.as_str(),
        public.trim_end(),
        jwk["n"].as_str().unwrap(),
        &jwk.to_string(),
        &jwks.to_string(),
        "key-1",
        "",
    ] {
        for header in [with_alg("HS256"), with_alg("RS256")] {
            let token = forge::hs256(&header, &claims, secret.as_bytes());
            held.assert_refused("signed with the public key", &token)
                .await;
        }
    }
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        for header in [with_alg(&format!("{algorithm:?}")), header.clone()] {
            let token = held.forge.signed(&header, &claims, algorithm);
            held.assert_refused("another algorithm", &token).await;
        }
    }
    let stranger = Forge::new();
    held.assert_refused("a stranger's key", &stranger.token(&header, &claims))
        .await;
    // A key that the token brings along.
    let own = SigningKeys::from_pem(&stranger.pem, Some("key-1"), "").unwrap();
    let mut brings = header.clone();
    brings["jwk"] = own.jwks()["keys"][0].clone();
    held.assert_refused("a key of its own", &stranger.token(&brings, &claims))
        .await;
    held.app.finish().await;
}

fn key_variables<'a>(
    forge: &'a Forge,
    kid: &'a str,
    previous: &'a str,
) -> [(&'static str, &'a str); 3] {
    [
        ("JWT_PRIVATE_KEY", &forge.pem),
        ("JWT_KID", kid),
        ("JWT_PREVIOUS_PUBLIC_KEYS", previous),
    ]
}

#[tokio::test]
async fn p111_q10_instances_with_different_keys_accept_each_others_tokens() {
    let (one, two) = (Forge::new(), Forge::new());
    let public = |forge: &Forge, kid| {
        let keys = SigningKeys::from_pem(&forge.pem, Some(kid), "").unwrap();
        keys.jwks().to_string()
    };
    let (public_one, public_two) = (public(&one, "one"), public(&two, "two"));
    let old = TestApp::with(&key_variables(&one, "one", &public_two)).await;
    let brand = old.brand("a").await;
    let agent = old.agent("mover", &[&brand]).await;
    let new = old.beside(&key_variables(&two, "two", &public_one)).await;
    let last = old.beside(&key_variables(&two, "two", "")).await;

    let by_old = old.login(&brand.host, "mover", &agent.password).await;
    let by_new = new.login(&brand.host, "mover", &agent.password).await;
    for (token, kid) in [(&by_old.access_token, "one"), (&by_new.access_token, "two")] {
        assert_eq!(forge::read(token).0["kid"], kid);
        for app in [&old, &new] {
            let answer = with_token(app, &brand.host, token).await;
            assert_eq!(answer.status, 200, "{kid}: {answer:?}");
        }
    }
    // Both keys are published by either; the one that was taken away is refused.
    let keys = new.app.tokens.jwks()["keys"].as_array().unwrap().len();
    assert_eq!(keys, 2);
    let removed = with_token(&last, &brand.host, &by_old.access_token).await;
    removed.assert_problem(401, "unauthenticated");
    let kept = with_token(&last, &brand.host, &by_new.access_token).await;
    assert_eq!(kept.status, 200, "{kept:?}");
    // The session itself outlives the key.
    let body = json!({ "refresh_token": by_old.refresh_token });
    let request = last.request("POST", &brand.host, "/agent/refresh_token");
    let refreshed = Answer::of(request.json(&body)).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");

    last.finish().await;
    new.finish().await;
    old.finish().await;
}

#[tokio::test]
async fn p110_the_published_keys_hold_no_private_part() {
    let held = Held::new().await;
    let jwks = held.jwks().await;
    let key = jwks["keys"][0].as_object().unwrap();
    for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(!key.contains_key(member), "{member}");
    }
    assert_eq!(key["kid"], "key-1");
    assert_eq!(key["alg"], "RS256");
    held.app.finish().await;
}
