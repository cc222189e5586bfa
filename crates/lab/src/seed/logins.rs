//! The documented accounts, and the agents above them.

use sqlx::PgPool;

use super::world::{BRAND_A, BRAND_B, PasswordForm, Storage};
use crate::table;

/// Password of every demo agent.
pub(crate) const PASSWORD: &str = "demo-password-1";
const PAYOUT_PASSWORD: &str = "246810";

/// An agent with a fixed name and place.
pub(super) struct Founder {
    pub(super) username: &'static str,
    pub(super) nick_name: &'static str,
    pub(super) parent: Option<&'static str>,
    pub(super) brands: &'static [usize],
    /// Brands that were taken from the agent.
    pub(super) taken: &'static [usize],
    pub(super) password: PasswordForm,
    pub(super) payout_password: Option<&'static str>,
    pub(super) status: &'static str,
    pub(super) storage: Storage,
    pub(super) cards: usize,
    pub(super) days_ago: i64,
    /// For documented logins: what is special about it.
    pub(super) login: Option<&'static str>,
}

const PLAIN: Founder = Founder {
    username: "",
    nick_name: "",
    parent: None,
    brands: &[BRAND_A],
    taken: &[],
    password: PasswordForm::Argon2,
    payout_password: None,
    status: "active",
    storage: Storage::Current,
    cards: 1,
    days_ago: 640,
    login: None,
};

/// Parents before their children.
pub(super) const FOUNDERS: &[Founder] = &[
    Founder {
        username: "demo_agent",
        nick_name: "Demo Agent",
        brands: &[BRAND_A, BRAND_B],
        cards: 3,
        login: Some("top of a team; 25000.0000 THB on brand-a, no payout password"),
        ..PLAIN
    },
    Founder {
        username: "siam_lotus",
        nick_name: "Siam Lotus",
        brands: &[BRAND_A, BRAND_B],
        password: PasswordForm::SharedArgon2,
        cards: 2,
        ..PLAIN
    },
    Founder {
        username: "golden_koi",
        nick_name: "Golden Koi",
        taken: &[BRAND_B],
        password: PasswordForm::SharedArgon2,
        storage: Storage::Legacy,
        ..PLAIN
    },
    Founder {
        username: "manila_bay",
        nick_name: "Manila Bay",
        brands: &[BRAND_B],
        password: PasswordForm::SharedArgon2,
        cards: 2,
        ..PLAIN
    },
    Founder {
        username: "demo_sub",
        nick_name: "Demo Sub",
        parent: Some("demo_agent"),
        password: PasswordForm::LegacySha256,
        storage: Storage::Legacy,
        cards: 2,
        days_ago: 410,
        login: Some("below demo_agent; password and personal data in legacy form"),
        ..PLAIN
    },
    Founder {
        username: "demo_pin",
        nick_name: "Demo Pin",
        parent: Some("siam_lotus"),
        payout_password: Some(PAYOUT_PASSWORD),
        days_ago: 380,
        login: Some("payout password 246810"),
        ..PLAIN
    },
    Founder {
        username: "demo_locked",
        nick_name: "Demo Locked",
        parent: Some("demo_agent"),
        status: "locked",
        days_ago: 300,
        login: Some("locked: cannot sign in"),
        ..PLAIN
    },
    Founder {
        username: "demo_foreign",
        nick_name: "Demo Foreign",
        parent: Some("manila_bay"),
        brands: &[BRAND_B],
        days_ago: 350,
        login: Some("refused on brand-a"),
        ..PLAIN
    },
];

/// Prints the documented accounts as the database has them.
pub(super) async fn print(pool: &PgPool) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for founder in FOUNDERS {
        let Some(remark) = founder.login else {
            continue;
        };
        let found: Option<(i64, String, String)> = sqlx::query_as(
            "SELECT a.guid, \
                    coalesce((SELECT string_agg(b.code, ' ' ORDER BY b.code) FROM agent_brand m \
                              JOIN brand b USING (brand_id) \
                              WHERE m.agent_id = a.guid AND m.status = 'enabled'), '-'), \
                    coalesce((SELECT string_agg(c.id::text, ' ' ORDER BY c.is_default DESC, c.id) \
                              FROM agent_bank_card c \
                              WHERE c.agent_id = a.guid AND c.deleted_at IS NULL), '-') \
             FROM agent a WHERE a.username = $1",
        )
        .bind(founder.username)
        .fetch_optional(pool)
        .await?;
        let Some((guid, brands, cards)) = found else {
            continue;
        };
        let name = founder.username.to_owned();
        rows.push([
            name,
            PASSWORD.to_owned(),
            guid.to_string(),
            cards,
            brands,
            remark.to_owned(),
        ]);
    }
    table::print(
        [
            "username", "password", "guid", "card ids", "brands", "remark",
        ],
        &rows,
    );
    Ok(())
}
