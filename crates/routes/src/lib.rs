//! HTTP: what a request looks like, which use case it reaches, and what is answered.
//!
//! The whole surface is in this file: [`public`], [`signed_in`] and [`ops_routes`], beside the
//! table of old paths in [`legacy::portal`].

pub mod csv;
pub mod cursor;
pub mod error;
pub mod extract;
pub mod legacy;
pub mod middleware;
pub mod openapi;
pub mod ops;
pub mod portal;
pub mod state;

use std::{panic::resume_unwind, sync::Arc};

use agent_telemetry::Metrics;
use axum::{Router, middleware::from_fn_with_state};
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use legacy::Alias;
use middleware::{EdgeSettings, legacy::mark, sign_in::require_agent};
use ops::health::{self, OpsState};
use portal::{
    auth, bank, common, coupon, coupon_logs, edit, home, home_rank, messages, player, player_list,
    profile, provider, provider_income, recovery, report, sub, sub_add, sub_edit, sub_reset,
    sub_tree, withdraw,
};
pub use state::RouteState;

/// Path prefixes that only older frontends use.
pub const LEGACY_PREFIXES: &[&str] = &[
    "/user/",
    "/home/",
    "/withdraw/",
    "/player/",
    "/provider/",
    "/messages/",
    "/bank/",
    "/common/",
    "/coupon/",
];

/// Routes that need no session. The list may only shrink.
fn public() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh_token))
        .routes(routes!(common::brand))
        .routes(routes!(recovery::request))
        .routes(routes!(recovery::verify))
        .routes(routes!(recovery::reset))
        .routes(routes!(recovery::forget_send_sms))
        .routes(routes!(recovery::forget))
}

/// Routes of signed-in agents that may serve the brand of the host (P-154). Each feature mounts its
/// own; none of them can mount a public one. They are made one after the other: each brings a tree for
/// the OpenAPI document, and the allocator would keep the megabytes that all of them take at once.
fn signed_in() -> impl Iterator<Item = OpenApiRouter<RouteState>> {
    let features = [
        auth::signed_in,
        edit::signed_in,
        profile::signed_in,
        withdraw::signed_in,
        bank::signed_in,
        common::signed_in,
        coupon::signed_in,
        coupon_logs::signed_in,
        player_list::signed_in,
        player::signed_in,
        home::signed_in,
        home_rank::signed_in,
        report::signed_in,
        messages::signed_in,
        provider::signed_in,
        provider_income::signed_in,
        sub::signed_in,
        sub_tree::signed_in,
        sub_add::signed_in,
        sub_edit::signed_in,
        sub_reset::signed_in,
    ];
    features.into_iter().map(|feature: fn() -> _| feature())
}

/// Routes that belong to no brand.
fn ops_routes() -> OpenApiRouter<OpsState> {
    OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::jwks))
}

/// Every route, behind every layer.
///
/// # Errors
/// The OpenAPI document cannot be written as JSON.
pub fn router(
    state: &RouteState,
    ops: OpsState,
    edge: EdgeSettings,
    metrics: Arc<Metrics>,
) -> Result<Router, serde_json::Error> {
    let document = written_document()?;
    let (new_public, _) = public().split_for_parts();
    let new_signed = signed_in().fold(Router::new(), |all, feature| {
        all.merge(feature.split_for_parts().0)
    });
    let (old_public, old_signed) = (legacy::portal::public(), legacy::portal::signed_in());
    // The mark is outermost, so that what the layers inside refuse is counted for an old path too.
    let old = mark(behind_layers(state, old_public.router, old_signed.router));
    let portal = behind_layers(state, new_public, new_signed).merge(old);
    let (ops_router, _) = ops_routes().split_for_parts();
    let all = portal
        .with_state(state.clone())
        .merge(ops_router.with_state(ops))
        .merge(ops::docs::router(document));
    Ok(middleware::stack(all, edge, metrics))
}

/// The brand is known first, then signed-in routes let in only who may serve it. `route_layer` and
/// not `layer`, which would wrap the fallback that a merge then makes everybody's.
fn behind_layers(
    state: &RouteState,
    public: Router<RouteState>,
    signed_in: Router<RouteState>,
) -> Router<RouteState> {
    let signed_in = signed_in.route_layer(from_fn_with_state(state.clone(), require_agent));
    public
        .merge(signed_in)
        .route_layer(state.guard.resolve_layer(error::problem_response))
}

/// The OpenAPI document of the new-shape routes (P-007, P-008).
#[must_use]
pub fn document() -> OpenApi {
    let mut document = openapi::frame();
    let unsigned = [public().into_openapi(), ops_routes().into_openapi()];
    let unsigned = unsigned.map(|part| (part, false));
    let signed_in = signed_in().map(|feature| (feature.into_openapi(), true));
    for (mut part, signed) in unsigned.into_iter().chain(signed_in) {
        openapi::complete(&mut part, signed);
        document.merge(part);
    }
    openapi::describe_answers(&mut document);
    openapi::describe_requests(&mut document);
    document
}

/// The document as it is sent. A thread of its own makes it: its tree takes megabytes too, and the
/// allocator gives them back only where nothing that stays lies between its parts.
fn written_document() -> Result<Bytes, serde_json::Error> {
    let writing = std::thread::spawn(|| serde_json::to_vec(&document()));
    let written = writing.join().unwrap_or_else(|panic| resume_unwind(panic));
    written.map(Bytes::from)
}

/// Every old path with what it runs, and whether it needs a session.
#[must_use]
pub fn aliases() -> Vec<(Alias, bool)> {
    let public = legacy::portal::public()
        .table
        .into_iter()
        .map(|alias| (alias, false));
    let signed = legacy::portal::signed_in()
        .table
        .into_iter()
        .map(|alias| (alias, true));
    public.chain(signed).collect()
}
