//! Withdrawals in tests: asking for them, moving them on, and what they leave behind.

use agent_domain::{
    Problem, WithdrawNo,
    portal::withdraw::WithdrawStatus::{
        self, Approved, Cancelled, Paid, Paying, Pending, Rejected, Reviewing,
    },
};
use agent_persistence::portal::account::Balance;
use agent_services::portal::{
    account::Adjustment,
    withdraw_transition::{Actor, Transition, transition},
};
use serde_json::json;
use sqlx::Row as _;

use crate::{
    app::TestApp,
    client::{Answer, Session},
    fixture::{AgentFixture, BrandFixture},
};

/// Tables that a withdrawal, a coupon, or a change of an account may touch.
const BOOKS: [&str; 10] = [
    "agent_coupon_quota",
    "coupon",
    "coupon_log",
    "agent_account",
    "agent_ledger",
    "agent_withdraw",
    "admin_audit",
    "agent_outbox",
    "agent_outbox_pending",
    "idempotency_key",
];

/// What the books hold: rows and digest of every table. Equal before and after means that nothing
/// was booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books(Vec<(&'static str, i64, String)>);

/// An agent with a card and money, signed in.
pub struct Payee<'a> {
    pub agent: AgentFixture,
    pub brand: BrandFixture,
    pub card: i64,
    pub session: Session<'a>,
}

impl TestApp {
    /// An agent of one brand with a card and a balance, signed in.
    pub async fn payee(&self, username: &str, brand: &BrandFixture, balance: &str) -> Payee<'_> {
        let agent = self.agent(username, &[brand]).await;
        let card = self.card(&agent).await;
        self.credit(&agent, brand, balance).await;
        let session = self.session(&agent, brand).await;
        Payee {
            agent,
            brand: brand.clone(),
            card,
            session,
        }
    }

    /// Puts a brand on an agent's list, seen by the next request.
    pub async fn join(&self, agent: &AgentFixture, brand: &BrandFixture) {
        self.allow(agent, brand, "enabled").await;
        self.guard.invalidate_agent(agent.guid);
    }

    /// Signs an agent in on a brand.
    pub async fn session(&self, agent: &AgentFixture, brand: &BrandFixture) -> Session<'_> {
        self.login(&brand.host, &agent.username, &agent.password)
            .await
    }

    /// Sets columns of `brand`, e.g. `withdraw_min = 0`.
    pub async fn set_brand(&self, brand: &BrandFixture, assignment: &str) {
        let statement = format!(
            "UPDATE brand SET {assignment} WHERE brand_id = {}",
            brand.id
        );
        self.as_owner(&statement).await;
    }

    /// Runs statements with the owner's rights.
    pub async fn as_owner(&self, statements: &str) {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()))
            .execute(&self.owner)
            .await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// One text out of the database, with the owner's rights.
    pub async fn text(&self, query: &str) -> String {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        let text: Option<String> = sqlx::query_scalar(query)
            .fetch_one(&self.owner)
            .await
            .expect("a text");
        text.unwrap_or_default()
    }

    /// Moves an order on as an operator does.
    ///
    /// # Errors
    /// Those of the use case.
    pub async fn move_order(&self, number: &str, to: WithdrawStatus) -> Result<(), Problem> {
        let step = Transition {
            number: WithdrawNo::parse(number).expect("a withdrawal number"),
            to,
            actor: Actor::Operator("testkit".to_owned()),
            reason: Some(format!("moved to {}", to.as_str())),
        };
        transition(&self.app.core, &step).await
    }

    /// Brings a pending order of `payee` to a state by the shortest allowed way.
    pub async fn bring_order(&self, payee: &Payee<'_>, number: &str, to: WithdrawStatus) {
        let steps: &[WithdrawStatus] = match to {
            Pending => &[],
            Reviewing => &[Reviewing],
            Approved => &[Reviewing, Approved],
            Paying => &[Reviewing, Approved, Paying],
            Paid => &[Reviewing, Approved, Paying, Paid],
            Rejected => &[Rejected],
            Cancelled => {
                let answer = payee.session.cancel(number).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                &[]
            }
        };
        for step in steps {
            self.move_order(number, *step)
                .await
                .expect("an allowed move");
        }
    }

    /// Orders as they might have been made at another time, written with the owner's rights:
    /// `count` of them from `from` on, a `step` apart, of 100, 101, … They hold nothing.
    pub async fn plant_orders(
        &self,
        payee: &Payee<'_>,
        count: i64,
        status: &str,
        from: &str,
        step: &str,
    ) {
        self.as_owner(&format!(
            "INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, \
                                         bank_id, bank_name, card_number, card_last4, holder_name, status, created_at) \
             SELECT 'W20000101' || lpad(nextval('agent_withdraw_no_seq')::text, 6, '0'), {}, {}, 'THB', \
                    100 + n, 1, 99 + n, 1, 'Test Bank', 'aesgcm:v1:x', '1234', 'aesgcm:v1:x', '{status}', \
                    timestamptz '{from}' + n * interval '{step}' \
             FROM generate_series(0, {count} - 1) n",
            payee.agent.guid, payee.brand.id
        ))
        .await;
    }

    /// An adjustment of an account under a reference of its own.
    pub async fn adjustment(
        &self,
        agent: &AgentFixture,
        brand: &BrandFixture,
        amount: &str,
    ) -> Adjustment {
        let found = agent_persistence::brand::by_id(self.app.core.db.pool(), brand.id).await;
        let found = found.expect("brands can be read").expect("the brand");
        Adjustment {
            agent: agent.guid,
            scope: agent_domain::BrandScope::granted(std::sync::Arc::new(found)),
            amount: amount.parse().expect("an amount"),
            reference: uuid::Uuid::new_v4().to_string(),
            operator: "testkit".to_owned(),
        }
    }

    /// What an agent has on a brand.
    pub async fn balance(&self, agent: &AgentFixture, brand: &BrandFixture) -> Balance {
        let row = sqlx::query(
            "SELECT coalesce(sum(available), 0), coalesce(sum(frozen), 0) FROM agent_account \
             WHERE agent_id = $1 AND brand_id = $2",
        )
        .bind(agent.guid.0)
        .bind(brand.id.0)
        .fetch_one(&self.owner)
        .await
        .expect("a balance");
        Balance {
            available: row.get(0),
            frozen: row.get(1),
        }
    }

    /// Everything that is booked now.
    pub async fn books(&self) -> Books {
        let mut books = Vec::new();
        for table in BOOKS {
            let query = format!(
                "SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
            );
            let (count, digest) = sqlx::query_as(sqlx::AssertSqlSafe(query))
                .fetch_one(&self.owner)
                .await
                .expect("the books can be read");
            books.push((table, count, digest));
        }
        Books(books)
    }
}

impl Session<'_> {
    /// Asks for a withdrawal.
    pub async fn withdraw(&self, amount: &str, card: i64) -> Answer {
        let body = json!({ "amount": amount, "card_id": card });
        self.post("/agent/withdraw/add", &body).await
    }

    /// Asks for a withdrawal that is granted; gives its number.
    pub async fn withdrawn(&self, amount: &str, card: i64) -> String {
        let answer = self.withdraw(amount, card).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["withdraw_no"]
            .as_str()
            .expect("a number")
            .to_owned()
    }

    /// Asks for a withdrawal under an `Idempotency-Key`.
    pub async fn withdraw_once(&self, key: &str, body: &serde_json::Value) -> Answer {
        let request = self.request("POST", "/agent/withdraw/add").json(body);
        Answer::of(request.header("Idempotency-Key", key)).await
    }

    /// Asks to take an order back.
    pub async fn cancel(&self, number: &str) -> Answer {
        let path = format!("/agent/withdraw/{number}/cancel");
        self.post(&path, &json!({})).await
    }
}
