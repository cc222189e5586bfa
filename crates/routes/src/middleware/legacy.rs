//! Marks the old paths, on which forms are read too and every refusal is counted.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};

use super::RequestLog;

/// Marks all routes that are already in `router` as legacy aliases; there must be one. It comes
/// after (outside) every other layer of these routes, so that their refusals count too.
pub fn mark<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    // Not `layer`: that wraps the default fallback too, which a merge would then make everybody's.
    router.route_layer(from_fn(marked))
}

async fn marked(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let log = RequestLog::of(&parts);
    log.set_legacy();
    // Outside the edge the entry was new; later layers must see the same one.
    parts.extensions.insert(log);
    next.run(Request::from_parts(parts, body)).await
}
