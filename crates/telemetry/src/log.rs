//! Logs: one line per event on standard error, as JSON objects or as text.
//!
//! Whatever a value holds, it cannot end its line, start another one or drive a terminal: control
//! characters leave the process escaped.

use std::{
    io::{self, Write},
    panic::PanicHookInfo,
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For reading at a terminal.
    Text,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] ParseError),
    #[error("logging was set up before")]
    SetTwice(#[from] TryInitError),
}

/// Sets up logging for the whole process. `filter` is a level or directives such as
/// `info,sqlx=warn`. Panics are logged from then on, by place only: a panic's text may quote what
/// a client sent.
///
/// # Errors
/// The filter cannot be read, or logging was set up before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogError> {
    install(layer(format, io::stderr), filter)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The JSON layer of [`init`] over a writer of the caller's, such as [`Captured`].
pub fn layer_for_tests<W>(writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    layer(LogFormat::Json, writer)
}

/// Sends the logs of the whole process into a buffer, for tests that look for what must not be
/// logged. Panics are reported as usual.
///
/// # Errors
/// As [`init`].
pub fn init_captured(filter: &str) -> Result<Captured, LogError> {
    let captured = Captured::default();
    install(layer_for_tests(captured.clone()), filter)?;
    Ok(captured)
}

fn install(layer: Box<dyn Layer<Registry> + Send + Sync>, filter: &str) -> Result<(), LogError> {
    let filter = EnvFilter::builder().parse(filter)?;
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()?;
    Ok(())
}

fn layer<W>(format: LogFormat, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_ansi(false).with_writer(OneLine(writer));
    match format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => layer.boxed(),
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(
        place = place.as_deref().unwrap_or("unknown"),
        thread = thread.name().unwrap_or("unnamed"),
        "panicked"
    );
}

/// Makes writers that keep each event on one line.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLineWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        OneLineWriter(self.0.make_writer_for(meta))
    }
}

struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    /// The formatter hands over a whole event, with its newline, in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        match escaped(&text) {
            Some(line) => self.0.write_all(line.as_bytes())?,
            None => self.0.write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The line with its control characters as `\uXXXX`, which JSON strings read back as they were;
/// `None` when there is nothing to escape.
fn escaped(event: &str) -> Option<String> {
    let line = event.strip_suffix('\n').unwrap_or(event);
    if !line.contains(is_unsafe) {
        return None;
    }
    let mut escaped = String::with_capacity(event.len() + 32);
    for character in line.chars() {
        if is_unsafe(character) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped.push('\n');
    Some(escaped)
}

/// Control characters, Unicode's line ends, and the marks that reorder text on a screen.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A buffer that collects log lines.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// All that was logged so far.
    #[must_use]
    pub fn text(&self) -> String {
        let buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&buffer).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "a\r\nlevel=ERROR forged\u{1b}[2J\u{9b}31m\u{7f}\u{85}\u{2028}\u{202e}\0z";

    fn log_hostile_values(format: LogFormat) -> String {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::registry().with(layer(format, captured.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("request", display = %HOSTILE, debug = ?HOSTILE);
            let _entered = span.enter();
            tracing::warn!(display = %HOSTILE, debug = ?HOSTILE, text = HOSTILE, "{HOSTILE}");
            tracing::info!("plain");
        });
        captured.text()
    }

    fn assert_two_clean_lines(text: &str) {
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            assert!(!line.contains(is_unsafe), "{line:?}");
        }
    }

    #[test]
    fn json_keeps_hostile_values_inside_one_object_per_line() {
        let text = log_hostile_values(LogFormat::Json);
        assert_two_clean_lines(&text);
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(line["display"], HOSTILE);
        assert_eq!(line["text"], HOSTILE);
        assert_eq!(line["message"], HOSTILE);
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["span"]["display"], HOSTILE);
    }

    #[test]
    fn text_keeps_hostile_values_on_one_line() {
        let text = log_hostile_values(LogFormat::Text);
        assert_two_clean_lines(&text);
        assert!(text.contains("\\u000d\\u000alevel=ERROR"), "{text}");
        assert!(text.lines().nth(1).unwrap().contains("plain"));
    }

    #[test]
    fn a_panic_is_logged_by_place_only() {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::registry().with(layer_for_tests(captured.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(log_panic));
            let _ = std::panic::catch_unwind(|| panic!("quotes +66812345678"));
            std::panic::set_hook(usual);
        });
        let text = captured.text();
        assert!(text.contains("log.rs:"), "{text}");
        assert!(!text.contains("66812345678"), "{text}");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error() {
        assert!(matches!(
            init(LogFormat::Json, "info,=,,bogus=loud"),
            Err(LogError::Filter(_))
        ));
    }
}
