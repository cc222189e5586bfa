//! `agent-api generate-secrets`.

use agent_crypto::{jwt, random};

pub(super) fn run() -> anyhow::Result<()> {
    let mut iv = [0; 16];
    random::fill(&mut iv);
    let lines = [
        ("SECRET_KEY", hex_of_32()),
        ("PASSWORD_SALT", hex_of_32()),
        ("AES_KEY", hex_of_32()),
        ("AES_IV", hex::encode(iv)),
        (
            "JWT_PRIVATE_KEY",
            jwt::generate_private_pem()?.replace('\n', "\\n"),
        ),
    ];
    for (name, value) in lines {
        super::say(&format!("{name}={value}"))?;
    }
    Ok(())
}

fn hex_of_32() -> String {
    let mut bytes = [0; 32];
    random::fill(&mut bytes);
    hex::encode(bytes)
}
