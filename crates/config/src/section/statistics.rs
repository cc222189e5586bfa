//! Statistics.

use crate::{reader::Reader, variables::var};

/// Reports reach back 92 days, which may touch so many months and the one that runs.
const FEWEST_MONTHS: u32 = 4;

/// How long players' days are kept.
#[derive(Clone, Debug)]
pub struct StatisticsSettings {
    /// Whole months before the current one; `None` = for ever. Agents' days are never dropped.
    pub months_kept: Option<u32>,
}

impl StatisticsSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let months = reader.number(&var::STAT_RETENTION_MONTHS, 0..=1200);
        if (1..FEWEST_MONTHS).contains(&months) {
            reader.fault(
                var::STAT_RETENTION_MONTHS.name,
                "must be 0 (for ever) or at least 4",
            );
        }
        Self {
            months_kept: (months > 0).then_some(months),
        }
    }
}
