//! Clients at work, and what they were told.

mod ask;
pub(crate) mod claims;
mod client;
mod operator;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agent_chaos::dice::Dice;
use tokio::task::JoinSet;

use crate::stage::Shared;
use claims::Claims;
use client::Client;

/// Two of each agent, so that they meet at its account.
const CLIENTS_PER_AGENT: usize = 2;
const OPERATORS: usize = 2;
/// Between two acts of a client.
const PAUSE: (u64, u64) = (60, 260);

/// Clients and operators that work until they are told to stop.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Load {
    /// Signs everybody in and begins. `phase` names the dice: each phase is a load of its own.
    pub(crate) async fn begin(
        stage: &Shared,
        claims: &Arc<Claims>,
        seed: u64,
        phase: &str,
    ) -> anyhow::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for agent in 0..stage.world.agents.len() {
            for number in 0..CLIENTS_PER_AGENT {
                let dice = Dice::of(seed, &format!("{phase} client {agent} {number}"));
                let name = format!("{phase}-{agent}-{number}");
                let mut client = Client::new(stage, claims, over.clone(), agent, name, dice)?;
                client.sign_in().await?;
                tasks.spawn(async move { client.work().await });
            }
        }
        for number in 0..OPERATORS {
            let name = format!("{phase}-{number}");
            let dice = Dice::of(seed, &format!("{phase} operator {number}"));
            let operator = operator::Operator::new(stage, claims, over.clone(), &name, dice);
            tasks.spawn(operator.work());
        }
        Ok(Self { over, tasks })
    }

    /// Nobody begins anything new; whoever waits for an answer gets one, or gives up in the end.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

async fn pause(dice: &mut Dice) {
    let time: Duration = dice.millis(PAUSE.0, PAUSE.1);
    tokio::time::sleep(time).await;
}
