//! Everybody does everything at once, and at every instant the books are right.

use std::{cell::Cell, cell::RefCell};

use agent_domain::{
    Code, Problem,
    portal::withdraw::WithdrawStatus::{self, Approved, Paid, Paying, Rejected, Reviewing},
};
use agent_services::portal::account::adjust;
use agent_testkit::{Payee, TestApp};
use futures_util::future::join_all;
use serde_json::json;

use super::{dice::Dice, trail};

const DRIVERS: u64 = 12;
const STEPS: usize = 40;

/// What the drivers share: the world they act on, and what they have done to it.
struct World<'a> {
    app: &'a TestApp,
    payees: &'a [Payee<'a>],
    orders: RefCell<Vec<String>>,
    changes: Cell<i64>,
    refusals: Cell<i64>,
    drivers_left: Cell<usize>,
}

impl World<'_> {
    /// Notes whether something was changed. Whatever is no refusal by a rule is a fault.
    fn note(&self, outcome: Result<(), Problem>) {
        match outcome {
            Ok(()) => self.changes.set(self.changes.get() + 1),
            Err(problem) if matches!(problem.code, Code::Conflict | Code::InsufficientBalance) => {
                self.refusals.set(self.refusals.get() + 1);
            }
            Err(problem) => panic!("{problem:?}"),
        }
    }

    fn note_status(&self, status: u16) {
        match status {
            200 | 201 => self.changes.set(self.changes.get() + 1),
            _ => self.refusals.set(self.refusals.get() + 1),
        }
    }

    fn some_order(&self, dice: &mut Dice) -> Option<String> {
        let orders = self.orders.borrow();
        // Rather one of the latest, which others are at as well.
        let latest = orders.len().min(8);
        let at = orders.len().checked_sub(1 + dice.below(latest.max(1)))?;
        Some(orders[at].clone())
    }

    async fn drive(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        for _ in 0..STEPS {
            match dice.below(10) {
                0..=2 => self.add(&mut dice).await,
                3..=6 => self.move_on(&mut dice).await,
                7 => self.cancel(&mut dice).await,
                8 => self.adjust(&mut dice, "").await,
                _ => self.adjust(&mut dice, "-").await,
            }
        }
        self.drivers_left.set(self.drivers_left.get() - 1);
    }

    async fn add(&self, dice: &mut Dice) {
        let payee = &self.payees[dice.below(self.payees.len())];
        let amount = format!("{}.{:02}", 1 + dice.below(900), dice.below(100));
        let body = json!({ "amount": amount, "card_id": payee.card });
        let answer = if dice.below(2) == 0 {
            payee.session.post("/withdraw/add", &body).await
        } else {
            let key = dice.below(40).to_string();
            payee.session.withdraw_once(&key, &body).await
        };
        let codes = [
            "",
            "insufficient_balance",
            "withdraw_pending",
            "idempotency_conflict",
        ];
        assert!(
            matches!(answer.status, 201 | 409) && codes.contains(&answer.code()),
            "{answer:?}"
        );
        let Some(number) = answer.body["withdraw_no"].as_str() else {
            return self.note_status(answer.status);
        };
        // A replay is no change.
        let mut orders = self.orders.borrow_mut();
        if !orders.iter().any(|known| known == number) {
            orders.push(number.to_owned());
            self.note_status(answer.status);
        }
    }

    async fn move_on(&self, dice: &mut Dice) {
        let moves: [WithdrawStatus; 8] = [
            Reviewing, Reviewing, Approved, Approved, Paying, Paying, Paid, Rejected,
        ];
        let to = moves[dice.below(moves.len())];
        if let Some(number) = self.some_order(dice) {
            self.note(self.app.move_order(&number, to).await);
        }
    }

    async fn cancel(&self, dice: &mut Dice) {
        let Some(number) = self.some_order(dice) else {
            return;
        };
        let payee = &self.payees[dice.below(self.payees.len())];
        let answer = payee.session.cancel(&number).await;
        assert!(matches!(answer.status, 200 | 404 | 409), "{answer:?}");
        self.note_status(answer.status);
    }

    async fn adjust(&self, dice: &mut Dice, sign: &str) {
        let payee = &self.payees[dice.below(self.payees.len())];
        let amount = format!("{sign}{}.{:04}", dice.below(700), 1 + dice.below(9999));
        let mut adjustment = self
            .app
            .adjustment(&payee.agent, &payee.brand, &amount)
            .await;
        // Some references come twice: booked once.
        if dice.below(3) == 0 {
            adjustment.reference = format!("shared-{}", dice.below(8));
        }
        self.note(adjust(&self.app.app.core, &adjustment).await.map(|_| ()));
    }

    /// Looks at the books again and again while the drivers are at them.
    async fn watch(&self) -> usize {
        let mut looks = 0;
        while self.drivers_left.get() > 0 {
            assert_eq!(
                trail::broken_accounts(&self.app.owner).await,
                0,
                "after {looks} looks"
            );
            looks += 1;
        }
        looks
    }
}

async fn chaos(seed: u64, agents: usize) {
    let app = TestApp::spawn().await;
    let brand = app.brand("chaos").await;
    app.set_brand(&brand, "withdraw_min = 0, withdraw_fee_rate = 0.0010")
        .await;
    let mut payees = Vec::new();
    for at in 0..agents {
        let payee = app.payee(&format!("chaos_{at}"), &brand, "5000").await;
        app.setting(&payee.agent, &brand, "max_open_withdrawals = 12")
            .await;
        payees.push(payee);
    }
    let world = World {
        app: &app,
        payees: &payees,
        orders: RefCell::default(),
        changes: Cell::new(i64::try_from(agents).unwrap()),
        refusals: Cell::new(0),
        drivers_left: Cell::new(usize::try_from(DRIVERS).unwrap()),
    };
    let drivers = join_all((0..DRIVERS).map(|driver| world.drive(seed * DRIVERS + driver)));
    let (_, looks) = tokio::join!(drivers, world.watch());
    let (changes, refusals) = (world.changes.get(), world.refusals.get());
    assert!(
        looks >= 10 && changes > 60 && refusals > 30,
        "{looks} looks, {changes} changes, {refusals} refusals"
    );

    trail::assert_orders_and_ledger_agree(&app).await;
    assert_eq!(
        app.count("SELECT count(*) FROM admin_audit").await,
        changes,
        "one audit row a change"
    );
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox").await,
        changes,
        "one event a change"
    );
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox_pending").await,
        changes
    );
    let metrics = app.metrics.render();
    let fault = metrics
        .lines()
        .find(|line| line.starts_with("http_requests_total") && line.contains(r#"status="5"#));
    assert_eq!(fault, None);
    app.finish().await;
}

#[tokio::test]
async fn q82_q95_one_agents_books_are_right_at_every_instant() {
    chaos(1, 1).await;
}

#[tokio::test]
async fn q82_q95_several_agents_books_are_right_at_every_instant() {
    chaos(2, 3).await;
}
