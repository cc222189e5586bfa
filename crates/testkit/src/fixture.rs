//! Brands, agents and cards for tests, written with the owner's rights.

use agent_crypto::{AesIv, AesKey, PasswordPipeline, PiiColumn, pii::legacy_fixture};
use agent_domain::{AgentGuid, BrandId, BrandScope};
use agent_persistence::brand;
use agent_services::portal::account::{Adjustment, adjust};
use rust_decimal::Decimal;

use crate::app::TestApp;

pub(crate) const PASSWORD_SALT: &str = "testkit-password-salt";
pub(crate) const AES_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub(crate) const AES_IV: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/// A brand with one host.
#[derive(Clone, Debug)]
pub struct BrandFixture {
    pub id: BrandId,
    pub host: String,
}

/// An agent with a password that the probe looks for.
#[derive(Clone, Debug)]
pub struct AgentFixture {
    pub guid: AgentGuid,
    pub username: String,
    pub password: String,
}

impl TestApp {
    /// A THB brand in Bangkok with the host `<code>.test`: 500 to 50 000, fee 1 %.
    pub async fn brand(&self, code: &str) -> BrandFixture {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO brand (brand_id, code, name, timezone, currency, phone_country, withdraw_min, \
                                withdraw_max, withdraw_fee_rate) \
             SELECT coalesce(max(brand_id), 0) + 1, $1, 'Brand ' || $1, 'Asia/Bangkok', 'THB', '66', 500, 50000, 0.01 \
             FROM brand RETURNING brand_id",
        )
        .bind(code)
        .fetch_one(&self.owner)
        .await
        .expect("a brand");
        let host = format!("{code}.test");
        sqlx::query("INSERT INTO brand_domain (domain, brand_id, kind) VALUES ($1, $2, 'agent')")
            .bind(&host)
            .bind(id)
            .execute(&self.owner)
            .await
            .expect("a host");
        BrandFixture {
            id: BrandId(id),
            host,
        }
    }

    /// An active top-level agent that serves the given brands.
    pub async fn agent(&self, username: &str, brands: &[&BrandFixture]) -> AgentFixture {
        self.agent_under(username, None, brands).await
    }

    /// As [`Self::agent`], below a parent.
    pub async fn agent_under(
        &self,
        username: &str,
        parent: Option<AgentGuid>,
        brands: &[&BrandFixture],
    ) -> AgentFixture {
        let password = format!("password-of-{username}-{}", uuid::Uuid::new_v4().simple());
        self.plant(&password);
        let hash = self.app.passwords.hash(&password).await.expect("a hash");
        let guid: i64 = sqlx::query_scalar(
            "INSERT INTO agent (username, password_hash, parent_guid, invite_code, nick_name) \
             VALUES ($1, $2, $3, 'invite-' || $1, 'Nick ' || $1) RETURNING guid",
        )
        .bind(username)
        .bind(hash)
        .bind(parent.map(|parent| parent.0))
        .fetch_one(&self.owner)
        .await
        .expect("an agent");
        let agent = AgentFixture {
            guid: AgentGuid(guid),
            username: username.to_owned(),
            password,
        };
        for brand in brands {
            self.allow(&agent, brand, "enabled").await;
        }
        agent
    }

    /// Puts a brand on an agent's list, or takes it off, as the admin service does; says nothing
    /// on the channel.
    pub async fn allow(&self, agent: &AgentFixture, brand: &BrandFixture, status: &str) {
        sqlx::query(
            "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ($1, $2, $3) \
             ON CONFLICT (agent_id, brand_id) DO UPDATE SET status = excluded.status",
        )
        .bind(agent.guid.0)
        .bind(brand.id.0)
        .bind(status)
        .execute(&self.owner)
        .await
        .expect("membership");
    }

    /// Announces a change of an agent's brands.
    pub async fn announce(&self, payload: &str) {
        let channel = agent_kv::Channel::BrandChanged;
        self.app
            .core
            .kv
            .publish(channel, payload)
            .await
            .expect("announced");
    }

    /// Sets columns of `agent_setting`, e.g. `max_open_withdrawals = 5`.
    pub async fn setting(&self, agent: &AgentFixture, brand: &BrandFixture, assignment: &str) {
        let statement = format!(
            "INSERT INTO agent_setting (agent_id, brand_id) VALUES ({}, {}) ON CONFLICT DO NOTHING; \
             UPDATE agent_setting SET {assignment} WHERE agent_id = {0} AND brand_id = {1}",
            agent.guid, brand.id,
        );
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&self.owner)
            .await;
        done.expect("a setting");
    }

    /// Credits an account through the same use case as operators do.
    pub async fn credit(&self, agent: &AgentFixture, brand: &BrandFixture, amount: &str) {
        let found = brand::by_id(self.app.core.db.pool(), brand.id)
            .await
            .expect("a brand");
        let adjustment = Adjustment {
            agent: agent.guid,
            scope: BrandScope::granted(std::sync::Arc::new(found.expect("a brand"))),
            amount: amount.parse::<Decimal>().expect("an amount"),
            reference: uuid::Uuid::new_v4().to_string(),
            operator: "testkit".to_owned(),
        };
        adjust(&self.app.core, &adjustment).await.expect("credited");
    }

    /// A default card, encrypted as today; number and holder are secrets that the probe looks for.
    pub async fn card(&self, agent: &AgentFixture) -> i64 {
        let number = card_number();
        let holder = format!("Holder {}", uuid::Uuid::new_v4().simple());
        self.plant(&number);
        self.plant(&holder);
        let encrypt = |column, plain: &str| self.app.pii.encrypt(column, plain).expect("encrypted");
        let stored = encrypt(PiiColumn::CardNumber, &number);
        let holder = encrypt(PiiColumn::HolderName, &holder);
        self.insert_card(agent, &number, &stored, &holder).await
    }

    /// A default card as the old service wrote it.
    pub async fn legacy_card(&self, agent: &AgentFixture) -> i64 {
        let number = card_number();
        let holder = "Legacy Holder";
        self.plant(&number);
        self.plant(holder);
        let (key, iv): (AesKey, AesIv) =
            (AES_KEY.parse().expect("key"), AES_IV.parse().expect("iv"));
        let stored = legacy_fixture::encrypt_cbc(&key, &iv, &number);
        let holder = legacy_fixture::encrypt_cbc(&key, &iv, holder);
        self.insert_card(agent, &number, &stored, &holder).await
    }

    async fn insert_card(
        &self,
        agent: &AgentFixture,
        number: &str,
        stored: &str,
        holder: &str,
    ) -> i64 {
        sqlx::query("INSERT INTO bank (bank_id, code, name) VALUES (1, 'TEST', 'Test Bank') ON CONFLICT DO NOTHING")
            .execute(&self.owner)
            .await
            .expect("a bank");
        sqlx::query_scalar(
            "INSERT INTO agent_bank_card (agent_id, bank_id, card_number, card_last4, holder_name, is_default) \
             SELECT $1, 1, $2, $3, $4, NOT EXISTS (SELECT FROM agent_bank_card WHERE agent_id = $1 AND is_default) \
             RETURNING id",
        )
        .bind(agent.guid.0)
        .bind(stored)
        .bind(&number[number.len() - 4..])
        .bind(holder)
        .fetch_one(&self.owner)
        .await
        .expect("a card")
    }

    /// Gives an agent a payout password.
    pub async fn payout_password(&self, agent: &AgentFixture, pin: &str) {
        let hash = self.app.passwords.hash(pin).await.expect("a hash");
        self.set_agent(agent, "payout_password_hash", &hash).await;
    }

    /// Stores the password as the old service did.
    pub async fn legacy_password(&self, agent: &AgentFixture) {
        let salt = PASSWORD_SALT.as_bytes();
        let hash = PasswordPipeline::legacy_hash_for_fixture(salt, &agent.password);
        self.set_agent(agent, "password_hash", &hash).await;
    }

    /// Sets one text column of an agent.
    pub async fn set_agent(&self, agent: &AgentFixture, column: &str, value: &str) {
        let statement = format!("UPDATE agent SET {column} = $1 WHERE guid = $2");
        let done = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(value)
            .bind(agent.guid.0)
            .execute(&self.owner)
            .await;
        done.expect("updated");
    }

    /// Says on which brand an agent was made.
    ///
    /// # Panics
    /// The database refuses.
    pub async fn made_on(&self, agent: &AgentFixture, brand: &BrandFixture) {
        let done = sqlx::query("UPDATE agent SET created_on = $1 WHERE guid = $2")
            .bind(brand.id.0)
            .bind(agent.guid.0)
            .execute(&self.owner)
            .await;
        done.expect("updated");
    }

    /// One number out of the database, with the owner's rights.
    pub async fn count(&self, query: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        sqlx::query_scalar(query)
            .fetch_one(&self.owner)
            .await
            .expect("a count")
    }
}

/// Sixteen digits that no other test has.
fn card_number() -> String {
    let random = uuid::Uuid::new_v4().as_u128() % 10_000_000_000_000_000;
    format!("{random:016}")
}
