//! A frontend: one agent signed in, asking for this and that.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use agent_chaos::dice::Dice;
use anyhow::bail;
use reqwest::RequestBuilder;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    ask::{Told, ask},
    claims::{Claim, Claims, Fate},
    pause,
};
use crate::{
    journal::Rule,
    stage::{
        CLIENTS, Shared,
        world::{Agent, HOST},
    },
};

/// Longer than the API takes for any request.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer is insisted on.
const INSISTS: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    stage: Shared,
    claims: Arc<Claims>,
    over: Arc<AtomicBool>,
    agent: Agent,
    /// Makes marks and keys unlike those of all others.
    name: String,
    dice: Dice,
    http: reqwest::Client,
    token: String,
    asked: u64,
    /// Orders of its own that may be open, and coupons that may be taken back.
    open: Vec<String>,
    coupons: Vec<i64>,
}

impl Client {
    pub(crate) fn new(
        stage: &Shared,
        claims: &Arc<Claims>,
        over: Arc<AtomicBool>,
        agent: usize,
        name: String,
        dice: Dice,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            stage: stage.clone(),
            claims: claims.clone(),
            over,
            agent: stage.world.agents[agent].clone(),
            name,
            dice,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()?,
            token: String::new(),
            asked: 0,
            open: Vec::new(),
            coupons: Vec::new(),
        })
    }

    fn request(&self, method: &str, path: &str) -> anyhow::Result<RequestBuilder> {
        let address = self.stage.links[CLIENTS].proxy.address();
        let request = self
            .http
            .request(method.parse()?, format!("http://{address}{path}"));
        Ok(request.header("Host", HOST).bearer_auth(&self.token))
    }

    async fn ask(&self, what: &str, request: RequestBuilder) -> Told {
        ask(&self.stage.journal, &self.claims, what, request).await
    }

    /// Only in fair weather.
    pub(crate) async fn sign_in(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.log_in().await? {
            if started.elapsed() > INSISTS {
                bail!("{} cannot sign in", self.agent.username);
            }
            pause(&mut self.dice).await;
        }
        Ok(())
    }

    async fn log_in(&mut self) -> anyhow::Result<bool> {
        let body = json!({ "username": self.agent.username, "password": self.agent.password });
        let request = self.request("POST", "/agent/login")?.json(&body);
        match self.ask("login", request).await {
            Told::Done(body) => {
                for name in ["access_token", "refresh_token"] {
                    let token = body[name].as_str().unwrap_or_default();
                    self.stage.plant(token);
                    if name == "access_token" {
                        token.clone_into(&mut self.token);
                    }
                }
                Ok(true)
            }
            Told::Refused(code) => {
                self.unexpected("a right password", &code);
                Ok(false)
            }
            Told::Unsure => Ok(false),
        }
    }

    fn unexpected(&self, what: &str, code: &str) {
        let text = format!("{what} was refused: {code}");
        self.stage
            .journal
            .broken(Rule::ClientsWereToldTheTruth, text);
    }

    /// Until it is over.
    pub(crate) async fn work(&mut self) -> anyhow::Result<()> {
        while !self.over.load(Ordering::Relaxed) {
            match self.dice.between(1, 100) {
                1..=32 => self.withdraw().await?,
                33..=60 => self.cancel().await?,
                61..=68 => self.grant().await?,
                69..=72 => self.recycle().await?,
                73..=94 => self.read().await?,
                95 | 96 => {
                    self.log_in().await?;
                }
                97 => self.guess().await?,
                _ => self.recover().await?,
            }
            pause(&mut self.dice).await;
        }
        Ok(())
    }

    /// Sends until the answer is definite; without a key it is sent once. Tells also whether the
    /// first answer was definite.
    async fn insist(
        &mut self,
        what: &str,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<(Told, bool)> {
        let started = Instant::now();
        // Some give up at once.
        let patience = if self.dice.percent(85) {
            INSISTS
        } else {
            Duration::ZERO
        };
        let mut first = true;
        loop {
            let mut request = self.request("POST", path)?.json(body);
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            let told = self.ask(what, request).await;
            let definite = !matches!(told, Told::Unsure);
            if definite || key.is_none() || started.elapsed() > patience {
                return Ok((told, first));
            }
            first = false;
            pause(&mut self.dice).await;
        }
    }

    fn mark(&mut self, what: &str) -> String {
        self.asked += 1;
        format!("{what}-{}-{}", self.name, self.asked)
    }

    async fn withdraw(&mut self) -> anyhow::Result<()> {
        let mark = self.mark("order");
        let amount = self.dice.between(500, 2_500);
        let key = self.dice.percent(80).then(|| mark.clone());
        let body =
            json!({ "amount": amount.to_string(), "card_id": self.agent.card, "remark": mark });
        let path = self.dice.pick(&["/agent/withdraw/add", "/withdraw/add"]);
        let (told, first) = self.insist("withdraw", path, key.as_deref(), &body).await?;
        let fate = match told {
            Told::Done(answer) => {
                let number = answer["withdraw_no"].as_str().unwrap_or_default();
                self.open.push(number.to_owned());
                if let Some(key) = &key
                    && self.dice.percent(20)
                {
                    self.replay(path, key, &body, &answer).await?;
                }
                Fate::Done(number.to_owned())
            }
            Told::Refused(code) => {
                if !["withdraw_pending", "insufficient_balance"].contains(&&*code) {
                    self.unexpected("a withdrawal", &code);
                }
                refused(first)
            }
            Told::Unsure => Fate::Unsure,
        };
        self.claims.order(Claim {
            mark,
            amount: Decimal::from(amount),
            fate,
        });
        Ok(())
    }

    /// The same request again gives the same answer.
    async fn replay(
        &mut self,
        path: &str,
        key: &str,
        body: &Value,
        answer: &Value,
    ) -> anyhow::Result<()> {
        let (told, _) = self.insist("replay", path, Some(key), body).await?;
        match told {
            Told::Done(again) if again == *answer => {}
            Told::Unsure => {}
            other => {
                let text = format!("a replay of {key} was answered otherwise: {other:?}");
                self.stage
                    .journal
                    .broken(Rule::ClientsWereToldTheTruth, text);
            }
        }
        Ok(())
    }

    async fn cancel(&mut self) -> anyhow::Result<()> {
        let Some(number) = self.open.pop() else {
            return self.read().await;
        };
        let path = format!("/agent/withdraw/{number}/cancel");
        let request = self.request("POST", &path)?.json(&json!({}));
        match self.ask("cancel", request).await {
            Told::Done(_) => self.claims.cancelled(&number),
            // An operator was faster.
            Told::Refused(code) if code == "conflict" => {}
            Told::Refused(code) => self.unexpected("a cancellation", &code),
            Told::Unsure => self.open.push(number),
        }
        Ok(())
    }

    async fn grant(&mut self) -> anyhow::Result<()> {
        let mark = self.mark("coupon");
        let key = self.dice.percent(80).then(|| mark.clone());
        let count = 1 + self.dice.below(self.agent.players.len());
        let players = &self.agent.players[..count];
        let body =
            json!({ "template_id": self.agent.template, "player_ids": players, "remark": mark });
        let path = "/agent/coupon/grant";
        let (told, first) = self.insist("grant", path, key.as_deref(), &body).await?;
        let fate = match told {
            Told::Done(answer) => {
                let items = answer["items"].as_array().cloned().unwrap_or_default();
                let ids = items.iter().filter_map(|item| item["coupon_id"].as_i64());
                let ids: Vec<i64> = ids.collect();
                self.coupons.extend(&ids);
                Fate::Done(ids)
            }
            Told::Refused(code) => {
                if code != "coupon_quota_exceeded" {
                    self.unexpected("a coupon", &code);
                }
                refused(first)
            }
            Told::Unsure => Fate::Unsure,
        };
        self.claims.coupon(Claim {
            mark,
            amount: Decimal::from(count),
            fate,
        });
        Ok(())
    }

    async fn recycle(&mut self) -> anyhow::Result<()> {
        let from = self.coupons.len().saturating_sub(3);
        let coupons = self.coupons.split_off(from);
        if coupons.is_empty() {
            return self.read().await;
        }
        let request = self.request("POST", "/agent/coupon/recycle")?;
        let request = request.json(&json!({ "coupon_ids": coupons }));
        match self.ask("recycle", request).await {
            Told::Done(_) => self.claims.recycled(&coupons),
            Told::Refused(code) if code == "coupon_not_recyclable" => {}
            Told::Refused(code) => self.unexpected("taking coupons back", &code),
            Told::Unsure => self.coupons.extend(coupons),
        }
        Ok(())
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        // A phone as a keyword: the query must be in no log.
        let search = format!(
            "/agent/player/list?keyword={}",
            self.agent.phone.replace('+', "%2B")
        );
        let path = self.dice.pick(&[
            "/agent/top_info",
            "/agent/withdraw/init",
            "/agent/withdraw/list",
            "/agent/coupon/list",
            "/agent/home/summary",
            &search,
        ]);
        let request = self.request("GET", path)?;
        if let Told::Refused(code) = self.ask("read", request).await {
            self.unexpected(&format!("GET {path}"), &code);
        }
        Ok(())
    }

    /// A wrong password, which is as secret as a right one.
    async fn guess(&mut self) -> anyhow::Result<()> {
        let guess = format!("guess-{}", self.dice.number());
        self.stage.plant(&guess);
        let body = json!({ "username": self.agent.username, "password": guess });
        let request = self.request("POST", "/agent/login")?.json(&body);
        if let Told::Done(_) = self.ask("guess", request).await {
            let text = "a wrong password was accepted".to_owned();
            self.stage
                .journal
                .broken(Rule::ClientsWereToldTheTruth, text);
        }
        Ok(())
    }

    /// Asks for a code, which goes to the provider.
    async fn recover(&mut self) -> anyhow::Result<()> {
        let body = json!({ "contact": self.agent.phone });
        let request = self.request("POST", "/agent/recovery/request")?.json(&body);
        if let Told::Refused(code) = self.ask("recovery", request).await {
            self.unexpected("a request for recovery", &code);
        }
        Ok(())
    }
}

/// An earlier attempt may have been carried out, and its effect be what stands against this one.
fn refused<T>(first: bool) -> Fate<T> {
    if first { Fate::Refused } else { Fate::Unsure }
}
