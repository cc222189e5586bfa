//! What was done, what was found, and the verdict.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::out::say;

/// What must hold. The order is that of the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    NothingLost,
    NothingInvented,
    OrderKept,
    QuietMeansOnce,
    PoisonIsParked,
    StreamIsFilledAgain,
    BooksBalance,
    OneWaitingOrder,
    CouponsAgree,
    ClientsWereToldTheTruth,
    NoServerError,
    OthersAreServed,
    MemoryIsBounded,
    Recovers,
    EndsCleanly,
    LogsAreClean,
    ThereWasLoad,
}

impl Rule {
    const ALL: [Self; 17] = [
        Self::NothingLost,
        Self::NothingInvented,
        Self::OrderKept,
        Self::QuietMeansOnce,
        Self::PoisonIsParked,
        Self::StreamIsFilledAgain,
        Self::BooksBalance,
        Self::OneWaitingOrder,
        Self::CouponsAgree,
        Self::ClientsWereToldTheTruth,
        Self::NoServerError,
        Self::OthersAreServed,
        Self::MemoryIsBounded,
        Self::Recovers,
        Self::EndsCleanly,
        Self::LogsAreClean,
        Self::ThereWasLoad,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::NothingLost => "every committed event reached the stream",
            Self::NothingInvented => {
                "the stream holds committed events only, and each as it was committed"
            }
            Self::OrderKept => "events of one aggregate appear in their order",
            Self::QuietMeansOnce => "in quiet operation each event appears once",
            Self::PoisonIsParked => {
                "poison rows are parked, no others are, and those behind them arrive"
            }
            Self::StreamIsFilledAgain => {
                "a replay fills a lost stream with all events, each once and in order"
            }
            Self::BooksBalance => {
                "every account equals its ledger and its open orders, at every look"
            }
            Self::OneWaitingOrder => "no agent had two orders waiting at once",
            Self::CouponsAgree => "coupons, quotas, log, audit and events agree",
            Self::ClientsWereToldTheTruth => {
                "what clients were told happened once, what was refused did not"
            }
            Self::NoServerError => "no answer was a server error but 503",
            Self::OthersAreServed => "hostile clients are cut off and others are served meanwhile",
            Self::MemoryIsBounded => "the API's memory stays within its bound",
            Self::Recovers => "all is healthy and drained by itself once the faults are over",
            Self::EndsCleanly => "processes end in time when asked, and never by themselves",
            Self::LogsAreClean => "logs are JSON lines without panics and without planted secrets",
            Self::ThereWasLoad => "the load was large enough to mean something",
        }
    }
}

/// Findings shown for one rule; the rest is counted.
const SHOWN: usize = 8;

/// Shared by all that act and look.
pub(crate) struct Journal {
    started: Instant,
    found: Mutex<BTreeMap<Rule, Vec<String>>>,
    notes: Mutex<BTreeMap<Rule, String>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            found: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// A line of the timeline.
    pub(crate) fn tell(&self, text: &str) {
        say!("{:7.1} s  {text}", self.started.elapsed().as_secs_f64());
    }

    /// A rule was broken.
    pub(crate) fn broken(&self, rule: Rule, text: impl Into<String>) {
        let text = text.into();
        let mut found = lock(&self.found);
        let of_rule = found.entry(rule).or_default();
        if of_rule.len() < SHOWN {
            self.tell(&format!("FOUND: {text}"));
        }
        of_rule.push(text);
    }

    /// As [`Self::broken`] for each, without lines in the timeline.
    pub(crate) fn all_broken(&self, rule: Rule, texts: impl IntoIterator<Item = String>) {
        lock(&self.found).entry(rule).or_default().extend(texts);
    }

    /// What was looked at for a rule: a figure in the verdict.
    pub(crate) fn note(&self, rule: Rule, text: impl Into<String>) {
        lock(&self.notes).insert(rule, text.into());
    }

    /// Prints each rule; tells whether all of them hold.
    pub(crate) fn verdict(&self) -> bool {
        let (found, notes) = (lock(&self.found), lock(&self.notes));
        let mut holds = true;
        say!("\nverdict");
        for rule in Rule::ALL {
            let broken = found.get(&rule).map_or(&[][..], Vec::as_slice);
            let note = notes.get(&rule).map_or("", String::as_str);
            let dash = if note.is_empty() { "" } else { ": " };
            let mark = if broken.is_empty() {
                "ok    "
            } else {
                "BROKEN"
            };
            say!("  {mark}  {}{dash}{note}", rule.text());
            for text in broken.iter().take(SHOWN) {
                say!("            {text}");
            }
            if broken.len() > SHOWN {
                say!("            and {} more", broken.len() - SHOWN);
            }
            holds &= broken.is_empty();
        }
        holds
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
