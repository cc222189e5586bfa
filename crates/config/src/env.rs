//! The environment as a value, so that tests need no process environment.

use std::{collections::BTreeMap, ffi::OsString};

/// A copy of an environment. Holds secrets, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, OsString>);

/// The value is not UTF-8.
pub(crate) struct NotText;

impl Env {
    /// The environment of this process.
    #[must_use]
    pub fn process() -> Self {
        // Not `vars`, which panics at a value that is not UTF-8, whosever it is.
        let pairs = std::env::vars_os();
        Self(
            pairs
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .collect(),
        )
    }

    /// An environment of the given names and values; of a repeated name the last one counts.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<OsString>,
    {
        let pairs = pairs.into_iter();
        Self(pairs.map(|(n, v)| (n.into(), v.into())).collect())
    }

    /// The value of a variable; one that is blank counts as unset.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, NotText> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or(NotText)?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }
}
