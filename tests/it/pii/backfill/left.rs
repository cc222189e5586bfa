//! What cannot be brought into form is named, left alone, and keeps nothing else from it.

use agent_crypto::PiiColumn;
use agent_services::pii_backfill::{Finding, Outcome, Reason};
use agent_testkit::{TestApp, process};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    DRY_RUN, OPTIONS,
    rows::{
        Stored, bare, cbc, count_writes, gcm, index, insert_agent, insert_card, stored, writes,
    },
    run, written,
};

fn findings(outcome: &Outcome) -> Vec<Finding> {
    let tables = outcome.tables.iter();
    tables.flat_map(|table| table.findings.clone()).collect()
}

#[tokio::test]
async fn q89_unreadable_values_are_named_without_content_and_left_as_they_are() {
    let app = TestApp::spawn().await;
    let brand = app.brand("unreadable").await;
    let garbage = STANDARD.encode([0xee; 32]);
    let damaged = "aesgcm:v1:bm9uY2UtMTJieXRljCRNPvgTsoF3hiWxMjccC8Mrtp8G+NcnDhLrjA==";
    let odd = "call me on Sunday";
    let agent = insert_agent(&app, &[&brand], bare(&garbage), bare(damaged), bare(odd)).await;
    let good = insert_agent(
        &app,
        &[&brand],
        cbc(&app, "0812345678"),
        bare("a@b.cd"),
        bare("12345678"),
    )
    .await;
    for options in [DRY_RUN, OPTIONS, OPTIONS] {
        let outcome = run(&app, options).await;
        let expected = [
            ("agent.phone_num", Reason::Unreadable),
            ("agent.email", Reason::Unauthentic),
            ("agent.bank_num", Reason::Unreadable),
        ];
        let expected = expected.map(|(place, reason)| Finding {
            place,
            id: agent,
            reason,
        });
        assert_eq!(findings(&outcome), expected);
        assert_eq!(outcome.left(), 3);
    }
    for (column, text) in [
        ("phone_num", garbage.as_str()),
        ("email", damaged),
        ("bank_num", odd),
    ] {
        let now = stored(&app, "agent", column, agent).await;
        assert_eq!(
            (now.text.as_deref(), now.index),
            (Some(text), None),
            "{column}"
        );
    }
    let phone = stored(&app, "agent", "phone_num", good).await;
    assert_eq!(
        phone.index,
        Some(index(&app, PiiColumn::Phone, "+66812345678"))
    );

    let output = process::run("agent-api", &["pii", "backfill"], app.environment());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    for line in [
        format!("unreadable    agent.phone_num of row {agent}:"),
        format!("unauthentic   agent.email of row {agent}:"),
        "3 values are left".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    for text in [garbage.as_str(), damaged, odd, "0812345678"] {
        assert!(!said.contains(text), "{said}");
    }
    app.finish().await;
}

#[tokio::test]
async fn q89_a_national_phone_without_one_country_is_encrypted_but_not_indexed() {
    let app = TestApp::spawn().await;
    let (thai, other) = (app.brand("thai").await, app.brand("manila").await);
    app.as_owner(&format!(
        "UPDATE brand SET phone_country = '63' WHERE brand_id = {}",
        other.id
    ))
    .await;
    let none = || Stored::default();
    let both = [&thai, &other];
    let national = insert_agent(&app, &both, cbc(&app, "0812345678"), none(), none()).await;
    let homeless = insert_agent(&app, &[], cbc(&app, "0812345678"), none(), none()).await;
    let international = insert_agent(&app, &both, cbc(&app, "+66 812345678"), none(), none()).await;
    let in_manila = insert_agent(&app, &[&other], cbc(&app, "09171234567"), none(), none()).await;
    let no_number = insert_agent(&app, &[&thai], cbc(&app, "+12 34 5"), none(), none()).await;
    // The number was bound while the agent served both: it does not become another one's now.
    let left = insert_agent(&app, &both, cbc(&app, "0812345678"), none(), none()).await;
    app.as_owner(&format!(
        "UPDATE agent_brand SET status = 'disabled' WHERE agent_id = {left} AND brand_id = {}",
        other.id
    ))
    .await;
    count_writes(&app).await;
    let expected = [
        (national, Reason::Ambiguous),
        (homeless, Reason::Ambiguous),
        (no_number, Reason::NotCanonical),
        (left, Reason::Ambiguous),
    ];
    for round in [6, 0] {
        let outcome = run(&app, OPTIONS).await;
        assert_eq!(written(&outcome), round);
        let found: Vec<_> = findings(&outcome)
            .iter()
            .map(|f| (f.id, f.reason))
            .collect();
        assert_eq!(found, expected);
    }
    assert_eq!(writes(&app).await, [(1, 6)].into());
    for (agent, plain, canonical) in [
        (national, "0812345678", None),
        (homeless, "0812345678", None),
        (no_number, "+12 34 5", None),
        (international, "+66 812345678", Some("+66812345678")),
        (in_manila, "09171234567", Some("+639171234567")),
        (left, "0812345678", None),
    ] {
        let now = stored(&app, "agent", "phone_num", agent).await;
        let text = now.text.unwrap();
        assert!(text.starts_with("aesgcm:v1:"));
        assert_eq!(
            *app.app.pii.decrypt(PiiColumn::Phone, &text).unwrap(),
            plain
        );
        let expected = canonical.map(|phone| index(&app, PiiColumn::Phone, phone));
        assert_eq!(now.index, expected, "{plain}");
    }
    app.finish().await;
}

#[tokio::test]
async fn q89_of_live_cards_with_one_number_the_oldest_keeps_the_index() {
    let app = TestApp::spawn().await;
    let brand = app.brand("conflict").await;
    let none = || Stored::default();
    let agent = insert_agent(&app, &[&brand], none(), none(), none()).await;
    let holder = || cbc(&app, "Somchai Jaidee");
    let number = "4556737586899855";
    let deleted = insert_card(&app, agent, cbc(&app, number), holder()).await;
    app.as_owner("UPDATE agent_bank_card SET deleted_at = now()")
        .await;
    let oldest = insert_card(&app, agent, cbc(&app, number), holder()).await;
    let spaced = insert_card(&app, agent, bare("4556 7375 8689 9855"), holder()).await;
    // In other batches.
    for at in 0..50 {
        insert_card(
            &app,
            agent,
            cbc(&app, &format!("45561234567890{at:02}")),
            holder(),
        )
        .await;
    }
    let youngest = insert_card(
        &app,
        agent,
        gcm(&app, PiiColumn::CardNumber, number),
        holder(),
    )
    .await;
    // Of a card that the product wrote while the old one was there.
    let other = "4929111122223333";
    let old = insert_card(&app, agent, cbc(&app, other), holder()).await;
    let current = Stored {
        index: Some(index(&app, PiiColumn::CardNumber, other)),
        ..gcm(&app, PiiColumn::CardNumber, other)
    };
    let new = insert_card(&app, agent, current, holder()).await;
    let conflict = |id, with| Finding {
        place: "agent_bank_card.card_number",
        id,
        reason: Reason::Conflict { with },
    };
    let expected = [
        conflict(spaced, oldest),
        conflict(youngest, oldest),
        conflict(old, new),
    ];
    for options in [DRY_RUN, OPTIONS] {
        let outcome = run(&app, options).await;
        assert_eq!(findings(&outcome), expected, "{options:?}");
        assert_eq!(written(&outcome), 56);
    }
    let of = |card| stored(&app, "agent_bank_card", "card_number", card);
    for card in [spaced, youngest, old] {
        let now = of(card).await;
        assert!(now.text.unwrap().starts_with("aesgcm:v1:") && now.index.is_none());
    }
    for card in [deleted, oldest] {
        assert_eq!(
            of(card).await.index,
            Some(index(&app, PiiColumn::CardNumber, number))
        );
    }
    let output = process::run("agent-api", &["pii", "backfill"], app.environment());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let line = format!(
        "conflict      agent_bank_card.card_number of row {youngest}: card {oldest} has the same number"
    );
    assert!(said.contains(&line), "{said}");

    // As the runbook says: the rows that shall not be are removed, and it is run again.
    app.as_owner(&format!(
        "UPDATE agent_bank_card SET deleted_at = now() WHERE id IN ({spaced}, {youngest}, {new})"
    ))
    .await;
    let outcome = run(&app, OPTIONS).await;
    assert_eq!((written(&outcome), outcome.left()), (3, 0));
    assert_eq!(
        of(old).await.index,
        Some(index(&app, PiiColumn::CardNumber, other))
    );
    app.finish().await;
}
