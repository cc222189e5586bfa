//! Feeding a stream again from the kept rows.

use std::str::FromStr;

use agent_persistence::outbox::{self, ReplayRange};
use agent_services::{Core, outbox_operate};
use anyhow::ensure;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use super::operator;

#[derive(Args)]
pub(in crate::command) struct ReplayArgs {
    /// The first event: an instant such as 2026-04-28T09:00:00Z, or an id.
    #[arg(long, value_name = "TIME|ID")]
    from: Bound,
    /// Before this instant, or up to this id; all that follow unless given.
    #[arg(long, value_name = "TIME|ID")]
    to: Option<Bound>,
    /// Refuse to publish more events than this.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(1..=100_000_000))]
    limit: i64,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    /// Name of the operator in the audit log.
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        required_unless_present = "dry_run"
    )]
    by: Option<String>,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    At(DateTime<Utc>),
    Id(i64),
}

impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let at = DateTime::parse_from_rfc3339(text);
        let at = at.map_err(|_| "neither an id nor an instant such as 2026-04-28T09:00:00Z")?;
        Ok(Self::At(at.to_utc()))
    }
}

fn range(from: Bound, to: Option<Bound>, now: DateTime<Utc>) -> ReplayRange {
    // Clocks of other processes may be ahead.
    let mut range = ReplayRange {
        times: (DateTime::UNIX_EPOCH, now + TimeDelta::days(1)),
        ids: (0, i64::MAX),
    };
    match from {
        Bound::At(at) => range.times.0 = at,
        Bound::Id(id) => range.ids.0 = id,
    }
    match to {
        Some(Bound::At(at)) => range.times.1 = at,
        Some(Bound::Id(id)) => range.ids.1 = id,
        None => {}
    }
    range
}

pub(super) async fn run(core: &Core, args: &ReplayArgs) -> anyhow::Result<()> {
    let range = range(args.from, args.to, core.clock.now());
    let count = outbox::count_kept(core.db.pool(), &range, args.limit + 1).await?;
    ensure!(count > 0, "no event is kept of this range");
    ensure!(
        count <= args.limit,
        "more than {} events: choose a shorter range, or a higher --limit",
        args.limit
    );
    if args.dry_run {
        return super::super::say(&format!("{count} events would be published again"));
    }
    // There is one, unless it is a dry run.
    let operator = operator(args.by.as_deref().unwrap_or_default())?;
    let fed = outbox_operate::replay(core, &operator, &range).await?;
    super::super::say(&format!(
        "{fed} of {count} events are published again; the others wait already"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_a_range_are_instants_or_ids() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-04-28T12:00:00Z");
        let from: Bound = "2026-04-28T09:00:00+02:00".parse().unwrap();
        assert_eq!(from, Bound::At(at("2026-04-28T07:00:00Z")));
        assert_eq!("17".parse(), Ok(Bound::Id(17)));
        assert!("yesterday".parse::<Bound>().is_err());
        let mixed = range(from, Some(Bound::Id(17)), now);
        assert_eq!(
            (mixed.times.0, mixed.ids),
            (at("2026-04-28T07:00:00Z"), (0, 17))
        );
        let open = range(Bound::Id(5), None, now);
        assert_eq!(open.ids, (5, i64::MAX));
        assert!(open.times.1 > now);
    }
}
