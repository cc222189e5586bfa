//! Codes, recovery, and how their outcomes are named in the audit log.

/// What a one-time code is good for (`agent_recovery.purpose`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `/agent/recovery/*`: request, verify, reset.
    Recovery,
    /// `/agent/forget`: reset in one step.
    Forget,
    /// Proves the new phone of a change of phone.
    EditPhone,
    /// Proves the old phone of a change of phone.
    EditPhoneOld,
    /// Binds or replaces a payout account.
    EditBank,
    /// Proves a parent that gives a sub a new password.
    ResetSub,
}

impl Purpose {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Forget => "forget",
            Self::EditPhone => "edit_phone",
            Self::EditPhoneOld => "edit_phone_old",
            Self::EditBank => "edit_bank",
            Self::ResetSub => "reset_sub",
        }
    }
}

/// Step of a recovery (`recovery_audit.action`, P-185 … P-187).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    Request,
    Verify,
    Reset,
}

impl RecoveryAction {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Verify => "VERIFY",
            Self::Reset => "RESET",
        }
    }
}

/// How a step ended (`recovery_audit.outcome`). The reason within an outcome is in its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryOutcome {
    Success,
    /// A limit on sends or guesses was reached (P-188).
    RateLimited,
    /// No good code or token (P-189).
    TokenInvalid,
    /// The brand is unknown or not enabled for the account (P-190).
    BrandMismatch,
    /// Nothing to recover by: no such account, no phone; or a new password against the rules.
    Rejected,
}

/// Why a step did not succeed (`metadata.reason` of the audit row). Clients never see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too many requests for one name, contact or address.
    RequestLimit,
    /// Too many codes for the contact or the brand: nothing was sent.
    SendLimit,
    /// The code saw too many guesses.
    GuessesUsedUp,
    /// No code that could be guessed: never asked for, used, ended by a newer one.
    NoCode,
    CodeExpired,
    CodeWrong,
    /// No reset token of ours, an expired or a used one.
    TokenRefused,
    /// The host belongs to no brand.
    BrandUnresolved,
    /// Not the brand of the code, or not on the account's list.
    BrandNotEnabled,
    UnknownAccount,
    AccountLocked,
    /// The phone given is not the account's.
    ContactMismatch,
    /// The account has an e-mail address only, and no e-mail is sent.
    EmailUnprovisioned,
    NoContact,
    ContactUnreadable,
    PasswordPolicy,
}

impl Reason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestLimit => "REQUEST_LIMIT",
            Self::SendLimit => "SEND_LIMIT",
            Self::GuessesUsedUp => "GUESSES_USED_UP",
            Self::NoCode => "NO_CODE",
            Self::CodeExpired => "CODE_EXPIRED",
            Self::CodeWrong => "CODE_WRONG",
            Self::TokenRefused => "TOKEN_REFUSED",
            Self::BrandUnresolved => "BRAND_UNRESOLVED",
            Self::BrandNotEnabled => "BRAND_NOT_ENABLED",
            Self::UnknownAccount => "UNKNOWN_ACCOUNT",
            Self::AccountLocked => "ACCOUNT_LOCKED",
            Self::ContactMismatch => "CONTACT_MISMATCH",
            Self::EmailUnprovisioned => "EMAIL_UNPROVISIONED",
            Self::NoContact => "NO_CONTACT",
            Self::ContactUnreadable => "CONTACT_UNREADABLE",
            Self::PasswordPolicy => "PASSWORD_POLICY",
        }
    }

    #[must_use]
    pub fn outcome(self) -> RecoveryOutcome {
        match self {
            Self::RequestLimit | Self::SendLimit | Self::GuessesUsedUp => {
                RecoveryOutcome::RateLimited
            }
            Self::NoCode | Self::CodeExpired | Self::CodeWrong | Self::TokenRefused => {
                RecoveryOutcome::TokenInvalid
            }
            Self::BrandUnresolved | Self::BrandNotEnabled => RecoveryOutcome::BrandMismatch,
            Self::UnknownAccount
            | Self::AccountLocked
            | Self::ContactMismatch
            | Self::EmailUnprovisioned
            | Self::NoContact
            | Self::ContactUnreadable
            | Self::PasswordPolicy => RecoveryOutcome::Rejected,
        }
    }
}

impl RecoveryOutcome {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::RateLimited => "RATE_LIMITED",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::BrandMismatch => "BRAND_MISMATCH",
            Self::Rejected => "REJECTED",
        }
    }
}
