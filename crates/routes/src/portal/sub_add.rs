//! `/agent/sub/add`.

use agent_domain::portal::provider::MAX_SHARES;
use agent_services::{
    App,
    portal::sub_add::{self, AddRequest, Added},
};
use axum::{Json, extract::State};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::provider::ShareBody;
use crate::{
    RouteState,
    error::{ApiError, ProblemDocument},
    extract::{IdempotencyKey, SignedIn, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new().routes(routes!(add))
}

/// A new agent below one's own.
#[derive(Deserialize, Validate, ToSchema)]
pub struct AddSubBody {
    /// Letters, digits, `_`, `.` and `-`. Names that differ only in case are one name.
    #[garde(length(chars, min = 3, max = 64))]
    #[schema(min_length = 3, max_length = 64, pattern = "^[A-Za-z0-9_.-]{3,64}$")]
    username: String,
    #[garde(length(chars, max = 64))]
    #[schema(max_length = 64)]
    nick_name: Option<String>,
    /// With or without the country code of the brand.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "+66812345678")]
    phone_num: Option<String>,
    /// Shares from today on, at most one's own; each provider at most once, 0 for the others.
    #[garde(length(max = MAX_SHARES), dive)]
    #[schema(max_items = 200)]
    percentages: Vec<ShareBody>,
}

/// The new agent.
#[derive(Serialize, ToSchema)]
pub struct AddedSubView {
    guid: i64,
    username: String,
    /// Shown this once; absent where the same request is answered again. It has to be changed after
    /// the first sign-in.
    #[schema(value_type = String, required = false, format = Password)]
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_password: Option<String>,
}

/// Make an agent below one's own.
///
/// It signs in once the brand lets it in; until then its `brand_status` is `pending`. With an
/// `Idempotency-Key` the same request may be sent again: for 24 hours it gives the stored answer,
/// which does not hold the password.
#[utoipa::path(post, path = "/agent/sub/add", tag = "sub", request_body = AddSubBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters",
        min_length = 1, max_length = 255)),
    responses(
        (status = 201, description = "The agent was made", body = AddedSubView),
        (status = 409, description = "`conflict`: the username is taken, or one's own level is the deepest; `idempotency_conflict`, `brand_ambiguous`", body = ProblemDocument),
        (status = 422, description = "`validation_failed`, `percentage_out_of_range`, with `errors`", body = ProblemDocument),
    ))]
pub async fn add(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    key: Option<IdempotencyKey>,
    Valid(body): Valid<AddSubBody>,
) -> Result<(StatusCode, Json<AddedSubView>), ApiError> {
    let percentages = body.percentages.into_iter();
    let request = AddRequest {
        username: body.username,
        nick_name: body.nick_name,
        phone_num: body.phone_num,
        percentages: percentages
            .map(|share| (share.provider_id, share.percentage.as_str().to_owned()))
            .collect(),
        idempotency_key: key.map(|key| key.as_str().to_owned()),
    };
    let Added {
        sub,
        initial_password,
    } = sub_add::add(&app, &principal, &scope, &request).await?;
    let view = AddedSubView {
        guid: sub.guid,
        username: sub.username,
        initial_password: initial_password.map(|password| password.reveal().to_owned()),
    };
    Ok((StatusCode::CREATED, Json(view)))
}
