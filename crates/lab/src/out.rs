//! Standard output, whose reader may leave early: `agent-lab withdraw list | head` is no error.

use std::{
    fmt::Arguments,
    io::{Write as _, stdout},
};

/// Writes a line; false when nobody reads on. There is no other place to tell it.
pub(crate) fn line(text: Arguments<'_>) -> bool {
    let mut out = stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// `println!` for a reader who may leave early. The work goes on all the same.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = $crate::out::line(format_args!($($text)*));
    }};
}
pub(crate) use say;
