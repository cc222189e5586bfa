//! Beyond the rows that have a page.

use serde_json::json;

use super::stage::{Stage, next};

#[tokio::test]
async fn q96_a_cursor_reaches_the_rows_that_have_no_page() {
    let stage = Stage::new().await;
    stage.plant_many(10_230).await;
    let session = stage.session().await;
    for list in stage.lists() {
        let all = stage.all(&list, None).await;
        let beyond = session
            .get(&format!("{}&page=101&page_size=100", list.target))
            .await;
        assert_eq!((list.keys(&beyond).len(), next(&beyond)), (0, None));
        let mut answer = session
            .get(&format!("{}&page=100&page_size=100", list.target))
            .await;
        let mut at = 9_900;
        let last = answer.body.clone();
        loop {
            let keys = list.keys(&answer);
            assert_eq!(keys, all[at..at + keys.len()], "{} at {at}", list.target);
            at += keys.len();
            let Some(cursor) = next(&answer) else { break };
            // Twice the rows, in the log of all that was done: a part of them is enough.
            if at > 10_600 {
                break;
            }
            answer = session
                .get(&format!("{}&page_size=100&cursor={cursor}", list.target))
                .await;
            for told in ["total", "total_capped", "summary"] {
                assert_eq!(answer.body[told], last[told], "{told}");
            }
            assert_eq!(
                (&answer.body["total"], &answer.body["total_capped"]),
                (&json!(10_000), &json!(true))
            );
        }
        assert!(
            at == all.len() || at > 10_600,
            "{} ended at {at}",
            list.target
        );
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q96_p029_a_walk_over_more_than_ten_thousand_orders_gives_each_once() {
    let stage = Stage::new().await;
    stage.plant_many(10_230).await;
    let session = stage.session().await;
    let [orders, ..] = stage.lists();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{}&page_size=100{cursor}", orders.target);
        let answer = session.get(&path).await;
        found.extend(orders.keys(&answer));
        assert!(found.len() <= 10_230, "the walk does not end");
        let Some(next) = next(&answer) else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, stage.all(&orders, None).await);
    assert_eq!(found.len(), 10_230);
    stage.app.finish().await;
}
