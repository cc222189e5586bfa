//! The other side: review, payout, credits. Through the use cases, not through the API.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agent_chaos::dice::Dice;
use agent_domain::{
    Code, Problem, WithdrawNo,
    portal::withdraw::WithdrawStatus::{self, Approved, Paid, Paying, Rejected, Reviewing},
};
use agent_services::portal::withdraw_transition::{Actor, Transition, transition};
use anyhow::Context as _;
use rust_decimal::Decimal;

use super::{
    claims::{Claim, Claims, Fate},
    pause,
};
use crate::{
    journal::Rule,
    stage::{Shared, world},
};

/// Moves that an operator tries, allowed or not.
const MOVES: [WithdrawStatus; 5] = [Reviewing, Approved, Paying, Paid, Rejected];
/// What an operator does with most orders.
const PAYOUT: [WithdrawStatus; 4] = [Reviewing, Approved, Paying, Paid];
/// Orders back from the latest that are looked at.
const BACK: usize = 12;

pub(super) struct Operator {
    stage: Shared,
    claims: Arc<Claims>,
    over: Arc<AtomicBool>,
    phase: String,
    dice: Dice,
}

impl Operator {
    pub(super) fn new(
        stage: &Shared,
        claims: &Arc<Claims>,
        over: Arc<AtomicBool>,
        phase: &str,
        dice: Dice,
    ) -> Self {
        Self {
            stage: stage.clone(),
            claims: claims.clone(),
            over,
            phase: phase.to_owned(),
            dice,
        }
    }

    pub(super) async fn work(mut self) -> anyhow::Result<()> {
        let mut credits = 0;
        while !self.over.load(Ordering::Relaxed) {
            match self.dice.between(1, 100) {
                1..=10 => {
                    credits += 1;
                    self.credit(credits).await;
                }
                11..=50 => self.move_on(&PAYOUT).await?,
                _ => {
                    let to = self.dice.pick(&MOVES);
                    self.move_on(&[to]).await?;
                }
            }
            pause(&mut self.dice).await;
        }
        Ok(())
    }

    /// Takes one of the latest orders through some moves, as far as it can.
    async fn move_on(&mut self, moves: &[WithdrawStatus]) -> anyhow::Result<()> {
        let Some(number) = self.claims.late_order(self.dice.below(BACK)) else {
            return Ok(());
        };
        for to in moves {
            let step = Transition {
                number: WithdrawNo::parse(&number).context("a number that the API gave")?,
                to: *to,
                actor: Actor::Operator("chaos".to_owned()),
                reason: Some("chaos".to_owned()),
            };
            match transition(&self.stage.app.core, &step).await {
                Ok(()) => self.claims.moved(&number, to.as_str()),
                // It may be further already.
                Err(problem) => self.judge(&problem, &format!("a move of {number}")),
            }
        }
        Ok(())
    }

    async fn credit(&mut self, number: u32) {
        let agents = &self.stage.world.agents;
        let agent = agents[self.dice.below(agents.len())].guid;
        let amount = Decimal::from(self.dice.between(100, 3_000));
        let mark = format!("credit-{}-{number}", self.phase);
        let app = &self.stage.app;
        let done = world::credit(app, &self.stage.world.scope, agent, amount, &mark).await;
        let fate = match done {
            Ok(()) => Fate::Done(()),
            Err(problem) => {
                self.judge(&problem, "a credit");
                Fate::Unsure
            }
        };
        self.claims.credit(Claim { mark, amount, fate });
    }

    /// A state that forbids it, a lock that somebody else holds: as it should be.
    fn judge(&self, problem: &Problem, what: &str) {
        if !matches!(problem.code, Code::Conflict | Code::Unavailable) {
            let text = format!("{what} was refused: {problem:?}");
            self.stage
                .journal
                .broken(Rule::ClientsWereToldTheTruth, text);
        }
    }
}
