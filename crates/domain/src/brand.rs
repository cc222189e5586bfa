//! Brands: the tenant of every portal request (P-150 … P-171).

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::{BrandId, money::Currency};

/// How an agent may stand on a brand: let in, shut out, or not yet decided about.
pub const MEMBERSHIP_STATES: [&str; 3] = ["enabled", "disabled", "pending"];

/// What happens to a request whose brand the agent may not serve (P-106, P-161 … P-163).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnforcementMode {
    Off,
    Observe,
    Enforce,
}

impl EnforcementMode {
    /// The value of the gauge `multi_brand_enforcement_mode`.
    #[must_use]
    pub fn gauge(self) -> i64 {
        match self {
            Self::Off => 0,
            Self::Observe => 1,
            Self::Enforce => 2,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for EnforcementMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text was none of `off`, `observe`, `enforce`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be exactly one of off, observe, enforce")]
pub struct UnknownEnforcementMode;

impl FromStr for EnforcementMode {
    type Err = UnknownEnforcementMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "observe" => Ok(Self::Observe),
            "enforce" => Ok(Self::Enforce),
            _ => Err(UnknownEnforcementMode),
        }
    }
}

/// What the service needs to know of a brand to answer a request: cached for at most a minute,
/// so nothing that decides about money is in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    pub id: BrandId,
    pub code: String,
    pub name: String,
    pub logo_url: Option<String>,
    /// Decides where a calendar day begins.
    pub timezone: Tz,
    pub currency: Currency,
    /// E.164 country code without `+`, used to normalise phones.
    pub phone_country: String,
}

impl Brand {
    /// The brand's calendar day at an instant.
    #[must_use]
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.timezone).date_naive()
    }
}

/// Proof that a request may act on a brand: the host was resolved and the agent's allow list was
/// checked as the mode demands. Every query over rows that a brand owns takes one, so that
/// no finder by bare id exists.
#[derive(Clone, Debug)]
pub struct BrandScope {
    brand: std::sync::Arc<Brand>,
}

impl BrandScope {
    /// Made by the brand guard after its check, and by the operator's commands, which act for no
    /// agent. A test of the architecture lists the callers.
    #[must_use]
    pub fn granted(brand: std::sync::Arc<Brand>) -> Self {
        Self { brand }
    }

    #[must_use]
    pub fn id(&self) -> BrandId {
        self.brand.id
    }

    #[must_use]
    pub fn brand(&self) -> &Brand {
        &self.brand
    }
}
