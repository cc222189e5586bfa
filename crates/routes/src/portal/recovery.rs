//! `/agent/recovery/*` and `/agent/forget`: setting a new password by a code sent to the phone.

use agent_brand::HostBrand;
use agent_domain::Problem;
use agent_services::portal::recovery::{self, Arrival, Flow, NamedAccount};
use axum::{Json, extract::State};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::{ApiError, ProblemDocument},
    extract::{SourceOf, Valid, Visited},
    state::RouteState,
};

/// Whose password is to be recovered: exactly one of the two.
#[derive(Deserialize, Validate, ToSchema)]
pub struct RecoveryRequestBody {
    /// Username.
    #[garde(inner(length(chars, min = 1, max = 64)))]
    #[schema(min_length = 1, max_length = 64, example = "demo_agent")]
    #[serde(alias = "username")]
    account: Option<String>,
    /// Phone (international, or in the national form of the brand's country) or e-mail address.
    #[garde(inner(length(chars, min = 1, max = 254)))]
    #[schema(min_length = 1, max_length = 254, example = "+66812345678")]
    #[serde(alias = "phone_num")]
    contact: Option<String>,
}

/// A code as it came by SMS.
#[derive(Deserialize, Validate, ToSchema)]
pub struct RecoveryVerifyBody {
    #[garde(skip)]
    request_id: Uuid,
    /// Six digits.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    code: String,
}

/// A new password, with the permission to set it.
#[derive(Deserialize, Validate, ToSchema)]
pub struct RecoveryResetBody {
    #[garde(length(chars, min = 1, max = 4096))]
    #[schema(min_length = 1, max_length = 4096)]
    reset_token: String,
    /// 8 to 128 characters.
    #[garde(length(chars, min = 1, max = 1024))]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// The account and its phone.
#[derive(Deserialize, Validate, ToSchema)]
pub struct ForgetSendSmsBody {
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "demo_agent")]
    username: String,
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "+66812345678")]
    phone_num: String,
}

/// A new password, proven by the code.
#[derive(Deserialize, Validate, ToSchema)]
pub struct ForgetBody {
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "demo_agent")]
    username: String,
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "+66812345678")]
    phone_num: String,
    /// Six digits.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    code: String,
    /// 8 to 128 characters.
    #[garde(length(chars, min = 1, max = 1024))]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// The same for every account, known or not.
#[derive(Serialize, ToSchema)]
pub struct RecoveryRequestedView {
    /// For `/agent/recovery/verify`.
    request_id: Uuid,
    /// Seconds that the code is good for.
    #[schema(minimum = 1)]
    expires_in: u64,
}

#[derive(Serialize, ToSchema)]
pub struct ResetPermissionView {
    /// Good for one reset.
    reset_token: String,
    /// Seconds.
    #[schema(minimum = 1)]
    expires_in: u64,
}

/// A code was asked for.
#[derive(Serialize, ToSchema)]
pub struct CodeSentView {
    /// Always true: whether there was anybody to send it to is not told.
    sent: bool,
    /// Seconds that the code is good for.
    #[schema(minimum = 1)]
    expires_in: u64,
}

impl CodeSentView {
    pub(super) fn new(expires_in: std::time::Duration) -> Self {
        Self {
            sent: true,
            expires_in: expires_in.as_secs(),
        }
    }
}

/// Ask for a code to set a new password.
///
/// The code goes to the phone of the account. The answer is the same for accounts that do not
/// exist, in body and time.
#[utoipa::path(post, path = "/agent/recovery/request", tag = "recovery", request_body = RecoveryRequestBody, responses(
    (status = 200, description = "A code was sent if there is such an account", body = RecoveryRequestedView),
))]
pub async fn request(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    Valid(body): Valid<RecoveryRequestBody>,
) -> Result<Json<RecoveryRequestedView>, ApiError> {
    let arrival = arrival(&visited.host, &source);
    let named = match (&body.account, &body.contact) {
        (Some(account), None) => NamedAccount::username(account),
        (None, Some(contact)) => NamedAccount::contact(contact, arrival.brand)?,
        _ => return Err(Problem::field("account", "send either account or contact").into()),
    };
    let requested = recovery::request(&state.app, arrival, Flow::Recovery, &named).await?;
    Ok(Json(RecoveryRequestedView {
        request_id: requested.request_id,
        expires_in: requested.expires_in.as_secs(),
    }))
}

/// Exchange the code for the permission to set a password.
///
/// A code allows five guesses; a newer request ends it.
#[utoipa::path(post, path = "/agent/recovery/verify", tag = "recovery", request_body = RecoveryVerifyBody, responses(
    (status = 200, description = "The code is right", body = ResetPermissionView),
    (status = 400, description = "`otp_invalid`", body = ProblemDocument),
))]
pub async fn verify(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    Valid(body): Valid<RecoveryVerifyBody>,
) -> Result<Json<ResetPermissionView>, ApiError> {
    let arrival = arrival(&visited.host, &source);
    let permission = recovery::verify(&state.app, arrival, body.request_id, &body.code).await?;
    Ok(Json(ResetPermissionView {
        reset_token: permission.reset_token,
        expires_in: permission.expires_in.as_secs(),
    }))
}

/// Set a new password by the permission.
///
/// Every session of the agent ends.
#[utoipa::path(post, path = "/agent/recovery/reset", tag = "recovery", request_body = RecoveryResetBody, responses(
    (status = 204, description = "Changed; sign in with the new password"),
    (status = 400, description = "`token_invalid`", body = ProblemDocument),
))]
pub async fn reset(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    Valid(body): Valid<RecoveryResetBody>,
) -> Result<StatusCode, ApiError> {
    let arrival = arrival(&visited.host, &source);
    recovery::reset(&state.app, arrival, &body.reset_token, &body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a code to set a new password in one step.
///
/// The phone must be the account's. The answer is the same if it is not, in body and time.
#[utoipa::path(post, path = "/agent/forget/send-sms", tag = "recovery", request_body = ForgetSendSmsBody, responses(
    (status = 200, description = "A code was sent if there is such an account", body = CodeSentView),
))]
pub async fn forget_send_sms(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    Valid(body): Valid<ForgetSendSmsBody>,
) -> Result<Json<CodeSentView>, ApiError> {
    let arrival = arrival(&visited.host, &source);
    let (username, phone) = (&body.username, &body.phone_num);
    let named = NamedAccount::username_and_phone(username, phone, arrival.brand)?;
    let requested = recovery::request(&state.app, arrival, Flow::Forget, &named).await?;
    Ok(Json(CodeSentView::new(requested.expires_in)))
}

/// Set a new password in one step.
///
/// Every session of the agent ends.
#[utoipa::path(post, path = "/agent/forget", tag = "recovery", request_body = ForgetBody, responses(
    (status = 204, description = "Changed; sign in with the new password"),
    (status = 400, description = "`otp_invalid`, whatever is wrong with account, phone or code", body = ProblemDocument),
))]
pub async fn forget(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    Valid(body): Valid<ForgetBody>,
) -> Result<StatusCode, ApiError> {
    let arrival = arrival(&visited.host, &source);
    let (username, phone) = (&body.username, &body.phone_num);
    let new_password = &body.new_password;
    recovery::forget(
        &state.app,
        arrival,
        username,
        phone,
        &body.code,
        new_password,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn arrival<'a>(
    host: &'a HostBrand,
    source: &'a agent_services::portal::auth::Source,
) -> Arrival<'a> {
    Arrival {
        brand: host.0.as_deref(),
        source,
    }
}
