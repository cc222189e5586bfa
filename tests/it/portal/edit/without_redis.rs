//! While nothing can be counted.

use agent_testkit::{OwnServers, TestApp};
use serde_json::json;

use super::stage::{
    BANK, BANK_SMS, PHONE, PHONE_SMS, PIN, Stage, bank_body, other_than, phone_body,
};

#[tokio::test]
async fn q71_q100_without_redis_no_code_is_sent_no_pin_is_judged_and_codes_keep_their_limit() {
    let mut servers = OwnServers::start();
    let app = TestApp::on(&servers, &[]).await;
    let mut stage = Stage::over(app).await;
    stage.app.payout_password(&stage.agent, PIN).await;
    {
        let session = stage.session().await;
        let card = stage.app.card(&stage.agent).await;
        let bank_code = stage.bank_code(&session).await;
        let new = stage.new_phone();
        let (code, _) = stage.phone_codes(&session, &new).await;
        servers.stop_redis();
        let before = stage.state().await;
        let pin = json!({ "payout_password": PIN });
        for (path, body) in [
            (PHONE_SMS, json!({ "phone_num": new })),
            (BANK_SMS, json!({})),
            (&format!("/agent/bank/{card}/default"), pin.clone()),
            (&format!("/agent/bank/{card}/remove"), pin),
        ] {
            let answer = session.post(path, &body).await;
            answer.assert_problem(503, "unavailable");
            assert!(answer.headers.contains_key("retry-after"), "{path}");
        }
        assert_eq!(stage.state().await, before);
        let number = stage.number();
        for (guess, status) in [(other_than(&bank_code), 400), (bank_code, 200)] {
            let answer = session.post(BANK, &bank_body(&number, &guess)).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
        let mut body = phone_body(&new, &code);
        for (password, status) in [("wrong one", 401), (&stage.agent.password, 200)] {
            body["password"] = json!(password);
            let answer = session.post(PHONE, &body).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
    }
    servers.start_redis();
    stage.app.reconnect_redis().await;
    stage.app.finish().await;
}
