//! The dashboard.

use agent_domain::{
    BrandScope, Problem,
    page::DayRange,
    portal::report::{GroupBy, StatScope, days_before},
    problem::Code,
};
use agent_persistence::portal::{
    downline::downline,
    home::{self as store, Activity, Holdings, Step},
    home_rank::{self, RankRow},
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
    let starts = [before.first, range.first];
    let Asked { scope, whose, .. } = asked;
    let (pool, agent) = (app.core.db.pool(), asked.principal.agent());
    let (holdings, steps) = store::overview(pool, scope, agent, whose, whole, &starts).await?;
    let periods = without_gaps(&starts, steps);
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
    let Asked { scope, whose, .. } = asked;
    let (pool, agent) = (app.core.db.pool(), asked.principal.agent());
    let steps = store::activity(pool, scope, agent, whose, range, &starts).await?;
    Ok(without_gaps(&starts, steps))
}

/// One period for each start.
fn without_gaps(starts: &[NaiveDate], steps: Vec<Step<Activity>>) -> Vec<Period> {
    let period = |start: &NaiveDate| Period {
        start: *start,
        activity: Activity::default(),
    };
    let mut periods: Vec<Period> = starts.iter().map(period).collect();
    for step in steps {
        periods[step.index].activity = step.value;
    }
    periods
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
    let pool = app.core.db.pool();
    let own = downline(pool, scope, agent, agent).await?;
    let own = own.ok_or_else(Problem::not_found)?;
    let done = store::activity(pool, scope, agent, whose, range, &[range.first]).await?;
    let player_days: i64 = done.iter().map(|step| step.value.totals.player_days).sum();
    if player_days > RANKABLE_PLAYER_DAYS {
        let detail = "too many players were active on those days; ask for fewer days";
        return Err(Problem::new(Code::RangeTooLong, detail));
    }
    let mut tx = app.core.db.report().await?;
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
