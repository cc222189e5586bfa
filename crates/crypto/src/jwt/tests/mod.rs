//! Tokens as an attacker would send them: each differs from a good one in a single point.

mod key_tests;

use super::pem::test_support::public_pem;
use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::EncodingKey;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;
use uuid::Uuid;

/// Making RSA keys is slow: two for all tests.
static PEM: LazyLock<String> = LazyLock::new(|| generate_private_pem().unwrap().to_string());
static OTHER_PEM: LazyLock<String> = LazyLock::new(|| generate_private_pem().unwrap().to_string());
static KEYS: LazyLock<SigningKeys> =
    LazyLock::new(|| SigningKeys::from_pem(&PEM, None, "").unwrap());

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}

fn access() -> AccessClaims {
    AccessClaims::new(42, Uuid::from_u128(7), 3, now(), minutes(15))
}

fn verify(token: &str) -> Result<AccessClaims, TokenError> {
    KEYS.verify(TokenType::Access, token, now())
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "at+jwt", "kid": KEYS.active_kid() })
}

fn claims() -> Value {
    serde_json::to_value(access()).unwrap()
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    assert!(value.as_object_mut().unwrap().remove(name).is_some());
    value
}

fn message(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Any header and claims under a good signature of our own key.
fn signed(header: &Value, claims: &Value) -> String {
    signed_by(&KEYS.encoding, header, claims)
}

fn signed_by(key: &EncodingKey, header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, Algorithm::RS256).unwrap();
    format!("{message}.{signature}")
}

fn refused(header: &Value, claims: &Value) {
    let token = signed(header, claims);
    assert_eq!(
        verify(&token),
        Err(TokenError::Invalid),
        "{header} {claims}"
    );
}

#[test]
fn p110_access_token_round_trip() {
    let token = KEYS.sign(TokenType::Access, &access()).unwrap();
    let claims = verify(&token).unwrap();
    assert_eq!(
        claims,
        AccessClaims {
            jti: claims.jti,
            ..access()
        }
    );
    assert_eq!(claims.agent_guid(), Ok(42));
    assert_eq!(
        (claims.iss.as_str(), claims.aud.as_str()),
        ("agent_service", "agent-portal")
    );
    assert_eq!(claims.exp - claims.iat, 900);
    assert!(token.len() < MAX_TOKEN_BYTES / 2);
}

#[test]
fn p111_header_is_alg_typ_and_kid_only() {
    let keys = SigningKeys::from_pem(&PEM, Some("2026-05"), "").unwrap();
    let token = keys.sign(TokenType::Access, &access()).unwrap();
    let part = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(
        header,
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "2026-05" })
    );
}

/// The base of all refusals below: they would prove nothing if it were refused itself.
#[test]
fn q66_hand_made_token_is_accepted() {
    assert!(verify(&signed(&header(), &claims())).is_ok());
    for typ in ["AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(
            verify(&signed(&with(header(), "typ", json!(typ)), &claims())).is_ok(),
            "{typ}"
        );
    }
    let nbf = with(claims(), "nbf", json!(now().timestamp() + 5));
    assert!(verify(&signed(&header(), &nbf)).is_ok());
}

#[test]
fn q91_recovery_token_round_trip() {
    let id = Uuid::from_u128(9);
    for brand_id in [None, Some(5)] {
        let claims = RecoveryClaims::new(42, id, brand_id, now(), minutes(10));
        let token = KEYS.sign(TokenType::Recovery, &claims).unwrap();
        let read: RecoveryClaims = KEYS.verify(TokenType::Recovery, &token, now()).unwrap();
        assert_eq!(read, claims);
        assert_eq!(
            (read.jti, read.brand_id, read.agent_guid()),
            (id, brand_id, Ok(42))
        );
        assert_eq!(
            verify(&token),
            Err(TokenError::Invalid),
            "recovery token as access token"
        );
    }
    let token = KEYS.sign(TokenType::Access, &access()).unwrap();
    let crossed = KEYS.verify::<RecoveryClaims>(TokenType::Recovery, &token, now());
    assert_eq!(crossed, Err(TokenError::Invalid));
}

#[test]
fn q10_alg_none_and_other_algorithms_are_refused() {
    for alg in [
        "none", "None", "", "RS384", "PS256", "ES256", "HS256", "rs256",
    ] {
        refused(&with(header(), "alg", json!(alg)), &claims());
    }
    refused(&without(header(), "alg"), &claims());
    let unsigned = message(&with(header(), "alg", json!("none")), &claims());
    for token in [
        format!("{unsigned}."),
        unsigned.clone(),
        message(&header(), &claims()) + ".",
    ] {
        assert_eq!(verify(&token), Err(TokenError::Invalid));
    }
}

/// The classic confusion: the public key, known to all, used as an HMAC secret.
#[test]
fn q10_hs256_with_the_public_key_as_secret_is_refused() {
    let header = with(header(), "alg", json!("HS256"));
    let message = message(&header, &claims());
    let jwks = KEYS.jwks();
    let modulus = URL_SAFE_NO_PAD
        .decode(jwks["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    for secret in [public_pem(&PEM).into_bytes(), modulus] {
        let key = EncodingKey::from_secret(&secret);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert_eq!(
            verify(&format!("{message}.{signature}")),
            Err(TokenError::Invalid)
        );
    }
}

#[test]
fn q66_foreign_signature_is_refused() {
    let other = SigningKeys::from_pem(&OTHER_PEM, None, "").unwrap();
    assert_eq!(
        verify(&signed_by(&other.encoding, &header(), &claims())),
        Err(TokenError::Invalid)
    );
    let own = other.sign(TokenType::Access, &access()).unwrap();
    assert_eq!(verify(&own), Err(TokenError::Invalid));
}

#[test]
fn p111_kid_must_be_present_and_known() {
    refused(&without(header(), "kid"), &claims());
    for kid in [
        json!("other"),
        json!(""),
        json!(1),
        json!(null),
        json!("../../etc/passwd"),
    ] {
        refused(&with(header(), "kid", kid), &claims());
    }
}

#[test]
fn q66_q91_typ_must_be_the_expected_one() {
    refused(&without(header(), "typ"), &claims());
    for typ in [
        "JWT",
        "recovery+jwt",
        "at+jwt ",
        "application/application/at+jwt",
        "text/at+jwt",
        "",
    ] {
        refused(&with(header(), "typ", json!(typ)), &claims());
    }
}

/// A key, or where to get one, in the header is never used; what must be understood is not.
#[test]
fn q10_headers_that_bring_a_key_or_extension_are_refused() {
    let other = SigningKeys::from_pem(&OTHER_PEM, Some("evil"), "").unwrap();
    let jwk = other.jwks()["keys"][0].clone();
    let header_with_key = with(with(header(), "jwk", jwk.clone()), "kid", json!("evil"));
    let token = signed_by(&other.encoding, &header_with_key, &claims());
    assert_eq!(verify(&token), Err(TokenError::Invalid));
    for (name, member) in [
        ("jwk", jwk),
        ("jku", json!("https://example.com/jwks.json")),
        ("x5u", json!("https://example.com/cert.pem")),
        ("x5c", json!(["AA=="])),
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
    ] {
        refused(&with(header(), name, member), &claims());
    }
}

#[test]
fn q66_player_shaped_token_under_the_same_key_is_refused() {
    let player = json!({
        "iss": "player_service", "aud": "player-api", "sub": "player:42",
        "iat": now().timestamp(), "exp": now().timestamp() + 900, "jti": "x",
    });
    refused(&with(header(), "typ", json!("JWT")), &player);
    refused(&header(), &player);
    for (name, member) in [
        ("iss", json!("player_service")),
        ("iss", json!("agent_service ")),
        ("iss", json!(["agent_service"])),
        ("iss", json!(["agent_service", "player_service"])),
        ("aud", json!("player-api")),
        ("aud", json!("agent-recovery")),
        ("aud", json!("Agent-Portal")),
        ("aud", json!(["agent-portal"])),
        ("aud", json!(["agent-portal", "player-api"])),
        ("aud", json!("")),
        ("sub", json!("player:42")),
        ("sub", json!("42")),
        ("sub", json!("agent:42x")),
        ("sub", json!(42)),
    ] {
        refused(&header(), &with(claims(), name, member));
    }
}

#[test]
fn q66_every_required_claim_is_required_and_well_formed() {
    for name in ["iss", "aud", "sub", "sid", "tv", "iat", "exp", "jti"] {
        refused(&header(), &without(claims(), name));
        refused(&header(), &with(claims(), name, json!(null)));
        refused(&header(), &with(claims(), name, json!({})));
    }
    refused(&header(), &with(claims(), "jti", json!("")));
    refused(&header(), &with(claims(), "exp", json!("1800000900")));
    refused(&header(), &with(claims(), "exp", json!(1.8e9 + 900.5)));
    refused(&header(), &with(claims(), "exp", json!(u64::MAX)));
    refused(&header(), &with(claims(), "tv", json!(1_i64 << 40)));
    refused(&header(), &json!([claims()]));
    refused(&header(), &json!("text"));
    // Also where the caller's own type would not mind.
    let no_id = signed(&header(), &with(claims(), "jti", json!("")));
    let read = KEYS.verify::<Value>(TokenType::Access, &no_id, now());
    assert_eq!(read, Err(TokenError::Invalid));
}

#[test]
fn expiry_follows_the_injected_clock_and_leeway() {
    let token = KEYS.sign(TokenType::Access, &access()).unwrap();
    let at = |seconds: i64| {
        let moment = now() + TimeDelta::seconds(seconds);
        KEYS.verify::<AccessClaims>(TokenType::Access, &token, moment)
            .map(|_| ())
    };
    assert_eq!(at(0), Ok(()));
    assert_eq!(at(904), Ok(()));
    assert_eq!(at(905), Err(TokenError::Expired));
    assert_eq!(at(1_000_000_000), Err(TokenError::Expired));
    // Issued by an instance whose clock is ahead.
    assert_eq!(at(-5), Ok(()));
    assert_eq!(at(-6), Err(TokenError::Invalid));

    let strict = SigningKeys::from_pem(&PEM, None, "")
        .unwrap()
        .with_leeway_seconds(0);
    let at = |seconds: i64| {
        let moment = now() + TimeDelta::seconds(seconds);
        strict
            .verify::<AccessClaims>(TokenType::Access, &token, moment)
            .map(|_| ())
    };
    assert_eq!((at(899), at(900)), (Ok(()), Err(TokenError::Expired)));
}

#[test]
fn times_at_the_edges_do_not_overflow() {
    refused(&header(), &with(claims(), "iat", json!(i64::MAX)));
    refused(&header(), &with(claims(), "nbf", json!(i64::MAX)));
    let negative = signed(&header(), &with(claims(), "exp", json!(-1)));
    assert!(verify(&negative).is_err());
    assert!(verify(&signed(&header(), &with(claims(), "exp", json!(i64::MAX)))).is_ok());
}

#[test]
fn not_before_in_the_future_is_refused() {
    refused(
        &header(),
        &with(claims(), "nbf", json!(now().timestamp() + 6)),
    );
    refused(&header(), &with(claims(), "nbf", json!("soon")));
    refused(
        &header(),
        &with(claims(), "iat", json!(now().timestamp() + 6)),
    );
}

#[test]
fn expired_is_said_of_genuine_tokens_only() {
    let old = with(claims(), "exp", json!(now().timestamp() - 60));
    assert_eq!(verify(&signed(&header(), &old)), Err(TokenError::Expired));
    refused(&header(), &with(old.clone(), "aud", json!("player-api")));
    let forged = message(&header(), &old) + ".AAAA";
    assert_eq!(verify(&forged), Err(TokenError::Invalid));
}

#[test]
fn overlong_tokens_are_refused_unread() {
    let fits = with(claims(), "x", json!("y".repeat(1500)));
    assert!(verify(&signed(&header(), &fits)).is_ok());
    let over = signed(&header(), &with(claims(), "x", json!("y".repeat(4096))));
    assert!(over.len() > MAX_TOKEN_BYTES);
    assert_eq!(verify(&over), Err(TokenError::Invalid));
}

#[test]
fn tokens_of_wrong_shape_are_refused() {
    let token = KEYS.sign(TokenType::Access, &access()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let five = format!("{token}.{}.{}", parts[0], parts[1]);
    for bad in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        &format!("{token}."),
        &format!(".{token}"),
        &five,
        &format!("{token}="),
        &format!(" {token}"),
        &format!("{token}\n"),
        &format!("{}.{}", parts[0], parts[1]),
        &format!("{}..{}", parts[0], parts[2]),
        &token.replace('.', ".."),
        &format!("Bearer {token}"),
    ] {
        assert_eq!(verify(bad), Err(TokenError::Invalid), "{bad:?}");
    }
    for length in 0..token.len() {
        assert_eq!(
            verify(&token[..length]),
            Err(TokenError::Invalid),
            "cut at {length}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn garbage_tokens_never_panic(token in "\\PC{0,200}|[A-Za-z0-9_-]{0,80}(\\.[A-Za-z0-9_-]{0,80}){0,4}") {
        prop_assert_eq!(verify(&token), Err(TokenError::Invalid));
    }

    #[test]
    fn garbage_header_and_claims_never_panic(header in "[{}\\[\\]\",:a-z0-9]{0,60}", claims in "[{}\\[\\]\",:a-z0-9]{0,60}") {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.AAAA", encode(&header), encode(&claims));
        prop_assert_eq!(verify(&token), Err(TokenError::Invalid));
    }

    #[test]
    fn any_changed_character_is_refused(at: prop::sample::Index, with in "[A-Za-z0-9_.-]") {
        static TOKEN: LazyLock<String> =
            LazyLock::new(|| KEYS.sign(TokenType::Access, &access()).unwrap());
        let at = at.index(TOKEN.len());
        let mut changed = TOKEN.clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(changed != *TOKEN);
        prop_assert_eq!(verify(&changed), Err(TokenError::Invalid));
    }
}
