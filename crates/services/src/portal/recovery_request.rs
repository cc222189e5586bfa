//! Asking for a code to set a new password.

use agent_crypto::{contact_hash::source_ip_hash, random};
use agent_domain::{
    Brand, Code, Problem,
    portal::recovery::{Reason, RecoveryAction},
};
use tokio::time::Instant;

use crate::{
    app::App,
    portal::{
        one_time_code::{Drawn, Holder, Sender, expires_in, reserve_request, reserve_send},
        recovery::{
            Arrival, Flow, Outcome, Requested, brand_allowed, forget_subject, record,
            recovery_subject,
        },
        recovery_account::{Account, Named, find},
    },
};

/// Sends a code to the phone of the account, if there is one that may be recovered here. The
/// answer is the same if there is not, and comes no sooner.
///
/// # Errors
/// `rate_limited` by what was named and by source; `unavailable` while requests cannot be counted.
pub async fn request(
    app: &App,
    arrival: Arrival<'_>,
    flow: Flow,
    named: &Named,
) -> Result<Requested, Problem> {
    let answer_at = Instant::now() + app.policy.recovery_answer_after;
    let limited = reserve_request(app, named.key(), arrival.source).await;
    if let Err(problem) = limited {
        if problem.code == Code::RateLimited {
            let contact = app.contacts.hash(named.key());
            let outcome = Outcome {
                flow,
                action: RecoveryAction::Request,
                result: Err(Reason::RequestLimit),
                agent: None,
                brand_id: arrival.brand_id(),
                contact_hash: Some(contact.as_hex()),
                recovery: None,
            };
            record(app, arrival, &outcome).await?;
        }
        return Err(problem);
    }
    let requested = issue(app, arrival, flow, named).await?;
    tokio::time::sleep_until(answer_at).await;
    Ok(requested)
}

async fn issue(
    app: &App,
    arrival: Arrival<'_>,
    flow: Flow,
    named: &Named,
) -> Result<Requested, Problem> {
    let account = find(app, arrival.brand, named).await?;
    let brand_id = arrival.brand_id();
    let allowed = brand_allowed(app, arrival.brand, account.agent).await?;
    let mut result = allowed.and(
        account
            .contact
            .as_ref()
            .map(|_| ())
            .map_err(|reason| *reason),
    );
    let contact = account.contact.as_ref().ok().filter(|_| result.is_ok());
    // Counted in either case, so that both take the same time.
    if let Err(problem) = reserve_send(app, Sender::Anybody, contact, named.key(), brand_id).await {
        if problem.code != Code::RateLimited {
            return Err(problem);
        }
        result = result.and(Err(Reason::SendLimit));
    }
    let id = random::uuid_v4();
    let subject = match (flow, named) {
        (Flow::Forget, Named::UsernameAndPhone { username, phone }) => {
            forget_subject(app, brand_id, username, phone)
        }
        _ => recovery_subject(app, id),
    };
    let drawn = Drawn::new(app, id, subject);
    let hash = account.contact_hash(app, named);
    let holder = Holder {
        agent: account.agent,
        brand_id,
        contact_hash: Some(hash.as_hex()),
    };
    let outcome = Outcome {
        flow,
        action: RecoveryAction::Request,
        result,
        agent: account.agent,
        brand_id,
        contact_hash: Some(hash.as_hex()),
        recovery: Some(id),
    };
    let ip_hash = source_ip_hash(arrival.source.address);
    let mut tx = app.core.db.begin().await?;
    drawn.store(app, &mut tx, holder, result.is_ok()).await?;
    tx.recovery_audited(&outcome.entry(&ip_hash, app.core.clock.now()))
        .await?;
    app.core.commit(tx).await?;
    outcome.count(app);
    hand_over(app, arrival.brand, account, result, drawn);
    Ok(Requested {
        request_id: id,
        expires_in: expires_in(app),
    })
}

/// Queues the message, or says why there is none, with the hash of the contact only (P-199).
fn hand_over(
    app: &App,
    brand: Option<&Brand>,
    account: Account,
    result: Result<(), Reason>,
    drawn: Drawn,
) {
    match (account.contact, brand, result) {
        (Ok(contact), Some(brand), Ok(())) => {
            drawn.send(app, contact, brand, "set a new password");
        }
        (_, _, Err(Reason::EmailUnprovisioned)) => {
            let unprovisioned = &app.core.metrics.recovery_email_unprovisioned_total;
            unprovisioned.inc();
            let contact_hash = account.email.as_ref().map_or("", |hash| hash.short());
            tracing::warn!(
                contact_hash,
                "recovery: the account has only an e-mail address"
            );
        }
        _ => {}
    }
}
