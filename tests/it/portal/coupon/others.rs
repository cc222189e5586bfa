//! Whose players, templates and coupons these are: denied and absent give the same answer.

use agent_testkit::{Answer, TestApp};

/// Largest integer of a request.
const LARGEST: i64 = (1 << 53) - 1;

#[tokio::test]
async fn p037_players_of_others_of_other_brands_and_closed_ones_get_nothing() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("mine").await, app.brand("yours").await);
    let parent = app.agent("parent", &[&brand]).await;
    let granter = app.granter("granter", &brand, "10000", 2).await;
    app.join(&granter.agent, &other).await;
    let colleague = app.agent("colleague", &[&brand]).await;
    let child = app
        .agent_under("child", Some(granter.agent.guid), &[&brand])
        .await;
    app.setting(&child, &brand, "coupon_quota_monthly = 1000")
        .await;
    let child_session = app.session(&child, &brand).await;
    // Of another branch of the tree.
    let cousin = app
        .agent_under("cousin", Some(parent.guid), &[&brand])
        .await;
    let closed = app.coupon_player(&granter.agent, &brand).await;
    let nobodys = app.coupon_player(&granter.agent, &brand).await;
    app.as_owner(&format!(
        "UPDATE player SET status = 'closed' WHERE player_id = {closed}; \
         UPDATE player SET agent_id = NULL WHERE player_id = {nobodys}"
    ))
    .await;
    let foreign = [
        app.coupon_player(&colleague, &brand).await,
        app.coupon_player(&parent, &brand).await,
        app.coupon_player(&cousin, &brand).await,
        app.coupon_player(&granter.agent, &other).await,
        closed,
        nobodys,
        0,
        -1,
        LARGEST,
        -LARGEST,
    ];
    let before = app.books().await;
    let absent = granter.session.grant(granter.template, &[999_999]).await;
    let alike = |answer: &Answer| {
        answer.assert_problem(404, "not_found");
        assert_eq!(answer.body["detail"], absent.body["detail"]);
    };
    for player in foreign {
        alike(&granter.session.grant(granter.template, &[player]).await);
        let among = [granter.players[0], player, granter.players[1]];
        alike(&granter.session.grant(granter.template, &among).await);
    }
    // The one below sees nothing of the one above.
    alike(
        &child_session
            .grant(granter.template, &granter.players[..1])
            .await,
    );
    assert_eq!(app.books().await, before);
    let locked = granter.players[0];
    app.as_owner(&format!(
        "UPDATE player SET status = 'locked' WHERE player_id = {locked}"
    ))
    .await;
    granter.session.granted(granter.template, &[locked]).await;
    app.finish().await;
}

#[tokio::test]
async fn p037_templates_of_other_brands_and_disabled_ones_do_not_exist() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("with").await, app.brand("without").await);
    let granter = app.granter("templates", &brand, "10000", 1).await;
    app.join(&granter.agent, &other).await;
    let disabled = app.coupon_template(&brand, "5").await;
    app.as_owner(&format!(
        "UPDATE coupon_template SET enabled = false WHERE template_id = {disabled}"
    ))
    .await;
    let foreign = app.coupon_template(&other, "5").await;
    let before = app.books().await;
    for template in [disabled, foreign, 0, -1, LARGEST] {
        let answer = granter.session.grant(template, &granter.players).await;
        answer.assert_problem(404, "not_found");
    }
    // Neither the player nor the template of one brand is there on the other.
    let elsewhere = app.session(&granter.agent, &other).await;
    for template in [granter.template, foreign] {
        let answer = elsewhere.grant(template, &granter.players).await;
        answer.assert_problem(404, "not_found");
    }
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn p038_only_the_granter_takes_back_and_only_on_the_brand() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("back").await, app.brand("elsewhere").await);
    let parent = app.agent("above", &[&brand]).await;
    let agent = app
        .agent_under("middle", Some(parent.guid), &[&brand, &other])
        .await;
    app.setting(&agent, &brand, "coupon_quota_monthly = 1000")
        .await;
    let template = app.coupon_template(&brand, "100").await;
    let player = app.coupon_player(&agent, &brand).await;
    let session = app.session(&agent, &brand).await;
    let coupons = session.granted(template, &[player]).await;
    let colleague = app.granter("beside", &brand, "1000", 1).await;
    let foreign = colleague
        .session
        .granted(colleague.template, &colleague.players)
        .await;
    let child = app.agent_under("below", Some(agent.guid), &[&brand]).await;
    let before = app.books().await;
    let absent = session.recycle(&[999_999]).await;
    absent.assert_problem(404, "not_found");
    for stranger in [
        &app.session(&parent, &brand).await,
        &app.session(&child, &brand).await,
        &app.session(&agent, &other).await,
        &colleague.session,
    ] {
        let answer = stranger.recycle(&coupons).await;
        answer.assert_problem(404, "not_found");
        assert_eq!(answer.body["detail"], absent.body["detail"]);
    }
    // All or nothing: one that is not the agent's keeps its own from being taken back.
    let answer = session.recycle(&[coupons[0], foreign[0]]).await;
    answer.assert_problem(404, "not_found");
    for odd in [0, -1, LARGEST, -LARGEST] {
        let answer = session.recycle(&[coupons[0], odd]).await;
        answer.assert_problem(404, "not_found");
    }
    assert_eq!(app.books().await, before);
    // The player has gone to another agent: the coupon is still the granter's to take back.
    app.as_owner(&format!(
        "UPDATE player SET agent_id = {} WHERE player_id = {player}",
        colleague.agent.guid
    ))
    .await;
    assert_eq!(session.recycle(&coupons).await.status, 200);
    app.assert_coupon_books().await;
    app.finish().await;
}
