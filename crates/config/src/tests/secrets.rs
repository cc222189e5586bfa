//! Secrets: never shown, and read from files.

use std::{env, fs, path::PathBuf, process};

use secrecy::ExposeSecret;

use super::fixture::{AES_KEY, JWT_PRIVATE_KEY, Vars, names};
use crate::{Env, VARIABLES, WorkerSettings};

const CANARY: &str = "Canary-7391";

#[test]
fn p145_no_fault_shows_any_part_of_a_value() {
    for base in [Vars::minimal(), Vars::production()] {
        let mut vars = base;
        for variable in VARIABLES {
            let discriminator = variable.group == "Environment";
            if !discriminator {
                vars = vars.set(variable.name, &format!("{CANARY} \u{1b} {CANARY}"));
            }
        }
        let api = vars.api().unwrap_err();
        let worker = vars.worker().unwrap_err();
        let text = format!("{api} {api:?} {worker} {worker:?}");
        assert!(!text.contains("7391"), "{text}");
        assert!(text.contains("DATABASE_URL: is not a valid URL"), "{text}");
    }
}

#[test]
fn p145_neither_debug_nor_the_listing_shows_a_secret() {
    let mut vars = Vars::production();
    for variable in VARIABLES.iter().filter(|variable| variable.secret) {
        let value = match variable.name {
            "DATABASE_URL" | "MIGRATION_DATABASE_URL" => format!("postgres://app:{CANARY}@db/x"),
            "REDIS_URL" => format!("rediss://:{CANARY}@cache"),
            "SMS_URL" => format!("https://sms.example/send?key={CANARY}"),
            "AES_KEY" => format!("{CANARY}{}", "k".repeat(32 - CANARY.len())),
            "AES_IV" => format!("{CANARY}{}", "i".repeat(16 - CANARY.len())),
            // A canary would make it no key; its first line tells as much.
            "JWT_PRIVATE_KEY" => JWT_PRIVATE_KEY.clone(),
            _ => format!("{CANARY} long enough for a root key"),
        };
        vars = vars.set(variable.name, &value);
    }
    let (api, worker) = (vars.api().unwrap(), vars.worker().unwrap());
    assert!(api.keys.aes_key.is_some() && api.sms.url.is_some());
    let text = format!(
        "{api:?} {:?} {:?} {worker:?} {:?} {:?}",
        api.redacted(),
        api.warnings(),
        worker.redacted(),
        worker.warnings(),
    );
    assert!(!text.contains("7391") && !text.contains("BEGIN"), "{text}");
    for variable in VARIABLES.iter().filter(|variable| variable.secret) {
        let (_, shown) = api
            .redacted()
            .iter()
            .find(|(name, _)| *name == variable.name)
            .unwrap();
        assert!(shown.starts_with("set (") && shown.ends_with(" bytes)"));
    }
}

#[test]
fn the_listing_says_where_a_value_comes_from() {
    let settings = Vars::minimal()
        .set("DB_POOL_MAX", "20")
        .set("ADMIN_SERVER_HOST", "a\nb")
        .api()
        .unwrap();
    let shown = |wanted: &str| {
        let mut all = settings.redacted().iter();
        all.find(|(name, _)| *name == wanted).unwrap().1.clone()
    };
    assert_eq!(shown("DB_POOL_MAX"), "20");
    assert_eq!(shown("DB_LOCK_TIMEOUT_MS"), "2000 (default)");
    assert_eq!(shown("JWT_KID"), "unset");
    assert_eq!(shown("SECRET_KEY"), "unset");
    assert_eq!(shown("DATABASE_URL"), "set (26 bytes)");
    assert_eq!(shown("ADMIN_SERVER_HOST"), "a\\nb");
}

/// A file that is gone when the test is.
struct Mounted(PathBuf);

impl Mounted {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = env::temp_dir().join(format!("agent-config-{}-{name}", process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_secret_can_be_a_file() {
    for variable in VARIABLES.iter().filter(|variable| variable.secret) {
        let name = variable.name;
        let content = match name {
            "DATABASE_URL" | "MIGRATION_DATABASE_URL" => "postgres://db/x",
            "REDIS_URL" => "redis://cache",
            "SMS_URL" => "https://sms.example",
            "JWT_PRIVATE_KEY" => JWT_PRIVATE_KEY.as_str(),
            "AES_KEY" => AES_KEY,
            "AES_IV" => "fedcba9876543210",
            _ => "the content of a file",
        };
        for end in ["", "\n", "\r\n"] {
            let file = Mounted::new(name, format!("{content}{end}").as_bytes());
            let vars = Vars::production()
                .unset(name)
                .set(&format!("{name}_FILE"), file.path());
            let settings = vars.api().unwrap();
            let shown = (name, format!("set ({} bytes)", content.len()));
            assert!(settings.redacted().contains(&shown), "{name}{end:?}");
        }
    }
    let file = Mounted::new("salt", b" two words \n");
    let vars = Vars::minimal().set("PASSWORD_SALT_FILE", file.path());
    let salt = vars.api().unwrap().keys.password_salt.unwrap();
    assert_eq!(salt.expose_secret(), " two words ");
}

#[test]
fn a_secret_given_twice_is_a_fault() {
    let file = Mounted::new("twice", AES_KEY.as_bytes());
    let vars = Vars::minimal()
        .set("AES_KEY", AES_KEY)
        .set("AES_KEY_FILE", file.path());
    assert_eq!(
        vars.api_faults(),
        ["AES_KEY: is given twice, also as AES_KEY_FILE"]
    );
}

#[test]
fn a_file_that_cannot_be_used_is_a_fault_that_shows_neither_path_nor_content() {
    let directory = env::temp_dir();
    let too_long = Mounted::new("long", CANARY.repeat(10_000).as_bytes());
    let not_text = Mounted::new("bytes", b"Canary-7391\xff\xfe");
    let empty = Mounted::new("empty", b"\n");
    for path in [
        "/nowhere/Canary-7391",
        directory.to_str().unwrap(),
        too_long.path(),
        not_text.path(),
        empty.path(),
    ] {
        let vars = Vars::minimal().set("CONTACT_HASH_PEPPER_FILE", path);
        let faults = vars.api_faults();
        assert_eq!(names(&faults), ["CONTACT_HASH_PEPPER_FILE"]);
        assert!(!faults[0].contains("7391") && !faults[0].contains(path));
    }
}

#[test]
fn only_secrets_are_read_from_files() {
    let vars = Vars::minimal().set("DB_POOL_MAX_FILE", "/nowhere");
    assert_eq!(vars.api().unwrap().database.pool_max, 10);
}

#[test]
#[cfg(unix)]
fn a_value_that_is_not_text_is_a_fault_only_where_it_is_read() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};
    let env = |name: &str| {
        Env::from_pairs([
            ("DATABASE_URL", OsString::from("postgres://db/x")),
            ("REDIS_URL", OsString::from("redis://cache")),
            (name, OsString::from_vec(b"\xff7391".to_vec())),
        ])
    };
    WorkerSettings::load(&env("LS_COLORS")).unwrap();
    let errors = WorkerSettings::load(&env("AES_KEY")).unwrap_err();
    assert_eq!(errors.to_string(), "AES_KEY: is not UTF-8 text");
}
