//! What the service is called, what it owns, and what its runbooks must say.

use agent_telemetry::Metrics;

use crate::{arrows, tree};

const RECORD: &str = "docs/SERVICE.md";
const ROLLOUT: &str = "docs/runbooks/multi-brand/multi-brand-isolation-rollout.md";

#[test]
fn p001_two_binaries_are_shipped_under_two_service_ids() {
    let packages = arrows::metadata()["packages"].as_array().expect("packages");
    let development = ["agent-chaos", "agent-lab", "xtask"];
    let mut binaries: Vec<&str> = packages
        .iter()
        .flat_map(|package| package["targets"].as_array().expect("targets"))
        .filter(|target| target["kind"][0] == "bin")
        .filter_map(|target| target["name"].as_str())
        .filter(|name| !development.contains(name))
        .collect();
    binaries.sort_unstable();
    assert_eq!(binaries, ["agent-api", "agent-worker"]);
    assert_eq!(agent_api::serve::SERVICE, "agent_service");
    assert_eq!(agent_worker::serve::SERVICE, "agent_worker");
}

#[test]
fn p012_every_metric_of_the_api_carries_its_service_id() {
    let text = Metrics::new(agent_api::serve::SERVICE).render();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(samples.len() > 10, "{text}");
    for sample in samples {
        assert!(sample.contains("service=\"agent_service\""), "{sample}");
    }
}

#[test]
fn p013_the_service_record_keeps_its_header() {
    let record = tree::read(RECORD);
    let head: Vec<&str> = record.lines().take(12).collect();
    for line in [
        "- Status: Active",
        "- Date: 2026-04-28",
        "- Owners: Platform Backend",
        "- Last Verified Commit: `56362a7a`",
    ] {
        assert!(head.contains(&line), "{line} is not in {head:#?}");
    }
}

#[test]
fn p011_the_service_record_says_what_is_owned_and_where_it_lives() {
    let record = tree::read(RECORD);
    let (_, owned) = record
        .split_once("## Owns")
        .expect("a section of what is owned");
    let owned = owned.split("\n## ").next().unwrap_or_default();
    for place in [
        "crates/services/src/portal/",
        "crates/persistence/src/outbox/mod.rs",
        "crates/routes/src/legacy/portal.rs",
    ] {
        assert!(owned.contains(place), "{place}");
        assert!(tree::exists(place), "{place}");
    }
    assert_eq!(
        owned.lines().filter(|line| line.starts_with("- ")).count(),
        3
    );
}

#[test]
fn p115_the_rollout_runbook_names_the_callers_that_sign() {
    let runbook = tree::read(ROLLOUT);
    let (_, stage) = runbook.split_once("## Stage A").expect("stage A");
    let stage = stage.split("\n## ").next().unwrap_or_default();
    let callers: Vec<&str> = stage
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'))
        .collect();
    let known = [
        "gateway",
        "admin_service",
        "game_service",
        "promotion_service",
        "recon_service",
        "rolling_service",
    ];
    assert_eq!(callers, known);
    let (_, rotation) = runbook
        .split_once("## Rotating")
        .expect("a section on rotation");
    assert!(rotation.contains("BRAND_SIGNING_KEY"));
}

/// Every service of the compose file that needs the shared credentials takes them from one anchor.
#[test]
fn p116_compose_holds_the_anchor_of_internal_credentials() {
    let compose = tree::read("docker-compose.yml");
    let (_, anchor) = compose
        .split_once("&internal-service-env")
        .expect("the anchor &internal-service-env");
    let body: String = anchor
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .collect();
    assert!(body.contains("INTERNAL_SERVICE_TOKEN_AGENT"), "{body}");
    assert!(compose.contains("*internal-service-env"), "nobody uses it");
}
