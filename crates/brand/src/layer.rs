//! The middleware that tells every request which brand its host belongs to.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use agent_domain::{Brand, Code, Problem};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header::HOST},
    response::Response,
};
use tower::{Layer, Service};

use crate::{BoxFuture, BrandGuard, Host};

/// Carries the resolved brand to the handler; what a client sends under it is dropped (P-164).
pub const X_BRAND_ID: HeaderName = HeaderName::from_static("x-brand-id");

/// Renders a problem that the middleware answers with.
pub type Refuse = fn(Problem) -> Response;

/// The brand of the request's host, `None` for a host that is nobody's. In the extensions of
/// every request behind the layer.
#[derive(Clone, Debug)]
pub struct HostBrand(pub Option<Arc<Brand>>);

/// Made by [`BrandGuard::resolve_layer`].
#[derive(Clone)]
pub struct AgentBrandResolutionLayer {
    guard: BrandGuard,
    refuse: Refuse,
}

impl AgentBrandResolutionLayer {
    pub(crate) fn new(guard: BrandGuard, refuse: Refuse) -> Self {
        Self { guard, refuse }
    }
}

impl<S> Layer<S> for AgentBrandResolutionLayer {
    type Service = AgentBrandResolutionMiddleware<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AgentBrandResolutionMiddleware {
            inner,
            layer: self.clone(),
        }
    }
}

/// Resolves the brand from `Host` alone (P-160): `X-Forwarded-Host`, `Forwarded` and every
/// spelling of `X-Brand-Id` have no say (P-165).
#[derive(Clone)]
pub struct AgentBrandResolutionMiddleware<S> {
    inner: S,
    layer: AgentBrandResolutionLayer,
}

impl<S> Service<Request> for AgentBrandResolutionMiddleware<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The one that was polled ready goes with the request; its fresh clone stays here.
        let fresh = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, fresh);
        let AgentBrandResolutionLayer { guard, refuse } = self.layer.clone();
        Box::pin(async move {
            strip_brand_id(request.headers_mut());
            let resolved = match host_of(&request) {
                Ok(host) => guard.resolve(&host).await,
                Err(problem) => Err(problem),
            };
            match resolved {
                Ok(brand) => {
                    inject(&mut request, brand);
                    inner.call(request).await
                }
                Err(problem) => Ok(refuse(problem)),
            }
        })
    }
}

/// Removes every header that something behind us could take for `X-Brand-Id`. Header names have
/// no case here; gateways in the CGI tradition also read `_` as `-`.
fn strip_brand_id(headers: &mut HeaderMap) {
    let reads_as_brand_id = |name: &&HeaderName| {
        let letters = name.as_str().bytes().filter(u8::is_ascii_alphanumeric);
        letters.eq(*b"xbrandid")
    };
    let spoofed: Vec<HeaderName> = headers.keys().filter(reads_as_brand_id).cloned().collect();
    for name in spoofed {
        headers.remove(name);
    }
}

/// The one host that a request names, in its `Host` field and, for a target in absolute form, in
/// the target as well. RFC 9112 section 3.2 asks for 400 when `Host` is missing, repeated or
/// invalid; a target that contradicts it is refused too, so that no proxy and we can read the
/// same request differently.
fn host_of(request: &Request) -> Result<Host, Problem> {
    let mut fields = request.headers().get_all(HOST).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return Err(malformed("a request needs exactly one Host header"));
    };
    let invalid = |_| malformed("the Host header or the request target names no valid host");
    let host = Host::parse(field.as_bytes()).map_err(invalid)?;
    if let Some(authority) = request.uri().authority() {
        let target = Host::parse(authority.as_str().as_bytes()).map_err(invalid)?;
        if target != host {
            return Err(malformed("the request target contradicts the Host header"));
        }
    }
    Ok(host)
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(Code::MalformedRequest, detail)
}

fn inject(request: &mut Request, brand: HostBrand) {
    if let Some(brand) = &brand.0 {
        let id = HeaderValue::from(brand.id.0);
        request.headers_mut().insert(X_BRAND_ID, id);
    }
    request.extensions_mut().insert(brand);
}
