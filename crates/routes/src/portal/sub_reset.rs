//! `/agent/sub/{guid}/reset_password`, and the code for it.

use agent_domain::{AgentGuid, Problem};
use agent_services::{
    App,
    portal::{
        sub_edit::Editing,
        sub_reset::{self, Proof},
        withdraw::Asking,
    },
};
use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::recovery::CodeSentView;
use crate::{
    RouteState,
    error::{ApiError, ProblemDocument},
    extract::{PathParam, SignedIn, SourceOf, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(reset_password_send_sms))
        .routes(routes!(reset_password))
}

/// Proof of the one who asks: one of the two.
#[derive(Deserialize, Validate, ToSchema)]
pub struct ResetSubPasswordBody {
    /// One's own payout password; not looked at beside an `otp`.
    #[garde(inner(length(chars, min = 1, max = 64)))]
    #[schema(min_length = 1, max_length = 64, format = Password)]
    payout_password: Option<String>,
    /// Six digits, as sent to one's own phone. May also be called `code`.
    #[serde(alias = "code")]
    #[garde(inner(length(chars, min = 1, max = 32)))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    otp: Option<String>,
}

impl ResetSubPasswordBody {
    fn proof(&self) -> Result<Proof<'_>, Problem> {
        let code = self.otp.as_deref().map(Proof::Code);
        let pin = self.payout_password.as_deref().map(Proof::PayoutPassword);
        let lacking = || Problem::field("payout_password", "send payout_password or otp");
        code.or(pin).ok_or_else(lacking)
    }
}

/// The new password.
#[derive(Serialize, ToSchema)]
pub struct ResetSubPasswordView {
    /// Shown this once. It has to be changed after the next sign-in.
    #[schema(format = Password)]
    initial_password: String,
}

/// Ask for the code that gives a direct sub a new password.
///
/// It goes to the bound phone of the one who asks, and is good for this sub, once.
#[utoipa::path(post, path = "/agent/sub/{guid}/reset_password/send-sms", tag = "sub",
    params(("guid" = i64, Path, description = "Number of a direct sub")),
    responses(
        (status = 200, description = "The code is on its way", body = CodeSentView),
        (status = 404, description = "`not_found`: no direct sub", body = ProblemDocument),
        (status = 409, description = "`phone_unbound`, `payout_cooldown`, `conflict`, `brand_ambiguous`", body = ProblemDocument),
    ))]
pub async fn reset_password_send_sms(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    PathParam(guid): PathParam<i64>,
) -> Result<Json<CodeSentView>, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let expires_in = sub_reset::send_code(&app, asking, AgentGuid(guid)).await?;
    Ok(Json(CodeSentView::new(expires_in)))
}

/// Give a direct sub a new password.
///
/// Its sessions end, and for a day nothing is paid to a younger payout account.
#[utoipa::path(post, path = "/agent/sub/{guid}/reset_password", tag = "sub", request_body = ResetSubPasswordBody,
    params(("guid" = i64, Path, description = "Number of a direct sub")),
    responses(
        (status = 200, description = "The new password", body = ResetSubPasswordView),
        (status = 400, description = "`otp_invalid`, `otp_expired`, `malformed_request`", body = ProblemDocument),
        (status = 403, description = "`payout_password_invalid`, `payout_password_unset`, `brand_forbidden`, `brand_unresolved`", body = ProblemDocument),
        (status = 404, description = "`not_found`: no direct sub", body = ProblemDocument),
    ))]
pub async fn reset_password(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(guid): PathParam<i64>,
    Valid(body): Valid<ResetSubPasswordBody>,
) -> Result<Json<ResetSubPasswordView>, ApiError> {
    let editing = Editing {
        principal: &principal,
        scope: &scope,
        sub: AgentGuid(guid),
    };
    let password = sub_reset::reset_password(&app, editing, body.proof()?).await?;
    Ok(Json(ResetSubPasswordView {
        initial_password: password.reveal().to_owned(),
    }))
}
