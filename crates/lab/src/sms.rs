//! `sms`: stands in for the SMS provider. It prints what it is handed, codes and all, which is what
//! makes it fit for development and for nothing else.

use agent_config::SmsSettings;
use anyhow::{Context as _, bail};
use axum::{
    Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{context::Lab, out::say};

pub(crate) async fn run(lab: &Lab) -> anyhow::Result<()> {
    let address = address(&lab.settings.sms)?;
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    say!("SMS provider on {address}: messages show up here");
    axum::serve(listener, router()).await?;
    Ok(())
}

/// Where `SMS_URL` points, if that is this machine.
fn address(settings: &SmsSettings) -> anyhow::Result<String> {
    let url = settings.url.as_ref().context("SMS_URL is not set")?;
    let local = url.expose_secret().strip_prefix("http://127.0.0.1:");
    let port = local.and_then(|rest| rest.split('/').next());
    match port.map(str::parse::<u16>) {
        Some(Ok(port)) => Ok(format!("127.0.0.1:{port}")),
        _ => bail!("SMS_URL does not begin with http://127.0.0.1:<port>/"),
    }
}

fn router() -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/send", post(take))
}

async fn take(Json(message): Json<Value>) -> (StatusCode, Json<Value>) {
    match line(&message) {
        Some(line) => {
            say!("{line}");
            (StatusCode::OK, Json(json!({ "sent": true })))
        }
        None => {
            let error = json!({ "error": "to and text are needed" });
            (StatusCode::BAD_REQUEST, Json(error))
        }
    }
}

/// One line, whatever the text holds.
fn line(message: &Value) -> Option<String> {
    let (to, text) = (message["to"].as_str()?, message["text"].as_str()?);
    Some(format!("to {}: {}", to.escape_debug(), text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(url: &str) -> SmsSettings {
        SmsSettings {
            url: Some(url.into()),
            timeout: Duration::from_secs(1),
            queue: 1,
            parallel: 1,
        }
    }

    #[test]
    fn q90_it_listens_where_the_api_sends_and_only_on_this_machine() {
        let found = address(&at("http://127.0.0.1:9466/send")).unwrap();
        assert_eq!(found, "127.0.0.1:9466");
        for url in [
            "https://sms.example/send",
            "http://127.0.0.1/send",
            "http://127.0.0.1:port/",
            "http://127.0.0.1:80@sms.example/",
        ] {
            assert!(address(&at(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn q90_a_message_is_one_line() {
        let message = json!({ "to": "+66812345678", "text": "Your code\nis 004711" });
        let shown = line(&message).unwrap();
        assert_eq!(shown, r"to +66812345678: Your code\nis 004711");
        assert_eq!(line(&json!({ "to": "+66812345678" })), None);
    }
}
