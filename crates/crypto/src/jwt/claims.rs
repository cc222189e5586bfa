//! What our tokens say, and what every accepted token must say.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{TokenError, TokenType};
use crate::random;

/// `iss` of every token we issue and accept.
pub const ISSUER: &str = "agent_service";

const SUBJECT_PREFIX: &str = "agent:";

/// Claims of an access token. There is no brand in it: the brand is the host's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    pub iss: String,
    pub aud: String,
    /// `agent:<guid>`.
    pub sub: String,
    /// The refresh family this session belongs to.
    pub sid: Uuid,
    /// The agent's token version at the time of issue.
    pub tv: i32,
    /// Unix seconds.
    pub iat: i64,
    /// Unix seconds.
    pub exp: i64,
    pub jti: Uuid,
}

impl AccessClaims {
    /// Claims issued at `now` for `lifetime`, with a fresh `jti`.
    #[must_use]
    pub fn new(
        agent_guid: i64,
        sid: Uuid,
        tv: i32,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            aud: TokenType::Access.audience().to_owned(),
            sub: subject(agent_guid),
            sid,
            tv,
            iat: now.timestamp(),
            exp: expiry(now, lifetime),
            jti: random::uuid_v4(),
        }
    }

    /// The agent in `sub`.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] unless it is `agent:` and a positive number. Cannot
    /// happen to claims that [`super::SigningKeys::verify`] returned.
    pub fn agent_guid(&self) -> Result<i64, TokenError> {
        parse_subject(&self.sub)
    }
}

/// Claims of the `reset_token` of a verified recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryClaims {
    pub iss: String,
    pub aud: String,
    /// `agent:<guid>`.
    pub sub: String,
    /// Unix seconds.
    pub iat: i64,
    /// Unix seconds.
    pub exp: i64,
    /// The recovery row, which makes the token single-use.
    pub jti: Uuid,
    /// Takes precedence over the host's brand (P-180); absent means the host's (P-181).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<i64>,
}

impl RecoveryClaims {
    /// Claims issued at `now` for `lifetime`; `recovery_id` is the row and becomes `jti`.
    #[must_use]
    pub fn new(
        agent_guid: i64,
        recovery_id: Uuid,
        brand_id: Option<i64>,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Self {
        Self {
            iss: ISSUER.to_owned(),
            aud: TokenType::Recovery.audience().to_owned(),
            sub: subject(agent_guid),
            iat: now.timestamp(),
            exp: expiry(now, lifetime),
            jti: recovery_id,
            brand_id,
        }
    }

    /// The agent in `sub`; see [`AccessClaims::agent_guid`].
    ///
    /// # Errors
    /// [`TokenError::Invalid`].
    pub fn agent_guid(&self) -> Result<i64, TokenError> {
        parse_subject(&self.sub)
    }
}

/// The claims every token must carry, whatever else is in it. `iss`, `aud` and `sub` are
/// single strings here: lists that merely contain the right value are refused.
#[derive(Deserialize)]
pub(super) struct Registered {
    iss: String,
    aud: String,
    sub: String,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    jti: String,
}

impl Registered {
    /// Expiry is looked at last, so that `Expired` is only said of an otherwise good token.
    pub(super) fn check(
        &self,
        typ: TokenType,
        now: DateTime<Utc>,
        leeway: i64,
    ) -> Result<(), TokenError> {
        let now = now.timestamp();
        let not_yet = now.saturating_add(leeway);
        let addressed = self.iss == ISSUER && self.aud == typ.audience() && !self.jti.is_empty();
        let begun = self.iat <= not_yet && self.nbf.is_none_or(|nbf| nbf <= not_yet);
        if !addressed || !begun {
            return Err(TokenError::Invalid);
        }
        parse_subject(&self.sub)?;
        // RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
        if now >= self.exp.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

fn subject(agent_guid: i64) -> String {
    format!("{SUBJECT_PREFIX}{agent_guid}")
}

fn expiry(now: DateTime<Utc>, lifetime: TimeDelta) -> i64 {
    now.timestamp().saturating_add(lifetime.num_seconds())
}

/// One spelling only: no sign, no leading zero, no space.
fn parse_subject(sub: &str) -> Result<i64, TokenError> {
    let digits = sub
        .strip_prefix(SUBJECT_PREFIX)
        .ok_or(TokenError::Invalid)?;
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let guid: i64 = digits.parse().map_err(|_| TokenError::Invalid)?;
    if canonical {
        Ok(guid)
    } else {
        Err(TokenError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q66_subject_has_one_spelling() {
        assert_eq!(parse_subject("agent:42"), Ok(42));
        assert_eq!(parse_subject("agent:9223372036854775807"), Ok(i64::MAX));
        for sub in [
            "",
            "42",
            "agent:",
            "agent:0",
            "agent:-1",
            "agent:+1",
            "agent:042",
            "agent: 42",
            "agent:42 ",
            "agent:4x",
            "agent:9223372036854775808",
            "player:42",
            "Agent:42",
            "agent:agent:42",
            "agent:٤٢",
        ] {
            assert_eq!(parse_subject(sub), Err(TokenError::Invalid), "{sub}");
        }
    }
}
