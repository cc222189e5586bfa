//! Key material: what is accepted, refused, published; rotation.

use super::super::pem::test_support::{public_pem_pkcs1, wrap};
use super::*;
use base64::engine::general_purpose::STANDARD;

/// A throw-away 1024-bit RSA key and a P-256 key, PKCS#8 DER, to be refused.
const RSA_1024: &str = "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAK9yJPuiiXRsp3eKSePxmvlMqmWtCwZ+4aI8VO8eShFMlpOEHEanAjn4cc+RQBoSQvGBpGLSzBo6D6Be/d/kz0CRds2k4jfIeECeTKSgqWNT3akF84DbBks/fxarUwVud85VVXQQz7LXm7LCCDzUM8BzWBr4N5MCwrVADlaG4XXTAgMBAAECgYBVV3nD6alhN6UykdMljRXsZK2Sbd0qGLga2awa8Knoxk+MjDvQ5lY/6qk55Za/19g2b/CNnapoq4uEYBCwQzXIjUFFIfbjsI15ug1fhz/MZeAcRsjjgJZJbxowDqOpJ/bCrRNPmvyYv/LI05lQQvJZt3abwJU6JQEFgl+tojVXsQJBAN97rooXeBSfiMtjBQVLobobPPtS3uYRlBVktDljHGRQXiV7ALNxfsd4MYE4cpC/ED+EwFnWL39Z7hu6io7tQ4kCQQDI+SrBPLfzHdEt9cbatQZqWiWC/DmEpRovC3Z9gM3HkzFLX5za7+qc6it+a2VFg8OUyiZCWDZTGOddVVi3uit7AkAaE5VvGYPybBcLHFe2oXeSfqEj9ix6De0IfgKle5IRhmsl1m9jgMe5QKYOHOcJSrH7p2LGWL6cDoNBCwgl2zt5AkEAhngBHW5M/kQzE/dg6DE7a6mJc8zjh1cY3+VhkLO//AsGbpI411yzs+4Sz/F3vz1cfY+MbdOr9YmyNIbIZ5YPRQJASbLumy/kKmHohUGHqY/nNdXkB89iyOYgeKHkf9eh+aWYtExrUp0H93Fgw5x6fLOreWuVA11WxpGFHGomr8D8vg==";
const RSA_1024_PUBLIC: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC2x8nwYKEJkURSHVL7rRDpt7v0eKuBDbQfYqN0Q0cDLQ0haxBLZGy1V2xUGM2BxJcwE4LAV7yF11Mlp0nmzqIFrr6uyTLsvoeVHdhwzxt6fq/xk7PqjMoShuEpJnaWgpLD0qLF3IU47wwvLmf3y86rC6q5y3PH9+OmhHdpZjYssQIDAQAB";
const EC_P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguQ7QjmJLPWdLWuORa6l+bWGBWzw+KsuARsFMFFgtSgWhRANCAAQJt/Cs6z1HFVM+mD/oQv4mYs5X29GJMzxqaPEIoSywB6QNt3/09gcYubxrTKPGyxYrj2s/DoeFBP771Vv8Veif";

#[test]
fn p111_rotation_previous_kid_verifies_and_removed_kid_is_refused() {
    let old = SigningKeys::from_pem(&OTHER_PEM, None, "").unwrap();
    let token = old.sign(TokenType::Access, &access()).unwrap();
    let check = |keys: &SigningKeys| keys.verify::<AccessClaims>(TokenType::Access, &token, now());
    let previous_pem = public_pem(&OTHER_PEM);
    let escaped = previous_pem.replace('\n', "\\n");
    let previous_jwks = old.jwks().to_string();
    let pkcs1 = public_pem_pkcs1(&OTHER_PEM);
    for previous in [&previous_pem, &escaped, &pkcs1, &previous_jwks] {
        let rotated = SigningKeys::from_pem(&PEM, Some("new"), previous).unwrap();
        assert!(check(&rotated).is_ok());
        assert_eq!(rotated.active_kid(), "new");
        assert_eq!(rotated.jwks()["keys"].as_array().unwrap().len(), 2);
    }
    let removed = SigningKeys::from_pem(&PEM, Some("new"), "").unwrap();
    assert_eq!(check(&removed), Err(TokenError::Invalid));
}

#[test]
fn p111_rotation_instances_with_different_kids_accept_each_other() {
    let named =
        |pem: &str, kid: &str, previous: &str| SigningKeys::from_pem(pem, Some(kid), previous);
    let (a, b) = (
        named(&PEM, "a", "").unwrap(),
        named(&OTHER_PEM, "b", "").unwrap(),
    );
    let a_both = named(&PEM, "a", &b.jwks().to_string()).unwrap();
    let b_both = named(&OTHER_PEM, "b", &a.jwks().to_string()).unwrap();
    for (signer, verifier) in [(&a_both, &b_both), (&b_both, &a_both)] {
        let token = signer.sign(TokenType::Access, &access()).unwrap();
        assert!(
            verifier
                .verify::<AccessClaims>(TokenType::Access, &token, now())
                .is_ok()
        );
    }
}

#[test]
fn q10_jwks_holds_public_members_only() {
    let keys = SigningKeys::from_pem(&PEM, None, &public_pem(&OTHER_PEM)).unwrap();
    let jwks = keys.jwks();
    let listed = jwks["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["kid"], keys.active_kid());
    for key in listed {
        let mut names: Vec<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(
            (&key["kty"], &key["use"], &key["alg"]),
            (&json!("RSA"), &json!("sig"), &json!("RS256"))
        );
        assert_eq!(key["e"], "AQAB");
    }
    // The thumbprint, computed by the other implementation at hand.
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(listed[1].clone()).unwrap();
    let thumbprint = jwk
        .thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
        .unwrap();
    assert_eq!(listed[1]["kid"], thumbprint.as_str());
}

#[test]
fn p110_private_key_forms() {
    let escaped = PEM.replace('\n', "\\n");
    let crlf = PEM.replace('\n', "\r\n");
    let padded = format!("\n{}\n\n", *PEM);
    let pkcs1 = wrap(
        "RSA PRIVATE KEY",
        &STANDARD.encode(KEYS.encoding.as_bytes()),
    );
    for pem in [escaped, crlf, padded, pkcs1] {
        let keys = SigningKeys::from_pem(&pem, Some(""), "").unwrap();
        assert_eq!(keys.active_kid(), KEYS.active_kid());
    }
    let error = |pem: &str| SigningKeys::from_pem(pem, None, "").unwrap_err();
    assert_eq!(error(""), KeyError::Malformed);
    assert_eq!(error("not a key"), KeyError::Malformed);
    assert_eq!(error(&PEM[..PEM.len() / 2]), KeyError::Malformed);
    assert_eq!(
        error(&format!("{}{}", *PEM, *OTHER_PEM)),
        KeyError::Malformed
    );
    assert_eq!(error(&public_pem(&PEM)), KeyError::NotPrivate);
    assert_eq!(
        error(&wrap("ENCRYPTED PRIVATE KEY", RSA_1024)),
        KeyError::NotPrivate
    );
    assert_eq!(error(&wrap("PRIVATE KEY", RSA_1024)), KeyError::Rejected);
    assert_eq!(error(&wrap("PRIVATE KEY", EC_P256)), KeyError::NotRs256);
    assert_eq!(error(&wrap("PRIVATE KEY", "AAAA")), KeyError::NotRs256);
}

#[test]
fn q10_previous_key_set_is_checked() {
    let error = |kid: &str, previous: &str| SigningKeys::from_pem(&PEM, Some(kid), previous).err();
    assert_eq!(error("a", &OTHER_PEM), Some(KeyError::NotPublic));
    assert_eq!(error("a", "garbage"), Some(KeyError::Malformed));
    assert_eq!(error("a", "{}"), Some(KeyError::Malformed));
    assert_eq!(
        error("a", &format!("{} garbage", public_pem(&OTHER_PEM))),
        Some(KeyError::Malformed)
    );
    assert_eq!(
        error("a", &wrap("PUBLIC KEY", RSA_1024_PUBLIC)),
        Some(KeyError::TooSmall)
    );
    assert_eq!(error("with space", ""), Some(KeyError::BadKid));
    assert_eq!(error(&"k".repeat(129), ""), Some(KeyError::BadKid));
    let other = SigningKeys::from_pem(&OTHER_PEM, Some("a"), "")
        .unwrap()
        .jwks()
        .to_string();
    assert_eq!(error("a", &other), Some(KeyError::DuplicateKid));
    assert_eq!(error("b", &other), None);
    // The active key listed again is no conflict, and is not listed twice.
    let again = SigningKeys::from_pem(&PEM, None, &public_pem(&PEM)).unwrap();
    assert_eq!(again.jwks()["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn p145_key_errors_and_debug_show_no_key() {
    let body: String = PEM
        .lines()
        .filter(|l| !l.starts_with('-'))
        .take(1)
        .collect();
    let shown = format!("{:?}", *KEYS);
    assert!(shown.contains(KEYS.active_kid()) && !shown.contains(&body));
    let damaged = PEM.replacen(&body[..8], "AAAAAAAA", 1);
    let error = SigningKeys::from_pem(&damaged, None, "").unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&body[8..16]));
}

#[test]
fn q10_ephemeral_keys_work_and_differ() {
    install_provider();
    install_provider();
    let (a, b) = (
        SigningKeys::generate_ephemeral().unwrap(),
        SigningKeys::generate_ephemeral().unwrap(),
    );
    assert_ne!(a.active_kid(), b.active_kid());
    let token = a.sign(TokenType::Access, &access()).unwrap();
    assert!(
        a.verify::<AccessClaims>(TokenType::Access, &token, now())
            .is_ok()
    );
    assert!(
        b.verify::<AccessClaims>(TokenType::Access, &token, now())
            .is_err()
    );
}

proptest! {
    #[test]
    fn garbage_keys_never_panic(text in "(-----BEGIN (PUBLIC KEY|RSA PUBLIC KEY|PRIVATE KEY)-----\n)?[A-Za-z0-9+/=\n]{0,120}(-----END (PUBLIC KEY|RSA PUBLIC KEY|PRIVATE KEY)-----)?") {
        prop_assert!(SigningKeys::from_pem(&text, None, "").is_err());
        prop_assert!(text.trim().is_empty() || SigningKeys::from_pem(&PEM, None, &text).is_err());
    }
}
