//! Whatever is stored in whatever form becomes today's form of the same value.

use agent_crypto::PiiColumn;
use agent_testkit::TestApp;
use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};

use super::{
    DRY_RUN, OPTIONS,
    rows::{
        Stored, bare, cbc, count_writes, gcm, index, insert_agent, insert_card, insert_order,
        pending, stored, writes,
    },
    run, written,
};

const ROWS: usize = 120;

#[derive(Clone, Copy, Debug)]
enum Form {
    Cbc,
    Plain,
    /// Today's text, whose index was never filled.
    Bare,
    /// Nothing to do.
    Current,
}

/// A value, the spelling under which it is looked for, and how it is stored.
#[derive(Clone, Debug)]
struct Value {
    column: PiiColumn,
    plain: String,
    canonical: String,
    form: Form,
}

impl Value {
    fn stored(&self, app: &TestApp) -> Stored {
        match self.form {
            Form::Cbc => cbc(app, &self.plain),
            Form::Plain => bare(&self.plain),
            Form::Bare => gcm(app, self.column, &self.plain),
            Form::Current => Stored {
                index: Some(index(app, self.column, &self.canonical)),
                ..gcm(app, self.column, &self.plain)
            },
        }
    }
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        3 => Just(Form::Cbc),
        3 => Just(Form::Plain),
        2 => Just(Form::Bare),
        1 => Just(Form::Current),
    ]
}

fn value(
    column: PiiColumn,
    spellings: impl Strategy<Value = (String, String)>,
) -> impl Strategy<Value = Value> {
    (spellings, form()).prop_map(move |((plain, canonical), form)| Value {
        column,
        plain,
        canonical,
        form,
    })
}

fn phone() -> impl Strategy<Value = Value> {
    let spelled = ("[1-9][0-9]{8}", 0..5_usize).prop_map(|(number, spelling)| {
        let plain = match spelling {
            0 => format!("+66{number}"),
            1 => format!("0066{number}"),
            2 => format!("0{number}"),
            3 => format!("66{number}"),
            _ => format!("0{}-{} {}", &number[..2], &number[2..5], &number[5..]),
        };
        (plain, format!("+66{number}"))
    });
    value(PiiColumn::Phone, spelled)
}

fn email() -> impl Strategy<Value = Value> {
    let spelled = "[A-Za-z0-9._+-]{1,20}@[A-Za-z0-9-]{1,20}\\.[a-z]{2,4}"
        .prop_map(|text: String| (text.clone(), text.to_lowercase()));
    value(PiiColumn::Email, spelled)
}

/// Unlike any other: two live cards may not have the same number.
fn number(unique: usize) -> impl Strategy<Value = Value> {
    let spelled = ("([A-Z]{2})?[0-9]{8}", any::<bool>()).prop_map(move |(number, spaced)| {
        let number = format!("{number}{unique:06}");
        let plain = match spaced {
            true => format!("{} {}-{}", &number[..4], &number[4..9], &number[9..]),
            false => number.clone(),
        };
        (plain, number)
    });
    value(PiiColumn::CardNumber, spelled)
}

fn holder() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        "[A-Z][a-z]{1,12}( [A-Z][a-z']{1,12}){1,2}",
        "[ก-ฮ]{2,12} [ก-ฮ]{2,12}",
        "Shop [0-9]{1,3} Ltd\\.",
    ];
    let spelled = names.prop_map(|name: String| (name.clone(), name.to_uppercase()));
    value(PiiColumn::HolderName, spelled)
}

/// Where a value stands.
struct Place {
    table: &'static str,
    column: &'static str,
    id: i64,
    value: Value,
}

async fn fill(app: &TestApp, runner: &mut TestRunner) -> Vec<Place> {
    let brand = app.brand("forms").await;
    let mut draw = |unique: usize| {
        let all = (
            phone(),
            email(),
            number(2 * unique),
            number(2 * unique + 1),
            holder(),
        );
        all.new_tree(runner).unwrap().current()
    };
    let mut places = Vec::new();
    for at in 0..ROWS {
        let (phone, email, account, number, holder) = draw(at);
        let agent = insert_agent(
            app,
            &[&brand],
            phone.stored(app),
            email.stored(app),
            Stored {
                index: None,
                ..account.stored(app)
            },
        )
        .await;
        let card = insert_card(app, agent, number.stored(app), holder.stored(app)).await;
        let (of_order, of_account) = (number.stored(app), account.stored(app));
        let order =
            insert_order(app, agent, &brand, of_order, of_account, holder.stored(app)).await;
        for (table, column, id, value) in [
            ("agent", "phone_num", agent, &phone),
            ("agent", "email", agent, &email),
            ("agent", "bank_num", agent, &account),
            ("agent_bank_card", "card_number", card, &number),
            ("agent_bank_card", "holder_name", card, &holder),
            ("agent_withdraw", "card_number", order, &number),
            ("agent_withdraw", "bank_num", order, &account),
            ("agent_withdraw", "holder_name", order, &holder),
        ] {
            let value = value.clone();
            places.push(Place {
                table,
                column,
                id,
                value,
            });
        }
    }
    places
}

const INDEXED: [(&str, &str); 4] = [
    ("agent", "phone_num"),
    ("agent", "email"),
    ("agent_bank_card", "card_number"),
    ("agent_bank_card", "holder_name"),
];

async fn assert_in_form(app: &TestApp, place: &Place) {
    let now = stored(app, place.table, place.column, place.id).await;
    let Place {
        table,
        column,
        value,
        ..
    } = place;
    let text = now.text.unwrap();
    assert!(text.starts_with("aesgcm:v1:"), "{table}.{column} {value:?}");
    let plain = app.app.pii.decrypt(value.column, &text).unwrap();
    assert_eq!(*plain, value.plain, "{table}.{column} {value:?}");
    let expected = INDEXED
        .contains(&(table, column))
        .then(|| index(app, value.column, &value.canonical));
    assert_eq!(now.index, expected, "{table}.{column} {value:?}");
}

#[tokio::test]
async fn p131_q07_q89_every_form_becomes_the_current_one_of_the_same_value() {
    let app = TestApp::spawn().await;
    let places = fill(&app, &mut TestRunner::default()).await;
    count_writes(&app).await;
    let before = pending(&app).await;
    assert!(before > ROWS as u64, "{before} rows are not much work");

    let rehearsal = run(&app, DRY_RUN).await;
    assert_eq!((written(&rehearsal), rehearsal.left()), (before, 0));
    assert_eq!(writes(&app).await.len(), 0, "a rehearsal wrote");

    let outcome = run(&app, OPTIONS).await;
    assert_eq!((written(&outcome), outcome.left()), (before, 0));
    for (done, said) in outcome.tables.iter().zip(&rehearsal.tables) {
        assert_eq!(done.counts, said.counts, "{:?}", done.table);
    }
    for place in &places {
        assert_in_form(&app, place).await;
    }
    let once = [(1, i64::try_from(before).unwrap())];
    assert_eq!(writes(&app).await, once.into());

    let again = run(&app, OPTIONS).await;
    assert_eq!((written(&again), again.left()), (0, 0));
    assert!(again.tables.iter().all(|table| table.pending == 0));
    assert_eq!(writes(&app).await, once.into());
    app.finish().await;
}

/// What nobody has to touch keeps its row version, not only its value.
#[tokio::test]
async fn q07_rows_in_todays_form_are_not_written() {
    let app = TestApp::spawn().await;
    let brand = app.brand("current").await;
    let payee = app.payee("current", &brand, "5000").await;
    payee.session.withdrawn("500", payee.card).await;
    let number = app.text("SELECT card_number FROM agent_bank_card").await;
    let number = app.app.pii.decrypt(PiiColumn::CardNumber, &number).unwrap();
    let holder = app.text("SELECT holder_name FROM agent_bank_card").await;
    let holder = app.app.pii.decrypt(PiiColumn::HolderName, &holder).unwrap();
    sqlx::query("UPDATE agent_bank_card SET card_bidx = $1, holder_bidx = $2")
        .bind(index(&app, PiiColumn::CardNumber, &number))
        .bind(index(&app, PiiColumn::HolderName, &holder.to_uppercase()))
        .execute(&app.owner)
        .await
        .unwrap();
    let agent = payee.agent.guid.0;
    let contact = index(&app, PiiColumn::Phone, "+66812345678");
    let phone = gcm(&app, PiiColumn::Phone, "+66812345678").text;
    sqlx::query("UPDATE agent SET phone_num = $1, phone_bidx = $2, email = NULL WHERE guid = $3")
        .bind(phone)
        .bind(contact)
        .bind(agent)
        .execute(&app.owner)
        .await
        .unwrap();
    let versions = "SELECT string_agg(v, ' ') FROM (SELECT xmin::text || ctid::text AS v FROM agent UNION ALL \
                    SELECT xmin::text || ctid::text FROM agent_bank_card UNION ALL \
                    SELECT xmin::text || ctid::text FROM agent_withdraw) x";
    let before = app.text(versions).await;
    insert_agent(
        &app,
        &[&brand],
        cbc(&app, "0812345679"),
        bare("a@b.cd"),
        bare("12345678"),
    )
    .await;
    let outcome = run(&app, OPTIONS).await;
    assert_eq!((written(&outcome), outcome.left()), (1, 0));
    app.as_owner("DELETE FROM agent_brand WHERE agent_id = (SELECT max(guid) FROM agent)")
        .await;
    app.as_owner("DELETE FROM agent WHERE guid = (SELECT max(guid) FROM agent)")
        .await;
    assert_eq!(app.text(versions).await, before);
    app.finish().await;
}
