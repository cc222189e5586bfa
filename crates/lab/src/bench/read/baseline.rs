//! A server for one request: the signature of the token, one prepared statement, the answer as
//! JSON. No session, no brand of the host, no limits, no metrics, no log.

use std::sync::Arc;

use agent_crypto::jwt::{AccessClaims, ISSUER, TokenType, install_provider};
use agent_domain::{AgentGuid, BrandScope, Money};
use agent_persistence::{Db, portal::profile};
use agent_services::{Clock, wiring};
use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::get,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, decode, jwk::Jwk};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::PATH;
use crate::{context::Lab, lookup};

/// Name of the hidden command that is [`process`].
pub(crate) const PROCESS: &str = "read-baseline";

struct Bare {
    db: Db,
    scope: BrandScope,
    key: DecodingKey,
    validation: Validation,
}

/// What the product answers, too.
#[derive(Serialize)]
struct View {
    nick_name: String,
    balance: Money,
    frozen: Money,
    currency: String,
    unread_count: i64,
    brand: Strip,
}

#[derive(Serialize)]
struct Strip {
    name: String,
    logo_url: Option<String>,
}

/// The process itself, under the settings of the API.
pub(crate) async fn process() -> anyhow::Result<()> {
    install_provider();
    let lab = Lab::load()?;
    let settings = &lab.settings;
    let db = Db::open(&wiring::db_settings(&settings.database, PROCESS))?;
    let private = settings.jwt.private_key.as_ref();
    let private = private.context("JWT_PRIVATE_KEY")?;
    let private = EncodingKey::from_rsa_pem(private.expose_secret().as_bytes())?;
    let public = Jwk::from_encoding_key(&private, Algorithm::RS256)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[TokenType::Access.audience()]);
    let bare = Bare {
        scope: lookup::scope(&lab.owner().await?, &db, "bench").await?,
        db,
        key: DecodingKey::from_jwk(&public)?,
        validation,
    };
    let router = Router::new()
        .route(PATH, get(top_info))
        .with_state(Arc::new(bare));
    let listener = tokio::net::TcpListener::bind(settings.http.listen).await?;
    Ok(axum::serve(listener, router).await?)
}

async fn top_info(
    State(bare): State<Arc<Bare>>,
    headers: HeaderMap,
) -> Result<Json<View>, StatusCode> {
    let agent = agent_of(&bare, &headers).ok_or(StatusCode::UNAUTHORIZED)?;
    let now = Clock::system().now();
    let row = profile::top_info(bare.db.pool(), &bare.scope, agent, now).await;
    let row = row.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let row = row.ok_or(StatusCode::NOT_FOUND)?;
    let brand = bare.scope.brand();
    Ok(Json(View {
        nick_name: row.nick_name,
        balance: Money(row.available),
        frozen: Money(row.frozen),
        currency: brand.currency.to_string(),
        unread_count: row.unread,
        brand: Strip {
            name: brand.name.clone(),
            logo_url: brand.logo_url.clone(),
        },
    }))
}

fn agent_of(bare: &Bare, headers: &HeaderMap) -> Option<AgentGuid> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let token = token.strip_prefix("Bearer ")?;
    let claims = decode::<AccessClaims>(token, &bare.key, &bare.validation).ok()?;
    claims.claims.agent_guid().ok().map(AgentGuid)
}
