//! Coupons in tests: templates, players who get them, and what they leave behind.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    app::TestApp,
    client::{Answer, Session},
    fixture::{AgentFixture, BrandFixture},
};

/// An agent with a quota, a template of 100 for seven days, and players, signed in.
pub struct Granter<'a> {
    pub agent: AgentFixture,
    pub brand: BrandFixture,
    pub template: i64,
    pub players: Vec<i64>,
    pub session: Session<'a>,
}

impl TestApp {
    /// An agent of one brand that may grant coupons of this amount each month.
    pub async fn granter(
        &self,
        username: &str,
        brand: &BrandFixture,
        quota: &str,
        players: usize,
    ) -> Granter<'_> {
        let agent = self.agent(username, &[brand]).await;
        self.setting(&agent, brand, &format!("coupon_quota_monthly = {quota}"))
            .await;
        let mut own = Vec::new();
        for _ in 0..players {
            own.push(self.coupon_player(&agent, brand).await);
        }
        Granter {
            template: self.coupon_template(brand, "100").await,
            session: self.session(&agent, brand).await,
            brand: brand.clone(),
            players: own,
            agent,
        }
    }

    /// A template that is valid for seven days.
    pub async fn coupon_template(&self, brand: &BrandFixture, amount: &str) -> i64 {
        sqlx::query_scalar(
            "INSERT INTO coupon_template (brand_id, name, amount, wagering, valid_days) \
             VALUES ($1, 'Coupon of ' || $2, $2::numeric, 3, 7) RETURNING template_id",
        )
        .bind(brand.id.0)
        .bind(amount)
        .fetch_one(&self.owner)
        .await
        .expect("a template")
    }

    /// A player whom an agent brought in.
    pub async fn coupon_player(&self, agent: &AgentFixture, brand: &BrandFixture) -> i64 {
        sqlx::query_scalar(
            "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
             SELECT id, $1, $2, 'player-' || id, now() FROM ( \
                 SELECT coalesce(max(player_id), 0) + 1 AS id FROM player) next RETURNING player_id",
        )
        .bind(brand.id.0)
        .bind(agent.guid.0)
        .fetch_one(&self.owner)
        .await
        .expect("a player")
    }

    /// What was drawn from an agent's quotas on a brand, over all months.
    pub async fn quota_used(&self, agent: &AgentFixture, brand: &BrandFixture) -> Decimal {
        sqlx::query_scalar(
            "SELECT coalesce(sum(used), 0) FROM agent_coupon_quota WHERE agent_id = $1 AND brand_id = $2",
        )
        .bind(agent.guid.0)
        .bind(brand.id.0)
        .fetch_one(&self.owner)
        .await
        .expect("the quotas can be read")
    }

    /// Panics unless coupons, log, quotas, audit rows and events tell the same story.
    pub async fn assert_coupon_books(&self) {
        for (what, query) in agent_chaos::books::COUPONS {
            assert_eq!(self.count(query).await, 0, "{what}");
        }
    }
}

impl Session<'_> {
    /// Asks for a coupon for each player.
    pub async fn grant(&self, template: i64, players: &[i64]) -> Answer {
        let body = json!({ "template_id": template, "player_ids": players });
        self.post("/agent/coupon/grant", &body).await
    }

    /// Asks for coupons that are granted; gives their ids.
    pub async fn granted(&self, template: i64, players: &[i64]) -> Vec<i64> {
        let answer = self.grant(template, players).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let items = answer.body["items"].as_array().expect("items").iter();
        items
            .map(|item| item["coupon_id"].as_i64().expect("an id"))
            .collect()
    }

    /// Asks for coupons under an `Idempotency-Key`.
    pub async fn grant_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.request("POST", path).json(body);
        Answer::of(request.header("Idempotency-Key", key)).await
    }

    /// Asks to take coupons back.
    pub async fn recycle(&self, coupons: &[i64]) -> Answer {
        let body = json!({ "coupon_ids": coupons });
        self.post("/agent/coupon/recycle", &body).await
    }
}
