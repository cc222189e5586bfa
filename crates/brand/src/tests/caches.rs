//! Age, invalidation, errors and bounds of what is remembered.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use agent_domain::{AgentGuid, BrandId, Code, EnforcementMode::Enforce};

use super::fake::{FakeDirectory, ROUTE, host, known, reaches};
use crate::{BrandCacheSettings, FlushReason};

const AGENT: AgentGuid = AgentGuid(42);
const HOUR: BrandCacheSettings = BrandCacheSettings {
    ttl: Duration::from_secs(3600),
    capacity: 1000,
};

fn lived(ttl: Duration) -> BrandCacheSettings {
    BrandCacheSettings { ttl, ..HOUR }
}

#[test]
fn p168_the_default_lifetime_is_a_minute() {
    assert_eq!(BrandCacheSettings::default().ttl, Duration::from_secs(60));
}

#[tokio::test]
async fn p168_allow_lists_and_hosts_are_looked_up_once() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    directory.set_host("brand-a.localhost", Some(7));
    let (guard, metrics) = directory.guard(Enforce, HOUR);

    for _ in 0..10 {
        guard.check(AGENT, &known(7), ROUTE).await.unwrap();
        let resolved = guard.resolve(&host("brand-a.localhost")).await.unwrap();
        assert_eq!(resolved.0.unwrap().id, BrandId(7));
        let resolved = guard.resolve(&host("nobody.localhost")).await.unwrap();
        assert!(resolved.0.is_none());
    }

    assert_eq!(directory.list_lookups.load(Ordering::SeqCst), 1);
    assert_eq!(directory.host_lookups.load(Ordering::SeqCst), 2);
    let count = |cache, outcome| {
        let labels = [cache, outcome];
        metrics.brand_cache_total.with_label_values(&labels).get()
    };
    assert_eq!((count("agent", "miss"), count("agent", "hit")), (1, 9));
    assert_eq!((count("host", "miss"), count("host", "hit")), (1, 9));
    assert_eq!(
        (count("host", "miss_unknown"), count("host", "hit_unknown")),
        (1, 9)
    );
}

#[tokio::test]
async fn p168_requests_that_miss_at_once_share_one_lookup() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    directory.hold_answers();
    let (guard, _) = directory.guard(Enforce, HOUR);

    let requests: Vec<_> = (0..50)
        .map(|_| {
            let guard = guard.clone();
            tokio::spawn(async move { guard.check(AGENT, &known(7), ROUTE).await.is_ok() })
        })
        .collect();
    reaches(&directory.list_lookups, 1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    directory.release_answers();

    for request in requests {
        assert!(request.await.unwrap());
    }
    assert_eq!(directory.list_lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn q12_without_a_message_a_revocation_counts_after_the_lifetime() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    directory.set_host("brand-a.localhost", Some(7));
    let (guard, _) = directory.guard(Enforce, lived(Duration::from_millis(150)));
    guard.check(AGENT, &known(7), ROUTE).await.unwrap();
    guard.resolve(&host("brand-a.localhost")).await.unwrap();
    guard.resolve(&host("brand-b.localhost")).await.unwrap();

    directory.allow(AGENT, &[]);
    directory.set_host("brand-a.localhost", None);
    directory.set_host("brand-b.localhost", Some(8));
    tokio::time::sleep(Duration::from_millis(170)).await;

    let refused = guard.check(AGENT, &known(7), ROUTE).await.unwrap_err();
    assert_eq!(refused.code, Code::BrandForbidden);
    let left = guard.resolve(&host("brand-a.localhost")).await.unwrap();
    assert!(left.0.is_none());
    let joined = guard.resolve(&host("brand-b.localhost")).await.unwrap();
    assert_eq!(joined.0.unwrap().id, BrandId(8));
}

#[tokio::test]
async fn q12_reading_does_not_prolong_the_lifetime() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    let (guard, _) = directory.guard(Enforce, lived(Duration::from_millis(150)));
    guard.check(AGENT, &known(7), ROUTE).await.unwrap();

    directory.allow(AGENT, &[]);
    for _ in 0..17 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let _ = guard.check(AGENT, &known(7), ROUTE).await;
    }

    assert!(guard.check(AGENT, &known(7), ROUTE).await.is_err());
}

#[tokio::test]
async fn q12_a_slow_answer_is_no_fresher_than_its_question() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    directory.hold_answers();
    let (guard, _) = directory.guard(Enforce, lived(Duration::from_millis(150)));

    let slow = tokio::spawn({
        let guard = guard.clone();
        async move { guard.check(AGENT, &known(7), ROUTE).await.is_ok() }
    });
    reaches(&directory.list_lookups, 1).await;
    directory.allow(AGENT, &[]);
    tokio::time::sleep(Duration::from_millis(170)).await;
    directory.release_answers();

    assert!(slow.await.unwrap(), "it was asked before the revocation");
    assert!(guard.check(AGENT, &known(7), ROUTE).await.is_err());
}

#[tokio::test]
async fn p169_p170_after_the_message_the_next_request_is_refused() {
    let directory = FakeDirectory::new();
    let other = AgentGuid(43);
    for payload in ["42", r#"{"agent_id":42,"brand_id":7}"#, "whatever"] {
        directory.allow(AGENT, &[7]);
        directory.allow(other, &[7]);
        let (guard, _) = directory.guard(Enforce, HOUR);
        guard.check(AGENT, &known(7), ROUTE).await.unwrap();
        guard.check(other, &known(7), ROUTE).await.unwrap();
        directory.allow(AGENT, &[]);
        directory.allow(other, &[]);
        guard
            .check(AGENT, &known(7), ROUTE)
            .await
            .expect("still remembered");

        guard.apply_change_message(payload);

        assert!(guard.check(AGENT, &known(7), ROUTE).await.is_err());
        let other_passes = guard.check(other, &known(7), ROUTE).await.is_ok();
        assert_eq!(other_passes, payload != "whatever", "{payload}");
    }
}

#[tokio::test]
async fn p169_an_invalidation_beats_a_lookup_under_way() {
    for flush in [false, true] {
        let directory = FakeDirectory::new();
        directory.allow(AGENT, &[7]);
        directory.hold_answers();
        let (guard, _) = directory.guard(Enforce, HOUR);
        let early = tokio::spawn({
            let guard = guard.clone();
            async move { guard.check(AGENT, &known(7), ROUTE).await.is_ok() }
        });
        reaches(&directory.list_lookups, 1).await;

        directory.allow(AGENT, &[]);
        match flush {
            true => guard.flush(FlushReason::Subscribed),
            false => guard.invalidate_agent(AGENT),
        }
        // Comes after the invalidation, so it must not share the stale answer under way.
        let late = tokio::spawn({
            let guard = guard.clone();
            async move { guard.check(AGENT, &known(7), ROUTE).await.is_ok() }
        });
        reaches(&directory.list_lookups, 2).await;
        directory.release_answers();

        assert!(early.await.unwrap());
        assert!(!late.await.unwrap());
        assert!(guard.check(AGENT, &known(7), ROUTE).await.is_err());
        assert_eq!(directory.list_lookups.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn q11_a_flush_also_forgets_hosts_even_under_way() {
    let directory = FakeDirectory::new();
    directory.set_host("brand-a.localhost", Some(7));
    directory.hold_answers();
    let (guard, metrics) = directory.guard(Enforce, HOUR);
    let resolve = |name: &'static str| {
        let guard = guard.clone();
        tokio::spawn(async move { guard.resolve(&host(name)).await.unwrap().0.is_some() })
    };
    let known_early = resolve("brand-a.localhost");
    let unknown_early = resolve("brand-b.localhost");
    reaches(&directory.host_lookups, 2).await;

    directory.set_host("brand-a.localhost", None);
    directory.set_host("brand-b.localhost", Some(8));
    guard.flush(FlushReason::Requested);
    directory.release_answers();
    assert!(known_early.await.unwrap());
    assert!(!unknown_early.await.unwrap());

    assert!(!resolve("brand-a.localhost").await.unwrap());
    assert!(resolve("brand-b.localhost").await.unwrap());
    let flushes = &metrics.brand_cache_flush_total;
    assert_eq!(flushes.with_label_values(&["requested"]).get(), 1);
}

#[tokio::test]
async fn errors_are_503_and_never_remembered() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    directory.set_host("brand-a.localhost", Some(7));
    directory.set_down(true);
    let (guard, metrics) = directory.guard(Enforce, HOUR);

    let problem = guard.check(AGENT, &known(7), ROUTE).await.unwrap_err();
    assert_eq!(
        (problem.code, problem.code.status()),
        (Code::Unavailable, 503)
    );
    assert!(problem.retry_after.is_some() && problem.cause().is_some());
    let problem = guard.resolve(&host("brand-a.localhost")).await.unwrap_err();
    assert_eq!(problem.code, Code::Unavailable);

    directory.set_down(false);
    guard.check(AGENT, &known(7), ROUTE).await.unwrap();
    let resolved = guard.resolve(&host("brand-a.localhost")).await.unwrap();
    assert!(resolved.0.is_some());
    for cache in ["agent", "host"] {
        let errors = metrics
            .brand_cache_total
            .with_label_values(&[cache, "error"]);
        assert_eq!(errors.get(), 1, "{cache}");
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_does_not_strand_those_who_wait_for_its_lookup() {
    let directory = FakeDirectory::new();
    directory.allow(AGENT, &[7]);
    directory.hold_answers();
    let (guard, _) = directory.guard(Enforce, HOUR);
    let check = || {
        let guard = guard.clone();
        tokio::spawn(async move { guard.check(AGENT, &known(7), ROUTE).await.is_ok() })
    };
    let dropped = check();
    reaches(&directory.list_lookups, 1).await;
    let waiting = check();
    tokio::time::sleep(Duration::from_millis(20)).await;
    dropped.abort();
    directory.release_answers();

    let passed = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    assert!(passed.unwrap().unwrap());
}

#[tokio::test]
async fn invented_hosts_are_bounded_and_cannot_push_out_a_known_one() {
    let directory = FakeDirectory::new();
    directory.set_host("brand-a.localhost", Some(7));
    let settings = BrandCacheSettings {
        capacity: 100,
        ..HOUR
    };
    let (guard, _) = directory.guard(Enforce, settings);
    guard.resolve(&host("brand-a.localhost")).await.unwrap();

    for round in 0..3 {
        for n in 0..1000 {
            let invented = host(&format!("host-{n}.example"));
            let resolved = guard.resolve(&invented).await.unwrap();
            assert!(resolved.0.is_none(), "round {round}");
        }
    }

    let [_, known_hosts, unknown_hosts] = guard.caches().entries().await;
    assert_eq!(known_hosts, 1);
    assert!(unknown_hosts <= 100, "{unknown_hosts}");
    let before = directory.host_lookups.load(Ordering::SeqCst);
    guard.resolve(&host("brand-a.localhost")).await.unwrap();
    assert_eq!(directory.host_lookups.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn allow_lists_are_bounded_and_a_flush_gives_the_memory_back() {
    let directory = FakeDirectory::new();
    let settings = BrandCacheSettings {
        capacity: 100,
        ..HOUR
    };
    let (guard, _) = directory.guard(Enforce, settings);
    for guid in 0..1000 {
        let brands = guard.enabled_brands(AgentGuid(guid)).await.unwrap();
        assert_eq!(brands, Arc::from([]));
    }
    let [agents, ..] = guard.caches().entries().await;
    assert!((1..=100).contains(&agents), "{agents}");

    guard.flush(FlushReason::Message);

    assert_eq!(guard.caches().entries().await, [0, 0, 0]);
}
