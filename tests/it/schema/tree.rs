//! The tree of agents: its paths come from the parents, and nobody moves in it.

use agent_testkit::TestApp;

use super::{CHECK, FOREIGN_KEY, application, refusal};

const INTEGRITY: &str = "23000";

async fn place(app: &TestApp, guid: i64) -> String {
    app.text(&format!(
        "SELECT concat_ws(' ', parent_guid, path, level) FROM agent WHERE guid = {guid}"
    ))
    .await
}

fn insert(columns: &str, values: &str) -> String {
    format!("INSERT INTO agent (username, password_hash, invite_code{columns}) VALUES {values}")
}

#[tokio::test]
async fn q97_path_and_level_follow_from_the_parent_whatever_is_given() {
    let app = TestApp::spawn().await;
    let brand = app.brand("tree").await;
    let root = app.agent("root", &[&brand]).await.guid;
    let child = app.agent_under("child", Some(root), &[&brand]).await.guid;
    let grandchild = app.agent_under("grandchild", Some(child), &[]).await.guid;
    assert_eq!(place(&app, root.0).await, format!("/{root}/ 1"));
    assert_eq!(
        place(&app, grandchild.0).await,
        format!("{child} /{root}/{child}/{grandchild}/ 3")
    );
    app.as_owner(&insert(
        ", guid, parent_guid, path, level",
        &format!("('liar', 'x', 'liar', 900, {child}, '/', 9), ('twin', 'x', 'twin', 901, 900, '/900/', 1)"),
    ))
    .await;
    assert_eq!(
        place(&app, 900).await,
        format!("{child} /{root}/{child}/900/ 3")
    );
    assert_eq!(
        place(&app, 901).await,
        format!("900 /{root}/{child}/900/901/ 4")
    );
    app.finish().await;
}

#[tokio::test]
async fn q97_a_parent_never_changes_so_no_cycle_can_arise() {
    let app = TestApp::spawn().await;
    let brand = app.brand("fixed").await;
    let root = app.agent("root", &[&brand]).await.guid;
    let child = app.agent_under("child", Some(root), &[&brand]).await.guid;
    let other = app.agent("other", &[&brand]).await.guid;
    for statement in [
        format!("UPDATE agent SET parent_guid = {child} WHERE guid = {root}"),
        format!("UPDATE agent SET parent_guid = {root} WHERE guid = {root}"),
        format!("UPDATE agent SET parent_guid = {other} WHERE guid = {child}"),
        format!("UPDATE agent SET parent_guid = NULL WHERE guid = {child}"),
        format!("UPDATE agent SET path = '/{other}/{child}/' WHERE guid = {child}"),
        format!("UPDATE agent SET level = 1 WHERE guid = {child}"),
        format!("UPDATE agent SET guid = 777 WHERE guid = {other}"),
        format!(
            "UPDATE agent SET parent_guid = CASE guid WHEN {root} THEN {child} ELSE {root} END"
        ),
    ] {
        let told = (
            refusal(&app.owner, &statement).await.0,
            refusal(application(&app), &statement).await.0,
        );
        assert_eq!(
            told,
            (INTEGRITY.to_owned(), INTEGRITY.to_owned()),
            "{statement}"
        );
    }
    app.as_owner(&format!(
        "UPDATE agent SET parent_guid = {root}, nick_name = 'moved nowhere' WHERE guid = {child}"
    ))
    .await;
    assert_eq!(
        place(&app, child.0).await,
        format!("{root} /{root}/{child}/ 2")
    );
    app.finish().await;
}

#[tokio::test]
async fn q97_unknown_parents_and_levels_below_the_tenth_are_refused() {
    let app = TestApp::spawn().await;
    let brand = app.brand("deep").await;
    let mut parent = app.agent("level_1", &[&brand]).await.guid;
    for (statement, state) in [
        (
            insert(", parent_guid", "('orphan', 'x', 'orphan', 987654)"),
            FOREIGN_KEY,
        ),
        (
            insert(", guid, parent_guid", "('own', 'x', 'own', 800, 800)"),
            FOREIGN_KEY,
        ),
        (
            insert(
                ", guid, parent_guid",
                "('a', 'x', 'a', 801, 802), ('b', 'x', 'b', 802, 801)",
            ),
            FOREIGN_KEY,
        ),
    ] {
        let told = (
            refusal(&app.owner, &statement).await.0,
            refusal(application(&app), &statement).await.0,
        );
        assert_eq!(told, (state.to_owned(), state.to_owned()), "{statement}");
    }
    for level in 2..=10 {
        parent = app
            .agent_under(&format!("level_{level}"), Some(parent), &[])
            .await
            .guid;
    }
    let eleventh = insert(
        ", parent_guid",
        &format!("('level_11', 'x', 'level_11', {parent})"),
    );
    assert_eq!(refusal(&app.owner, &eleventh).await.0, CHECK);
    app.finish().await;
}

#[tokio::test]
async fn a_username_is_one_whatever_its_capitals() {
    let app = TestApp::spawn().await;
    app.agent("Somchai", &[]).await;
    let twin = insert("", "('SOMCHAI', 'x', 'other')");
    let refused = refusal(&app.owner, &twin).await;
    assert_eq!(
        refused,
        ("23505".to_owned(), "agent_username_key".to_owned())
    );
    app.finish().await;
}
