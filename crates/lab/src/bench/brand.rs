//! What it costs a request that the brand of its host is looked up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use agent_brand::{BoxFuture, BrandCacheSettings, BrandDirectory, BrandGuard, DirectoryError};
use agent_domain::{AgentGuid, Brand, BrandId, EnforcementMode, Problem};
use agent_telemetry::Metrics;
use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tower::ServiceExt as _;

use super::{
    accounts::HOST,
    effort::Effort,
    figure::{Figure, Target, median},
};
use crate::out::say;

const NAME: &str = "brand";
const PATH: &str = "/agent/top_info";
/// Requests between two looks at the clock.
const BATCH: u32 = 500;

/// Knows one host. It is asked once: the cache answers from then on.
struct OneBrand(Brand);

impl BrandDirectory for OneBrand {
    fn brand_of_host<'a>(
        &'a self,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Option<Brand>, DirectoryError>> {
        let found = (host == HOST).then(|| self.0.clone());
        Box::pin(async { Ok(found) })
    }

    fn enabled_brands(&self, _: AgentGuid) -> BoxFuture<'_, Result<Vec<Brand>, DirectoryError>> {
        Box::pin(async { Ok(vec![self.0.clone()]) })
    }
}

pub(super) async fn run(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(measure(effort))
    })
    .await?
}

async fn measure(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let routes = Router::new().route(PATH, get(async || StatusCode::NO_CONTENT));
    let layered = routes.clone().route_layer(guard()?.resolve_layer(refuse));
    let headers = headers()?;
    let turn = async |router: &Router| {
        time(router, &headers, effort.warm_up).await?;
        time(router, &headers, effort.turn).await
    };
    let baseline = async || turn(&routes).await;
    let product = async || turn(&layered).await;
    let pairs = effort.alternate(baseline, product).await?;
    let differences = pairs.product.iter().zip(&pairs.baseline);
    let added: Vec<f64> = differences.map(|(with, without)| with - without).collect();
    let what = "a request through a router, without and with it";
    let whole = Figure::of_pairs(NAME, what, "µs", &pairs, Target::None);
    let what = "added to a request";
    let added = Figure::plain(NAME, what, "µs", median(&added), Target::AtMost(5.0));
    say!("  {}", added.row().join("  "));
    Ok(vec![whole, added])
}

fn guard() -> anyhow::Result<BrandGuard> {
    let brand = Brand {
        id: BrandId(1),
        code: "bench".to_owned(),
        name: "Bench".to_owned(),
        logo_url: None,
        timezone: "Asia/Bangkok".parse().ok().context("a time zone")?,
        currency: "THB".parse()?,
        phone_country: "66".to_owned(),
    };
    Ok(BrandGuard::new(
        Arc::new(OneBrand(brand)),
        EnforcementMode::Enforce,
        Metrics::new("agent_lab"),
        BrandCacheSettings::default(),
    ))
}

fn refuse(_: Problem) -> Response {
    StatusCode::BAD_REQUEST.into_response()
}

/// As a browser behind a proxy sends them: each is held against the one that is stripped.
fn headers() -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static(HOST));
    headers.insert(
        header::AUTHORIZATION,
        HeaderValue::try_from(format!("Bearer {}", "t".repeat(600)))?,
    );
    for (name, value) in [
        ("accept", "application/json"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "th-TH,th;q=0.9,en;q=0.8"),
        ("referer", "https://bench.test/home"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        ),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(headers)
}

/// Microseconds of a request.
async fn time(router: &Router, headers: &HeaderMap, run: Duration) -> anyhow::Result<f64> {
    let mut requests = 0;
    let started = Instant::now();
    while started.elapsed() < run {
        for _ in 0..BATCH {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = PATH.parse()?;
            *request.headers_mut() = headers.clone();
            let answer = router.clone().oneshot(request).await?;
            ensure!(answer.status() == StatusCode::NO_CONTENT, "not answered");
        }
        requests += BATCH;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(requests))
}
