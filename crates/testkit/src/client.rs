//! Speaking to the API as a frontend does.

use std::fmt;

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

use crate::app::TestApp;

/// What the API answered.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// `Null` where the body is no JSON.
    pub body: Value,
}

impl Answer {
    /// Sends a request and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the API answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a readable body");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    /// The stable code of a problem; empty where the answer is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Asserts a problem with this status and code.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}

/// An agent that signed in.
pub struct Session<'a> {
    app: &'a TestApp,
    pub host: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl<'a> Session<'a> {
    pub(crate) fn new(app: &'a TestApp, host: &str, answer: &Answer) -> Self {
        let token = |name: &str| answer.body[name].as_str().expect("a token").to_owned();
        let (access_token, refresh_token) = (token("access_token"), token("refresh_token"));
        app.plant(&access_token);
        app.plant(&refresh_token);
        Self {
            app,
            host: host.to_owned(),
            access_token,
            refresh_token,
        }
    }

    /// A request with the access token.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.app
            .request(method, &self.host, path)
            .bearer_auth(&self.access_token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request("POST", path).json(body)).await
    }

    /// Rotates the refresh token and gives what was answered; the session keeps its old tokens.
    pub async fn try_refresh(&self) -> Answer {
        let body = serde_json::json!({ "refresh_token": self.refresh_token });
        Answer::of(
            self.app
                .request("POST", &self.host, "/agent/refresh_token")
                .json(&body),
        )
        .await
    }

    /// Rotates the refresh token and goes on with the new ones.
    pub async fn refresh(&self) -> Session<'a> {
        let answer = self.try_refresh().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Session::new(self.app, &self.host, &answer)
    }
}
