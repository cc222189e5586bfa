//! Brands with their hosts, banks, game providers.

use agent_domain::{Brand, BrandId, portal::withdraw::WithdrawTerms};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::world::{Bank, Country, DemoBrand, Provider, column, constant};

const BANKS: &[(&str, &str, Country)] = &[
    ("BMB", "Bangkok Merchant Bank", Country::Thailand),
    ("SUB", "Siam United Bank", Country::Thailand),
    ("KTN", "Krung Thep National Bank", Country::Thailand),
    ("CPS", "Chao Phraya Savings Bank", Country::Thailand),
    ("LFB", "Lanna Farmers Bank", Country::Thailand),
    ("ADB", "Andaman Commercial Bank", Country::Thailand),
    ("ISC", "Isan Cooperative Bank", Country::Thailand),
    ("MBB", "Manila Bay Bank", Country::Philippines),
    ("LZS", "Luzon Savings Bank", Country::Philippines),
    ("VCB", "Visayas Commercial Bank", Country::Philippines),
    ("MRB", "Mindanao Rural Bank", Country::Philippines),
    ("PRB", "Pasig River Bank", Country::Philippines),
];

/// Code, name, category, royalty in percent of the house's win.
const PROVIDERS: &[(&str, &str, &str, i64)] = &[
    ("aurora", "Aurora Slots", "slot", 12),
    ("kirin", "Kirin Slots", "slot", 11),
    ("emerald", "Emerald Live", "live", 10),
    ("grandpier", "Grand Pier Live", "live", 9),
    ("kickoff", "Kickoff Sports", "sport", 8),
    ("deepsea", "Deep Sea Fishing", "fishing", 12),
    ("lotto9", "Lotto Nine", "lottery", 6),
    ("highcard", "High Card", "card", 10),
];

/// Ids above those that are there: a database that others use too is left as it is.
pub(super) struct FirstIds {
    pub(super) brand: i64,
    pub(super) bank: i32,
    pub(super) provider: i32,
    pub(super) player: i64,
}

pub(super) async fn first_ids(conn: &mut PgConnection) -> anyhow::Result<FirstIds> {
    let (brand, bank, provider, player) = sqlx::query_as(
        "SELECT (SELECT coalesce(max(brand_id), 0) + 1 FROM brand), \
                (SELECT coalesce(max(bank_id), 0) + 1 FROM bank), \
                (SELECT coalesce(max(provider_id), 0) + 1 FROM provider), \
                (SELECT coalesce(max(player_id), 500000) + 1 FROM player)",
    )
    .fetch_one(conn)
    .await?;
    Ok(FirstIds {
        brand,
        bank,
        provider,
        player,
    })
}

pub(super) fn brands(first: &FirstIds) -> anyhow::Result<Vec<DemoBrand>> {
    let lotus = DemoBrand {
        brand: Brand {
            id: BrandId(first.brand),
            code: "brand-a".to_owned(),
            name: "Lotus Club".to_owned(),
            logo_url: None,
            timezone: constant("Asia/Bangkok")?,
            currency: constant("THB")?,
            phone_country: "66".to_owned(),
        },
        terms: WithdrawTerms {
            currency: constant("THB")?,
            min_amount: 500.into(),
            max_amount: 50_000.into(),
            fee_rate: Decimal::new(1, 2),
            fee_fixed: Decimal::ZERO,
            daily_count: Some(20),
            max_open: 1,
        },
        show_player_contact: false,
    };
    let perla = DemoBrand {
        brand: Brand {
            id: BrandId(first.brand + 1),
            code: "brand-b".to_owned(),
            name: "Perla Club".to_owned(),
            logo_url: None,
            timezone: constant("Asia/Manila")?,
            currency: constant("PHP")?,
            phone_country: "63".to_owned(),
        },
        terms: WithdrawTerms {
            currency: constant("PHP")?,
            min_amount: 300.into(),
            max_amount: 40_000.into(),
            fee_rate: Decimal::ZERO,
            fee_fixed: 15.into(),
            daily_count: Some(20),
            max_open: 1,
        },
        show_player_contact: true,
    };
    Ok(vec![lotus, perla])
}

pub(super) fn banks(first: &FirstIds) -> Vec<Bank> {
    let banks = BANKS.iter().zip(first.bank..);
    banks
        .map(|((code, name, country), id)| Bank {
            id,
            code,
            name,
            country: *country,
        })
        .collect()
}

pub(super) fn providers(first: &FirstIds) -> Vec<Provider> {
    let providers = PROVIDERS.iter().zip(first.provider..);
    let provider = |((code, name, category, royalty), id): (
        &(&'static str, &'static str, &'static str, i64),
        i32,
    )| {
        Provider {
            id,
            code,
            name,
            category,
            royalty: Decimal::new(*royalty, 2),
        }
    };
    providers.map(provider).collect()
}

pub(super) async fn store_brands(
    conn: &mut PgConnection,
    brands: &[DemoBrand],
) -> anyhow::Result<()> {
    for DemoBrand {
        brand,
        terms,
        show_player_contact,
    } in brands
    {
        sqlx::query(
            "INSERT INTO brand (brand_id, code, name, timezone, currency, phone_country, show_player_contact, \
                                withdraw_min, withdraw_max, withdraw_fee_rate, withdraw_fee_fixed, \
                                daily_withdraw_count) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::bigint::integer)",
        )
        .bind(brand.id.0)
        .bind(&brand.code)
        .bind(&brand.name)
        .bind(brand.timezone.name())
        .bind(brand.currency.as_str())
        .bind(&brand.phone_country)
        .bind(show_player_contact)
        .bind(terms.min_amount)
        .bind(terms.max_amount)
        .bind(terms.fee_rate)
        .bind(terms.fee_fixed)
        .bind(terms.daily_count)
        .execute(&mut *conn)
        .await?;
        // Hosts ending in .localhost lead to this machine without an entry anywhere.
        sqlx::query(
            "INSERT INTO brand_domain (domain, brand_id, kind) \
             VALUES ($2 || '.localhost', $1, 'agent'), ('agent.' || $2 || '.example', $1, 'agent'), \
                    ('play.' || $2 || '.localhost', $1, 'player'), ('play.' || $2 || '.example', $1, 'player')",
        )
        .bind(brand.id.0)
        .bind(&brand.code)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub(super) async fn store_banks(conn: &mut PgConnection, banks: &[Bank]) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO bank (bank_id, code, name, sort) \
         SELECT id, code, name, ordinality * 10 \
         FROM unnest($1::integer[], $2::text[], $3::text[]) WITH ORDINALITY AS b (id, code, name)",
    )
    .bind(column(banks, |b| b.id))
    .bind(column(banks, |b| b.code))
    .bind(column(banks, |b| b.name))
    .execute(conn)
    .await?;
    Ok(())
}

/// Every brand offers every provider, but the second one has switched the last off.
pub(super) async fn store_providers(
    conn: &mut PgConnection,
    providers: &[Provider],
    brands: &[DemoBrand],
) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO provider (provider_id, code, name, category) \
         SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[])",
    )
    .bind(column(providers, |p| p.id))
    .bind(column(providers, |p| p.code))
    .bind(column(providers, |p| p.name))
    .bind(column(providers, |p| p.category))
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO brand_provider (brand_id, provider_id, enabled, royalty_rate) \
         SELECT brand_id, p.id, NOT (brand_id = $4 AND p.ordinality = $5), p.royalty \
         FROM unnest($1::bigint[]) AS brand_id, \
              unnest($2::integer[], $3::numeric[]) WITH ORDINALITY AS p (id, royalty)",
    )
    .bind(column(brands, DemoBrand::id))
    .bind(column(providers, |p| p.id))
    .bind(column(providers, |p| p.royalty))
    .bind(brands.last().map(DemoBrand::id))
    .bind(i64::try_from(providers.len())?)
    .execute(conn)
    .await?;
    Ok(())
}
