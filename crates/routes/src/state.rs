//! What every handler may ask for.

use agent_brand::BrandGuard;
use agent_services::App;
use axum::extract::FromRef;

/// Shared by all routes; cheap to clone.
#[derive(Clone, FromRef)]
pub struct RouteState {
    pub app: App,
    pub guard: BrandGuard,
}
