//! Lets in only live sessions of agents that may serve the brand of the host (P-154).

use agent_brand::HostBrand;
use agent_domain::{BrandScope, Problem};
use agent_services::{Principal, session};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header};

use super::RequestLog;
use crate::{error::ApiError, state::RouteState};

/// What [`require_agent`] proved, for the handler behind it.
#[derive(Clone)]
pub(crate) struct Proofs {
    pub(crate) principal: Principal,
    pub(crate) scope: BrandScope,
}

/// Authenticates the access token, then holds the agent against the brand's allow list. A handler
/// behind it cannot forget either.
///
/// # Errors
/// 401 for anything but a live session, then what [`agent_brand::BrandGuard::check`] answers.
pub async fn require_agent(
    State(state): State<RouteState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = bearer(request.headers())?.to_owned();
    let claimed = session::claim(&state.app, &token)?;
    // Held until the answer: whatever one agent does, the others find a database connection.
    let _turn = state.app.turns.enter(claimed.agent()).await;
    let principal = session::authenticate(&state.app, &claimed).await?;
    let extensions = request.extensions();
    let log = extensions.get::<RequestLog>().cloned().unwrap_or_default();
    log.set_agent(principal.agent());
    let host = host_brand(extensions);
    let route = extensions
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    let scope = state.guard.check(principal.agent(), &host, route).await?;
    log.set_brand(scope.id());
    request.extensions_mut().insert(Proofs { principal, scope });
    Ok(next.run(request).await)
}

/// The brand of the host; none where the brand layer did not run.
pub(crate) fn host_brand(extensions: &http::Extensions) -> HostBrand {
    extensions
        .get::<HostBrand>()
        .cloned()
        .unwrap_or(HostBrand(None))
}

/// RFC 6750 section 2.1; exactly one header, the scheme in any case.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthenticated());
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(Problem::unauthenticated)?;
    let token = token.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(Problem::unauthenticated())
    }
}
