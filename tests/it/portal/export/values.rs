//! What is in a file, and how it is sent.

use agent_testkit::{Answer, Session};
use serde_json::Value;

use super::stage::{Stage, cells, read};

/// Every item of a list, page by page.
async fn items(session: &Session<'_>, target: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for page in 1.. {
        let answer = session
            .get(&format!("{target}&page={page}&page_size=2"))
            .await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        found.extend(answer.body["items"].as_array().unwrap().iter().cloned());
        let total = answer.body.get("total").and_then(Value::as_u64);
        if total.is_none_or(|total| found.len() as u64 >= total) {
            break;
        }
    }
    found
}

fn assert_same(answer: &Answer, items: &[Value], target: &str) {
    let (header, rows) = read(&answer.text);
    assert_eq!(rows.len(), items.len(), "{target}: {}", answer.text);
    for (row, item) in rows.iter().zip(items) {
        let mut expected = Vec::new();
        cells(item, "", &mut expected);
        let row: Vec<_> = header.iter().zip(row).collect();
        for (name, value) in expected {
            // An object that is null has no members here, and empty cells there.
            match row.iter().find(|(column, _)| **column == name) {
                Some((_, cell)) => assert_eq!(**cell, value, "{target}: {name}"),
                None => assert!(value.is_empty(), "{target}: {name} = {value}"),
            }
        }
    }
}

#[tokio::test]
async fn a_file_has_the_rows_of_all_pages_in_the_same_values_and_order() {
    let stage = Stage::new(&[]).await;
    let session = stage.session(&stage.top).await;
    for target in stage.reports() {
        let items = items(&session, &target).await;
        assert!(!items.is_empty(), "{target} has nothing to compare");
        // Pages do not matter.
        for page in ["", "&page=2&page_size=1", "&page=1000000"] {
            let answer = session.get(&format!("{target}&format=csv{page}")).await;
            assert_eq!(answer.status, 200, "{target}: {answer:?}");
            assert_same(&answer, &items, &target);
        }
        let asked = session.get(&format!("{target}&format=json")).await;
        assert_eq!(
            asked.body["items"].as_array().unwrap()[0],
            items[0],
            "{target}"
        );
    }
    stage.finish().await;
}

#[tokio::test]
async fn old_paths_send_the_same_file() {
    let stage = Stage::new(&[]).await;
    let session = stage.session(&stage.top).await;
    let reports = stage.reports();
    let mut compared = 0;
    for (alias, _) in agent_routes::aliases() {
        let filled = |path: &str| path.replace("{player_id}", &stage.player.to_string());
        let (old, new) = (filled(alias.path), filled(&alias.route));
        let target = |report: &&String| report.split('?').next() == Some(new.as_str());
        let Some(report) = reports.iter().find(target) else {
            continue;
        };
        let query = report.split_once('?').unwrap().1;
        let (old, new) = (
            session.get(&format!("{old}?{query}&format=csv")).await,
            session.get(&format!("{new}?{query}&format=csv")).await,
        );
        assert_eq!((old.status, &old.text), (200, &new.text), "{report}");
        for header in ["content-type", "content-disposition"] {
            assert_eq!(old.headers[header], new.headers[header], "{report}");
        }
        compared += 1;
    }
    assert!(compared >= 15, "{compared}");
    stage.finish().await;
}

#[tokio::test]
async fn formulas_are_texts_and_negative_money_is_a_number() {
    let stage = Stage::new(&[]).await;
    let session = stage.session(&stage.top).await;
    for (path, cell) in [
        ("/agent/sub/list?", "'=HYPERLINK(\"x\")"),
        ("/agent/sub/list?", "a \"quoted\", name\r\nin two lines"),
        ("/agent/sub/list?", "-250.5000"),
        ("/agent/messages/list?", "'=1+1"),
        ("/agent/messages/list?", "'+=1+1"),
        ("/agent/coupon/list?", "'-2+3"),
        ("/agent/coupon/logs?", "'=granted"),
        ("/agent/coupon/recycle/logs?", "'@back"),
        ("/agent/provider/list?", "'@SUM(A1)"),
        ("/agent/player/list?scope=team", "'=cmd|vip"),
        ("/agent/player/list?scope=team", "-250.5000"),
        ("/agent/withdraw/list?", "'\t+1"),
        ("/agent/withdraw/list?", "0123"),
    ] {
        let reports = stage.reports();
        let full = reports.iter().find(|report| report.starts_with(path));
        let full = full.map_or(path, String::as_str);
        let answer = session.get(&format!("{full}&format=csv")).await;
        let (_, rows) = read(&answer.text);
        let found = rows.iter().flatten().any(|found| found == cell);
        assert!(found, "{path} has no {cell}: {}", answer.text);
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_file_says_what_it_is() {
    let stage = Stage::new(&[]).await;
    let session = stage.session(&stage.top).await;
    let path = "/agent/withdraw/list?format=csv&date_from=2026-01-30&date_to=2026-02-01";
    let answer = session.get(path).await;
    assert_eq!(answer.status, 200);
    let header = |name: &str| answer.headers[name].to_str().unwrap();
    assert_eq!(
        header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"withdrawals_a_2026-01-30_2026-02-01.csv\""
    );
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    // Nothing was found: the header row alone, ended by CR LF, without a byte order mark.
    let columns = "withdraw_no,amount,fee,net_amount,currency,bank_name,card_last4,status,reject_reason,\
                   remark,created_at,reviewed_at,paid_at\r\n";
    assert_eq!(answer.text, columns);
    // One day is named once; lists without days are named after today.
    let day = "date_from=2026-01-30&date_to=2026-01-30";
    let answer = session
        .get(&format!("/agent/sub/list?format=csv&{day}"))
        .await;
    let named = answer.headers["content-disposition"].to_str().unwrap();
    assert_eq!(named, "attachment; filename=\"subs_a_2026-01-30.csv\"");
    let answer = session.get("/agent/bank/list?format=csv").await;
    let named = answer.headers["content-disposition"].to_str().unwrap();
    assert!(
        named.starts_with("attachment; filename=\"bank_cards_a_20"),
        "{named}"
    );
    stage.finish().await;
}

#[tokio::test]
async fn a_brand_with_other_letters_names_the_file_by_rfc_8187() {
    let stage = Stage::new(&[]).await;
    stage.app.set_brand(&stage.b, "code = 'ไ\"a'").await;
    let session = stage.app.session(&stage.top, &stage.b).await;
    let day = "date_from=2026-01-30&date_to=2026-01-30";
    let answer = session
        .get(&format!("/agent/sub/list?format=csv&{day}"))
        .await;
    let named = answer.headers["content-disposition"].to_str().unwrap();
    assert_eq!(
        named,
        "attachment; filename=\"subs___a_2026-01-30.csv\"; \
         filename*=UTF-8''subs_%E0%B9%84_a_2026-01-30.csv"
    );
    stage.finish().await;
}

#[tokio::test]
async fn other_formats_are_refused() {
    let stage = Stage::new(&[]).await;
    let session = stage.session(&stage.top).await;
    for target in stage.reports() {
        for format in [
            "format=xml",
            "format=CSV",
            "format=",
            "format=csv&format=csv",
        ] {
            let answer = session.get(&format!("{target}&{format}")).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["field"], "format", "{target}");
        }
    }
    stage.finish().await;
}

#[tokio::test]
async fn a_file_shows_no_more_than_the_list() {
    let stage = Stage::new(&[]).await;
    let (player, foreign) = (stage.player, stage.sub.guid.0 * 100 + stage.b.id.0);
    let asked = format!("/agent/player/{player}/daily?format=csv");
    // Somebody beside, and the agent below: neither sees what is the top's.
    let beside = stage.app.agent("beside", &[&stage.a]).await;
    let session = stage.session(&beside).await;
    session.get(&asked).await.assert_problem(404, "not_found");
    for target in stage.reports() {
        let own = target.contains("home/trend") || target.contains("provider/list");
        if own || target.contains("sub_guid") || target.contains("/player/") {
            continue;
        }
        let answer = session.get(&format!("{target}&format=csv")).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        for name in ["player-", "W2000", "=HYPERLINK", "granted"] {
            assert!(!answer.text.contains(name), "{target}: {}", answer.text);
        }
    }
    let sub = stage.session(&stage.sub).await;
    let answer = sub.get("/agent/withdraw/list?format=csv").await;
    let (_, rows) = read(&answer.text);
    assert!(
        rows.iter().all(|row| row[0] == "W20000101000004"),
        "{rows:?}"
    );
    // The other brand has its own player alone, and this one does not have that.
    let there = stage.app.session(&stage.top, &stage.b).await;
    let path = "/agent/player/list?scope=team&format=csv";
    let (_, rows) = read(&there.get(path).await.text);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][0], foreign.to_string());
    let here = stage.session(&stage.top).await;
    let (_, rows) = read(&here.get(path).await.text);
    assert!(rows.iter().all(|row| row[0] != foreign.to_string()));
    assert_eq!(rows.len(), 3);
    // Without a session there is no file.
    let answer = Answer::of(stage.app.request("GET", &stage.a.host, path)).await;
    answer.assert_problem(401, "unauthenticated");
    stage.finish().await;
}
