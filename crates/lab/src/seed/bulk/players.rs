//! The players of the crowd and their days, as text for `COPY`.

use std::fmt::Write as _;

use agent_domain::page::start_of_day;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use sqlx::PgConnection;

use super::{Stage, tree::Branch};
use crate::seed::dice::Dice;

const PLAYERS: &str = "\
COPY player (player_id, brand_id, agent_id, username, status, tags, registered_at, attributed_at, attribution,
             first_deposit_at, last_login_at, deposit_amount, withdraw_amount) FROM STDIN";
const ATTRIBUTIONS: &str = "\
COPY player_attribution_log (player_id, to_agent, reason, actor, created_at) FROM STDIN";
const DAYS: &str = "\
COPY player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_amount, deposit_count,
                        withdraw_amount, withdraw_count, bet_amount, bet_count, valid_bet_amount, win_amount,
                        bonus_amount, fee_amount, royalty_amount) FROM STDIN";
const NAMES: &[&str] = &[
    "lucky", "nok", "somo", "bigwin", "tiger", "koi", "mango", "spin", "moon", "ace", "panda",
];
const TAGS: &[&str] = &["vip", "new", "high-roller", "sleeping", "slot-fan"];
/// Marks money in and out, which belongs to no provider.
const CASH: i32 = 0;

/// Players in the order in which they came.
pub(super) struct Crowd<'a> {
    stage: &'a Stage,
    branches: &'a [Branch],
    dice: Dice,
    first: i64,
    count: usize,
    made: usize,
    /// Agents who were there when the next player came.
    present: usize,
}

/// Rows that are ready to be sent.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) players: usize,
    pub(super) days: usize,
    player_rows: String,
    attribution_rows: String,
    day_rows: String,
}

/// A player while it is made. Money is in hundredths.
struct Player<'a> {
    id: i64,
    agent: &'a Branch,
    registered: DateTime<Utc>,
    first_deposit: Option<DateTime<Utc>>,
    last_login: Option<DateTime<Utc>>,
    deposited: i64,
    withdrawn: i64,
}

impl<'a> Crowd<'a> {
    pub(super) fn new(stage: &'a Stage, branches: &'a [Branch], first: i64, count: usize) -> Self {
        Self {
            stage,
            branches,
            dice: Dice::of("crowd players"),
            first,
            count,
            made: 0,
            present: 1,
        }
    }

    pub(super) fn next_batch(&mut self, most: usize) -> Option<Batch> {
        let size = most.min(self.count - self.made);
        if size == 0 {
            return None;
        }
        let mut batch = Batch::default();
        for id in (self.first..).skip(self.made).take(size) {
            self.player(&mut batch, id);
            self.made += 1;
        }
        Some(batch)
    }

    fn player(&mut self, batch: &mut Batch, id: i64) {
        let stage = self.stage;
        let registered = self.registered();
        let agent = self.agent(registered);
        let dice = &mut self.dice;
        let mut player = Player {
            id,
            agent,
            registered,
            first_deposit: None,
            last_login: None,
            deposited: 0,
            withdrawn: 0,
        };
        player.history(stage, dice);
        if dice.percent(20) {
            player.play(stage, dice, batch);
        }
        let name = dice.pick(NAMES);
        player.write(stage, dice, name, batch);
    }

    /// As many come on one day as on any other.
    fn registered(&self) -> DateTime<Utc> {
        let span = (self.stage.now - self.stage.since).num_seconds();
        let share = i128::from(span) * (2 * self.made as i128 + 1) / (2 * self.count as i128);
        self.stage.since + Duration::seconds(i64::try_from(share).unwrap_or(span))
    }

    /// Those who were there early bring most in.
    fn agent(&mut self, at: DateTime<Utc>) -> &'a Branch {
        while self
            .branches
            .get(self.present)
            .is_some_and(|b| b.created_at < at)
        {
            self.present += 1;
        }
        let (one, other) = (self.dice.below(self.present), self.dice.below(self.present));
        let early = self.dice.percent(50);
        &self.branches[if early { one.min(other) } else { one }]
    }
}

impl Player<'_> {
    /// Money of the time before the statistics.
    fn history(&mut self, stage: &Stage, dice: &mut Dice) {
        let until = start_of_day(stage.first_day(), stage.brand.timezone) - Duration::seconds(1);
        if dice.percent(10) {
            return;
        }
        self.last_login = Some(dice.instant(self.registered, until.max(self.registered)));
        if self.registered < until && dice.percent(60) {
            let soon = (self.registered + Duration::days(3)).min(until);
            self.first_deposit = Some(dice.instant(self.registered, soon));
            self.deposited = dice.between(1, 400) * 10_000;
            self.withdrawn = self.deposited / 10 * dice.between(0, 8);
        }
    }

    fn play(&mut self, stage: &Stage, dice: &mut Dice, batch: &mut Batch) {
        let chance = dice.between(10, 50);
        let stake = dice.pick(&[10_000, 10_000, 20_000, 50_000, 300_000]);
        let today = stage.day_of(stage.now);
        let mut day = stage.first_day().max(stage.day_of(self.registered));
        while day <= today {
            if dice.percent(chance) {
                self.day(stage, dice, day, stake, batch);
            }
            day += Duration::days(1);
        }
    }

    fn day(
        &mut self,
        stage: &Stage,
        dice: &mut Dice,
        day: NaiveDate,
        stake: i64,
        batch: &mut Batch,
    ) {
        let at = stage.instant(dice, day, self.registered);
        self.last_login = self.last_login.max(Some(at));
        let is_first = self.first_deposit.is_none();
        if is_first {
            self.first_deposit = Some(at);
        }
        if is_first || dice.percent(40) {
            let paid = stake * dice.between(1, 8);
            let taken = if is_first || dice.percent(70) {
                0
            } else {
                stake * dice.between(1, 9)
            };
            self.deposited += paid;
            self.withdrawn += taken;
            let cash = [
                paid,
                1,
                taken,
                i64::from(taken > 0),
                0,
                0,
                0,
                0,
                paid / 20,
                paid / 100,
                0,
            ];
            self.write_day(stage, day, CASH, cash, batch);
        }
        let bet = stake * dice.between(1, 12) + dice.between(0, 99);
        let win = bet / 100 * dice.between(70, 112);
        let royalty = (bet - win).max(0) / 10;
        let rounds = dice.between(5, 240);
        let game = [0, 0, 0, 0, bet, rounds, bet / 100 * 96, win, 0, 0, royalty];
        let provider = dice.pick(&stage.providers);
        self.write_day(stage, day, provider, game, batch);
    }

    /// The figures in the order of the columns; every second of the first six is a count.
    fn write_day(
        &self,
        stage: &Stage,
        day: NaiveDate,
        provider: i32,
        figures: [i64; 11],
        batch: &mut Batch,
    ) {
        let rows = &mut batch.day_rows;
        let (brand, id, agent) = (stage.brand.id, self.id, self.agent.guid);
        // Text in memory takes all that is written to it.
        let _ = write!(rows, "{day}\t{brand}\t{id}\t{agent}\t{provider}");
        for (column, figure) in figures.into_iter().enumerate() {
            let is_count = matches!(column, 1 | 3 | 5);
            let _ = match is_count {
                true => write!(rows, "\t{figure}"),
                false => write!(rows, "\t{}", money(figure)),
            };
        }
        rows.push('\n');
        batch.days += 1;
    }

    fn write(&self, stage: &Stage, dice: &mut Dice, name: &str, batch: &mut Batch) {
        let (id, brand, agent) = (self.id, stage.brand.id, self.agent.guid);
        let status = match dice.between(1, 100) {
            ..=3 => "locked",
            4..=5 => "closed",
            _ => "active",
        };
        let tag = if dice.percent(20) {
            dice.pick(TAGS)
        } else {
            ""
        };
        let registered = self.registered.to_rfc3339();
        let code = &self.agent.invite_code;
        let first_deposit = instant(self.first_deposit);
        let last_login = instant(self.last_login);
        let (deposited, withdrawn) = (money(self.deposited), money(self.withdrawn));
        let _ = writeln!(
            batch.player_rows,
            "{id}\t{brand}\t{agent}\t{name}_{id:x}\t{status}\t{{{tag}}}\t{registered}\t{registered}\t\
             {{\"source\": \"invite_code\", \"invite_code\": \"{code}\"}}\t{first_deposit}\t{last_login}\t\
             {deposited}\t{withdrawn}"
        );
        let _ = writeln!(
            batch.attribution_rows,
            "{id}\t{agent}\tregistration\tsystem\t{registered}"
        );
        batch.players += 1;
    }
}

fn money(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn instant(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "\\N".to_owned(), |at| at.to_rfc3339())
}

impl Batch {
    pub(super) async fn copy(&self, conn: &mut PgConnection) -> anyhow::Result<()> {
        for (statement, rows) in [
            (PLAYERS, &self.player_rows),
            (ATTRIBUTIONS, &self.attribution_rows),
            (DAYS, &self.day_rows),
        ] {
            let mut copy = conn.copy_in_raw(statement).await?;
            copy.send(rows.as_bytes()).await?;
            copy.finish().await?;
        }
        Ok(())
    }
}
