//! From the first row to the last.

use agent_testkit::Session;
use proptest::{strategy::Strategy as _, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::json;

use super::stage::{List, Stage, next};

/// Walks by cursor with pages of these sizes, over new and old paths in turn.
async fn walked(session: &Session<'_>, list: &List, filter: &str, sizes: &[usize]) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    for turn in 0.. {
        assert!(turn < 1000, "the walk does not end");
        let size = sizes[turn % sizes.len()];
        let path = if turn % 2 == 0 {
            &list.target
        } else {
            list.alias()
        };
        let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let answer = session
            .get(&format!("{path}{filter}&page_size={size}{from}"))
            .await;
        cursor = next(&answer);
        let keys = list.keys(&answer);
        assert!(keys.len() == size || cursor.is_none(), "{path}: {answer:?}");
        let place = (&answer.body["page"], &answer.body["page_size"]);
        assert_eq!(place, (&json!(1), &json!(size)));
        found.extend(keys);
        if cursor.is_none() {
            break;
        }
    }
    found
}

async fn paged(session: &Session<'_>, list: &List, filter: &str, size: usize) -> Vec<String> {
    let mut found = Vec::new();
    for page in 1.. {
        let path = format!("{}{filter}&page_size={size}&page={page}", list.target);
        let answer = session.get(&path).await;
        found.extend(list.keys(&answer));
        // Pages lead on as well.
        if next(&answer).is_none() {
            break;
        }
    }
    found
}

#[tokio::test]
async fn q96_p029_p032_p073_p074_a_walk_by_cursor_gives_each_row_once_in_the_order_of_pages_and_file()
 {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut runner = TestRunner::deterministic();
    // Few instants, so that many rows share one, and in no order.
    let some = (
        proptest::collection::vec(0_i64..4, 0..45),
        proptest::collection::vec(1_usize..=12, 1..5),
    );
    let mut rows = 0;
    for case in 0..6 {
        let (mut seconds, sizes) = some.new_tree(&mut runner).unwrap().current();
        // Nothing at all first.
        seconds.truncate(case * 45);
        stage.plant(&seconds).await;
        rows += seconds.len();
        for list in stage.lists() {
            for status in [None, Some(list.status)] {
                let filter = status.map_or_else(String::new, |it| format!("&status={it}"));
                let all = stage.all(&list, status).await;
                let told = format!("case {case}, {}{filter}, {sizes:?}", list.target);
                assert!(
                    status.is_some() || all.len() >= rows,
                    "{told}: {}",
                    all.len()
                );
                assert_eq!(
                    walked(&session, &list, &filter, &sizes).await,
                    all,
                    "{told}"
                );
                assert_eq!(paged(&session, &list, &filter, 7).await, all, "{told}");
                let file = session
                    .get(&format!("{}{filter}&format=csv", list.target))
                    .await;
                assert_eq!(list.keys_of_file(&file.text), all, "{told}");
                // A last page that is full leads nowhere.
                if (1..=100).contains(&all.len()) {
                    let whole = walked(&session, &list, &filter, &[all.len()]).await;
                    assert_eq!(whole, all, "{told}");
                }
            }
        }
    }
    assert!(rows > 60, "only {rows} rows were drawn");
    stage.app.finish().await;
}

/// By pages the newcomers would push rows that were seen onto the next page.
#[tokio::test]
async fn q96_rows_that_come_in_during_a_walk_neither_repeat_nor_hide_older_ones() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    for (list, now) in stage.lists().into_iter().zip([10, 20, 30, 40]) {
        stage.plant(&[now; 10]).await;
        let before = stage.all(&list, None).await;
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("{}&page_size=3{cursor}", list.target);
            let answer = session.get(&path).await;
            found.extend(list.keys(&answer));
            assert!(found.len() <= before.len(), "{found:?}");
            // Of the very instant at which the walk stands, and newer.
            stage.plant(&[now, now + 1, now]).await;
            let Some(next) = next(&answer) else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, before, "{}", list.target);
        let after = stage.all(&list, None).await;
        assert!(after.len() > before.len() && after.ends_with(&before));
        assert_eq!(walked(&session, &list, "", &[4]).await, after);
    }
    stage.app.finish().await;
}
