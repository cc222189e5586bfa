//! The boot guards and the warnings.

use super::fixture::{AES_IV, AES_KEY, Vars, names};
use crate::{
    ConfigError, Environment, PiiKeyTexts, RecoveryTokenExposed, assert_aes_pii_keys_configured,
    assert_recovery_token_exposure_safe,
};

const DISCRIMINATORS: [&str; 3] = ["RGB_ENV", "APP_ENV", "ENVIRONMENT"];
const PROD_GRADE: [&str; 3] = ["staging", "production", "prod"];

#[test]
fn p124_q09_any_of_three_variables_makes_an_environment_prod_grade() {
    for variable in DISCRIMINATORS {
        for value in ["staging", "production", "prod", " Production\n", "PROD"] {
            let environment = Vars::production()
                .set("ENVIRONMENT", "dev")
                .set(variable, value)
                .api()
                .unwrap()
                .environment;
            assert!(environment.is_prod_grade(), "{variable}={value}");
        }
        for value in [
            "",
            "dev",
            "development",
            "test",
            "local",
            "prod-like",
            "preprod",
        ] {
            let settings = Vars::minimal().set(variable, value).api().unwrap();
            assert!(!settings.environment.is_prod_grade(), "{variable}={value}");
        }
    }
    assert!(!Environment::default().is_prod_grade());
    assert!(Environment::new(["dev", " PROD "]).is_prod_grade());
}

#[test]
fn q09_an_unusual_environment_name_is_warned_of() {
    for value in ["prodution", "live", "uat"] {
        let settings = Vars::minimal().set("APP_ENV", value).api().unwrap();
        assert_eq!(settings.warnings().len(), 1);
        assert!(settings.warnings()[0].starts_with("APP_ENV: "), "{value}");
    }
    for value in ["dev", "Development ", "test", "ci", "local"] {
        let settings = Vars::minimal().set("APP_ENV", value).api().unwrap();
        assert_eq!(settings.warnings(), [""; 0], "{value}");
    }
}

#[test]
fn p137_in_production_each_missing_key_refuses_boot_of_both_binaries() {
    let keys = ["AES_KEY", "AES_IV", "PASSWORD_SALT"];
    for missing in 1..8 {
        let is_missing = |index: usize| missing >> index & 1 == 1;
        let mut vars = Vars::production();
        let mut expected = Vec::new();
        for (index, name) in keys.into_iter().enumerate().filter(|(i, _)| is_missing(*i)) {
            vars = match index % 2 {
                0 => vars.unset(name),
                _ => vars.set(name, ""),
            };
            expected.push(name);
        }
        for faults in [vars.api_faults(), vars.worker_faults()] {
            assert_eq!(names(&faults), expected);
            for fault in faults {
                assert!(fault.contains("must be set in a production-grade environment"));
                assert!(fault.contains("AesPiiKeysMisconfigured"));
            }
        }
    }
}

#[test]
fn p136_p137_the_guard_raises_its_own_error() {
    let errors = Vars::production().unset("AES_KEY").api().unwrap_err();
    let [ConfigError::AesPiiKeys(misconfigured)] = &errors.0[..] else {
        panic!("{errors}");
    };
    assert_eq!(misconfigured.faults[0].name, "AES_KEY");
}

#[test]
fn p138_p139_q89_a_key_of_the_wrong_size_is_a_boot_error_in_every_environment() {
    let hex_31 = "ab".repeat(31);
    let too_long = format!("{AES_KEY}x");
    for base in [Vars::minimal(), Vars::production()] {
        for (name, bytes, wrong) in [
            ("AES_KEY", 32, "short"),
            ("AES_KEY", 32, too_long.as_str()),
            ("AES_KEY", 32, hex_31.as_str()),
            ("AES_KEY", 32, AES_IV),
            ("AES_IV", 16, "short"),
            ("AES_IV", 16, AES_KEY),
        ] {
            // 32 raw bytes are also 16 bytes in hex, if they are hex digits: these are not.
            let vars = base.clone().set(name, wrong);
            for faults in [vars.api_faults(), vars.worker_faults()] {
                assert_eq!(faults.len(), 1, "{faults:?}");
                let expected = format!("{name}: must be {bytes} bytes");
                assert!(faults[0].starts_with(&expected), "{faults:?}");
            }
        }
    }
}

#[test]
fn q75_keys_are_accepted_raw_in_hex_and_in_base64() {
    for key in [
        AES_KEY,
        "3031323334353637383961626364656667686A6B6C6D6E6F7071727374757677",
        "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    ] {
        let settings = Vars::production().set("AES_KEY", key).api().unwrap();
        assert!(settings.keys.aes_key.is_some());
        let shown = ("AES_KEY", "set (32 bytes)".to_owned());
        assert!(settings.redacted().contains(&shown));
    }
}

#[test]
fn p140_outside_production_the_guard_does_nothing() {
    let nothing = PiiKeyTexts {
        aes_key: "",
        aes_iv: "",
        password_salt: "",
    };
    for name in ["", "dev", "test"] {
        let environment = Environment::new([name]);
        assert_aes_pii_keys_configured(&environment, nothing).unwrap();
    }
    let production = Environment::new(["prod"]);
    let refused = assert_aes_pii_keys_configured(&production, nothing).unwrap_err();
    assert_eq!(refused.faults.len(), 3);
    let complete = PiiKeyTexts {
        aes_key: AES_KEY,
        aes_iv: AES_IV,
        password_salt: "pepper",
    };
    assert_aes_pii_keys_configured(&production, complete).unwrap();
}

#[test]
fn p204_exposed_recovery_codes_refuse_boot_in_all_nine_cases() {
    for variable in DISCRIMINATORS {
        for value in PROD_GRADE {
            let vars = Vars::production().unset("ENVIRONMENT").set(variable, value);
            vars.api().unwrap();

            let exposed = vars.set("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on");

            let errors = exposed.api().unwrap_err();
            let refused = ConfigError::RecoveryTokenExposed(RecoveryTokenExposed);
            assert_eq!(errors.0, [refused], "{variable}={value}");
            assert_eq!(
                errors.to_string(),
                "RECOVERY_EXPOSE_TOKEN_FOR_TESTS: must be off in a production-grade environment"
            );
        }
    }
}

#[test]
fn p204_one_production_name_is_enough_whatever_the_others_say() {
    for variable in DISCRIMINATORS {
        let mut vars = Vars::production();
        for other in DISCRIMINATORS {
            vars = vars.set(other, "dev");
        }
        let vars = vars
            .set(variable, " Staging ")
            .set("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on");
        let faults = vars.api_faults();
        assert_eq!(names(&faults), ["RECOVERY_EXPOSE_TOKEN_FOR_TESTS"]);
    }
}

#[test]
fn p113_p203_outside_production_codes_may_be_exposed() {
    let vars = Vars::minimal().set("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on");
    assert!(vars.api().unwrap().recovery.expose_token_for_tests);
    assert!(
        !Vars::minimal()
            .api()
            .unwrap()
            .recovery
            .expose_token_for_tests
    );
    let dev = Environment::new(["dev"]);
    assert_eq!(assert_recovery_token_exposure_safe(&dev, true), Ok(()));
    let prod = Environment::new(["prod"]);
    assert_eq!(assert_recovery_token_exposure_safe(&prod, false), Ok(()));
}

fn warned(vars: &Vars) -> Vec<String> {
    let settings = vars.api().unwrap();
    let name = |line: &String| line.split(": ").next().unwrap().to_owned();
    settings.warnings().iter().map(name).collect()
}

#[test]
fn p107_production_warns_of_what_is_not_yet_as_it_should_be() {
    let lax = Vars::production();
    assert_eq!(
        warned(&lax),
        ["AES_STRICT_DECRYPT", "PER_CALLER_TOKEN_REQUIRED"]
    );
    let strict = lax
        .set("AES_STRICT_DECRYPT", "on")
        .set("PER_CALLER_TOKEN_REQUIRED", "on");
    assert_eq!(warned(&strict), [""; 0]);
    for mode in ["off", "observe"] {
        let vars = strict.clone().set("MULTI_BRAND_ENFORCEMENT", mode);
        assert_eq!(warned(&vars), ["MULTI_BRAND_ENFORCEMENT"]);
    }
    let cheap = strict.clone().set("ARGON2_MEMORY_KIB", "1024");
    assert_eq!(warned(&cheap), ["ARGON2_MEMORY_KIB"]);
    let development = Vars::minimal().set("MULTI_BRAND_ENFORCEMENT", "off");
    assert_eq!(warned(&development), [""; 0]);
}

#[test]
fn p121_the_shared_token_is_warned_of_everywhere() {
    let vars = Vars::minimal().set("INTERNAL_SERVICE_TOKEN", "shared");
    assert_eq!(warned(&vars), ["INTERNAL_SERVICE_TOKEN"]);
}
