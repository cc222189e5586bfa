//! Making an agent below oneself (P-033, Q-81, Q-88).

use agent_crypto::{GuardedError, PiiColumn, random};
use agent_domain::{
    AgentGuid, BrandScope, Code, DomainEvent, EventBody, Problem,
    event::SubCreated,
    portal::{
        contact::normalise_phone,
        provider::{Share, read_shares},
        sub::{MAX_LEVEL, check_new_username},
    },
};
use agent_persistence::{
    AuditEntry, DbError, Tx, outbox,
    portal::{
        provider::lock_giver,
        sub_add::{self as store, NewSub},
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        contact::Contact,
        pace::count_sub_add,
        provider::{Giving, give, grant},
        repeatable::{Begun, Repeatable},
    },
    session::Principal,
};

/// The route that an idempotency key belongs to.
const ADD: &str = "POST /agent/sub/add";

/// Times an invite code is drawn before something must be wrong.
const DRAWS: usize = 5;

/// What an agent asks for. Holds a phone: no `Debug`.
pub struct AddRequest {
    pub username: String,
    pub nick_name: Option<String>,
    /// As the client wrote it; completed with the brand's country code.
    pub phone_num: Option<String>,
    /// Provider and percentage, as the client wrote them.
    pub percentages: Vec<(i32, String)>,
    pub idempotency_key: Option<String>,
}

/// The answer, stored with its idempotency key: without the password.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct CreatedSub {
    pub guid: i64,
    pub username: String,
}

/// A password that is shown once. It has no `Debug`, and is kept nowhere.
pub struct InitialPassword(SecretString);

impl InitialPassword {
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// A new password and its hash.
    pub(crate) async fn draw(app: &App) -> Result<(Self, String), Problem> {
        let password = random::initial_password();
        let hash = app.passwords.hash(password.expose_secret()).await;
        let hash = hash.map_err(|error| app.password_problem(GuardedError::Password(error)))?;
        Ok((Self(password), hash))
    }
}

/// The new agent, with its password where it was made just now.
pub struct Added {
    pub sub: CreatedSub,
    pub initial_password: Option<InitialPassword>,
}

/// A request that was read.
struct Plan<'a> {
    username: &'a str,
    nick_name: Option<&'a str>,
    phone: Option<Contact>,
    shares: Vec<Share>,
    password_hash: String,
}

/// Makes an agent: account, shares, audit row and event in one transaction. The same idempotency
/// key gives the stored answer, without the password.
///
/// # Errors
/// `validation_failed`, `percentage_out_of_range`, `conflict` for a name that is taken or an agent
/// at the deepest level, `idempotency_conflict`, `rate_limited`, `unavailable`.
pub async fn add(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    request: &AddRequest,
) -> Result<Added, Problem> {
    check_new_username(&request.username)?;
    let phone = read_phone(app, scope, request.phone_num.as_deref())?;
    let asked = request.percentages.iter();
    let shares = read_shares(asked.map(|(provider, text)| (*provider, text.as_str())))?;
    let hash = request_hash(app, scope, request);
    let key = request.idempotency_key.as_deref();
    let write = Repeatable::new(principal.agent(), ADD, key, &hash);
    if let Some(sub) = write.stored(app).await? {
        return Ok(replayed(sub));
    }
    count_sub_add(app, principal.agent()).await?;
    let (initial_password, password_hash) = InitialPassword::draw(app).await?;
    let nick_name = request.nick_name.as_deref().map(str::trim);
    let plan = Plan {
        username: &request.username,
        nick_name: nick_name.filter(|name| !name.is_empty()),
        phone,
        shares,
        password_hash,
    };
    let made = retrying(|| attempt(app, principal, scope, &plan, write)).await?;
    Ok(match made {
        Made::Now(sub) => Added {
            sub,
            initial_password: Some(initial_password),
        },
        Made::Before(sub) => replayed(sub),
    })
}

fn replayed(sub: CreatedSub) -> Added {
    Added {
        sub,
        initial_password: None,
    }
}

fn read_phone(
    app: &App,
    scope: &BrandScope,
    phone: Option<&str>,
) -> Result<Option<Contact>, Problem> {
    let Some(text) = phone else { return Ok(None) };
    let e164 = normalise_phone(text, &scope.brand().phone_country);
    let e164 = e164.ok_or_else(|| Problem::field("phone_num", "must be a phone number"))?;
    Ok(Some(Contact::new(app, e164)))
}

/// Covers every member of the request, and the brand.
fn request_hash(app: &App, scope: &BrandScope, request: &AddRequest) -> [u8; 32] {
    let AddRequest {
        username,
        nick_name,
        phone_num,
        percentages,
        ..
    } = request;
    let members = json!([scope.id(), username, nick_name, phone_num, percentages]);
    app.keys.request_hash(members.to_string().as_bytes())
}

enum Made {
    Now(CreatedSub),
    /// Another request with the same key was faster.
    Before(CreatedSub),
}

async fn attempt(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    plan: &Plan<'_>,
    write: Repeatable<'_>,
) -> Result<Made, Stopped> {
    let mut tx = match write.begin(app).await? {
        Begun::Now(tx) => tx,
        Begun::Before(sub) => return Ok(Made::Before(sub)),
    };
    let sub = insert(app, &mut tx, principal, scope, plan).await?;
    give_shares(app, &mut tx, principal, scope, &sub, &plan.shares).await?;
    write.commit(app, tx, &sub).await?;
    Ok(Made::Now(sub))
}

/// Account, audit row and event.
async fn insert(
    app: &App,
    tx: &mut Tx,
    principal: &Principal,
    scope: &BrandScope,
    plan: &Plan<'_>,
) -> Result<CreatedSub, Stopped> {
    let parent = principal.agent();
    // Whoever changes what the new agent may be given waits until it is made, or was waited for.
    let giver = lock_giver(tx, scope, parent).await?;
    giver.ok_or_else(Problem::unauthenticated)?;
    let level = store::level(tx, parent).await? + 1;
    if level > MAX_LEVEL {
        let detail = "an agent of the deepest level makes no more agents";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let now = app.core.clock.now();
    let guid = store::next_guid(tx).await?;
    let operator = principal.operator_id();
    let entry = AuditEntry {
        operator_id: &operator,
        resource: "agent",
        resource_id: guid.to_string(),
        action: "AGENT_SUB_ADD",
        brand_id: scope.id().0,
        old_value: None,
        new_value: Some(
            json!({ "parent_guid": parent, "level": level, "phone_set": plan.phone.is_some() }),
        ),
        at: now,
    };
    insert_row(app, tx, scope, parent, guid, plan, &entry).await?;
    let event = DomainEvent {
        event_id: random::uuid_v7(now),
        brand_id: scope.id(),
        occurred_at: now,
        body: EventBody::SubCreated(SubCreated {
            agent_id: guid,
            parent_guid: parent,
        }),
    };
    outbox::append(tx, &event).await?;
    Ok(CreatedSub {
        guid: guid.0,
        username: plan.username.to_owned(),
    })
}

async fn insert_row(
    app: &App,
    tx: &mut Tx,
    scope: &BrandScope,
    parent: AgentGuid,
    guid: AgentGuid,
    plan: &Plan<'_>,
    entry: &AuditEntry<'_>,
) -> Result<(), Stopped> {
    let encrypt = |phone: &Contact| {
        let stored = app.pii.encrypt(PiiColumn::Phone, &phone.phone);
        Ok::<_, Problem>((stored.map_err(Problem::internal)?, phone.blind_index(app)))
    };
    let phone = plan.phone.as_ref().map(encrypt).transpose()?;
    let mut audited = tx.audited(entry).await?;
    for _ in 0..DRAWS {
        let sub = NewSub {
            guid,
            username: plan.username,
            password_hash: &plan.password_hash,
            invite_code: &random::invite_code(),
            nick_name: plan.nick_name,
            phone: phone
                .as_ref()
                .map(|(stored, index)| (stored.as_str(), index.as_slice())),
            at: entry.at,
        };
        if audited
            .insert_sub(scope, parent, &sub)
            .await
            .map_err(refusal)?
        {
            return Ok(());
        }
    }
    Err(Problem::internal("no free invite code was drawn").into())
}

fn refusal(error: DbError) -> Stopped {
    if error.is_constraint("agent_username_key") {
        Problem::new(Code::Conflict, "this username is taken").into()
    } else {
        error.into()
    }
}

/// Shares that hold from today on.
async fn give_shares(
    app: &App,
    tx: &mut Tx,
    principal: &Principal,
    scope: &BrandScope,
    sub: &CreatedSub,
    shares: &[Share],
) -> Result<(), Stopped> {
    let grant = grant(tx, scope, principal.agent(), AgentGuid(sub.guid)).await?;
    let now = app.core.clock.now();
    let giving = Giving {
        scope,
        from: scope.brand().day_of(now),
        shares,
        at: now,
    };
    give(tx, principal, &grant, &giving).await
}
