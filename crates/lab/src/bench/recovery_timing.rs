//! Known against unknown accounts, step by step of a recovery.

use std::time::Duration;

use agent_crypto::random;
use anyhow::ensure;
use serde_json::{Value, json};

use super::{
    RecoveryTimingArgs,
    accounts::{self, Account, HOST},
    compare::Comparison,
    http::Client,
};
use crate::{out::say, stage::Stage, table};

const ACCOUNTS: usize = 50;
/// Longer than a message takes to the provider, which must not disturb the next answer.
const PAUSE: Duration = Duration::from_millis(4);
const WARM_UP: usize = 20;
const MANY: &str = "1000000";

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    ForgetWithoutCode,
    RequestByName,
    RequestByPhone,
    SendSms,
    Forget,
    Verify,
    VerifyOlder,
}

impl Step {
    /// A code is asked for after what is timed without one.
    const ALL: [Self; 7] = [
        Self::ForgetWithoutCode,
        Self::RequestByName,
        Self::RequestByPhone,
        Self::SendSms,
        Self::Forget,
        Self::Verify,
        Self::VerifyOlder,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ForgetWithoutCode => "forget, no code asked for",
            Self::RequestByName => "recovery/request by name",
            Self::RequestByPhone => "recovery/request by phone",
            Self::SendSms => "forget/send-sms",
            Self::Forget => "forget, wrong code",
            Self::Verify => "recovery/verify, wrong code",
            Self::VerifyOlder => "recovery/verify, older request",
        }
    }

    fn request(self, one: &Subject) -> (&'static str, Value, u16) {
        let Account { username, phone } = &one.account;
        match self {
            Self::RequestByName => (REQUEST, json!({ "account": username }), 200),
            Self::RequestByPhone => (REQUEST, json!({ "contact": phone }), 200),
            Self::SendSms => {
                let body = json!({ "username": username, "phone_num": phone });
                ("/agent/forget/send-sms", body, 200)
            }
            Self::Forget | Self::ForgetWithoutCode => {
                let body = json!({
                    "username": username, "phone_num": phone, "code": "no code",
                    "new_password": "a password of no use",
                });
                ("/agent/forget", body, 400)
            }
            Self::Verify | Self::VerifyOlder => {
                let newest = self == Self::Verify;
                let id = if newest { &one.newest } else { &one.older };
                (
                    "/agent/recovery/verify",
                    json!({ "request_id": id, "code": "no code" }),
                    400,
                )
            }
        }
    }
}

const REQUEST: &str = "/agent/recovery/request";

/// An account with two requests of its own.
struct Subject {
    account: Account,
    older: String,
    newest: String,
}

pub(super) async fn run(args: &RecoveryTimingArgs) -> anyhow::Result<()> {
    let accounts = |name, prefix| (0..ACCOUNTS).map(move |n| Account::numbered(name, prefix, n));
    let known: Vec<Account> = accounts("known", 8100).collect();
    let unknown: Vec<Account> = accounts("nobody", 8900).collect();
    say!("booting an API over servers of its own");
    let mut stage = Stage::set(&limits(args)).await?;
    accounts::write(&stage.lab()?, &known).await?;
    stage.start_api().await?;
    let mut client = Client::connect(stage.address, HOST).await?;
    let mut known: Vec<Subject> = known.into_iter().map(Subject::new).collect();
    let mut unknown: Vec<Subject> = unknown.into_iter().map(Subject::new).collect();
    let mut rows = Vec::new();
    let mut told_apart = 0;
    for step in Step::ALL {
        if step == Step::Verify {
            for one in known.iter_mut().chain(&mut unknown) {
                one.ask(&mut client).await?;
            }
        }
        let comparison = measure(&mut client, step, args.pairs, (&known, &unknown)).await?;
        told_apart += usize::from(comparison.is_distinguishable());
        rows.push(row(step, comparison));
    }
    drop(stage);
    let heading = [
        "step",
        "known ms",
        "unknown ms",
        "difference",
        "p",
        "P(known > unknown)",
        "",
    ];
    table::print(heading, &rows);
    ensure!(
        told_apart == 0,
        "{told_apart} step(s) tell known accounts from unknown ones"
    );
    say!("known and unknown accounts cannot be told apart by time");
    Ok(())
}

/// Limits are raised, not passed by.
fn limits(args: &RecoveryTimingArgs) -> Vec<(&'static str, String)> {
    let raised = [
        "CODE_SENDS_PER_CONTACT",
        "CODE_SENDS_PER_CONTACT_PER_DAY",
        "CODE_SENDS_PER_SOURCE",
        "RECOVERY_REFUSALS_PER_SOURCE",
        "CODE_SENDS_PER_BRAND_PER_MINUTE",
    ];
    let mut limits: Vec<_> = raised.map(|name| (name, MANY.to_owned())).into();
    limits.push(("CODE_GUESSES", "1000".to_owned()));
    if let Some(milliseconds) = args.answer_milliseconds {
        limits.push(("RECOVERY_ANSWER_MILLISECONDS", milliseconds.to_string()));
    }
    limits
}

impl Subject {
    fn new(account: Account) -> Self {
        Self {
            account,
            older: String::new(),
            newest: String::new(),
        }
    }

    async fn ask(&mut self, client: &mut Client) -> anyhow::Result<()> {
        for id in [&mut self.older, &mut self.newest] {
            let body = json!({ "account": self.account.username });
            let answer = client.post(REQUEST, &body).await?;
            *id = answer.body["request_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        Ok(())
    }
}

/// Pairs of one known and one unknown account, in an order that chance decides.
async fn measure(
    client: &mut Client,
    step: Step,
    pairs: u32,
    (known, unknown): (&[Subject], &[Subject]),
) -> anyhow::Result<Comparison> {
    let mut times = (Vec::new(), Vec::new());
    for turn in 0..WARM_UP + pairs as usize {
        let index = turn % ACCOUNTS;
        let mut pair = [(true, &known[index]), (false, &unknown[index])];
        if coin() {
            pair.reverse();
        }
        for (is_known, one) in pair {
            let (path, body, status) = step.request(one);
            let answer = client.post(path, &body).await?;
            ensure!(
                answer.status == status,
                "{path}: {} {}",
                answer.status,
                answer.body
            );
            let milliseconds = answer.took.as_secs_f64() * 1000.0;
            if turn >= WARM_UP {
                let set = if is_known { &mut times.0 } else { &mut times.1 };
                set.push(milliseconds);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(Comparison::of(&times.0, &times.1))
}

fn coin() -> bool {
    let mut byte = [0];
    random::fill(&mut byte);
    byte[0] & 1 == 1
}

fn row(step: Step, comparison: Comparison) -> [String; 7] {
    let (known, unknown) = comparison.medians;
    let verdict = if comparison.is_distinguishable() {
        "TOLD APART"
    } else {
        ""
    };
    [
        step.name().to_owned(),
        format!("{known:.3}"),
        format!("{unknown:.3}"),
        format!("{:+.3}", known - unknown),
        format!("{:.4}", comparison.p),
        format!("{:.3}", comparison.greater),
        verdict.to_owned(),
    ]
}
