//! Payout cards as an agent sees them.

/// The name of a card's holder with only the first letter of each word left.
#[must_use]
pub fn mask_holder(name: &str) -> String {
    name.split_whitespace()
        .map(|word| {
            word.chars()
                .take(1)
                .chain("***".chars())
                .collect::<String>()
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A phone with only its last four digits left.
#[must_use]
pub fn mask_phone(phone: &str) -> String {
    let count = phone.chars().count();
    let tail: String = phone.chars().skip(count.saturating_sub(4)).collect();
    format!("***{tail}")
}

/// An address with only the first letter of the mailbox and the domain left.
#[must_use]
pub fn mask_email(email: &str) -> String {
    match email.split_once('@') {
        Some((mailbox, domain)) => {
            let first: String = mailbox.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}
