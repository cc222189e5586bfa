//! Recorded statements that are sent again for somebody else.

use std::sync::atomic::{AtomicU64, Ordering};

use agent_services::Clock;
use serde::{Deserialize, Serialize};

use super::sql::Text;

/// Whole parameters that other values take the place of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Variation {
    /// As they were recorded.
    pub(crate) recorded: Vec<String>,
    /// What takes their place: client n of c begins with the n-th, then goes c places on, and
    /// begins anew behind the last.
    pub(crate) instead: Vec<Vec<String>>,
    /// A recorded value that must not come twice.
    pub(crate) unique: Option<String>,
}

/// A parameter of a statement.
pub(super) enum Parameter {
    Same(Text),
    /// Index among the values of the turn.
    Instead(usize),
    Unique,
}

impl Parameter {
    pub(super) fn of(value: Option<&String>, variation: &Variation) -> Self {
        if value.is_some() && value == variation.unique.as_ref() {
            return Self::Unique;
        }
        let place = variation
            .recorded
            .iter()
            .position(|recorded| Some(recorded) == value);
        place.map_or_else(|| Self::Same(Text(value.cloned())), Self::Instead)
    }

    pub(super) fn in_turn<'p>(&'p self, turn: &'p Turn<'p>) -> &'p Text {
        match self {
            Self::Same(value) => value,
            Self::Instead(index) => &turn.instead[*index],
            Self::Unique => &turn.unique,
        }
    }
}

/// The values of one round of a client.
pub(super) struct Turn<'v> {
    instead: &'v [Text],
    unique: Text,
}

/// The turns of all clients.
pub(super) struct Turns {
    instead: Vec<Vec<Text>>,
    /// Goes on where an earlier process cannot have come to.
    next: AtomicU64,
}

impl Turns {
    pub(super) fn of(variation: &Variation) -> Self {
        let texts = |values: &Vec<String>| values.iter().cloned().map(Some).map(Text).collect();
        let microseconds = Clock::system().now().timestamp_micros();
        Self {
            instead: variation.instead.iter().map(texts).collect(),
            next: AtomicU64::new(microseconds.unsigned_abs()),
        }
    }

    pub(super) fn turn(&self, place: usize) -> Turn<'_> {
        let instead = match self.instead.len() {
            0 => &[],
            count => &self.instead[place % count][..],
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Turn {
            instead,
            unique: Text(Some(format!("U{number}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_values_give_way_and_the_unique_one_never_comes_twice() {
        let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let variation = Variation {
            recorded: texts(&["7", "70"]),
            instead: vec![texts(&["8", "80"]), texts(&["9", "90"])],
            unique: Some("W1".to_owned()),
        };
        let parameters = ["70", "x", "W1"].map(|value| {
            let value = value.to_owned();
            Parameter::of(Some(&value), &variation)
        });
        let turns = Turns::of(&variation);
        let values = |place| {
            let turn = turns.turn(place);
            parameters
                .each_ref()
                .map(|parameter| parameter.in_turn(&turn).0.clone().unwrap_or_default())
        };
        let (first, third) = (values(0), values(2));
        assert_eq!(first[..2], ["80", "x"]);
        assert_eq!(values(1)[..2], ["90", "x"]);
        assert_eq!(third[..2], first[..2]);
        assert_ne!(third[2], first[2]);
    }
}
