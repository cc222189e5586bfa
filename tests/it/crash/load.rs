//! Agents that ask for withdrawals and take them back, and never give up.

use std::{cell::Cell, net::SocketAddr, time::Duration};

use agent_testkit::{Answer, BrandFixture, TestApp};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// What all agents of a load share.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) brand: BrandFixture,
    /// Agents start nothing new from then on.
    pub(super) over: Cell<bool>,
    http: reqwest::Client,
}

/// One agent at work.
pub(super) struct Player {
    pub(super) card: i64,
    pub(super) token: String,
}

impl Load {
    pub(super) fn on(address: SocketAddr, brand: BrandFixture) -> Self {
        Self {
            address,
            brand,
            over: Cell::new(false),
            // A kept connection may be closed just when a request is sent on it.
            http: reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
        }
    }

    /// Agents with money; the API at the load's address has to run.
    pub(super) async fn players(&self, app: &TestApp, count: usize) -> Vec<Player> {
        let mut players = Vec::new();
        for number in 0..count {
            let agent = app.agent(&format!("player{number}"), &[&self.brand]).await;
            let card = app.card(&agent).await;
            app.credit(&agent, &self.brand, "100000").await;
            let body = json!({ "username": agent.username, "password": agent.password });
            let login = self.request("POST", "/agent/login").json(&body);
            let login = Answer::of(login).await;
            let token = login.body["access_token"].as_str().unwrap().to_owned();
            app.plant(&token);
            players.push(Player { card, token });
        }
        players
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        let method = method.parse().unwrap();
        self.http
            .request(method, url)
            .header("Host", &self.brand.host)
    }

    /// Sends until there is an answer, from whichever process.
    async fn insist(&self, request: impl Fn() -> RequestBuilder) -> (u16, Value) {
        loop {
            if let Ok(response) = request().send().await {
                let status = response.status().as_u16();
                // The process may die with half of the answer sent.
                if let Ok(body) = response.json().await
                    && status != 503
                {
                    return (status, body);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Withdraws and cancels until the load is over; gives how many orders it made.
    pub(super) async fn play(&self, player: &Player) -> i64 {
        let mut orders = 0;
        while !self.over.get() {
            let key = uuid::Uuid::new_v4().to_string();
            let body = json!({ "amount": "500", "card_id": player.card });
            let (status, made) = self
                .insist(|| {
                    let request = self
                        .request("POST", "/agent/withdraw/add")
                        .bearer_auth(&player.token);
                    request.header("Idempotency-Key", &key).json(&body)
                })
                .await;
            assert_eq!(status, 201, "{made}");
            orders += 1;
            let number = made["withdraw_no"].as_str().unwrap();
            let path = format!("/agent/withdraw/{number}/cancel");
            let (status, answer) = self
                .insist(|| {
                    self.request("POST", &path)
                        .bearer_auth(&player.token)
                        .json(&json!({}))
                })
                .await;
            // The first attempt may have been carried out although its answer was lost.
            assert!(
                status == 200 || answer["code"] == "conflict",
                "{status} {answer}"
            );
        }
        orders
    }

    /// One request, answered or not.
    pub(super) async fn try_withdraw(&self, player: &Player) -> reqwest::Result<(u16, Value)> {
        let body = json!({ "amount": "500", "card_id": player.card });
        let request = self
            .request("POST", "/agent/withdraw/add")
            .bearer_auth(&player.token);
        let response = request.json(&body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }
}
