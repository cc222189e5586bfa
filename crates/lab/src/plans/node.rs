//! A plan, cut down to what a reader needs: no conditions, because values stand in them.

use std::fmt::Write as _;

use serde_json::Value;

use crate::rig::server_log::LoggedPlan;

/// Rows from which a scan counts as large. What is only counted ends a little above 10 000.
pub(super) const LARGE: f64 = 20_000.0;

/// A statement that ran.
pub(super) struct Measured {
    pub(super) sql: String,
    pub(super) milliseconds: f64,
    /// A line for each node.
    pub(super) lines: Vec<String>,
    pub(super) scans: Vec<Scan>,
}

/// Rows that were read from one table or index.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) how: String,
    pub(super) table: String,
    pub(super) rows: f64,
}

impl Scan {
    /// Reads a large table from one end to the other.
    pub(super) fn is_sequential(&self) -> bool {
        self.how.contains("Seq Scan") && self.rows >= LARGE
    }

    pub(super) fn text(&self) -> String {
        format!("{} {}: {:.0} rows", self.how, self.table, self.rows)
    }
}

impl Measured {
    pub(super) fn of(logged: LoggedPlan) -> Self {
        let mut measured = Self {
            sql: logged.sql,
            milliseconds: logged.milliseconds,
            lines: Vec::new(),
            scans: Vec::new(),
        };
        measured.add(&logged.plan, 0);
        measured
    }

    /// Without nodes that were never run, such as partitions that were passed over.
    fn add(&mut self, node: &Value, depth: usize) {
        let text = |name: &str| node[name].as_str();
        let number = |name: &str| node[name].as_f64().unwrap_or_default();
        let loops = number("Actual Loops");
        if loops == 0.0 {
            return;
        }
        let rows = number("Actual Rows");
        let mut line = "  ".repeat(depth);
        if let Some(name) = text("Subplan Name") {
            let _ = write!(line, "{name}: ");
        }
        let kind = text("Node Type").unwrap_or_default();
        line.push_str(kind);
        if let Some(join) = text("Join Type").filter(|join| *join != "Inner") {
            let _ = write!(line, " {join}");
        }
        if let Some(index) = text("Index Name") {
            let _ = write!(line, " {index}");
        }
        if let Some(table) = text("Relation Name").or_else(|| text("CTE Name")) {
            let _ = write!(line, " on {table}");
        }
        let _ = write!(line, "  rows {rows:.0} (guess {:.0})", number("Plan Rows"));
        if loops > 1.0 {
            let _ = write!(line, " x {loops:.0}");
        }
        let removed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        if removed > 0.0 {
            let _ = write!(line, ", {removed:.0} passed over");
        }
        let _ = write!(line, ", {:.2} ms", number("Actual Total Time") * loops);
        let blocks = number("Shared Hit Blocks") + number("Shared Read Blocks");
        if blocks > 0.0 {
            let _ = write!(line, ", {blocks:.0} blocks");
        }
        let spilt = number("Temp Written Blocks");
        if spilt > 0.0 {
            let _ = write!(line, ", {spilt:.0} blocks to disk");
        }
        self.lines.push(line);
        if kind.contains("Scan")
            && let Some(table) = text("Relation Name").or_else(|| text("Index Name"))
        {
            self.scans.push(Scan {
                how: kind.to_owned(),
                table: table.to_owned(),
                rows: (rows + removed) * loops,
            });
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.add(child, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_what_was_run_and_no_values() {
        let plan = json!({
            "Node Type": "Append", "Actual Loops": 1, "Actual Rows": 5, "Plan Rows": 9,
            "Actual Total Time": 2.5, "Shared Hit Blocks": 3,
            "Plans": [
                { "Node Type": "Seq Scan", "Relation Name": "player", "Actual Loops": 2,
                  "Actual Rows": 5, "Plan Rows": 4, "Actual Total Time": 1.0,
                  "Rows Removed by Filter": 50_000, "Filter": "(username = 'somebody')" },
                { "Node Type": "Seq Scan", "Relation Name": "other", "Actual Loops": 0 },
            ],
        });
        let measured = Measured::of(LoggedPlan {
            sql: "SELECT".to_owned(),
            milliseconds: 3.0,
            plan,
        });
        assert_eq!(
            measured.lines,
            [
                "Append  rows 5 (guess 9), 2.50 ms, 3 blocks",
                "  Seq Scan on player  rows 5 (guess 4) x 2, 50000 passed over, 2.00 ms",
            ]
        );
        assert_eq!(measured.scans.len(), 1);
        assert!(measured.scans[0].is_sequential());
        assert_eq!(measured.scans[0].text(), "Seq Scan player: 100010 rows");
    }
}
