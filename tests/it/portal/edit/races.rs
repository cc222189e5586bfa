//! Many at once (security of codes, cards and limits under races).

use agent_testkit::Answer;
use futures_util::future::join_all;
use serde_json::json;

use super::stage::{ADD, BANK, PHONE, Stage, bank_body, card_body, other_than, phone_body};

fn succeeded(answers: &[Answer]) -> usize {
    assert!(
        answers.iter().all(|answer| answer.status < 500),
        "{answers:?}"
    );
    answers.iter().filter(|answer| answer.status < 300).count()
}

#[tokio::test]
async fn p224_of_many_uses_of_one_code_at_once_one_succeeds() {
    let stage = Stage::with(&[("REQUESTS_PER_AGENT", "100"), ("CODE_GUESSES", "20")]).await;
    let session = stage.session().await;
    let code = stage.bank_code(&session).await;
    let bodies: Vec<_> = (0..12).map(|_| bank_body(&stage.number(), &code)).collect();
    let answers = join_all(bodies.iter().map(|body| session.post(BANK, body))).await;
    assert_eq!(succeeded(&answers), 1, "{answers:?}");
    let live = "SELECT count(*) FROM agent_bank_card WHERE deleted_at IS NULL";
    assert_eq!(stage.app.count(live).await, 1);
    assert_eq!(stage.actions().await.len(), 2);
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    let body = phone_body(&new, &code);
    let answers = join_all((0..12).map(|_| session.post(PHONE, &body))).await;
    assert_eq!(succeeded(&answers), 1, "{answers:?}");
    stage.app.finish().await;
}

/// With one guess for a code, a right one behind eleven wrong ones is almost always too late. If
/// guesses at once were all evaluated, it would be right each time.
#[tokio::test]
async fn p224_parallel_guesses_gain_nothing() {
    let stage = Stage::with(&[
        ("REQUESTS_PER_AGENT", "100"),
        ("CODE_GUESSES", "1"),
        ("CODE_SENDS_PER_CONTACT", "1000"),
    ])
    .await;
    let session = stage.session().await;
    let (rounds, mut right) = (8, 0);
    for _ in 0..rounds {
        let (number, code) = (stage.number(), stage.bank_code(&session).await);
        let wrong = (0..11).map(|_| bank_body(&number, &other_than(&code)));
        let bodies: Vec<_> = wrong.chain([bank_body(&number, &code)]).collect();
        let answers = join_all(bodies.iter().map(|body| session.post(BANK, body))).await;
        right += succeeded(&answers);
        let answer = session.post(BANK, &bank_body(&number, &code)).await;
        answer.assert_problem(400, "otp_invalid");
    }
    assert!(right < rounds, "every round was won");
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_of_two_agents_at_once_one_gets_the_number() {
    let stage = Stage::set().await;
    let (other, phone) = stage.other("another").await;
    let (one, two) = (
        stage.session().await,
        stage.app.session(&other, &stage.brand).await,
    );
    for _ in 0..5 {
        let number = stage.number();
        let code = stage.bank_code(&one).await;
        let asked = two.post(super::stage::BANK_SMS, &json!({})).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        let other_code = stage.app.sms().wait_for(&phone).await.code();
        let (mine, theirs) = (bank_body(&number, &code), card_body(&number, &other_code));
        let (first, second) = tokio::join!(one.post(BANK, &mine), two.post(ADD, &theirs));
        let answers = [first, second];
        assert_eq!(succeeded(&answers), 1, "{answers:?}");
        let loser = answers.iter().find(|answer| answer.status >= 300).unwrap();
        loser.assert_problem(409, "card_taken");
    }
    stage.app.finish().await;
}

/// The limit holds however the last place is fought for.
#[tokio::test]
async fn q83_cards_added_at_once_keep_the_limit() {
    let stage = Stage::with(&[
        ("REQUESTS_PER_AGENT", "100"),
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_GUESSES", "100"),
    ])
    .await;
    let session = stage.session().await;
    for _ in 0..4 {
        stage.add_card(&session, &stage.number()).await;
    }
    let code = stage.bank_code(&session).await;
    let bodies: Vec<_> = (0..8).map(|_| card_body(&stage.number(), &code)).collect();
    let answers = join_all(bodies.iter().map(|body| session.post(ADD, body))).await;
    assert_eq!(succeeded(&answers), 1, "{answers:?}");
    let live = "SELECT count(*) FROM agent_bank_card WHERE deleted_at IS NULL";
    assert_eq!(stage.app.count(live).await, 5);
    stage.app.finish().await;
}

/// A change of phone and a change of account at once: whichever comes first, no account is changed
/// after an unproven change of phone.
#[tokio::test]
async fn q85_no_account_is_changed_beside_an_unproven_change_of_phone() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    for _ in 0..4 {
        let bank_code = stage.bank_code(&session).await;
        let new = stage.new_phone();
        let (code, _) = stage.phone_codes(&session, &new).await;
        let (phone, bank) = (
            phone_body(&new, &code),
            bank_body(&stage.number(), &bank_code),
        );
        let (phone, bank) = tokio::join!(session.post(PHONE, &phone), session.post(BANK, &bank));
        assert_eq!(phone.status, 200, "{phone:?}");
        assert!(matches!(bank.status, 200 | 400 | 409), "{bank:?}");
        let younger = "SELECT count(*) FROM agent_bank_card c JOIN agent a ON a.guid = c.agent_id \
                       WHERE c.created_at > a.payout_cooldown_since";
        assert_eq!(stage.app.count(younger).await, 0);
        // As it was, for the next round.
        let set = format!(
            "UPDATE agent o SET payout_cooldown_since = NULL, phone_num = '{}' WHERE guid = {}",
            stage
                .app
                .app
                .pii
                .encrypt(agent_crypto::PiiColumn::Phone, &stage.phone)
                .unwrap(),
            stage.agent.guid
        );
        stage.app.as_owner(&set).await;
        stage.app.sms().wait_for(&stage.phone).await;
    }
    stage.app.finish().await;
}
