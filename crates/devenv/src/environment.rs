//! The one place of this crate that reads environment variables.

/// The value of an environment variable; `None` when it is unset, empty or not UTF-8.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "development tooling: these variables steer the tools, not the service"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// True for a switch variable that is set to anything but `0` or `false`.
pub(crate) fn switched_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}
