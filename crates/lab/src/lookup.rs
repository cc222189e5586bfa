//! Agents and brands as the user names them.

use std::sync::Arc;

use agent_domain::{AgentGuid, Brand, BrandId, BrandScope};
use agent_persistence::{Db, brand};
use anyhow::{Context as _, bail};
use sqlx::PgPool;

/// An agent by username or guid.
pub(crate) async fn agent(pool: &PgPool, name: &str) -> anyhow::Result<AgentGuid> {
    let found: Vec<i64> = sqlx::query_scalar(
        "SELECT guid FROM agent WHERE lower(username) = lower($1) OR guid::text = $1 LIMIT 2",
    )
    .bind(name)
    .fetch_all(pool)
    .await?;
    match found[..] {
        [guid] => Ok(AgentGuid(guid)),
        [] => bail!("there is no agent {name:?}"),
        _ => bail!("{name:?} is the username of one agent and the guid of another"),
    }
}

/// A brand by code or id.
pub(crate) async fn brand(pool: &PgPool, name: &str) -> anyhow::Result<BrandId> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT brand_id FROM brand WHERE code = $1 OR brand_id::text = $1")
            .bind(name)
            .fetch_optional(pool)
            .await?;
    let id = found.with_context(|| format!("there is no brand {name:?}"))?;
    Ok(BrandId(id))
}

/// A brand as the use cases take it.
pub(crate) async fn scope(pool: &PgPool, db: &Db, name: &str) -> anyhow::Result<BrandScope> {
    let id = brand(pool, name).await?;
    let found: Option<Brand> = brand::by_id(db.pool(), id).await?;
    let brand = found.with_context(|| format!("there is no brand {name:?}"))?;
    Ok(BrandScope::granted(Arc::new(brand)))
}
