//! The one error type of the product, and its stable codes (RFC 9457).
//!
//! A `Problem` holds only what a client may see. What caused it travels beside as `source`, is
//! logged once at the edge and never rendered.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use serde::Serialize;

macro_rules! codes {
    ($($variant:ident = $status:literal $code:literal $title:literal;)*) => {
        /// Stable machine-readable code of an error; clients branch on it, so a code never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code, for documents and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// HTTP status that the code answers with.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    MalformedRequest = 400 "malformed_request" "Malformed request";
    OtpInvalid = 400 "otp_invalid" "Code invalid";
    OtpExpired = 400 "otp_expired" "Code expired";
    TokenInvalid = 400 "token_invalid" "Token invalid";
    Unauthenticated = 401 "unauthenticated" "Sign in first";
    TokenExpired = 401 "token_expired" "Access token expired";
    InvalidCredentials = 401 "invalid_credentials" "Invalid credentials";
    RefreshRaced = 401 "refresh_raced" "Refresh token was just rotated";
    BrandForbidden = 403 "brand_forbidden" "Brand not allowed";
    BrandUnresolved = 403 "brand_unresolved" "Brand not resolved";
    PayoutPasswordInvalid = 403 "payout_password_invalid" "Payout password invalid";
    PayoutPasswordUnset = 403 "payout_password_unset" "Payout password not set";
    AccountLocked = 403 "account_locked" "Account locked";
    NotFound = 404 "not_found" "Not found";
    MethodNotAllowed = 405 "method_not_allowed" "Method not allowed";
    RequestTimeout = 408 "request_timeout" "Request timed out";
    Conflict = 409 "conflict" "Conflict";
    BrandAmbiguous = 409 "brand_ambiguous" "Brand ambiguous";
    WithdrawPending = 409 "withdraw_pending" "A withdrawal is still open";
    InsufficientBalance = 409 "insufficient_balance" "Insufficient balance";
    DailyLimitReached = 409 "daily_limit_reached" "Daily limit reached";
    CardLimit = 409 "card_limit" "Too many cards";
    CardTaken = 409 "card_taken" "Card already bound";
    CouponQuotaExceeded = 409 "coupon_quota_exceeded" "Coupon quota exceeded";
    CouponNotRecyclable = 409 "coupon_not_recyclable" "Coupon not recyclable";
    PayoutCooldown = 409 "payout_cooldown" "Payout accounts are locked for a while";
    PhoneUnbound = 409 "phone_unbound" "No phone bound";
    IdempotencyConflict = 409 "idempotency_conflict" "Idempotency key reused";
    PayloadTooLarge = 413 "payload_too_large" "Body too large";
    UnsupportedMediaType = 415 "unsupported_media_type" "Unsupported media type";
    ValidationFailed = 422 "validation_failed" "Validation failed";
    BelowMinWithdrawal = 422 "below_min_withdrawal" "Below minimum";
    AboveMaxWithdrawal = 422 "above_max_withdrawal" "Above maximum";
    PercentageOutOfRange = 422 "percentage_out_of_range" "Percentage out of range";
    RangeTooLong = 422 "range_too_long" "Range too long";
    ExportTooLarge = 422 "export_too_large" "Export too large";
    RateLimited = 429 "rate_limited" "Too many attempts";
    Internal = 500 "internal" "Internal error";
    Unavailable = 503 "unavailable" "Temporarily unavailable";
}

/// One field of a request that broke a rule.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

/// An error that a client may see.
pub struct Problem {
    pub code: Code,
    /// Safe for the client: never a secret, never what was sent.
    pub detail: Cow<'static, str>,
    pub errors: Vec<FieldError>,
    /// Sent as `Retry-After`, in whole seconds rounded up.
    pub retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    /// A rule broken by one field.
    #[must_use]
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    /// Rules broken by several fields.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(Code::ValidationFailed, "one or more fields are invalid")
        }
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such resource")
    }

    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "a valid access token is required")
    }

    /// A fault of ours. The cause is logged at the edge; the client sees none of it.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "the request could not be completed").caused_by(source)
    }

    /// A dependency is away; trying again later may help.
    #[must_use]
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Unavailable, "try again shortly")
            .retry_after(Duration::from_secs(2))
            .caused_by(source)
    }

    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::new(
            Code::RateLimited,
            "too many attempts; wait before trying again",
        )
        .retry_after(retry_after)
    }

    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..self
        }
    }

    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// The cause, for the log line at the edge.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("code", &self.code)
            .field("detail", &self.detail)
            .field("errors", &self.errors)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
