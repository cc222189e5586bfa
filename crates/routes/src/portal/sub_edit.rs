//! `/agent/sub/{guid}` and `…/status`: changes of a direct sub.

use agent_domain::{AgentGuid, portal::sub::SubStatus};
use agent_services::{
    App,
    portal::sub_edit::{self, Editing, Texts},
};
use axum::extract::State;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::sub::status_schema;
use crate::{
    RouteState,
    error::{ApiError, ProblemDocument},
    extract::{PathParam, SignedIn, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new().routes(routes!(status))
}

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
///
/// What an operator locked stays locked until an operator unlocks it.
#[utoipa::path(post, path = "/agent/sub/{guid}/status", tag = "sub", request_body = SubStatusBody,
    params(("guid" = i64, Path, description = "Number of a direct sub")),
    responses(
        (status = 204, description = "In that state now"),
        (status = 404, description = "`not_found`: no direct sub", body = ProblemDocument),
        (status = 409, description = "`conflict`: an operator locked it; `brand_ambiguous`", body = ProblemDocument),
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
