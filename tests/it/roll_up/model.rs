//! The agents' days as the definition says, computed here without the product.

use std::collections::{BTreeMap, BTreeSet};

use agent_domain::Money;
use agent_testkit::TestApp;
use chrono::{Days, NaiveDate};
use rust_decimal::{Decimal, RoundingStrategy};

/// A row of a player's day; amounts in the order of the table.
type Raw = (NaiveDate, i64, i64, i64, i32, Vec<Decimal>, Vec<i32>);
/// Brand, agent, day.
type Place = (i64, i64, NaiveDate);

const AMOUNTS: usize = 8;
const COUNTS: usize = 3;

#[derive(Clone, Default)]
struct Numbers {
    new_players: i64,
    new_subs: i64,
    active: BTreeSet<i64>,
    ftd_count: i64,
    ftd_amount: Decimal,
    amounts: [Decimal; AMOUNTS],
    counts: [i64; COUNTS],
    providers: BTreeMap<i32, Played>,
}

/// Bet, valid bet, win, bonus, fee, royalty with one provider.
type Played = [Decimal; 6];
/// What an agent earned, unrounded, by provider.
type Earned = BTreeMap<i32, Decimal>;

fn net([bet, _, win, bonus, fee, royalty]: &Played) -> Decimal {
    bet - win - bonus - fee - royalty
}

/// To four decimals, half away from zero, once.
fn fixed(income: Decimal) -> Decimal {
    let rounded = income.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero);
    if rounded.is_zero() {
        Decimal::ZERO
    } else {
        rounded
    }
}

impl Numbers {
    fn add(&mut self, other: &Self) {
        self.new_players += other.new_players;
        self.new_subs += other.new_subs;
        self.active.extend(&other.active);
        self.ftd_count += other.ftd_count;
        self.ftd_amount += other.ftd_amount;
        for (sum, more) in self.amounts.iter_mut().zip(other.amounts) {
            *sum += more;
        }
        for (sum, more) in self.counts.iter_mut().zip(other.counts) {
            *sum += more;
        }
        for (provider, played) in &other.providers {
            let sums = self.providers.entry(*provider).or_default();
            for (sum, more) in sums.iter_mut().zip(played) {
                *sum += more;
            }
        }
    }

    fn text(&self, earned: &Earned) -> String {
        let commission = earned.values().copied().map(fixed).sum();
        let money = |amount: Decimal| Money(amount).to_string();
        let mut fields = vec![
            self.new_players.to_string(),
            self.new_subs.to_string(),
            self.active.len().to_string(),
            self.ftd_count.to_string(),
            money(self.ftd_amount),
        ];
        fields.extend(self.amounts.map(money));
        fields.extend(self.counts.map(|count| count.to_string()));
        fields.push(money(commission));
        fields.join(" ")
    }

    /// By provider: what was played, and the agent's part of it.
    fn provider_texts(&self, earned: &Earned) -> Vec<(i32, String)> {
        let text = |provider: &i32, played: &Played| {
            let income = fixed(earned[provider]);
            let amounts = played.iter().copied().chain([income]);
            let amounts: Vec<String> = amounts.map(|amount| Money(amount).to_string()).collect();
            (*provider, amounts.join(" "))
        };
        self.providers
            .iter()
            .map(|(id, played)| text(id, played))
            .collect()
    }
}

/// What the database holds besides the numbers asked for.
struct World {
    parents: BTreeMap<i64, Option<i64>>,
    /// Agent, brand, provider, since, of 100.
    shares: Vec<(i64, i64, i32, NaiveDate, Decimal)>,
    direct: BTreeMap<Place, Numbers>,
}

async fn rows<T>(app: &TestApp, query: &str) -> Vec<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(sqlx::AssertSqlSafe(query.to_owned()))
        .fetch_all(&app.owner)
        .await
        .unwrap()
}

impl World {
    async fn read(app: &TestApp) -> Self {
        let parents = rows(app, "SELECT guid, parent_guid FROM agent").await;
        let shares = "SELECT agent_id, brand_id, provider_id, effective_from, percentage \
                      FROM agent_provider_percentage ORDER BY effective_from";
        let mut world = Self {
            parents: parents.into_iter().collect(),
            shares: rows(app, shares).await,
            direct: BTreeMap::new(),
        };
        world.add_days(app).await;
        world.add_people(app).await;
        world
    }

    async fn add_days(&mut self, app: &TestApp) {
        let raw: Vec<Raw> = rows(
            app,
            "SELECT stat_date, brand_id, agent_id, player_id, provider_id, \
                    ARRAY[deposit_amount, withdraw_amount, bet_amount, valid_bet_amount, win_amount, bonus_amount, \
                          fee_amount, royalty_amount], ARRAY[deposit_count, withdraw_count, bet_count] \
             FROM player_stat_daily",
        )
        .await;
        for (day, brand, agent, player, provider, amounts, counts) in raw {
            let numbers = self.direct.entry((brand, agent, day)).or_default();
            if counts[0] > 0 || counts[2] > 0 {
                numbers.active.insert(player);
            }
            for (at, amount) in amounts.iter().enumerate() {
                numbers.amounts[at] += amount;
            }
            for (at, count) in counts.iter().enumerate() {
                numbers.counts[at] += i64::from(*count);
            }
            if provider != 0 {
                let sums = numbers.providers.entry(provider).or_default();
                for (sum, more) in sums.iter_mut().zip(&amounts[2..]) {
                    *sum += more;
                }
            }
        }
    }

    async fn add_people(&mut self, app: &TestApp) {
        let registered: Vec<(i64, i64, NaiveDate)> = rows(
            app,
            "SELECT brand_id, agent_id, (registered_at AT TIME ZONE timezone)::date \
             FROM player JOIN brand USING (brand_id) WHERE agent_id IS NOT NULL",
        )
        .await;
        for place in registered {
            self.direct.entry(place).or_default().new_players += 1;
        }
        let recruited: Vec<(i64, i64, NaiveDate)> = rows(
            app,
            "SELECT brand_id, parent_guid, (a.created_at AT TIME ZONE timezone)::date \
             FROM agent a JOIN agent_brand ON agent_id = guid JOIN brand USING (brand_id) \
             WHERE parent_guid IS NOT NULL",
        )
        .await;
        for place in recruited {
            self.direct.entry(place).or_default().new_subs += 1;
        }
        let paid_in: Vec<(i64, Option<i64>, NaiveDate, Decimal)> = rows(
            app,
            "SELECT p.brand_id, coalesce(s.agent_id, p.agent_id), (first_deposit_at AT TIME ZONE timezone)::date, \
                    coalesce(s.deposit_amount, 0) \
             FROM player p JOIN brand USING (brand_id) \
             LEFT JOIN player_stat_daily s ON s.player_id = p.player_id AND s.provider_id = 0 \
                  AND s.brand_id = p.brand_id AND s.stat_date = (first_deposit_at AT TIME ZONE timezone)::date \
             WHERE first_deposit_at IS NOT NULL",
        )
        .await;
        for (brand, agent, day, amount) in paid_in {
            let Some(agent) = agent else { continue };
            let numbers = self.direct.entry((brand, agent, day)).or_default();
            numbers.ftd_count += 1;
            numbers.ftd_amount += amount;
        }
    }

    fn share(&self, agent: i64, brand: i64, provider: i32, day: NaiveDate) -> Decimal {
        let held = self.shares.iter().rev().find(|(who, at, of, since, _)| {
            (*who, *at, *of) == (agent, brand, provider) && *since <= day
        });
        held.map_or(Decimal::ZERO, |share| share.4 / Decimal::ONE_HUNDRED)
    }

    /// The part in what was played for `agent`: its share, less what it passed on.
    fn earn(&self, place: Place, played: &Numbers, less: Option<i64>, earned: &mut Earned) {
        let (brand, agent, day) = place;
        for (provider, played) in &played.providers {
            let given = less.map_or(Decimal::ZERO, |sub| self.share(sub, brand, *provider, day));
            let part = self.share(agent, brand, *provider, day) - given;
            *earned.entry(*provider).or_default() += net(played) * part;
        }
    }

    fn teams(&self) -> BTreeMap<Place, Numbers> {
        let mut teams: BTreeMap<Place, Numbers> = BTreeMap::new();
        for (&(brand, agent, day), numbers) in &self.direct {
            let mut above = Some(agent);
            while let Some(top) = above {
                teams.entry((brand, top, day)).or_default().add(numbers);
                above = self.parents[&top];
            }
        }
        teams
    }
}

/// For each active player of a day, how long ago it was active before; 92 for longer than any range.
fn gaps(sets: &BTreeMap<Place, Numbers>, (brand, agent, day): Place) -> Option<String> {
    let active = &sets[&(brand, agent, day)].active;
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for player in active {
        let was_there = |back: &i64| {
            let before = (brand, agent, day - Days::new(back.unsigned_abs()));
            let there = sets.get(&before).map(|numbers| &numbers.active);
            there.is_some_and(|active| active.contains(player))
        };
        *counts
            .entry((1..92).find(was_there).unwrap_or(92))
            .or_default() += 1;
    }
    let of_gap = |gap: &i64| -> i64 { counts.range(gap..).map(|(_, count)| count).sum() };
    let players: Vec<String> = counts.keys().map(|gap| of_gap(gap).to_string()).collect();
    let gaps: Vec<String> = counts.keys().map(ToString::to_string).collect();
    (!gaps.is_empty()).then(|| format!("{{{}}} {{{}}}", gaps.join(","), players.join(",")))
}

/// Every row that should be there, by table, scope, brand, agent and day.
async fn expected(app: &TestApp) -> BTreeMap<String, String> {
    let world = World::read(app).await;
    let teams = world.teams();
    let mut expected = BTreeMap::new();
    let mut expect =
        |scope: &str, sets: &BTreeMap<Place, Numbers>, place: Place, earned: &Earned| {
            let (brand, agent, day) = place;
            let key = format!("{scope} {brand} {agent} {day}");
            for (provider, text) in sets[&place].provider_texts(earned) {
                expected.insert(format!("{key} provider {provider}"), text);
            }
            if let Some(gaps) = gaps(sets, place) {
                expected.insert(format!("{key} active"), gaps);
            }
            expected.insert(key, sets[&place].text(earned));
        };
    for (&place, numbers) in &world.direct {
        let mut earned = Earned::new();
        world.earn(place, numbers, None, &mut earned);
        expect("direct", &world.direct, place, &earned);
    }
    for &(brand, agent, day) in teams.keys() {
        let place = (brand, agent, day);
        let mut earned = Earned::new();
        if let Some(own) = world.direct.get(&place) {
            world.earn(place, own, None, &mut earned);
        }
        let subs = world.parents.iter();
        for (&sub, _) in subs.filter(|(_, parent)| **parent == Some(agent)) {
            if let Some(team) = teams.get(&(brand, sub, day)) {
                world.earn(place, team, Some(sub), &mut earned);
            }
        }
        expect("team", &teams, place, &earned);
    }
    expected
}

/// Every row of all that is summed up, to the last digit, and no other.
pub(super) async fn assert_exact(app: &TestApp, told: &str) {
    let found: Vec<(String, String)> = rows(
        app,
        "SELECT concat_ws(' ', scope, brand_id, agent_id, stat_date), \
                concat_ws(' ', new_players, new_subs, active_players, ftd_count, ftd_amount, deposit_amount, \
                          withdraw_amount, bet_amount, valid_bet_amount, win_amount, bonus_amount, fee_amount, \
                          royalty_amount, deposit_count, withdraw_count, bet_count, commission) \
         FROM agent_stat_daily \
         UNION ALL \
         SELECT concat_ws(' ', scope, brand_id, agent_id, stat_date, 'provider', provider_id), \
                concat_ws(' ', bet_amount, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount, \
                          income) \
         FROM agent_provider_stat_daily \
         UNION ALL \
         SELECT concat_ws(' ', scope, brand_id, agent_id, stat_date, 'active'), concat_ws(' ', gaps, players) \
         FROM agent_active_daily",
    )
    .await;
    let (found, expected) = (BTreeMap::from_iter(found), expected(app).await);
    assert!(!expected.is_empty(), "{told}");
    for key in found.keys().chain(expected.keys()) {
        assert_eq!(found.get(key), expected.get(key), "{told}: {key}");
    }
}

/// What is kept of all subs of an agent together is the sum over their teams.
pub(super) async fn assert_subs_add_up(app: &TestApp, told: &str) {
    let sums = "sum(new_players), sum(new_subs), sum(active_players), sum(ftd_count), sum(ftd_amount), \
                sum(deposit_amount), sum(deposit_count), sum(withdraw_amount), sum(withdraw_count), sum(bet_amount), \
                sum(bet_count), sum(valid_bet_amount), sum(win_amount), sum(bonus_amount), sum(fee_amount), \
                sum(royalty_amount), sum(commission)";
    let added = format!(
        "SELECT d.stat_date, d.brand_id, a.parent_guid, count(*), {sums} \
         FROM agent_stat_daily d JOIN agent a ON a.guid = d.agent_id \
         WHERE d.scope = 'team' AND a.parent_guid IS NOT NULL GROUP BY 1, 2, 3"
    );
    // A day on which no sub has a row any more keeps one of zeros.
    let kept = format!(
        "SELECT stat_date, brand_id, agent_id, sum(sub_days), {sums} FROM agent_subs_stat_daily \
         GROUP BY 1, 2, 3 HAVING (sum(sub_days), {sums}) IS DISTINCT FROM (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
    );
    let differing = format!(
        "SELECT count(*) FROM (({added} EXCEPT {kept}) UNION ALL ({kept} EXCEPT {added})) AS differing"
    );
    assert_eq!(app.count(&differing).await, 0, "{told}");
    assert!(
        app.count(&format!("SELECT count(*) FROM ({added}) AS a"))
            .await
            > 0,
        "{told}"
    );
}
