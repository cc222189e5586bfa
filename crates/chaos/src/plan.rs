//! What is broken when: all of it follows from the seed.

use std::{fmt, time::Duration};

use agent_chaos::{dice::Dice, proxy::Weather};

use crate::{
    hostile::Attack,
    stage::{API, CLIENTS},
};

/// One thing that is done to the system.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The weather on some links, and then fair weather again.
    Network {
        links: Vec<usize>,
        weather: Weather,
        lasts: Duration,
    },
    /// `kill -9`, and a new start. A worker gets many events a moment before.
    Kill {
        process: usize,
        busy: Duration,
        away: Duration,
    },
    /// SIGTERM, and a new start.
    Terminate { process: usize, away: Duration },
    /// SIGSTOP, and SIGCONT when others may have taken over its work.
    Pause { process: usize, lasts: Duration },
    /// Redis forgets everything.
    FlushAll,
    /// Rows that can never be published, with good ones behind them.
    Poison { rows: u64 },
    /// A transaction that wrote events and ends much later than it began.
    LongTransaction {
        rows: u64,
        lasts: Duration,
        commits: bool,
    },
    /// Many events at once.
    Burst { rows: u64 },
    /// Ends every session of the processes in Postgres.
    EndSessions,
    /// Somebody else holds the locks of all accounts.
    LockAccounts { lasts: Duration },
    /// Clients that mean no good.
    Hostile { attack: Attack, clients: usize },
}

/// When something is done, from the beginning of the faults.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) act: Act,
}

#[derive(Clone, Copy)]
enum Kind {
    Network,
    Kill,
    Terminate,
    Pause,
    FlushAll,
    Poison,
    LongTransaction,
    Burst,
    EndSessions,
    LockAccounts,
    Hostile,
}

/// Each kind as often as it is listed here, then the deck is shuffled again: also a short run
/// meets most kinds.
const DECK: [Kind; 22] = [
    Kind::Network,
    Kind::Network,
    Kind::Network,
    Kind::Network,
    Kind::Network,
    Kind::Network,
    Kind::Network,
    Kind::Kill,
    Kind::Kill,
    Kind::Kill,
    Kind::Terminate,
    Kind::Pause,
    Kind::FlushAll,
    Kind::Poison,
    Kind::LongTransaction,
    Kind::LongTransaction,
    Kind::LongTransaction,
    Kind::Burst,
    Kind::Burst,
    Kind::EndSessions,
    Kind::LockAccounts,
    Kind::Hostile,
];

/// Quiet before the first fault and after the last one.
const MARGIN: Duration = Duration::from_secs(1);

/// All acts of a run, in their order.
pub(crate) fn plan(seed: u64, lasts: Duration, workers: usize) -> Vec<Planned> {
    let mut planner = Planner {
        dice: Dice::of(seed, "plan"),
        links_busy: vec![Duration::ZERO; 3 + 2 * workers],
        processes_busy: vec![Duration::ZERO; 1 + workers],
        deck: Vec::new(),
    };
    let mut planned = Vec::new();
    let mut at = MARGIN;
    while at + MARGIN < lasts {
        let most = lasts - at;
        if let Some(act) = planner.act(at, most) {
            planned.push(Planned { at, act });
        }
        at += planner.dice.millis(600, 2_600);
    }
    planned
}

struct Planner {
    dice: Dice,
    /// Until when a disturbance of it lasts: there are never two of one link.
    links_busy: Vec<Duration>,
    processes_busy: Vec<Duration>,
    deck: Vec<Kind>,
}

impl Planner {
    fn act(&mut self, at: Duration, most: Duration) -> Option<Act> {
        if self.deck.is_empty() {
            self.deck = DECK.to_vec();
            self.dice.shuffle(&mut self.deck);
        }
        let kind = self.deck.pop()?;
        Some(match kind {
            Kind::Network => self.network(at, most)?,
            Kind::Kill => {
                let busy = self.dice.millis(0, 250);
                let away = self.dice.millis(0, 1_500);
                let process = self.process(at, 0, away)?;
                Act::Kill {
                    process,
                    busy,
                    away,
                }
            }
            Kind::Terminate => {
                let away = self.dice.millis(0, 1_500);
                let process = self.process(at, 0, away + Duration::from_secs(10))?;
                Act::Terminate { process, away }
            }
            Kind::Pause => {
                // Longer than a lease, or shorter.
                let lasts = self.dice.millis(2_000, 9_000);
                let process = self.process(at, API + 1, lasts)?;
                Act::Pause { process, lasts }
            }
            Kind::FlushAll => Act::FlushAll,
            Kind::Poison => Act::Poison {
                rows: self.dice.between(1, 3),
            },
            Kind::LongTransaction => Act::LongTransaction {
                rows: self.dice.between(1, 40),
                lasts: self.dice.millis(500, 7_000),
                commits: self.dice.percent(70),
            },
            Kind::Burst => Act::Burst {
                rows: self.dice.between(200, 1_500),
            },
            Kind::EndSessions => Act::EndSessions,
            Kind::LockAccounts => Act::LockAccounts {
                lasts: self.dice.millis(300, 4_000),
            },
            Kind::Hostile => Act::Hostile {
                attack: self.dice.pick(&Attack::ALL),
                clients: usize::try_from(self.dice.between(10, 60)).unwrap_or(10),
            },
        })
    }

    /// One link, or all that lead to one server, or all there are.
    fn network(&mut self, at: Duration, most: Duration) -> Option<Act> {
        let all: Vec<usize> = (0..self.links_busy.len()).collect();
        let to = |first: usize| all.iter().copied().skip(first).step_by(2).collect();
        let links: Vec<usize> = match self.dice.between(1, 10) {
            1..=6 => vec![self.dice.below(all.len())],
            // Postgres is behind the odd numbers, Redis behind the even ones after the clients.
            7 => to(1),
            8 | 9 => to(2),
            _ => all
                .iter()
                .copied()
                .filter(|link| *link != CLIENTS)
                .collect(),
        };
        let weather = match self.dice.between(1, 6) {
            1 => Weather::BlackHole,
            2 => Weather::Cut,
            3 => Weather::Reset,
            4 => Weather::Refuse,
            5 => Weather::Slow(self.dice.millis(5, 120)),
            _ => Weather::CutAfter(self.dice.between(20, 6_000)),
        };
        let lasts = self.dice.millis(200, 6_000).min(most);
        if links.iter().any(|link| self.links_busy[*link] > at) {
            return None;
        }
        for link in &links {
            self.links_busy[*link] = at + lasts + Duration::from_millis(100);
        }
        Some(Act::Network {
            links,
            weather,
            lasts,
        })
    }

    /// One that nothing is done to, from the given number on.
    fn process(&mut self, at: Duration, first: usize, lasts: Duration) -> Option<usize> {
        let process = first + self.dice.below(self.processes_busy.len() - first);
        if self.processes_busy[process] > at {
            return None;
        }
        // Time to start again.
        self.processes_busy[process] = at + lasts + Duration::from_secs(2);
        Some(process)
    }
}

/// Links and processes by their names, for the timeline.
pub(crate) struct Names<'a> {
    pub(crate) links: Vec<&'a str>,
    pub(crate) processes: Vec<&'a str>,
}

impl Act {
    /// A line of the timeline.
    pub(crate) fn describe(&self, names: &Names<'_>) -> String {
        let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
        match self {
            Self::Network {
                links,
                weather,
                lasts,
            } => {
                let place = match links[..] {
                    [link] => names.links[link],
                    [1, 3, ..] => "all - postgres",
                    [2, 4, ..] => "all - redis",
                    _ => "all - postgres and redis",
                };
                format!("{} for {}: {place}", Spoken(*weather), seconds(lasts))
            }
            Self::Kill { process, away, .. } => format!(
                "kill -9 of {}, back after {}",
                names.processes[*process],
                seconds(away)
            ),
            Self::Terminate { process, away } => format!(
                "SIGTERM to {}, back after {}",
                names.processes[*process],
                seconds(away)
            ),
            Self::Pause { process, lasts } => format!(
                "{} stands still for {}",
                names.processes[*process],
                seconds(lasts)
            ),
            Self::FlushAll => "FLUSHALL".to_owned(),
            Self::Poison { rows } => format!("{rows} poison row(s)"),
            Self::LongTransaction {
                rows,
                lasts,
                commits,
            } => format!(
                "a transaction with {rows} event(s) stays open for {} and {}",
                seconds(lasts),
                if *commits { "commits" } else { "rolls back" }
            ),
            Self::Burst { rows } => format!("{rows} events at once"),
            Self::EndSessions => "every session in Postgres is ended".to_owned(),
            Self::LockAccounts { lasts } => {
                format!("all accounts are locked for {}", seconds(lasts))
            }
            Self::Hostile { attack, clients } => format!("{clients} clients with {attack}"),
        }
    }
}

struct Spoken(Weather);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Weather::Fair => f.write_str("fair weather"),
            Weather::BlackHole => f.write_str("a black hole"),
            Weather::Cut => f.write_str("connections are closed"),
            Weather::Reset => f.write_str("connections are reset"),
            Weather::Refuse => f.write_str("connections are refused"),
            Weather::Slow(time) => write!(f, "{} ms and more of delay", time.as_millis()),
            Weather::CutAfter(bytes) => write!(f, "cuts within {bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(seed: u64) -> Vec<String> {
        let planned = plan(seed, Duration::from_secs(120), 2);
        let line = |planned: &Planned| format!("{:?} {:?}", planned.at, planned.act);
        planned.iter().map(line).collect()
    }

    #[test]
    fn a_seed_gives_the_same_plan_again_and_another_seed_another_one() {
        assert_eq!(lines(1), lines(1));
        assert_ne!(lines(1), lines(2));
    }

    #[test]
    fn a_plan_holds_every_kind_and_ends_in_time() {
        for seed in 0..50 {
            let planned = plan(seed, Duration::from_secs(120), 2);
            let has = |wanted: fn(&Act) -> bool| planned.iter().any(|planned| wanted(&planned.act));
            assert!(has(|act| matches!(act, Act::Network { .. })), "{seed}");
            assert!(has(|act| matches!(act, Act::Kill { .. })), "{seed}");
            assert!(has(|act| matches!(act, Act::FlushAll)), "{seed}");
            assert!(has(|act| matches!(act, Act::Poison { .. })), "{seed}");
            assert!(
                has(|act| matches!(act, Act::LongTransaction { .. })),
                "{seed}"
            );
            assert!(
                planned
                    .iter()
                    .all(|planned| planned.at < Duration::from_secs(119))
            );
        }
    }

    #[test]
    fn nobody_disturbs_a_link_twice_at_once() {
        for seed in 0..50 {
            let mut busy = [Duration::ZERO; 7];
            for Planned { at, act } in plan(seed, Duration::from_secs(300), 2) {
                let Act::Network { links, lasts, .. } = act else {
                    continue;
                };
                for link in links {
                    assert!(busy[link] <= at, "{seed}");
                    busy[link] = at + lasts;
                }
            }
        }
    }
}
