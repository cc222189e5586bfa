//! docs/QUERY-PLANS.md.

use std::fmt::Write as _;

use agent_services::Clock;

use super::{
    Asked, Report, common,
    node::{LARGE, Measured, Scan},
};
use crate::{
    rig::{Rig, machine},
    seed::bulk::Team,
};

/// Where the plans were made.
pub(super) struct Facts {
    machine: String,
    postgres: String,
    /// Tables that grow, with their rows.
    tables: Vec<(String, i64)>,
}

impl Facts {
    pub(super) async fn collect(rig: &Rig) -> anyhow::Result<Self> {
        let mut owner = rig.owner().await?;
        let postgres =
            sqlx::query_scalar("SELECT split_part(current_setting('server_version'), ' ', 1)");
        let postgres = postgres.fetch_one(&mut owner).await?;
        let tables = sqlx::query_as(
            "SELECT coalesce(parent.relname, c.relname)::text, sum(c.reltuples)::bigint AS rows \
             FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid \
             LEFT JOIN pg_class parent ON parent.oid = i.inhparent \
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.reltuples > 0 \
             GROUP BY 1 ORDER BY 2 DESC, 1",
        );
        Ok(Self {
            machine: machine::describe(),
            postgres,
            tables: tables.fetch_all(&mut owner).await?,
        })
    }
}

pub(super) struct Document<'a> {
    facts: &'a Facts,
    teams: &'a [Team],
    reports: &'a [Report],
    /// Run by every request, and shown once.
    common: Vec<String>,
    /// Numbered from 1.
    statements: Vec<&'a str>,
}

impl<'a> Document<'a> {
    pub(super) fn new(facts: &'a Facts, teams: &'a [Team], reports: &'a [Report]) -> Self {
        let common = common(reports);
        let mut statements: Vec<&str> = Vec::new();
        let asked = reports
            .iter()
            .flat_map(|report| report.by_team.iter().flatten().chain(&report.variants));
        for statement in asked.flat_map(|asked| &asked.statements) {
            if !statements.contains(&&*statement.sql) {
                statements.push(&statement.sql);
            }
        }
        Self {
            facts,
            teams,
            reports,
            common,
            statements,
        }
    }

    pub(super) fn text(&self) -> String {
        [
            self.head(),
            self.summary(),
            self.variants(),
            self.plans(),
            self.sql(),
        ]
        .concat()
    }

    fn number(&self, sql: &str) -> usize {
        self.statements
            .iter()
            .position(|known| *known == sql)
            .map_or(0, |at| at + 1)
    }

    fn head(&self) -> String {
        let teams: Vec<String> = self.teams.iter().map(|t| t.players.to_string()).collect();
        let tables = self.facts.tables.iter();
        let tables: Vec<String> = tables
            .map(|(name, rows)| format!("`{name}` {rows}"))
            .collect();
        let large = LARGE;
        format!(
            "# Query plans\n\n\
             Written by `cargo dev plans`, which asks for every `GET` of the OpenAPI document as agents \
             with downlines of different sizes and takes statements and plans from the log of Postgres \
             (`auto_explain`). Do not edit.\n\n\
             {}; PostgreSQL {}; {}.\n\n\
             Agents have {} players. Reports are over 30 days. Times are those inside Postgres, with the \
             cost of measuring each node; `rows 5 (guess 9) x 2` is what a node gave each of two times, \
             and what the planner thought. Nodes that were never run are left out, conditions too. \
             Functions that Postgres does not inline count to the node that calls them.\n\n\
             A sequential scan over {large:.0} rows and more is marked **SEQUENTIAL**. Rows of the \
             tables: {}. Small ones are read as a whole because that is quickest.\n\n",
            Clock::system().now().format("%Y-%m-%d"),
            self.facts.postgres,
            self.facts.machine,
            teams.join(", "),
            tables.join(", ")
        )
    }

    fn summary(&self) -> String {
        let mut text = "## Summary\n\n| endpoint | statements |".to_owned();
        for team in self.teams {
            let _ = write!(text, " ms, {} players |", team.players);
        }
        text.push_str(" biggest scan of the largest | |\n|---|---|");
        text.push_str(&"---|".repeat(self.teams.len() + 2));
        text.push('\n');
        for report in self.reports {
            let largest = report.by_team.iter().rev().flatten().next();
            let statements = largest.map_or(0, |asked| self.own(asked).count());
            let _ = write!(text, "| `{}` | {statements} |", report.path);
            for asked in &report.by_team {
                let _ = match asked {
                    Some(asked) => write!(text, " {:.1} |", self.milliseconds(asked)),
                    None => write!(text, " - |"),
                };
            }
            let (scan, mark) = largest.map_or_else(Default::default, |asked| self.judged(asked));
            let _ = writeln!(text, " {scan} |{mark} |");
        }
        text + "\n"
    }

    fn variants(&self) -> String {
        let mut text =
            "## Filters, orders and pages\n\nFor the agent with the largest downline.\n\n\
                        | request | statements | ms | biggest scan | |\n|---|---|---|---|---|\n"
                .to_owned();
        for asked in self.reports.iter().flat_map(|report| &report.variants) {
            let (scan, mark) = self.judged(asked);
            let _ = writeln!(
                text,
                "| `{}` | {} | {:.1} | {scan} |{mark} |",
                asked.title,
                self.own(asked).count(),
                self.milliseconds(asked)
            );
        }
        text + "\n"
    }

    fn plans(&self) -> String {
        let mut text = "## Plans\n\n".to_owned();
        text.push_str("### Of every request\n\n");
        let mut asked = self
            .reports
            .iter()
            .flat_map(|report| report.by_team.iter().flatten());
        let first = asked.find(|asked| !asked.statements.is_empty());
        for statement in first.iter().flat_map(|asked| &asked.statements) {
            if self.common.contains(&statement.sql) {
                self.plan(&mut text, statement);
            }
        }
        for report in self.reports {
            let _ = writeln!(text, "### `{}`\n", report.path);
            let asked = self.teams.iter().zip(&report.by_team).rev();
            let largest = asked
                .filter_map(|(team, asked)| Some((team, asked.as_ref()?)))
                .next();
            let Some((team, asked)) = largest else {
                continue;
            };
            let _ = writeln!(text, "{} players:\n", team.players);
            let mut shown: Vec<&str> = Vec::new();
            for statement in self.own(asked) {
                // A statement that is run in batches is shown once.
                if !shown.contains(&&*statement.sql) {
                    shown.push(&statement.sql);
                    self.plan(&mut text, statement);
                }
            }
            if shown.is_empty() {
                text.push_str("Nothing but what every request runs.\n\n");
            }
        }
        text
    }

    fn plan(&self, text: &mut String, statement: &Measured) {
        let _ = writeln!(
            text,
            "[S{number}](#s{number}), {:.2} ms\n\n```text\n{}\n```\n",
            statement.milliseconds,
            statement.lines.join("\n"),
            number = self.number(&statement.sql),
        );
    }

    fn sql(&self) -> String {
        let mut text = "## Statements\n\n".to_owned();
        for (index, sql) in self.statements.iter().enumerate() {
            let _ = writeln!(
                text,
                "### S{}\n\n```sql\n{}\n```\n",
                index + 1,
                outdented(sql)
            );
        }
        text.truncate(text.trim_end().len());
        text + "\n"
    }

    /// Without those of every request.
    fn own<'r>(&self, asked: &'r Asked) -> impl Iterator<Item = &'r Measured> {
        let statements = asked.statements.iter();
        statements.filter(|statement| !self.common.contains(&statement.sql))
    }

    fn milliseconds(&self, asked: &Asked) -> f64 {
        // An empty sum is -0.0.
        self.own(asked).map(|one| one.milliseconds).sum::<f64>() + 0.0
    }

    /// The biggest scan, and a mark for those that are none too good.
    fn judged(&self, asked: &Asked) -> (String, String) {
        let scans = || self.own(asked).flat_map(|statement| &statement.scans);
        let biggest = scans().max_by(|a, b| a.rows.total_cmp(&b.rows));
        let marked = scans().filter(|scan| scan.is_sequential());
        let mut marked: Vec<&str> = marked.map(|scan| scan.table.as_str()).collect();
        marked.sort_unstable();
        marked.dedup();
        let mut mark = String::new();
        if asked.status != 200 {
            let _ = write!(mark, " status {}", asked.status);
        }
        if !marked.is_empty() {
            let _ = write!(mark, " **SEQUENTIAL** {}", marked.join(", "));
        }
        (biggest.map_or_else(String::new, Scan::text), mark)
    }
}

/// Without the indentation that the source has.
fn outdented(sql: &str) -> String {
    let lines: Vec<&str> = sql.lines().filter(|line| !line.trim().is_empty()).collect();
    let indents = lines
        .iter()
        .skip(1)
        .map(|line| line.len() - line.trim_start().len());
    let indent = indents.min().unwrap_or_default();
    let cut = |line: &&str| match line.split_at_checked(indent) {
        Some((blank, rest)) if blank.trim().is_empty() => rest.trim_end().to_owned(),
        _ => line.trim_end().to_owned(),
    };
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_stand_at_the_margin() {
        let sql = "\n    SELECT a\n    FROM b\n      WHERE c\n    ";
        assert_eq!(outdented(sql), "SELECT a\nFROM b\n  WHERE c");
        assert_eq!(outdented("SELECT 1"), "SELECT 1");
    }
}
