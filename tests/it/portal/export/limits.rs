//! What an export may cost: rows, places and time.

use super::stage::{LONG, Stage, read};

/// What each list is called in metrics.
const NAMES: [(&str, &str); 18] = [
    ("/agent/bank/list", "bank_cards"),
    ("/agent/coupon/list", "coupon_templates"),
    ("/agent/coupon/logs", "coupon_logs"),
    ("/agent/coupon/recycle/logs", "coupon_recycle_logs"),
    ("/agent/home/rank", "rank"),
    ("/agent/home/trend", "trend"),
    ("/agent/messages/list", "messages"),
    ("/agent/player/list", "players"),
    ("/coupons", "player_coupons"),
    ("/daily", "player_daily"),
    ("/agent/provider/income", "income"),
    ("/agent/provider/list", "providers"),
    ("/agent/provider/percentage", "percentages"),
    ("/agent/provider/sub/percentage", "sub_percentages"),
    ("/agent/sub/list", "subs"),
    ("/agent/sub/statistic", "sub_statistic"),
    ("/agent/sub/statistic/daily", "sub_statistic_daily"),
    ("/agent/withdraw/list", "withdrawals"),
];

fn name(target: &str) -> &'static str {
    let path = target.split('?').next().unwrap();
    let exact = NAMES.iter().find(|(known, _)| *known == path);
    let ending = || NAMES.iter().find(|(known, _)| path.ends_with(known));
    exact.or_else(ending).unwrap().1
}

#[tokio::test]
async fn a_file_is_whole_or_refused_before_its_first_byte() {
    let all = Stage::new(&[]).await;
    let session = all.session(&all.top).await;
    let mut counts = Vec::new();
    for target in all.reports() {
        let answer = session.get(&format!("{target}&format=csv")).await;
        let rows = read(&answer.text).1.len();
        let (report, written) = (name(&target), u64::try_from(rows).unwrap());
        all.wait_for(report, "complete", 1).await;
        let counted = all
            .app
            .metrics
            .export_rows_total
            .with_label_values(&[report]);
        assert_eq!(counted.get(), written, "{report}");
        counts.push(rows);
    }
    all.finish().await;
    let most = 2;
    let limited = Stage::new(&[("EXPORT_MAX_ROWS", "2")]).await;
    let session = limited.session(&limited.top).await;
    let mut refused = 0;
    for (target, rows) in limited.reports().iter().zip(counts) {
        let answer = session.get(&format!("{target}&format=csv")).await;
        let report = name(target);
        if rows <= most {
            assert_eq!(answer.status, 200, "{target}: {answer:?}");
            assert_eq!(read(&answer.text).1.len(), rows, "{target}");
            limited.wait_for(report, "complete", 1).await;
            continue;
        }
        refused += 1;
        answer.assert_problem(422, "export_too_large");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("at most 2 rows") && detail.contains("filter"),
            "{detail}"
        );
        assert!(!answer.headers.contains_key("content-disposition"));
        assert_eq!(limited.exports(report, "too_large"), 1, "{target}");
        // The list itself goes on to show its pages.
        assert_eq!(session.get(target).await.status, 200, "{target}");
    }
    assert!(refused >= 6, "{refused}");
    limited.wait_for_release().await;
    limited.finish().await;
}

#[tokio::test]
async fn an_agent_has_one_export_and_a_process_a_few() {
    let stage = Stage::new(&[("EXPORT_CONCURRENCY", "2")]).await;
    stage.long_orders(&stage.top).await;
    stage.long_orders(&stage.sub).await;
    let third = stage.app.agent("third", &[&stage.a]).await;
    let (top, sub, third) = (
        stage.session(&stage.top).await,
        stage.session(&stage.sub).await,
        stage.session(&third).await,
    );
    let path = "/agent/withdraw/list?format=csv";
    let first = stage.stalled(&top, path).await;
    // The same agent waits, whatever it asks for, and is told for how long.
    for path in [path, "/agent/bank/list?format=csv"] {
        let answer = top.get(path).await;
        answer.assert_problem(429, "rate_limited");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    assert_eq!(stage.exports("bank_cards", "busy"), 1);
    // Pages are no exports.
    assert_eq!(top.get("/agent/withdraw/list").await.status, 200);
    assert_eq!(third.get("/agent/bank/list?format=csv").await.status, 200);
    stage.wait_for("bank_cards", "complete", 1).await;
    // Another agent takes the other place, and then there is none.
    let second = stage.stalled(&sub, path).await;
    let answer = third.get("/agent/bank/list?format=csv").await;
    answer.assert_problem(429, "rate_limited");
    assert_eq!(stage.connections().await, 2);
    // Whoever has taken all of it gives the place back.
    let (text, complete) = first.rest().await;
    assert!(complete && text.matches("Test Bank").count() > LONG);
    stage.wait_for("withdrawals", "complete", 1).await;
    assert_eq!(third.get("/agent/bank/list?format=csv").await.status, 200);
    stage.wait_for("bank_cards", "complete", 2).await;
    drop(second);
    stage.wait_for("withdrawals", "aborted", 1).await;
    assert_eq!(sub.get("/agent/bank/list?format=csv").await.status, 200);
    stage.wait_for_release().await;
    stage.finish().await;
}

#[tokio::test]
async fn a_refusal_of_another_kind_gives_the_place_back() {
    let stage = Stage::new(&[("EXPORT_MAX_ROWS", "2"), ("EXPORT_CONCURRENCY", "1")]).await;
    let session = stage.session(&stage.top).await;
    for _ in 0..3 {
        let path = "/agent/provider/sub/percentage?format=csv&sub_guid=987654321";
        session.get(path).await.assert_problem(404, "not_found");
        let path = "/agent/withdraw/list?format=csv";
        session
            .get(path)
            .await
            .assert_problem(422, "export_too_large");
    }
    stage.finish().await;
}
