//! Every cell of the decision table: host brand × allow list × mode.

use std::sync::atomic::Ordering;

use agent_domain::{
    AgentGuid, BrandId, Code,
    EnforcementMode::{Enforce, Observe, Off},
};

use super::fake::{FakeDirectory, ROUTE, known};
use crate::{BrandCacheSettings, HostBrand};

const ONE_BRAND: AgentGuid = AgentGuid(1);
const TWO_BRANDS: AgentGuid = AgentGuid(2);
const NO_BRAND: AgentGuid = AgentGuid(3);

type Cell = (
    agent_domain::EnforcementMode,
    AgentGuid,
    Option<i64>,
    Result<i64, Code>,
    Option<&'static str>,
);

/// Mode, agent, brand of the host -> brand acted on or code of the refusal, counted reason.
const TABLE: &[Cell] = &[
    // The host's brand is on the list: passes in all modes.
    (Off, ONE_BRAND, Some(7), Ok(7), None),
    (Observe, ONE_BRAND, Some(7), Ok(7), None),
    (Enforce, ONE_BRAND, Some(7), Ok(7), None),
    (Off, TWO_BRANDS, Some(8), Ok(8), None),
    (Observe, TWO_BRANDS, Some(8), Ok(8), None),
    (Enforce, TWO_BRANDS, Some(8), Ok(8), None),
    // The host's brand is not on the list: the scope is the host's brand, or nothing.
    (Off, ONE_BRAND, Some(9), Ok(9), None),
    (Observe, ONE_BRAND, Some(9), Ok(9), Some("brand_forbidden")),
    (
        Enforce,
        ONE_BRAND,
        Some(9),
        Err(Code::BrandForbidden),
        Some("brand_forbidden"),
    ),
    (Off, NO_BRAND, Some(9), Ok(9), None),
    (Observe, NO_BRAND, Some(9), Ok(9), Some("brand_forbidden")),
    (
        Enforce,
        NO_BRAND,
        Some(9),
        Err(Code::BrandForbidden),
        Some("brand_forbidden"),
    ),
    // The host is nobody's: the agent's only brand, else ambiguous; refused under enforce.
    (Off, ONE_BRAND, None, Ok(7), None),
    (Observe, ONE_BRAND, None, Ok(7), Some("brand_unresolved")),
    (
        Enforce,
        ONE_BRAND,
        None,
        Err(Code::BrandUnresolved),
        Some("brand_unresolved"),
    ),
    (Off, TWO_BRANDS, None, Err(Code::BrandAmbiguous), None),
    (
        Observe,
        TWO_BRANDS,
        None,
        Err(Code::BrandAmbiguous),
        Some("brand_unresolved"),
    ),
    (
        Enforce,
        TWO_BRANDS,
        None,
        Err(Code::BrandUnresolved),
        Some("brand_unresolved"),
    ),
    (Off, NO_BRAND, None, Err(Code::BrandAmbiguous), None),
    (
        Observe,
        NO_BRAND,
        None,
        Err(Code::BrandAmbiguous),
        Some("brand_unresolved"),
    ),
    (
        Enforce,
        NO_BRAND,
        None,
        Err(Code::BrandUnresolved),
        Some("brand_unresolved"),
    ),
];

#[tokio::test]
async fn p109_p161_p162_p163_q15_every_cell_of_the_decision_table() {
    let directory = FakeDirectory::new();
    directory.allow(ONE_BRAND, &[7]);
    directory.allow(TWO_BRANDS, &[7, 8]);
    for cell @ &(mode, agent, host, expected, counted) in TABLE {
        let (guard, metrics) = directory.guard(mode, BrandCacheSettings::default());
        let host = host.map_or(HostBrand(None), known);

        let decided = guard.check(agent, &host, ROUTE).await;

        let decided = decided.map(|scope| scope.id().0).map_err(|p| p.code);
        assert_eq!(decided, expected, "{cell:?}");
        for reason in ["brand_forbidden", "brand_unresolved"] {
            let count = metrics
                .multi_brand_violation_total
                .with_label_values(&[mode.as_str(), reason, ROUTE])
                .get();
            assert_eq!(count, u64::from(counted == Some(reason)), "{cell:?}");
        }
    }
}

#[tokio::test]
async fn p163_off_asks_for_no_allow_list_when_the_host_is_known() {
    let directory = FakeDirectory::new();
    directory.set_down(true);
    let (guard, _) = directory.guard(Off, BrandCacheSettings::default());

    let scope = guard.check(NO_BRAND, &known(9), ROUTE).await.unwrap();

    assert_eq!(scope.id(), BrandId(9));
    assert_eq!(directory.list_lookups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn p182_the_hard_check_of_recovery_is_the_same_in_every_mode() {
    let directory = FakeDirectory::new();
    directory.allow(ONE_BRAND, &[7]);
    for mode in [Off, Observe, Enforce] {
        let (guard, _) = directory.guard(mode, BrandCacheSettings::default());
        assert!(guard.is_enabled(ONE_BRAND, BrandId(7)).await.unwrap());
        assert!(!guard.is_enabled(ONE_BRAND, BrandId(9)).await.unwrap());
        assert!(!guard.is_enabled(NO_BRAND, BrandId(7)).await.unwrap());
    }
}

#[tokio::test]
async fn p108_q16_the_gauge_shows_the_mode() {
    for (mode, value) in [(Off, 0), (Observe, 1), (Enforce, 2)] {
        let (_, metrics) = FakeDirectory::new().guard(mode, BrandCacheSettings::default());
        assert_eq!(metrics.multi_brand_enforcement_mode.get(), value);
        let line = format!("multi_brand_enforcement_mode{{service=\"agent_service\"}} {value}");
        assert!(metrics.render().contains(&line));
    }
}

#[tokio::test]
async fn p161_a_violation_is_logged_in_observe_and_enforce_but_not_in_off() {
    let log = agent_telemetry::log::init_captured("warn").unwrap();
    let directory = FakeDirectory::new();
    for (mode, guid, lines) in [(Off, 9001, 0), (Observe, 9002, 1), (Enforce, 9003, 1)] {
        let (guard, _) = directory.guard(mode, BrandCacheSettings::default());
        let _ = guard.check(AgentGuid(guid), &known(9), ROUTE).await;

        let text = log.text();
        let about: Vec<&str> = text
            .lines()
            .filter(|line| line.contains(&guid.to_string()))
            .collect();
        assert_eq!(about.len(), lines, "{mode}: {text}");
        for line in about {
            for part in ["WARN", "brand_forbidden", ROUTE, mode.as_str()] {
                assert!(line.contains(part), "{part} in {line}");
            }
        }
    }
}
