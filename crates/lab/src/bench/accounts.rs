//! Accounts that have phones, under one brand.

use std::sync::Arc;

use agent_crypto::{BlindIndexKind, DerivedKeys, NoObserver, PiiCipher, PiiColumn, PiiSettings};
use anyhow::Context as _;
use sqlx::PgPool;

use crate::context::Lab;

/// Host of the one brand.
pub(super) const HOST: &str = "bench.test";

/// Whom a request names.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) username: String,
    pub(super) phone: String,
}

impl Account {
    /// The given number makes both names unlike all others.
    pub(super) fn numbered(name: &str, prefix: u32, number: usize) -> Self {
        Self {
            username: format!("{name}_{number:04}"),
            phone: format!("+66{prefix}{number:05}"),
        }
    }
}

/// Under the id 1.
pub(super) async fn write_brand(owner: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO brand (brand_id, code, name, timezone, currency, phone_country, withdraw_min, \
                            withdraw_max, withdraw_fee_rate) \
         VALUES (1, 'bench', 'Bench', 'Asia/Bangkok', 'THB', '66', 500, 50000, 0.01); \
         INSERT INTO brand_domain (domain, brand_id, kind) VALUES ('{HOST}', 1, 'agent')"
    )))
    .execute(owner)
    .await?;
    Ok(())
}

/// Writes the brand and the accounts.
pub(super) async fn write(lab: &Lab, accounts: &[Account]) -> anyhow::Result<()> {
    let owner = lab.owner().await?;
    let keys = &lab.settings.keys;
    let root = keys.secret_key.as_ref().context("SECRET_KEY")?;
    let index = DerivedKeys::new(root, keys.blind_index_key.as_ref());
    let cipher = PiiSettings {
        key: keys.aes_key.clone(),
        iv: keys.aes_iv.clone(),
        ..PiiSettings::default()
    };
    let cipher = PiiCipher::new(cipher, Arc::new(NoObserver));
    write_brand(&owner).await?;
    for account in accounts {
        sqlx::query(
            "WITH made AS ( \
                 INSERT INTO agent (username, password_hash, invite_code, nick_name, phone_num, phone_bidx) \
                 VALUES ($1, 'none', 'invite-' || $1, $1, $2, $3) RETURNING guid) \
             INSERT INTO agent_brand (agent_id, brand_id, status) SELECT guid, 1, 'enabled' FROM made",
        )
        .bind(&account.username)
        .bind(cipher.encrypt(PiiColumn::Phone, &account.phone)?)
        .bind(&index.blind_index(BlindIndexKind::Phone, &account.phone)[..])
        .execute(&owner)
        .await?;
    }
    owner.close().await;
    Ok(())
}
