//! Why a request does not fit the type that a handler wants.

use std::{borrow::Cow, fmt};

use agent_domain::Problem;
use serde::de::{self, Expected, Unexpected};

use super::names;

/// One misfit: where, and what was wanted. Never what was sent, never the name of a Rust type.
#[derive(Debug)]
pub(super) struct Fault {
    /// Innermost part first.
    path: Vec<Part>,
    message: Cow<'static, str>,
}

#[derive(Debug)]
enum Part {
    Member(String),
    Index(usize),
}

impl Fault {
    pub(super) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: Vec::new(),
            message: message.into(),
        }
    }

    /// The misfit lies inside a member of an object.
    pub(super) fn in_member(mut self, name: &str) -> Self {
        self.path.push(Part::Member(names::shown(name).to_owned()));
        self
    }

    /// The misfit lies inside an item of a list.
    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.path.push(Part::Index(index));
        self
    }

    /// `validation_failed`; `whole` names a misfit that lies in no member, such as `body`.
    pub(super) fn into_problem(self, whole: &str) -> Problem {
        let path = self.to_string();
        let field = if path.is_empty() { whole } else { &path };
        Problem::field(field, self.message)
    }
}

/// The path, written as garde writes it: `percentages[0].percentage`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, part) in self.path.iter().rev().enumerate() {
            match part {
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Member(name) if depth == 0 => f.write_str(name)?,
                Part::Member(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    /// Free texts of other libraries may quote the value.
    fn custom<T: fmt::Display>(_text: T) -> Self {
        Self::new("is not valid")
    }

    fn invalid_type(_found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::new(wanted_text(wanted))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => Self::new("is out of range"),
            _ => Self::new(wanted_text(wanted)),
        }
    }

    fn invalid_length(_length: usize, _wanted: &dyn Expected) -> Self {
        Self::new("has the wrong number of items")
    }

    fn unknown_variant(_variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("must be one of {}", known.join(", ")))
    }

    fn unknown_field(field: &str, _known: &'static [&'static str]) -> Self {
        Self::new("is not known").in_member(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is required").in_member(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("is given more than once").in_member(field)
    }
}

/// Descriptions in prose are passed on (`a date YYYY-MM-DD`); those that serde derives name Rust
/// types (`struct Login`, `u32`).
fn wanted_text(wanted: &dyn Expected) -> Cow<'static, str> {
    let text = wanted.to_string();
    if text.starts_with("a ") || text.starts_with("an ") {
        format!("must be {text}").into()
    } else {
        "has the wrong type".into()
    }
}
