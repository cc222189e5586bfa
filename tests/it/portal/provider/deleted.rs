//! Shares above an agent that was deleted.

use agent_testkit::{AgentFixture, BrandFixture, TestApp};
use chrono::NaiveDate;

use super::{
    races::VIOLATIONS,
    stage::{days, give, next_month, provider, share, today, written},
};

/// `top`, `sub`, `gone` and `low`, each below the other, with 60, 50, 40 and 20.
struct Line {
    app: TestApp,
    brand: BrandFixture,
    top: AgentFixture,
    sub: AgentFixture,
    gone: AgentFixture,
    low: AgentFixture,
    next: NaiveDate,
}

impl Line {
    async fn build() -> Self {
        let app = TestApp::spawn().await;
        let brand = app.brand("a").await;
        let top = app.agent("top", &[&brand]).await;
        let sub = app.agent_under("sub", Some(top.guid), &[&brand]).await;
        let gone = app.agent_under("gone", Some(sub.guid), &[&brand]).await;
        let low = app.agent_under("low", Some(gone.guid), &[&brand]).await;
        provider(&app, 1, "one", &[&brand]).await;
        let from = days(today(&app), -70);
        for (agent, percentage) in [(&top, "60"), (&sub, "50"), (&gone, "40"), (&low, "20")] {
            share(&app, &brand, agent, 1, from, percentage).await;
        }
        let next = next_month(today(&app));
        Self {
            app,
            brand,
            top,
            sub,
            gone,
            low,
            next,
        }
    }

    async fn share_of(&self, agent: &AgentFixture, day: NaiveDate) -> String {
        let (agent, brand) = (agent.guid, self.brand.id);
        let query =
            format!("SELECT trim_scale(provider_share({agent}, {brand}, 1, '{day}'))::text");
        self.app.text(&query).await
    }
}

#[tokio::test]
async fn p063_q26_a_deleted_sub_does_not_hold_up_the_share_above_and_follows_it() {
    let line = Line::build().await;
    let (app, sub, gone) = (&line.app, &line.sub, &line.gone);
    let tops = app.login(&line.brand.host, "top", &line.top.password).await;
    give(&tops, sub, 1, "30")
        .await
        .assert_problem(422, "percentage_out_of_range");
    app.set_agent(gone, "status", "deleted").await;
    // What is below a deleted agent still earns, so it still counts.
    let too_low = give(&tops, sub, 1, "19.9999").await;
    too_low.assert_problem(422, "percentage_out_of_range");
    assert_eq!(too_low.body["errors"][0]["message"], "must be at least 20");
    let set = give(&tops, sub, 1, "30").await;
    assert_eq!(set.status, 200, "{set:?}");
    // From then on; what was earned before was earned by the shares of then.
    let yesterday = days(today(app), -1);
    assert_eq!(line.share_of(gone, yesterday).await, "40");
    assert_eq!(line.share_of(gone, line.next).await, "30");
    assert_eq!(line.share_of(&line.low, line.next).await, "20");
    assert_eq!(app.count(VIOLATIONS).await, 0);
    let told = app
        .text(
            "SELECT string_agg(concat_ws(' ', payload->>'agent_id', payload->'percentages'->0->>'percentage', \
             payload->>'effective_from', payload->>'set_by'), ', ' ORDER BY id) FROM agent_outbox",
        )
        .await;
    let (next, top) = (line.next, line.top.guid);
    assert_eq!(
        told,
        format!(
            "{} 30.0000 {next} {top}, {} 30.0000 {next} {top}",
            sub.guid, gone.guid
        )
    );
    // One change by hand, one that followed.
    assert_eq!(written(app).await, (2, 1, 2));
    assert_eq!(app.drain_outbox().await, 2);
    line.app.finish().await;
}

#[tokio::test]
async fn p063_q26_a_share_above_a_deleted_sub_that_stays_higher_changes_nothing_below() {
    let line = Line::build().await;
    let app = &line.app;
    app.set_agent(&line.gone, "status", "deleted").await;
    let tops = app.login(&line.brand.host, "top", &line.top.password).await;
    assert_eq!(give(&tops, &line.sub, 1, "45").await.status, 200);
    assert_eq!(line.share_of(&line.gone, line.next).await, "40");
    assert_eq!(written(app).await, (1, 1, 1));
    line.app.finish().await;
}

/// Those of one who went later than another one, and of nobody who lives.
#[tokio::test]
async fn p063_q26_deleted_agents_follow_however_many_stand_in_a_row() {
    let line = Line::build().await;
    let app = &line.app;
    for agent in [&line.gone, &line.low] {
        app.set_agent(agent, "status", "deleted").await;
    }
    let tops = app.login(&line.brand.host, "top", &line.top.password).await;
    assert_eq!(give(&tops, &line.sub, 1, "5").await.status, 200);
    for agent in [&line.sub, &line.gone, &line.low] {
        assert_eq!(line.share_of(agent, line.next).await, "5");
    }
    assert_eq!(app.count(VIOLATIONS).await, 0);
    line.app.finish().await;
}

/// What was set is never changed, so it counts until its day.
#[tokio::test]
async fn p063_q26_what_a_deleted_sub_was_promised_counts_until_the_month_after() {
    let line = Line::build().await;
    let (app, brand, gone) = (&line.app, &line.brand, &line.gone);
    share(app, brand, gone, 1, line.next, "35").await;
    app.set_agent(gone, "status", "deleted").await;
    let tops = app.login(&brand.host, "top", &line.top.password).await;
    let refused = give(&tops, &line.sub, 1, "30").await;
    refused.assert_problem(422, "percentage_out_of_range");
    assert_eq!(refused.body["errors"][0]["message"], "must be at least 35");
    assert_eq!(give(&tops, &line.sub, 1, "35").await.status, 200);
    assert_eq!(app.count(VIOLATIONS).await, 0);
    line.app.finish().await;
}
