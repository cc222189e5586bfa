//! `/agent/sub/{guid}`, `…/status` and `…/reset_password`: changes of a direct sub.

use agent_domain::{AgentGuid, portal::sub::SubStatus};
use agent_services::{
    App,
    portal::sub_edit::{self, Editing, Texts},
};
use axum::{Json, extract::State};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::sub::status_schema;
use crate::{
    error::{ApiError, ProblemDocument},
    extract::{PathParam, SignedIn, Valid},
};

/// New texts. What is not sent stays; an empty one is cleared.
#[derive(Deserialize, Validate, ToSchema)]
pub struct EditSubBody {
    #[garde(length(chars, max = 64))]
    #[schema(max_length = 64)]
    nick_name: Option<String>,
    /// Seen by the agents above, not by the agent itself.
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    remark: Option<String>,
}

/// The new state.
#[derive(Deserialize, Validate, ToSchema)]
pub struct SubStatusBody {
    #[garde(skip)]
    #[schema(schema_with = status_schema)]
    status: SubStatus,
}

/// Proof of the one who asks.
#[derive(Deserialize, Validate, ToSchema)]
pub struct ResetSubPasswordBody {
    /// One's own payout password.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, format = Password)]
    payout_password: String,
}

/// The new password.
#[derive(Serialize, ToSchema)]
pub struct ResetSubPasswordView {
    /// Shown this once. It has to be changed after the next sign-in.
    #[schema(format = Password)]
    initial_password: String,
}

/// Set nick name and remark of a direct sub.
#[utoipa::path(put, path = "/agent/sub/{guid}", tag = "sub", request_body = EditSubBody,
    params(("guid" = i64, Path, description = "Number of a direct sub")),
    responses(
        (status = 204, description = "Set"),
        (status = 404, description = "`not_found`: no direct sub", body = ProblemDocument),
    ))]
pub async fn edit(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(guid): PathParam<i64>,
    Valid(body): Valid<EditSubBody>,
) -> Result<StatusCode, ApiError> {
    let editing = Editing {
        principal: &principal,
        scope: &scope,
        sub: AgentGuid(guid),
    };
    let texts = Texts {
        nick_name: body.nick_name,
        remark: body.remark,
    };
    sub_edit::edit(&app, editing, &texts).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lock a direct sub, which ends its sessions, or let it in again.
#[utoipa::path(post, path = "/agent/sub/{guid}/status", tag = "sub", request_body = SubStatusBody,
    params(("guid" = i64, Path, description = "Number of a direct sub")),
    responses(
        (status = 204, description = "In that state now"),
        (status = 404, description = "`not_found`: no direct sub", body = ProblemDocument),
    ))]
pub async fn status(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(guid): PathParam<i64>,
    Valid(body): Valid<SubStatusBody>,
) -> Result<StatusCode, ApiError> {
    let editing = Editing {
        principal: &principal,
        scope: &scope,
        sub: AgentGuid(guid),
    };
    sub_edit::set_status(&app, editing, body.status).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a direct sub a new password.
///
/// Its sessions end, and for a day nothing is paid to a younger payout account.
#[utoipa::path(post, path = "/agent/sub/{guid}/reset_password", tag = "sub", request_body = ResetSubPasswordBody,
    params(("guid" = i64, Path, description = "Number of a direct sub")),
    responses(
        (status = 200, description = "The new password", body = ResetSubPasswordView),
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
    let password = sub_edit::reset_password(&app, editing, &body.payout_password).await?;
    Ok(Json(ResetSubPasswordView {
        initial_password: password.reveal().to_owned(),
    }))
}
