//! `agent`: the state of an account, as the admin service sets it.

use clap::Subcommand;

use crate::{context::Lab, lookup, out::say};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The agent can no longer sign in, and every session ends at once.
    Lock {
        /// Username or guid.
        agent: String,
    },
    /// The agent can sign in again.
    Unlock {
        /// Username or guid.
        agent: String,
    },
}

pub(crate) async fn run(lab: &Lab, command: &Command) -> anyhow::Result<()> {
    let (name, status) = match command {
        Command::Lock { agent } => (agent, "locked"),
        Command::Unlock { agent } => (agent, "active"),
    };
    let pool = lab.owner().await?;
    let agent = lookup::agent(&pool, name).await?;
    let changed = sqlx::query(
        "UPDATE agent SET status = $2, updated_at = now() WHERE guid = $1 AND status <> 'deleted'",
    )
    .bind(agent.0)
    .bind(status)
    .execute(&pool)
    .await?;
    anyhow::ensure!(
        changed.rows_affected() == 1,
        "the account of {name} is deleted"
    );
    say!("{name} is {status}");
    Ok(())
}
