//! What is an amount, and what is none (Q-95).

use agent_testkit::{Answer, Payee, TestApp};
use serde_json::json;

/// A brand that refuses no amount for its size, and an agent who may have many orders open.
pub(super) async fn unlimited<'a>(app: &'a TestApp, username: &str, balance: &str) -> Payee<'a> {
    let brand = app.brand(username).await;
    app.set_brand(&brand, "withdraw_min = 0, withdraw_max = 1000000000000")
        .await;
    let payee = app.payee(username, &brand, balance).await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    payee
}

/// Sends `amount` as it stands, so that also what is no JSON can be sent.
async fn add_raw(payee: &Payee<'_>, amount: &str) -> Answer {
    let body = format!(r#"{{"amount":{amount},"card_id":{}}}"#, payee.card);
    let request = payee.session.request("POST", "/agent/withdraw/add");
    Answer::of(
        request
            .header("Content-Type", "application/json")
            .body(body),
    )
    .await
}

/// On the alias, where old frontends send forms.
async fn add_form(payee: &Payee<'_>, amount: &str) -> Answer {
    let body = [("amount", amount), ("card_id", &payee.card.to_string())];
    let request = payee.session.request("POST", "/withdraw/add");
    let body = serde_urlencoded(&body);
    let form = "application/x-www-form-urlencoded";
    Answer::of(request.header("Content-Type", form).body(body)).await
}

fn serde_urlencoded(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        let one = |byte: u8| match byte {
            byte if plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(one).collect()
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn q95_strings_and_integers_with_two_decimals_are_amounts() {
    let app = TestApp::spawn().await;
    let payee = unlimited(&app, "amounts", "2000000000000").await;
    for (sent, booked) in [
        ("\"1500\"", "1500.0000"),
        ("1500", "1500.0000"),
        ("\"1500.5\"", "1500.5000"),
        ("\"1500.05\"", "1500.0500"),
        ("\"0.01\"", "0.0100"),
        ("\"0001500.00\"", "1500.0000"),
        ("1", "1.0000"),
        ("1000000000000", "1000000000000.0000"),
        ("\"500000000000.00\"", "500000000000.0000"),
    ] {
        let answer = add_raw(&payee, sent).await;
        assert_eq!(answer.status, 201, "{sent}: {answer:?}");
        assert_eq!(answer.body["amount"], booked, "{sent}");
        let number = answer.body["withdraw_no"].as_str().unwrap();
        let stored =
            format!("SELECT amount::text FROM agent_withdraw WHERE withdraw_no = '{number}'");
        assert_eq!(app.text(&stored).await, booked, "{sent}");
    }
    for (sent, booked) in [("2", "2.0000"), ("2.50", "2.5000")] {
        let answer = add_form(&payee, sent).await;
        assert_eq!(answer.status, 201, "{sent}: {answer:?}");
        assert_eq!(answer.body["amount"], booked, "{sent}");
    }
    app.finish().await;
}

/// JSON texts of what is no amount.
fn no_amounts() -> Vec<String> {
    let texts = [
        "",
        " ",
        " 1500",
        "1500 ",
        "\\t1500",
        "1500\\n",
        "1500\\u0000",
        "\\u00001500",
        "+1500",
        "-1500",
        "-0",
        "1e3",
        "1E3",
        "15e2",
        "1500e0",
        "1500.",
        ".5",
        ".",
        "1500.001",
        "1500.000",
        "1500.0000",
        "0.001",
        "1,500",
        "1.500,00",
        "1 500",
        "1_500",
        "0x5DC",
        "0b1",
        "1500f",
        "NaN",
        "nan",
        "Infinity",
        "inf",
        "-inf",
        "1.5.0",
        "--1",
        "$1500",
        "1500THB",
        "null",
        "true",
        "1500;DROP TABLE agent",
        "0",
        "0.00",
        "000",
        "1000000000000.01",
        "1000000000001",
        "9999999999999",
        "10000000000000",
        "00000000001500",
        "99999999999999999999999999999",
        "١٥٠٠",
        "１５００",
        "१५००",
        "1٥00",
        "²",
        "Ⅻ",
        "1500\\u200b",
        "\\ufeff1500",
    ];
    let mut amounts: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    let raw = [
        "1500.0",
        "1500.5",
        "0.1",
        "1e3",
        "1E3",
        "1e400",
        "-1500",
        "-0",
        "0",
        "-1",
        "1000000000001",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999",
        "null",
        "true",
        "false",
        "[]",
        "[1500]",
        "[\"1500\"]",
        "{}",
        "{\"amount\":1500}",
        "{\"$numberDecimal\":\"1500\"}",
        "NaN",
        "Infinity",
        "-Infinity",
        "+1500",
        "01500",
        "0x5DC",
        "1_500",
        "'1500'",
        "undefined",
        "",
    ];
    amounts.extend(raw.map(str::to_owned));
    for length in [41, 400, 60_000, 70_000] {
        amounts.push(format!("\"{}\"", "9".repeat(length)));
        amounts.push(format!("\"0.{}\"", "0".repeat(length)));
    }
    amounts.push("9".repeat(5000));
    amounts
}

#[tokio::test]
async fn q95_anything_else_is_refused_and_books_nothing() {
    let app = TestApp::spawn().await;
    let payee = unlimited(&app, "no_amounts", "2000000000000").await;
    let before = app.books().await;
    for amount in no_amounts() {
        let shown: String = amount.chars().take(60).collect();
        let answer = add_raw(&payee, &amount).await;
        assert!((400..500).contains(&answer.status), "{shown}: {answer:?}");
        assert!(!answer.code().is_empty(), "{shown}: {answer:?}");
    }
    for amount in [
        "", "-5", "1e3", "NaN", "1500.001", "١٥٠٠", "+5", "null", "[1500]", "5,0", "0",
    ] {
        let answer = add_form(&payee, amount).await;
        assert_eq!(answer.status, 422, "{amount}: {answer:?}");
    }
    for body in [
        json!({ "card_id": payee.card }),
        json!([{ "amount": "1500", "card_id": payee.card }]),
        json!("1500"),
        json!(null),
    ] {
        let answer = payee.session.post("/agent/withdraw/add", &body).await;
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
    }
    let twice = format!(r#""1500","amount":"1600","card_id":{}"#, payee.card);
    let answer = add_raw(&payee, &twice).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(app.books().await, before);
    app.finish().await;
}

/// The rule once more, written differently: up to 13 digits, at most two behind a point, above
/// zero, at most 10^12. Gives hundredths.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let lengths = (1..=13).contains(&whole.chars().count()) && fraction.chars().count() <= 2;
    let ascii = format!("{whole}{fraction}")
        .chars()
        .all(|c| c.is_ascii_digit());
    if !lengths || !ascii {
        return None;
    }
    let value: u64 = format!("{whole}{fraction:0<2}").parse().ok()?;
    (1..=100_000_000_000_000).contains(&value).then_some(value)
}

#[tokio::test]
async fn q95_random_texts_are_judged_by_the_rule_alone() {
    let app = TestApp::spawn().await;
    let payee = unlimited(&app, "random", "1000000000000000").await;
    let alphabet: Vec<char> = "00123456789....+-eE, _٣".chars().collect();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..250 {
        let digits_only = draw(3) > 0;
        let length = 1 + draw(9);
        let letters = if digits_only { 15 } else { alphabet.len() };
        let text: String = (0..length).map(|_| alphabet[draw(letters)]).collect();
        let answer = payee.session.withdraw(&text, payee.card).await;
        match hundredths(&text) {
            Some(value) => {
                granted += 1;
                assert_eq!(answer.status, 201, "{text}: {answer:?}");
                let booked = format!("{}.{:02}00", value / 100, value % 100);
                assert_eq!(answer.body["amount"], booked, "{text}");
            }
            None => {
                refused += 1;
                assert_eq!(answer.status, 422, "{text}: {answer:?}");
            }
        }
    }
    assert!(
        granted > 40 && refused > 40,
        "{granted} granted, {refused} refused"
    );
    app.finish().await;
}
