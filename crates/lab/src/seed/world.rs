//! The demo world in memory, before it is written.

use std::str::FromStr;

use agent_domain::{Brand, portal::withdraw::WithdrawTerms};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

/// Everything that other areas refer to, by index.
pub(super) struct World {
    pub(super) now: DateTime<Utc>,
    pub(super) brands: Vec<DemoBrand>,
    pub(super) banks: Vec<Bank>,
    pub(super) providers: Vec<Provider>,
    /// Parents before their children.
    pub(super) agents: Vec<DemoAgent>,
}

pub(super) const BRAND_A: usize = 0;
pub(super) const BRAND_B: usize = 1;

pub(super) struct DemoBrand {
    pub(super) brand: Brand,
    /// The brand's defaults; `max_open` is not the brand's to say.
    pub(super) terms: WithdrawTerms,
    pub(super) show_player_contact: bool,
}

impl DemoBrand {
    pub(super) fn id(&self) -> i64 {
        self.brand.id.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Country {
    Thailand,
    Philippines,
}

pub(super) struct Bank {
    pub(super) id: i32,
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) country: Country,
}

pub(super) struct Provider {
    pub(super) id: i32,
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    /// Fraction of the house's win that the provider keeps.
    pub(super) royalty: Decimal,
}

/// How the personal data of an agent is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// `aesgcm:v1:` with a blind index.
    Current,
    /// As an old release left it: CBC, no blind index.
    Legacy,
}

/// How the password of an agent is stored. It is the same one for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordForm {
    /// A hash of its own.
    Argon2,
    /// One hash for all the others: hashing each would take seconds.
    SharedArgon2,
    /// The legacy form, replaced at the first login.
    LegacySha256,
}

pub(super) struct Membership {
    pub(super) brand: usize,
    pub(super) enabled: bool,
}

pub(super) struct DemoAgent {
    pub(super) guid: i64,
    pub(super) username: String,
    pub(super) nick_name: String,
    pub(super) holder: String,
    pub(super) remark: Option<&'static str>,
    pub(super) parent: Option<usize>,
    pub(super) level: i16,
    pub(super) country: Country,
    pub(super) memberships: Vec<Membership>,
    pub(super) invite_code: String,
    pub(super) status: &'static str,
    pub(super) must_change_password: bool,
    pub(super) password: PasswordForm,
    pub(super) payout_password: Option<&'static str>,
    pub(super) storage: Storage,
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    pub(super) cards: Vec<DemoCard>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_login_at: Option<DateTime<Utc>>,
    /// A documented login: what README examples do with it must work.
    pub(super) is_login: bool,
    /// Has limits of its own instead of the brand's.
    pub(super) has_settings: bool,
}

impl DemoAgent {
    pub(super) fn serves(&self, brand: usize) -> bool {
        self.memberships
            .iter()
            .any(|m| m.enabled && m.brand == brand)
    }

    pub(super) fn default_card(&self) -> Option<&DemoCard> {
        self.cards.first()
    }
}

/// The first card of an agent is the default one.
pub(super) struct DemoCard {
    pub(super) id: i64,
    /// Index into the banks.
    pub(super) bank: usize,
    pub(super) number: String,
    pub(super) branch: Option<&'static str>,
    pub(super) created_at: DateTime<Utc>,
}

impl DemoCard {
    pub(super) fn last4(&self) -> &str {
        &self.number[self.number.len() - 4..]
    }
}

/// Limits of the agents that have some of their own.
pub(super) struct OwnLimits {
    pub(super) max_amount: Decimal,
    pub(super) fee_rate: Decimal,
    pub(super) daily_count: i32,
    pub(super) max_open: i32,
    pub(super) coupon_quota: Decimal,
}

pub(super) fn own_limits() -> OwnLimits {
    OwnLimits {
        max_amount: 100_000.into(),
        fee_rate: Decimal::new(5, 3),
        daily_count: 5,
        max_open: 2,
        coupon_quota: 20_000.into(),
    }
}

impl World {
    /// What applies to an agent's withdrawals on a brand.
    pub(super) fn terms(&self, agent: usize, brand: usize) -> WithdrawTerms {
        let terms = self.brands[brand].terms;
        if !self.agents[agent].has_settings {
            return terms;
        }
        let own = own_limits();
        WithdrawTerms {
            max_amount: own.max_amount,
            fee_rate: own.fee_rate,
            ..terms
        }
    }
}

/// Parses a constant of this program.
pub(super) fn constant<T>(text: &str) -> anyhow::Result<T>
where
    T: FromStr<Err: std::fmt::Display>,
{
    text.parse()
        .map_err(|error| anyhow::anyhow!("{text:?}: {error}"))
}

/// One column of some rows, as `unnest` takes it.
pub(super) fn column<'r, R, T>(rows: &'r [R], cell: impl FnMut(&'r R) -> T) -> Vec<T> {
    rows.iter().map(cell).collect()
}
