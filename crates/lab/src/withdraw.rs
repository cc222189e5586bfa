//! `withdraw`: review and payout, in place of the admin service. Every move goes through the one
//! use case that may make it.

use agent_domain::{Code, Money, Problem, WithdrawNo, portal::withdraw::WithdrawStatus};
use agent_services::{
    Core,
    portal::withdraw_transition::{Actor, Transition, transition},
};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::{
    context::{Lab, OPERATOR, wake_relay},
    out::say,
    table,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Latest withdrawals.
    List {
        /// Only those that are not over yet.
        #[arg(long)]
        open: bool,
        /// Most rows to show.
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// pending -> reviewing
    Review { number: String },
    /// pending or reviewing -> approved
    Approve { number: String },
    /// approved or paying -> paid
    Pay { number: String },
    /// Any state before paid -> rejected; the amount becomes available again
    Reject {
        number: String,
        /// Shown to the agent.
        #[arg(long)]
        reason: String,
    },
    /// paying -> rejected: the bank did not take it; the amount becomes available again
    Fail {
        number: String,
        /// Shown to the agent.
        #[arg(long)]
        reason: String,
    },
}

pub(crate) async fn run(lab: &Lab, command: &Command) -> anyhow::Result<()> {
    use WithdrawStatus::{Approved, Paid, Paying, Pending, Rejected, Reviewing};
    let (number, reason) = match command {
        Command::List { open, limit } => return list(&lab.owner().await?, *open, *limit).await,
        Command::Review { number } | Command::Approve { number } | Command::Pay { number } => {
            (number, None)
        }
        Command::Reject { number, reason } | Command::Fail { number, reason } => {
            (number, Some(reason))
        }
    };
    let (pool, core) = (lab.owner().await?, lab.core()?);
    let number = WithdrawNo::parse(number).context("that is no withdrawal number")?;
    let from = status(&pool, &number).await?;
    let steps: &[WithdrawStatus] = match (command, from) {
        (Command::Review { .. }, _) => &[Reviewing],
        (Command::Approve { .. }, Pending) => &[Reviewing, Approved],
        (Command::Approve { .. }, _) => &[Approved],
        (Command::Pay { .. }, Approved) => &[Paying, Paid],
        (Command::Pay { .. }, _) => &[Paid],
        (Command::Fail { .. }, from) if from != Paying => return Err(not_paying(from).into()),
        _ => &[Rejected],
    };
    let moved = move_along(&core, &number, steps, reason).await;
    let now = status(&pool, &number).await?;
    say!("{number} is {}", now.as_str());
    Ok(moved?)
}

fn not_paying(status: WithdrawStatus) -> Problem {
    let detail = format!(
        "a {} withdrawal is not being paid, so it cannot fail",
        status.as_str()
    );
    Problem::new(Code::Conflict, detail)
}

async fn move_along(
    core: &Core,
    number: &WithdrawNo,
    steps: &[WithdrawStatus],
    reason: Option<&String>,
) -> Result<(), Problem> {
    for to in steps {
        let step = Transition {
            number: number.clone(),
            to: *to,
            actor: Actor::Operator(OPERATOR.to_owned()),
            reason: reason.cloned(),
        };
        transition(core, &step).await?;
        wake_relay(core).await;
    }
    Ok(())
}

async fn status(pool: &PgPool, number: &WithdrawNo) -> anyhow::Result<WithdrawStatus> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT status FROM agent_withdraw WHERE withdraw_no = $1")
            .bind(number.as_str())
            .fetch_optional(pool)
            .await?;
    let text = found.ok_or_else(Problem::not_found)?;
    WithdrawStatus::parse(&text).context("the order has an unknown state")
}

#[derive(sqlx::FromRow)]
struct Order {
    withdraw_no: String,
    username: String,
    code: String,
    amount: Decimal,
    fee: Decimal,
    currency: String,
    status: String,
    created_at: DateTime<Utc>,
}

async fn list(pool: &PgPool, open: bool, limit: i64) -> anyhow::Result<()> {
    let orders: Vec<Order> = sqlx::query_as(
        "SELECT w.withdraw_no, a.username, b.code, w.amount, w.fee, w.currency::text, w.status, w.created_at \
         FROM agent_withdraw w JOIN agent a ON a.guid = w.agent_id JOIN brand b USING (brand_id) \
         WHERE NOT $1 OR w.status IN ('pending', 'reviewing', 'approved', 'paying') \
         ORDER BY w.created_at DESC, w.guid DESC LIMIT $2",
    )
    .bind(open)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let rows: Vec<_> = orders
        .into_iter()
        .map(|order| {
            [
                order.withdraw_no,
                order.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                order.username,
                order.code,
                format!("{} {}", Money(order.amount), order.currency),
                Money(order.fee).to_string(),
                order.status,
            ]
        })
        .collect();
    table::print(
        [
            "number", "at (UTC)", "agent", "brand", "amount", "fee", "status",
        ],
        &rows,
    );
    Ok(())
}
