//! Game providers, and the shares that agents have in them.

use std::collections::BTreeMap;

use agent_crypto::random;
use agent_domain::{
    AgentGuid, BrandScope, DomainEvent, EventBody, Money, Problem,
    event::{PercentageChanged, ProviderPercentage},
    page::{Page, PageRequest},
    portal::provider::{self as rules, Bounds, Share},
};
use agent_persistence::{
    AuditEntry, Tx, outbox,
    portal::{
        downline::{Downline, downline},
        provider::{self as store, Lowered, ProviderRow, ShareGrant, ShareRow},
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::{
    app::App,
    core::{Core, Stopped, retrying},
    session::Principal,
};

/// Providers that the brand offers.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(
    app: &App,
    scope: &BrandScope,
    category: Option<&str>,
    page: PageRequest,
) -> Result<Page<ProviderRow>, Problem> {
    let rows = store::providers(app.core.db.pool(), scope, category).await?;
    Ok(page_of(rows, page, None))
}

/// One page of a whole: a brand offers some dozens of providers, which one query reads.
pub(super) fn page_of<T, S>(all: Vec<T>, page: PageRequest, summary: Option<S>) -> Page<T, S> {
    let clamp = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let rows = all.into_iter().skip(clamp(page.offset()));
    Page::new(
        rows.take(clamp(page.limit())).collect(),
        total,
        page,
        summary,
    )
}

/// The agent's own shares today.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn own_shares(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    page: PageRequest,
) -> Result<Page<ShareRow>, Problem> {
    let agent = principal.agent();
    let own = downline(app.core.db.pool(), scope, agent, agent).await?;
    let own = own.ok_or_else(Problem::not_found)?;
    Ok(page_of(shares_of(app, scope, &own).await?, page, None))
}

/// Shares today of an agent below, at any depth: whoever sees an agent sees its shares. They are
/// set by the one directly above alone.
///
/// # Errors
/// `not_found` for anybody but an agent below the one who asks that the brand shows.
pub async fn sub_shares(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    sub: AgentGuid,
) -> Result<Vec<ShareRow>, Problem> {
    let agent = principal.agent();
    let found = downline(app.core.db.pool(), scope, agent, sub).await?;
    let below = found.filter(|found| found.guid() != agent);
    shares_of(app, scope, &below.ok_or_else(Problem::not_found)?).await
}

/// As [`sub_shares`], one page of them.
///
/// # Errors
/// As [`sub_shares`].
pub async fn sub_shares_page(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    sub: AgentGuid,
    page: PageRequest,
) -> Result<Page<ShareRow>, Problem> {
    let rows = sub_shares(app, principal, scope, sub).await?;
    Ok(page_of(rows, page, None))
}

async fn shares_of(
    app: &App,
    scope: &BrandScope,
    agent: &Downline,
) -> Result<Vec<ShareRow>, Problem> {
    let today = scope.brand().day_of(app.core.clock.now());
    Ok(store::shares(app.core.db.pool(), scope, agent, today).await?)
}

/// Sets shares of a direct sub, which hold from the first day of the brand's next month. Those set
/// for that day in the same way before are left as they are, so a request may be sent again.
///
/// # Errors
/// `not_found` for anybody but a direct sub; `validation_failed` for a provider that the brand
/// does not offer; `percentage_out_of_range`; `conflict` where another share was set for that day.
pub async fn set_sub_shares(
    core: &Core,
    principal: &Principal,
    scope: &BrandScope,
    sub: AgentGuid,
    shares: &[Share],
) -> Result<(), Problem> {
    retrying(|| attempt(core, principal, scope, sub, shares)).await
}

async fn attempt(
    core: &Core,
    principal: &Principal,
    scope: &BrandScope,
    sub: AgentGuid,
    shares: &[Share],
) -> Result<(), Stopped> {
    let mut tx = core.db.begin().await?;
    let grant = grant(&mut tx, scope, principal.agent(), sub).await?;
    // Read after the wait for the locks: the next month is the one after the month of the change.
    let now = core.clock.now();
    let giving = Giving {
        scope,
        from: rules::next_period(scope.brand().day_of(now)),
        shares,
        at: now,
    };
    give(&mut tx, principal, &grant, &giving).await?;
    core.commit(tx).await?;
    Ok(())
}

/// Shares that a direct sub is to get.
pub(crate) struct Giving<'a> {
    pub(crate) scope: &'a BrandScope,
    /// First day on which they hold.
    pub(crate) from: NaiveDate,
    pub(crate) shares: &'a [Share],
    pub(crate) at: DateTime<Utc>,
}

/// Locks giver and sub, in this order; the sub may have been made by this transaction.
///
/// # Errors
/// `not_found` for anybody but a direct sub.
pub(crate) async fn grant(
    tx: &mut Tx,
    scope: &BrandScope,
    giver: AgentGuid,
    sub: AgentGuid,
) -> Result<ShareGrant, Stopped> {
    let giver = store::lock_giver(tx, scope, giver).await?;
    let giver = giver.ok_or_else(Problem::unauthenticated)?;
    let grant = store::lock_sub(tx, giver, sub).await?;
    Ok(grant.ok_or_else(Problem::not_found)?)
}

/// Judges shares and writes them with audit row and event, unless all were set like that before.
///
/// # Errors
/// As [`set_sub_shares`].
pub(crate) async fn give(
    tx: &mut Tx,
    principal: &Principal,
    grant: &ShareGrant,
    giving: &Giving<'_>,
) -> Result<(), Stopped> {
    let named: Vec<i32> = giving.shares.iter().map(|s| s.provider_id).collect();
    let bounds = store::bounds(tx, grant, &named, giving.from).await?;
    let fresh = rules::judge(giving.shares, &bounds)?;
    if fresh.is_empty() {
        return Ok(());
    }
    let operator = principal.operator_id();
    let entry = AuditEntry {
        operator_id: &operator,
        resource: "agent",
        resource_id: grant.sub().to_string(),
        action: "AGENT_PERCENTAGE_SET",
        brand_id: giving.scope.id().0,
        old_value: Some(audited(&before(&fresh, &bounds), giving.from)),
        new_value: Some(audited(&fresh, giving.from)),
        at: giving.at,
    };
    let mut audited = tx.audited(&entry).await?;
    let lowered = audited
        .insert_shares(grant, giving.from, &fresh, giving.at)
        .await?;
    let changed = |agent: AgentGuid, shares: &[Share]| DomainEvent {
        event_id: random::uuid_v7(giving.at),
        brand_id: giving.scope.id(),
        occurred_at: giving.at,
        body: EventBody::PercentageChanged(PercentageChanged {
            agent_id: agent,
            set_by: principal.agent(),
            effective_from: giving.from,
            percentages: told(shares),
        }),
    };
    let mut events = vec![changed(grant.sub(), &fresh)];
    for (agent, shares) in by_agent(&lowered) {
        events.push(changed(agent, &shares));
    }
    outbox::append_all(tx, &events).await?;
    Ok(())
}

fn by_agent(lowered: &[Lowered]) -> BTreeMap<AgentGuid, Vec<Share>> {
    let mut shares = BTreeMap::<AgentGuid, Vec<Share>>::new();
    for one in lowered {
        shares.entry(one.agent).or_default().push(one.share);
    }
    shares
}

/// What would hold on that day without the new shares.
fn before(fresh: &[Share], bounds: &[Bounds]) -> Vec<Share> {
    let of = |share: &Share| {
        let found = bounds
            .iter()
            .find(|of| of.provider_id == share.provider_id)?;
        Some(Share {
            provider_id: found.provider_id,
            percentage: found.current,
        })
    };
    fresh.iter().filter_map(of).collect()
}

fn told(shares: &[Share]) -> Vec<ProviderPercentage> {
    let one = |share: &Share| ProviderPercentage {
        provider_id: share.provider_id,
        percentage: Money(share.percentage),
    };
    shares.iter().map(one).collect()
}

fn audited(shares: &[Share], from: NaiveDate) -> Value {
    json!({ "effective_from": from, "percentages": told(shares) })
}
