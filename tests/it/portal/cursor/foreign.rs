//! A cursor is a place and no right: who asks, and the filters, decide what is shown.

use super::stage::{Stage, next};

#[tokio::test]
async fn q96_a_cursor_shows_nothing_of_the_agent_or_brand_that_it_came_from() {
    let stage = Stage::new().await;
    stage.plant(&[1, 2, 3, 4]).await;
    let session = stage.session().await;
    let (app, brand) = (&stage.app, &stage.brand);
    let child = app
        .agent_under("child", Some(stage.agent.guid), &[brand])
        .await;
    let (child, colleague) = (
        app.session(&child, brand).await,
        app.granter("colleague", brand, "1", 0).await.session,
    );
    let other = app.brand("elsewhere").await;
    app.join(&stage.agent, &other).await;
    let elsewhere = app.session(&stage.agent, &other).await;
    for list in stage.lists() {
        let first = session.get(&format!("{}&page_size=1", list.target)).await;
        let path = format!("{}&cursor={}", list.target, next(&first).unwrap());
        for stranger in [&child, &colleague, &elsewhere] {
            let answer = stranger.get(&path).await;
            if list.target.contains("/player/") {
                answer.assert_problem(404, "not_found");
                continue;
            }
            assert_eq!(next(&answer), None);
            assert!(list.keys(&answer).is_empty(), "{answer:?}");
            assert_eq!(answer.body["total"], 0);
        }
        // Its owner goes on.
        let rest = session.get(&path).await;
        assert_eq!(list.keys(&rest), stage.all(&list, None).await[1..]);
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q96_filters_hold_whatever_a_cursor_was_given_for() {
    let stage = Stage::new().await;
    // The last is of the next day in Bangkok.
    stage.plant(&[1, 2, 3, 4, 70_000]).await;
    let session = stage.session().await;
    for list in stage.lists() {
        let all = stage.all(&list, None).await;
        let first = session.get(&format!("{}&page_size=1", list.target)).await;
        let cursor = next(&first).unwrap();
        let filtered = format!("{}&status={}&cursor={cursor}", list.target, list.status);
        let mut some = stage.all(&list, Some(list.status)).await;
        some.retain(|key| *key != all[0]);
        assert!(!some.is_empty());
        let answer = session.get(&filtered).await;
        assert_eq!(
            (list.keys(&answer), next(&answer)),
            (some, None),
            "{filtered}"
        );
        // A range before the cursor begins with its own newest row, one after it is empty.
        let path = list.target.split('?').next().unwrap();
        let newest = all.len() / 5;
        for (day, expected) in [
            ("2026-01-10", &all[newest..]),
            ("2026-01-11", &all[1..newest]),
            ("2026-01-12", &[]),
        ] {
            let days = format!("{path}?date_from={day}&date_to={day}&cursor={cursor}");
            let answer = session.get(&days).await;
            assert_eq!(list.keys(&answer), expected, "{days}");
            assert_eq!(next(&answer), None, "{days}");
        }
    }
    stage.app.finish().await;
}
