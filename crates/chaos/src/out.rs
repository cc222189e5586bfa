//! Standard output, whose reader may leave early.

use std::{
    fmt::Arguments,
    io::{Write as _, stdout},
};

/// Writes a line. When nobody reads on there is no other place to tell it.
pub(crate) fn line(text: Arguments<'_>) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// `println!` for a reader who may leave early. The work goes on all the same.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(format_args!($($text)*)) };
}
pub(crate) use say;
