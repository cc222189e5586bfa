//! The dashboard.

use agent_domain::{
    BrandScope, Problem,
    page::DayRange,
    portal::report::{GroupBy, StatScope, days_before},
    problem::Code,
};
use agent_persistence::{
    Tx,
    portal::{
        downline::downline,
        home::{self as store, Activity, Holdings},
        home_rank::{self, RankRow},
    },
};
use chrono::NaiveDate;
use qrcode::{QrCode, render::svg};
use url::Url;

use crate::{app::App, session::Principal};

pub use agent_domain::portal::report::RankBy;

/// Players' days up to which players are ranked: some seconds.
const RANKABLE_PLAYER_DAYS: i64 = 4_000_000;
/// Pixels of one side of a QR code, at least.
const QR_SIDE: u32 = 200;

/// Numbers of some days.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// First day.
    pub start: NaiveDate,
    pub activity: Activity,
}

/// Numbers of a range beside those of as many days before.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    pub current: Period,
    pub previous: Period,
    pub holdings: Holdings,
}

/// Who asks, where, and whose players count.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub principal: &'a Principal,
    pub scope: &'a BrandScope,
    pub whose: StatScope,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn summary(app: &App, asked: Asked<'_>, range: DayRange) -> Result<Summary, Problem> {
    let before = days_before(range);
    let whole = DayRange {
        first: before.first,
        last: range.last,
    };
    let mut tx = app.core.db.snapshot().await?;
    let starts = [before.first, range.first];
    let periods = periods(&mut tx, asked, whole, &starts).await?;
    let agent = asked.principal.agent();
    let holdings = store::holdings(&mut tx, asked.scope, agent, asked.whose).await?;
    drop(tx);
    Ok(Summary {
        current: periods[1],
        previous: periods[0],
        holdings,
    })
}

/// Every step that the range touches, those without activity too. The first and the last hold only
/// days of the range.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn trend(
    app: &App,
    asked: Asked<'_>,
    range: DayRange,
    group_by: GroupBy,
) -> Result<Vec<Period>, Problem> {
    let starts = group_by.starts(range);
    let mut tx = app.core.db.snapshot().await?;
    let periods = periods(&mut tx, asked, range, &starts).await?;
    drop(tx);
    Ok(periods)
}

/// One period for each start.
async fn periods(
    tx: &mut Tx,
    asked: Asked<'_>,
    range: DayRange,
    starts: &[NaiveDate],
) -> Result<Vec<Period>, Problem> {
    let Asked { scope, whose, .. } = asked;
    let agent = asked.principal.agent();
    let period = |start: &NaiveDate| Period {
        start: *start,
        activity: Activity::default(),
    };
    let mut periods: Vec<Period> = starts.iter().map(period).collect();
    for step in store::activity(tx, scope, agent, whose, range, starts).await? {
        periods[step.index].activity = step.value;
    }
    Ok(periods)
}

/// The players who did most.
///
/// # Errors
/// `range_too_long` when too many players did something on those days; `unavailable` when adding
/// them up takes too long.
pub async fn top_players(
    app: &App,
    asked: Asked<'_>,
    range: DayRange,
    by: RankBy,
    limit: i64,
) -> Result<Vec<RankRow>, Problem> {
    let Asked { scope, whose, .. } = asked;
    let agent = asked.principal.agent();
    let own = downline(app.core.db.pool(), scope, agent, agent).await?;
    let own = own.ok_or_else(Problem::not_found)?;
    let mut tx = app.core.db.report().await?;
    let done = store::activity(&mut tx, scope, agent, whose, range, &[range.first]).await?;
    let player_days: i64 = done.iter().map(|step| step.value.totals.player_days).sum();
    if player_days > RANKABLE_PLAYER_DAYS {
        let detail = "too many players were active on those days; ask for fewer days";
        return Err(Problem::new(Code::RangeTooLong, detail));
    }
    let rows = home_rank::players(&mut tx, scope, &own, whose, range, by, limit).await?;
    drop(tx);
    Ok(rows)
}

/// A link that brings players to the agent.
pub struct Link {
    pub domain: String,
    pub url: String,
    pub qr_svg: String,
}

/// What the agent spreads.
pub struct Promotion {
    pub invite_code: String,
    pub links: Vec<Link>,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn promotion(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
) -> Result<Promotion, Problem> {
    let found = store::promotion(app.core.db.pool(), scope, principal.agent()).await?;
    let found = found.ok_or_else(Problem::unauthenticated)?;
    let code = found.invite_code;
    let links = found.domains.into_iter().map(|domain| link(domain, &code));
    Ok(Promotion {
        links: links.collect::<Result<_, _>>()?,
        invite_code: code,
    })
}

fn link(domain: String, invite_code: &str) -> Result<Link, Problem> {
    let address = format!("https://{domain}/");
    let url = Url::parse_with_params(&address, [("invite", invite_code)]);
    let url = String::from(url.map_err(Problem::internal)?);
    let code = QrCode::new(&url).map_err(Problem::internal)?;
    let qr_svg = code
        .render::<svg::Color>()
        .min_dimensions(QR_SIDE, QR_SIDE)
        .build();
    Ok(Link {
        domain,
        url,
        qr_svg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p028_a_link_names_the_code_and_its_qr_code_is_an_image() {
        let link = link("play.test".to_owned(), "a&b c").unwrap();
        assert_eq!(link.url, "https://play.test/?invite=a%26b+c");
        assert!(link.qr_svg.contains("<svg"), "{}", link.qr_svg);
        assert!(!link.qr_svg.contains("script"));
    }
}
