//! Brands, their hosts, and which agent may serve which: read here, written by the admin service.

use agent_domain::{AgentGuid, Brand, BrandId};

use crate::{error::DbError, pool::Pool};

struct BrandRow {
    brand_id: i64,
    code: String,
    name: String,
    logo_url: Option<String>,
    timezone: String,
    currency: String,
    phone_country: String,
}

impl TryFrom<BrandRow> for Brand {
    type Error = DbError;

    fn try_from(row: BrandRow) -> Result<Self, DbError> {
        Ok(Self {
            id: BrandId(row.brand_id),
            code: row.code,
            name: row.name,
            logo_url: row.logo_url,
            timezone: row
                .timezone
                .parse()
                .map_err(|_| DbError::inconsistent("brand.timezone"))?,
            currency: row
                .currency
                .parse()
                .map_err(|_| DbError::inconsistent("brand.currency"))?,
            phone_country: row.phone_country,
        })
    }
}

/// The active brand of a host: the brand's own hosts first, then hosts of agents (Q-14).
///
/// # Errors
/// The statement failed.
pub async fn by_host(pool: &Pool, host: &str) -> Result<Option<Brand>, DbError> {
    let row = sqlx::query_as!(
        BrandRow,
        r#"
        SELECT brand_id, code, name, logo_url, timezone, currency::text AS "currency!", phone_country
        FROM brand
        WHERE status = 'active' AND brand_id = coalesce(
            (SELECT brand_id FROM brand_domain WHERE domain = $1),
            (SELECT brand_id FROM agent_domain WHERE domain = $1 AND status = 'active'))
        "#,
        host,
    )
    .fetch_optional(pool)
    .await?;
    row.map(Brand::try_from).transpose()
}

/// The active brands that an agent may serve.
///
/// # Errors
/// The statement failed.
pub async fn enabled_for(pool: &Pool, agent: AgentGuid) -> Result<Vec<Brand>, DbError> {
    let rows = sqlx::query_as!(
        BrandRow,
        r#"
        SELECT b.brand_id, b.code, b.name, b.logo_url, b.timezone, b.currency::text AS "currency!", b.phone_country
        FROM agent_brand ab JOIN brand b USING (brand_id)
        WHERE ab.agent_id = $1 AND ab.status = 'enabled' AND b.status = 'active'
        ORDER BY b.brand_id
        "#,
        agent.0,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Brand::try_from).collect()
}

/// The countries of all brands that an agent serves or ever served. A membership that ended does
/// not change what an old number without a country meant.
///
/// # Errors
/// The statement failed.
pub async fn phone_countries(pool: &Pool, agent: AgentGuid) -> Result<Vec<String>, DbError> {
    let countries = sqlx::query_scalar!(
        r#"SELECT DISTINCT b.phone_country FROM agent_brand ab JOIN brand b USING (brand_id) WHERE ab.agent_id = $1"#,
        agent.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(countries)
}

/// Whether a brand is on an agent's allow list at this moment; recovery trusts no cache (P-182).
///
/// # Errors
/// The statement failed.
pub async fn is_enabled(pool: &Pool, agent: AgentGuid, brand: BrandId) -> Result<bool, DbError> {
    let enabled = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (SELECT FROM agent_brand ab JOIN brand b USING (brand_id)
                       WHERE ab.agent_id = $1 AND ab.brand_id = $2 AND ab.status = 'enabled'
                         AND b.status = 'active') AS "enabled!"
        "#,
        agent.0,
        brand.0,
    )
    .fetch_one(pool)
    .await?;
    Ok(enabled)
}

/// An active brand by id, for operators' commands.
///
/// # Errors
/// The statement failed.
pub async fn by_id(pool: &Pool, brand: BrandId) -> Result<Option<Brand>, DbError> {
    let row = sqlx::query_as!(
        BrandRow,
        r#"
        SELECT brand_id, code, name, logo_url, timezone, currency::text AS "currency!", phone_country
        FROM brand WHERE brand_id = $1
        "#,
        brand.0,
    )
    .fetch_optional(pool)
    .await?;
    row.map(Brand::try_from).transpose()
}
