//! How a planted secret may be spelled.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// In clear first, then in hex and in base64. The base64 forms leave out the last characters, which
/// depend on what follows.
#[must_use]
pub fn forms(secret: &str) -> Vec<String> {
    let whole = &secret.as_bytes()[..secret.len() - secret.len() % 3];
    vec![
        secret.to_owned(),
        hex::encode(secret),
        STANDARD.encode(whole),
        URL_SAFE_NO_PAD.encode(whole),
    ]
}
