//! Schemes, shapes and time; the pool has tests of its own.

mod pool_tests;

use super::*;
use crate::observer::NoObserver;
use crate::observer::recording::{Recording, Report};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const SALT: &[u8] = b"pepper";
/// The least Argon2 allows, so that tests of logic are fast.
const CHEAP: Argon2Cost = Argon2Cost {
    memory_kib: 8,
    iterations: 1,
    parallelism: 1,
};
const MATCH: PasswordCheck = PasswordCheck {
    matches: true,
    rehash: false,
};
const MATCH_REHASH: PasswordCheck = PasswordCheck {
    matches: true,
    rehash: true,
};
const NO_MATCH: PasswordCheck = PasswordCheck {
    matches: false,
    rehash: false,
};

fn settings(cost: Argon2Cost) -> PasswordSettings {
    PasswordSettings {
        salt: Zeroizing::new(SALT.to_vec()),
        cost,
        workers: 2,
        queue: 8,
    }
}

fn pipeline(settings: PasswordSettings) -> PasswordPipeline {
    PasswordPipeline::new(settings, Arc::new(NoObserver)).unwrap()
}

#[tokio::test]
async fn q22_phc_round_trip() {
    let pipeline = pipeline(settings(CHEAP));
    let stored = pipeline.hash("correct horse").await.unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
        "{stored}"
    );
    assert_ne!(
        stored,
        pipeline.hash("correct horse").await.unwrap(),
        "salt must be fresh"
    );
    assert_eq!(
        pipeline.verify(Some(&stored), "correct horse").await,
        Ok(MATCH)
    );
    for wrong in ["correct hors", "correct horse ", "Correct horse", ""] {
        assert_eq!(
            pipeline.verify(Some(&stored), wrong).await,
            Ok(NO_MATCH),
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn q22_default_cost_is_the_documented_one() {
    let stored = pipeline(settings(Argon2Cost::default()))
        .hash("x")
        .await
        .unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
}

#[tokio::test]
async fn q22_another_pepper_is_no_match() {
    let stored = pipeline(settings(CHEAP))
        .hash("correct horse")
        .await
        .unwrap();
    let other = PasswordSettings {
        salt: Zeroizing::new(b"other".to_vec()),
        ..settings(CHEAP)
    };
    assert_eq!(
        pipeline(other).verify(Some(&stored), "correct horse").await,
        Ok(NO_MATCH)
    );
}

/// The Argon2id test vector of RFC 9106 section 5.3, secret and associated data included.
#[tokio::test]
async fn q22_rfc9106_argon2id_vector() {
    use base64::Engine;
    let b64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
    let tag = hex::decode("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    let stored = format!(
        "$argon2id$v=19$m=32,t=3,p=4,data={}${}${}",
        b64(&[4; 12]),
        b64(&[2; 16]),
        b64(&tag.unwrap())
    );
    let secret = PasswordSettings {
        salt: Zeroizing::new(vec![3; 8]),
        ..settings(CHEAP)
    };
    let pipeline = pipeline(secret);
    assert_eq!(
        pipeline.verify(Some(&stored), &"\u{1}".repeat(32)).await,
        Ok(MATCH)
    );
    assert_eq!(
        pipeline.verify(Some(&stored), &"\u{1}".repeat(31)).await,
        Ok(NO_MATCH)
    );
}

#[tokio::test]
async fn q22_legacy_sha256_matches_and_asks_for_a_rehash() {
    let pipeline = pipeline(settings(CHEAP));
    let stored = PasswordPipeline::legacy_hash_for_fixture(SALT, "old password");
    // From `printf 'pepperold password' | sha256sum`.
    assert_eq!(
        stored,
        "0b033cb5fa073078b46c407653f1424f5efc0b9235caac91a81b3118f92d0eab"
    );
    for stored in [stored.to_uppercase(), stored] {
        assert_eq!(
            pipeline.verify(Some(&stored), "old password").await,
            Ok(MATCH_REHASH)
        );
        assert_eq!(
            pipeline.verify(Some(&stored), "old passwore").await,
            Ok(NO_MATCH)
        );
    }
}

#[tokio::test]
async fn q22_cheaper_hash_asks_for_a_rehash_and_a_dearer_one_does_not() {
    let dearer = Argon2Cost {
        memory_kib: 16,
        iterations: 2,
        parallelism: 1,
    };
    let old = pipeline(settings(CHEAP)).hash("secret").await.unwrap();
    let new = pipeline(settings(dearer)).hash("secret").await.unwrap();
    assert_eq!(
        pipeline(settings(dearer))
            .verify(Some(&old), "secret")
            .await,
        Ok(MATCH_REHASH)
    );
    assert_eq!(
        pipeline(settings(dearer)).verify(Some(&old), "wrong").await,
        Ok(NO_MATCH)
    );
    assert_eq!(
        pipeline(settings(CHEAP)).verify(Some(&new), "secret").await,
        Ok(MATCH)
    );
}

#[tokio::test]
async fn q22_unknown_shapes_never_match_and_are_reported() {
    let observer = Arc::new(Recording::default());
    let pipeline = PasswordPipeline::new(settings(CHEAP), Arc::clone(&observer) as _).unwrap();
    let good = pipeline.hash("secret").await.unwrap();
    let legacy = PasswordPipeline::legacy_hash_for_fixture(SALT, "secret");
    for stored in [
        "",
        "secret",
        "$2b$12$C6UzMDM.H6dfI/f/IKcEeO",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
        &good.replace("argon2id", "argon2i"),
        &good.replace("v=19", "v=16"),
        &good.replace("m=8", "m=4000000"),
        &good.replace("t=1", "t=4000000"),
        &legacy[..63],
        &format!("{legacy}0"),
        &format!(" {legacy}"),
    ] {
        assert_eq!(
            pipeline.verify(Some(stored), "secret").await,
            Ok(NO_MATCH),
            "{stored}"
        );
        assert_eq!(observer.take(), [Report::UnknownPasswordShape], "{stored}");
    }
    assert_eq!(pipeline.verify(Some(&good), "wrong").await, Ok(NO_MATCH));
    assert_eq!(pipeline.verify(None, "secret").await, Ok(NO_MATCH));
    assert_eq!(observer.take(), []);
}

#[tokio::test]
async fn q22_overlong_passwords_never_match() {
    let pipeline = pipeline(settings(CHEAP));
    let (longest, overlong) = ("p".repeat(1024), "p".repeat(1025));
    let stored = pipeline.hash(&longest).await.unwrap();
    assert_eq!(pipeline.verify(Some(&stored), &longest).await, Ok(MATCH));
    assert_eq!(pipeline.hash(&overlong).await, Err(PasswordError::TooLong));
    let legacy = PasswordPipeline::legacy_hash_for_fixture(SALT, &overlong);
    assert_eq!(
        pipeline.verify(Some(&legacy), &overlong).await,
        Ok(NO_MATCH)
    );
}

/// Every path must do the work of one Argon2. A path that left it out would be hundreds of
/// times faster, so a twentieth of the reference is a safe margin on a busy machine.
#[tokio::test]
async fn q86_unknown_user_legacy_and_overlong_take_the_time_of_a_hash() {
    let pipeline = pipeline(settings(Argon2Cost::default()));
    let stored = pipeline.hash("secret").await.unwrap();
    let legacy = PasswordPipeline::legacy_hash_for_fixture(SALT, "secret");
    let overlong = "p".repeat(2000);
    let reference = fastest(&pipeline, Some(&stored), "wrong").await;
    for (name, stored, password) in [
        ("unknown user", None, "wrong"),
        ("legacy, wrong", Some(legacy.as_str()), "wrong"),
        ("legacy, right", Some(legacy.as_str()), "secret"),
        ("unknown shape", Some("x"), "wrong"),
        ("overlong", Some(stored.as_str()), overlong.as_str()),
    ] {
        let took = fastest(&pipeline, stored, password).await;
        assert!(
            took > reference / 20,
            "{name}: {took:?}, reference {reference:?}"
        );
    }
}

async fn fastest(pipeline: &PasswordPipeline, stored: Option<&str>, password: &str) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        pipeline.verify(stored, password).await.unwrap();
        fastest = fastest.min(start.elapsed());
    }
    fastest
}

#[test]
fn settings_are_checked_and_shown_without_the_salt() {
    let no_worker = PasswordSettings {
        workers: 0,
        ..settings(CHEAP)
    };
    let error = PasswordPipeline::new(no_worker, Arc::new(NoObserver)).err();
    assert_eq!(error, Some(PasswordConfigError::NoWorker));
    for cost in [
        Argon2Cost {
            memory_kib: 7,
            ..CHEAP
        },
        Argon2Cost {
            iterations: 0,
            ..CHEAP
        },
        Argon2Cost {
            memory_kib: 300 * 1024,
            ..CHEAP
        },
    ] {
        let error = PasswordPipeline::new(settings(cost), Arc::new(NoObserver)).err();
        assert_eq!(error, Some(PasswordConfigError::Cost));
    }
    let shown = format!("{:?}", settings(CHEAP));
    assert!(
        !shown.contains("pepper") && !shown.contains("112"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn q22_stored_garbage_never_panics(stored in "(\\$argon2id)?(\\$v=19)?(\\$m=8,t=1,p=1)?[$=,A-Za-z0-9+/]{0,80}|\\PC{0,40}") {
        let scheme = Scheme::new(Zeroizing::new(SALT.to_vec()), CHEAP).unwrap();
        let matches = matches!(scheme.verify(Some(&stored), "secret"), Verdict::Match { .. });
        prop_assert!(!matches);
    }
}
