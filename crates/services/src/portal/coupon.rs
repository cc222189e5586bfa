//! What an agent may grant (P-036).

use agent_domain::{
    BrandScope, Problem,
    portal::coupon::{Quota, QuotaPeriod},
};
use agent_persistence::portal::coupon::{self as store, TemplateRow};
use chrono::{DateTime, Utc};

use crate::{app::App, session::Principal};

/// The kinds of coupons of a brand, and how much of them the agent may still grant.
pub struct Grantable {
    pub quota: Quota,
    /// When the next quota begins.
    pub resets_at: DateTime<Utc>,
    pub templates: Vec<TemplateRow>,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn grantable(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
) -> Result<Grantable, Problem> {
    let pool = app.core.db.pool();
    let brand = scope.brand();
    let period = QuotaPeriod::of(brand.day_of(app.core.clock.now()));
    Ok(Grantable {
        quota: store::quota(pool, scope, principal.agent(), period).await?,
        resets_at: period.resets_at(brand.timezone),
        templates: store::templates(pool, scope).await?,
    })
}
