//! Access tokens: what is in one, and what is none (P-111, Q-66, Q-91).

use agent_crypto::jwt::{RecoveryClaims, TokenType};
use agent_testkit::Answer;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    forge,
    held::{Held, ROUTE},
};

#[tokio::test]
async fn p110_p111_q66_q87_an_access_token_says_what_it_should() {
    let held = Held::new().await;
    let (header, claims) = forge::read(&held.access);
    assert_eq!(
        header,
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "key-1" })
    );
    let family: String = sqlx::query_scalar("SELECT family::text FROM agent_refresh_token")
        .fetch_one(&held.app.owner)
        .await
        .unwrap();
    let issued = claims["iat"].as_i64().unwrap();
    let jti = claims["jti"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(jti).is_ok());
    assert!((held.app.clock.now().timestamp() - issued).abs() <= 60);
    // Nothing else is in it: no brand above all.
    assert_eq!(
        claims,
        json!({
            "iss": "agent_service", "aud": "agent-portal", "sub": format!("agent:{}", held.guid),
            "sid": family, "tv": 1, "iat": issued, "exp": issued + 900, "jti": jti,
        })
    );
    held.app.finish().await;
}

#[tokio::test]
async fn q66_a_token_of_the_same_key_must_be_right_in_every_part() {
    let held = Held::new().await;
    let (header, claims) = forge::read(&held.access);
    let now = held.app.clock.now().timestamp();
    let forged = |part: &str, value: Value| {
        let (mut header, mut claims) = (header.clone(), claims.clone());
        let (part, members) = match part.strip_prefix("header ") {
            Some(part) => (part, &mut header),
            None => (part, &mut claims),
        };
        members[part] = value;
        if members[part] == "absent" {
            members.as_object_mut().unwrap().remove(part);
        }
        held.forge.token(&header, &claims)
    };
    // The forge itself is good.
    let good = held.answer(&held.forge.token(&header, &claims)).await;
    assert_eq!(good.status, 200, "{good:?}");
    let begun = held.answer(&forged("nbf", json!(now - 60))).await;
    assert_eq!(begun.status, 200, "{begun:?}");

    for (part, value) in [
        ("iss", json!("player_service")),
        ("iss", json!(["agent_service"])),
        ("iss", json!("absent")),
        ("aud", json!("player-portal")),
        ("aud", json!("agent-recovery")),
        ("aud", json!(["agent-portal"])),
        ("aud", json!(["agent-portal", "player-portal"])),
        ("aud", json!("absent")),
        ("sub", json!(format!("player:{}", held.guid))),
        ("sub", json!(held.guid.to_string())),
        ("sub", json!(held.guid)),
        ("sub", json!(format!("agent:0{}", held.guid))),
        ("sub", json!(format!("agent:{}", held.guid + 1))),
        ("sub", json!("agent:-1")),
        ("sub", json!("agent:1 OR 1=1")),
        ("sub", json!("absent")),
        ("sid", json!(uuid::Uuid::new_v4().to_string())),
        ("sid", json!("not a uuid")),
        ("sid", json!("absent")),
        ("tv", json!(2)),
        ("tv", json!(0)),
        ("tv", json!("1")),
        ("tv", json!("absent")),
        ("exp", json!("absent")),
        ("exp", json!((now + 900).to_string())),
        ("iat", json!(now + 60)),
        ("iat", json!("absent")),
        ("nbf", json!(now + 60)),
        ("jti", json!("absent")),
        ("jti", json!("")),
        ("header typ", json!("JWT")),
        ("header typ", json!("recovery+jwt")),
        ("header typ", json!("absent")),
        ("header kid", json!("key-2")),
        ("header kid", json!("../../key-1")),
        ("header kid", json!("absent")),
        ("header alg", json!("RS384")),
        ("header alg", json!("PS256")),
        ("header alg", json!("HS256")),
        ("header alg", json!("none")),
        ("header alg", json!("absent")),
        ("header crit", json!(["exp"])),
        ("header zip", json!("DEF")),
    ] {
        let what = format!("{part} = {value}");
        held.assert_refused(&what, &forged(part, value)).await;
    }
    let expired = held.answer(&forged("exp", json!(now - 60))).await;
    expired.assert_problem(401, "token_expired");
    held.app.finish().await;
}

#[tokio::test]
async fn q66_a_players_token_is_no_agents_token() {
    let held = Held::new().await;
    let now = held.app.clock.now().timestamp();
    for (typ, issuer, audience, subject) in [
        ("at+jwt", "player_service", "player-portal", "player"),
        ("JWT", "player_service", "player-portal", "agent"),
        ("at+jwt", "agent_service", "agent-portal", "player"),
    ] {
        let header = json!({ "alg": "RS256", "typ": typ, "kid": "key-1" });
        let claims = json!({
            "iss": issuer, "aud": audience, "sub": format!("{subject}:{}", held.guid), "brand_id": 1,
            "iat": now, "exp": now + 900, "jti": uuid::Uuid::new_v4().to_string(),
        });
        let token = held.forge.token(&header, &claims);
        held.assert_refused(subject, &token).await;
    }
    held.app.finish().await;
}

#[tokio::test]
async fn q66_what_is_no_token_is_refused() {
    let held = Held::new().await;
    let access = &held.access;
    let (head, rest) = access.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let long = "x".repeat(5000);
    for token in [
        "x",
        ".",
        "..",
        "...",
        &format!("{head}.{body}"),
        &format!("{head}.{body}."),
        &format!("{access}.{signature}"),
        &format!("{head}..{signature}"),
        &format!("{head}.{body}.{flipped}{}", &signature[1..]),
        &format!("{head}.{body}.{}", &signature[1..]),
        &format!("{head}.{body}.{signature}="),
        &format!("{access} {access}"),
        &format!("{access},{access}"),
        &access.to_lowercase(),
        &format!("{head}.{body}x.{signature}"),
        long.as_str(),
    ] {
        held.assert_refused("no token", token).await;
    }
    held.app.finish().await;
}

#[tokio::test]
async fn q66_exactly_one_bearer_counts() {
    let held = Held::new().await;
    let bearer = format!("Bearer {}", held.access);
    let with = async |values: &[&str]| {
        let request = held.app.request("GET", &held.brand.host, ROUTE);
        let headers = values.iter().fold(request, |request, value| {
            request.header("Authorization", *value)
        });
        Answer::of(headers).await
    };
    for good in [bearer.clone(), format!("bearer {}", held.access)] {
        assert_eq!(with(&[&good]).await.status, 200);
    }
    for bad in [
        &[][..],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &[&held.access],
        &[&format!("Basic {}", held.access)],
        &[&format!("Token {bearer}")],
        &[&format!("Bearer{}", held.access)],
        &[&bearer, &bearer],
        &[&bearer, "Basic eA=="],
        &["Bearer x", &bearer],
        &[&format!("{bearer}, {bearer}")],
    ] {
        with(bad).await.assert_problem(401, "unauthenticated");
    }
    // Nothing but the header is looked at.
    for elsewhere in [
        format!("{ROUTE}?access_token={}", held.access),
        format!("{ROUTE}?token={}", held.access),
    ] {
        let request = held.app.request("GET", &held.brand.host, &elsewhere);
        let request = request.header("Cookie", format!("access_token={}", held.access));
        Answer::of(request)
            .await
            .assert_problem(401, "unauthenticated");
    }
    held.app.finish().await;
}

#[tokio::test]
async fn q91_tokens_of_different_kinds_are_never_interchangeable() {
    let held = Held::new().await;
    let claims = RecoveryClaims::new(
        held.guid,
        uuid::Uuid::new_v4(),
        Some(held.brand.id.0),
        held.app.clock.now(),
        TimeDelta::minutes(10),
    );
    let recovery = held.app.app.tokens.sign(TokenType::Recovery, &claims);
    let recovery = recovery.unwrap();
    held.app.plant(&recovery);
    held.assert_refused("a refresh token", &held.refresh).await;
    held.assert_refused("a recovery token", &recovery).await;
    // All that access has, but said to be for recovery.
    let (mut header, access) = forge::read(&held.access);
    header["typ"] = json!("recovery+jwt");
    held.assert_refused("typ", &held.forge.token(&header, &access))
        .await;
    for token in [&held.access, &recovery] {
        let body = json!({ "refresh_token": token });
        let request = held
            .app
            .request("POST", &held.brand.host, "/agent/refresh_token");
        let answer = Answer::of(request.json(&body)).await;
        assert!(matches!(answer.status, 401 | 422), "{answer:?}");
    }
    held.app.finish().await;
}
