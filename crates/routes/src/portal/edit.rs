//! `/agent/edit/*`, but for the login password: phone, payout account, payout password.

use agent_services::{
    App,
    portal::{
        edit,
        edit_bank::{self, PayoutAccount},
        edit_phone::{self, PhoneChange},
        withdraw::Asking,
    },
};
use axum::{Json, extract::State};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{profile::BankSummary, recovery::CodeSentView};
use crate::{
    RouteState,
    error::{ApiError, ProblemDocument},
    extract::{SignedIn, SourceOf, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(payout_password))
        .routes(routes!(phone_send_sms))
        .routes(routes!(phone))
        .routes(routes!(bank_send_sms))
        .routes(routes!(bank))
}

/// The phone to bind.
#[derive(Deserialize, Validate, ToSchema)]
pub struct EditPhoneSendSmsBody {
    /// International, or in the national form of the brand's country.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "+66812345678")]
    phone_num: String,
}

/// The phone to bind, and who agreed.
#[derive(Deserialize, Validate, ToSchema)]
pub struct EditPhoneBody {
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "+66812345678")]
    phone_num: String,
    /// Six digits, as sent to the new phone.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    code: String,
    /// Six digits, as sent to the bound phone.
    #[garde(inner(length(chars, min = 1, max = 32)))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    old_code: Option<String>,
    /// The login password, in place of `old_code`.
    #[garde(inner(length(chars, min = 1, max = 1024)))]
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    password: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct PhoneView {
    #[schema(example = "***5678")]
    phone_masked: String,
}

/// What the code is to be good for.
#[derive(Default, Deserialize, Validate, ToSchema)]
pub struct EditBankSendSmsBody {
    /// Card or account number: the code is then good for this one only. Without it, for any one.
    /// May also be called `card_number`, as `/agent/bank/add` calls it.
    #[serde(alias = "card_number")]
    #[garde(inner(length(chars, min = 1, max = 64)))]
    #[schema(min_length = 1, max_length = 64, example = "4111 1111 1111 1111")]
    bank_num: Option<String>,
}

/// The new payout account.
#[derive(Deserialize, Validate, ToSchema)]
pub struct EditBankBody {
    /// Of the catalogue.
    #[garde(skip)]
    bank_id: i32,
    /// Card or account number; spaces and dashes do not count.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "4111 1111 1111 1111")]
    bank_num: String,
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "SOMCHAI JAIDEE")]
    holder_name: String,
    /// Six digits.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    code: String,
}

#[derive(Serialize, ToSchema)]
pub struct PayoutAccountView {
    bank: BankSummary,
}

/// The login password and the payout password to be.
#[derive(Deserialize, Validate, ToSchema)]
pub struct EditPayoutPasswordBody {
    #[garde(length(chars, min = 1, max = 1024))]
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    password: String,
    /// 6 to 12 digits, not the login password.
    #[garde(length(bytes, min = 1, max = 64))]
    #[schema(min_length = 6, max_length = 12, pattern = "^[0-9]+$", format = Password)]
    payout_password: String,
}

/// Set or change the payout password.
#[utoipa::path(post, path = "/agent/edit/payout_password", tag = "auth", request_body = EditPayoutPasswordBody, responses(
    (status = 204, description = "Changed; the bound phone is told"),
    (status = 401, description = "`invalid_credentials`, `unauthenticated`, `token_expired`", body = ProblemDocument),
    (status = 409, description = "`conflict`: the login password was changed meanwhile; `brand_ambiguous`", body = ProblemDocument),
))]
pub async fn payout_password(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    Valid(body): Valid<EditPayoutPasswordBody>,
) -> Result<StatusCode, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    edit::payout_password(&app, asking, &body.password, &body.payout_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for the codes that change the phone.
///
/// One goes to the new phone. Another one goes to the bound phone, if there is one: it proves that
/// its owner agrees.
#[utoipa::path(post, path = "/agent/edit/phone/send-sms", tag = "auth", request_body = EditPhoneSendSmsBody, responses(
    (status = 200, description = "The codes are on their way", body = CodeSentView),
    (status = 409, description = "`conflict`: the phone was changed meanwhile; `brand_ambiguous`", body = ProblemDocument),
))]
pub async fn phone_send_sms(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    Valid(body): Valid<EditPhoneSendSmsBody>,
) -> Result<Json<CodeSentView>, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let expires_in = edit_phone::send_codes(&app, asking, &body.phone_num).await?;
    Ok(Json(CodeSentView::new(expires_in)))
}

/// Change the phone.
///
/// `old_code` or `password` proves that the change is the owner's. Without proof, also for the
/// first phone of an account, payout accounts stay as they are for a day.
#[utoipa::path(post, path = "/agent/edit/phone", tag = "auth", request_body = EditPhoneBody, responses(
    (status = 200, description = "Changed; the old phone is told", body = PhoneView),
    (status = 400, description = "`otp_invalid`, `otp_expired`, `malformed_request`", body = ProblemDocument),
    (status = 401, description = "`invalid_credentials`, `unauthenticated`, `token_expired`", body = ProblemDocument),
    (status = 409, description = "`conflict`: the password was changed meanwhile; `brand_ambiguous`", body = ProblemDocument),
))]
pub async fn phone(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    Valid(body): Valid<EditPhoneBody>,
) -> Result<Json<PhoneView>, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let change = PhoneChange {
        phone_num: &body.phone_num,
        code: &body.code,
        old_code: body.old_code.as_deref(),
        password: body.password.as_deref(),
    };
    let phone_masked = edit_phone::change(&app, asking, &change).await?;
    Ok(Json(PhoneView { phone_masked }))
}

/// Ask for the code that changes a payout account.
///
/// It goes to the bound phone, and is good for `/agent/edit/bank` or `/agent/bank/add`, once. The
/// body may be left out.
#[utoipa::path(post, path = "/agent/edit/bank/send-sms", tag = "bank", request_body = Option<EditBankSendSmsBody>, responses(
    (status = 200, description = "The code is on its way", body = CodeSentView),
    (status = 409, description = "`phone_unbound`, `payout_cooldown`, `conflict`, `brand_ambiguous`", body = ProblemDocument),
))]
pub async fn bank_send_sms(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    body: Option<Valid<EditBankSendSmsBody>>,
) -> Result<Json<CodeSentView>, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let Valid(body) = body.unwrap_or_else(|| Valid(EditBankSendSmsBody::default()));
    let expires_in = edit_bank::send_code(&app, asking, body.bank_num.as_deref()).await?;
    Ok(Json(CodeSentView::new(expires_in)))
}

/// Change the primary payout account.
///
/// The default card ends and the new one takes its place. Withdrawals keep the card that they were
/// asked for with.
#[utoipa::path(post, path = "/agent/edit/bank", tag = "bank", request_body = EditBankBody, responses(
    (status = 200, description = "Changed", body = PayoutAccountView),
    (status = 400, description = "`otp_invalid`, `otp_expired`, `malformed_request`", body = ProblemDocument),
    (status = 409, description = "`card_taken`, `card_limit`, `phone_unbound`, `payout_cooldown`, `brand_ambiguous`", body = ProblemDocument),
))]
pub async fn bank(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    Valid(body): Valid<EditBankBody>,
) -> Result<Json<PayoutAccountView>, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let account = PayoutAccount {
        bank_id: body.bank_id,
        number: &body.bank_num,
        number_field: "bank_num",
        holder_name: &body.holder_name,
        branch: None,
    };
    let primary = edit_bank::change(&app, asking, &account, &body.code).await?;
    Ok(Json(PayoutAccountView {
        bank: BankSummary {
            name: primary.bank_name,
            last4: primary.last4,
        },
    }))
}
