//! A rig whose database holds a large downline.

use agent_devenv::workspace_root;
use chrono::NaiveDate;
use sqlx::Connection as _;

use super::{Rig, data::DataSet, servers::Postgres, site::Site};
use crate::seed::bulk::Team;

/// The servers go with this value, but the data stay.
pub(crate) struct Populated {
    pub(crate) rig: Rig,
    /// Host of the brand with the large downlines.
    pub(crate) host: String,
    /// Agents with downlines of different sizes, the smallest first.
    pub(crate) teams: Vec<Team>,
    /// Last day with statistics.
    pub(crate) last_day: NaiveDate,
    _data: DataSet,
}

impl Populated {
    /// With so many players.
    pub(crate) async fn set(players: u32) -> anyhow::Result<Self> {
        let data = DataSet::open(&workspace_root(), players)?;
        let site = Site::choose(&[])?;
        let own = std::env::current_exe()?;
        let seed = || {
            let mut command = std::process::Command::new(own);
            command.envs(site.environment());
            command
        };
        let postgres = data
            .start(site.tools(), site.postgres_port(), site.log(), seed)
            .await?;
        let rig = site.rig(Postgres(postgres))?;
        let mut owner = rig.owner().await?;
        // What an interrupted run left set.
        rig.reset().await?;
        let (brand, host, last_day): (i64, String, NaiveDate) = sqlx::query_as(
            "SELECT brand_id, min(d.domain), \
                    (SELECT max(stat_date) FROM player_stat_daily s WHERE s.brand_id = b.brand_id) \
             FROM brand b JOIN brand_domain d USING (brand_id) \
             WHERE b.code = 'brand-a' AND d.kind = 'agent' GROUP BY 1",
        )
        .fetch_one(&mut owner)
        .await?;
        let teams = Team::near(&mut owner, brand, &[10_000, 100_000, 10_000_000]).await?;
        owner.close().await?;
        Ok(Self {
            rig,
            host,
            teams,
            last_day,
            _data: data,
        })
    }
}
