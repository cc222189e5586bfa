//! `/agent/login`, `/agent/refresh_token`, `/agent/logout`, `/agent/edit/password`.

use agent_services::{
    App,
    portal::auth::{self, SessionTokens},
};
use axum::{Json, extract::State};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{ApiError, ProblemDocument},
    extract::{SignedIn, SourceOf, Valid, Visited},
    middleware::RequestLog,
    state::RouteState,
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(logout))
        .routes(routes!(edit_password))
}

/// Credentials of an agent.
#[derive(Deserialize, Validate, ToSchema)]
pub struct LoginBody {
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "demo_agent")]
    username: String,
    #[garde(length(chars, min = 1, max = 1024))]
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    password: String,
}

/// A refresh token, good for one use.
#[derive(Deserialize, Validate, ToSchema)]
pub struct RefreshBody {
    #[garde(length(chars, min = 1, max = 512))]
    #[schema(min_length = 1, max_length = 512)]
    refresh_token: String,
}

/// The old and the new password.
#[derive(Deserialize, Validate, ToSchema)]
pub struct EditPasswordBody {
    #[garde(length(chars, min = 1, max = 1024))]
    #[schema(min_length = 1, max_length = 1024, format = Password)]
    old_password: String,
    /// 8 to 128 characters.
    #[garde(length(chars, min = 8, max = 128))]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// RS256 `at+jwt`, sent as `Authorization: Bearer`.
    access_token: String,
    /// Opaque; each use gives a new one.
    refresh_token: String,
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(minimum = 1)]
    expires_in: u64,
    agent: SessionAgent,
}

/// Whose session it is.
#[derive(Serialize, ToSchema)]
pub struct SessionAgent {
    guid: i64,
    username: String,
    nick_name: Option<String>,
    level: i16,
    parent_guid: Option<i64>,
    must_change_password: bool,
}

impl From<SessionTokens> for SessionView {
    fn from(tokens: SessionTokens) -> Self {
        let account = tokens.account;
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in.as_secs(),
            agent: SessionAgent {
                guid: account.guid.0,
                username: account.username,
                nick_name: account.nick_name,
                level: account.level,
                parent_guid: account.parent_guid.map(|parent| parent.0),
                must_change_password: account.must_change_password,
            },
        }
    }
}

/// Sign in.
///
/// The host of the request decides the brand; it is checked after the password.
#[utoipa::path(post, path = "/agent/login", tag = "auth", request_body = LoginBody, responses(
    (status = 200, description = "Signed in", body = SessionView),
    (status = 401, description = "`invalid_credentials`", body = ProblemDocument),
    (status = 403, description = "`account_locked`, `brand_forbidden`, `brand_unresolved`", body = ProblemDocument),
    (status = 409, description = "`brand_ambiguous`", body = ProblemDocument),
))]
pub async fn login(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    log: RequestLog,
    Valid(body): Valid<LoginBody>,
) -> Result<Json<SessionView>, ApiError> {
    let login = auth::verify_login(&state.app, &body.username, &body.password, &source).await?;
    let agent = login.agent();
    log.set_agent(agent);
    let scope = match state
        .guard
        .check(agent, &visited.host, &visited.route)
        .await
    {
        Ok(scope) => scope,
        Err(problem) => {
            let brand = visited.host.0.as_ref().map(|brand| brand.id);
            let outcome = problem.code.as_str();
            auth::log_refusal(&state.app, Some(agent), brand, outcome, &source).await?;
            return Err(problem.into());
        }
    };
    log.set_brand(scope.id());
    let tokens = auth::open_session(&state.app, login, &scope, &source).await?;
    Ok(Json(tokens.into()))
}

/// Rotate a refresh token.
///
/// Of parallel uses of one token exactly one wins; the others get `refresh_raced`. A later second
/// use ends the session.
#[utoipa::path(post, path = "/agent/refresh_token", tag = "auth", request_body = RefreshBody, responses(
    (status = 200, description = "The session goes on", body = SessionView),
    (status = 401, description = "`unauthenticated`, `refresh_raced`", body = ProblemDocument),
    (status = 403, description = "`brand_forbidden`, `brand_unresolved`", body = ProblemDocument),
    (status = 409, description = "`brand_ambiguous`", body = ProblemDocument),
))]
pub async fn refresh_token(
    State(state): State<RouteState>,
    visited: Visited,
    SourceOf(source): SourceOf,
    log: RequestLog,
    Valid(body): Valid<RefreshBody>,
) -> Result<Json<SessionView>, ApiError> {
    let presented = auth::find_refresh(&state.app, &body.refresh_token).await?;
    log.set_agent(presented.agent());
    let scope = state
        .guard
        .check(presented.agent(), &visited.host, &visited.route)
        .await?;
    log.set_brand(scope.id());
    let tokens = auth::refresh(&state.app, &presented, &scope, &source).await?;
    Ok(Json(tokens.into()))
}

/// End the session of the access token.
#[utoipa::path(post, path = "/agent/logout", tag = "auth", responses(
    (status = 204, description = "The session and its tokens are dead"),
))]
pub async fn logout(State(app): State<App>, signed: SignedIn) -> Result<StatusCode, ApiError> {
    auth::logout(&app, &signed.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the password.
///
/// Every session of the agent ends, this one included.
#[utoipa::path(post, path = "/agent/edit/password", tag = "auth", request_body = EditPasswordBody, responses(
    (status = 204, description = "Changed; sign in again"),
    (status = 409, description = "`conflict`: changed by another request meanwhile", body = ProblemDocument),
))]
pub async fn edit_password(
    State(app): State<App>,
    signed: SignedIn,
    SourceOf(source): SourceOf,
    Valid(body): Valid<EditPasswordBody>,
) -> Result<StatusCode, ApiError> {
    let SignedIn { principal, scope } = signed;
    let (old, new) = (&body.old_password, &body.new_password);
    auth::change_password(&app, &principal, &scope, &source, old, new).await?;
    Ok(StatusCode::NO_CONTENT)
}
