//! Reads variables by kind and remembers what was wrong, so that all faults come out together.

use std::{fs::File, io::Read, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{ConfigError, ConfigErrors, Env, Fault, Variable, env::NotText};

/// Largest file that a `NAME_FILE` may point at.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads one binary's variables. After a fault a method returns a stand-in, which nobody sees
/// because [`Reader::finish`] then refuses.
pub(crate) struct Reader<'a> {
    env: &'a Env,
    errors: Vec<ConfigError>,
    warnings: Vec<String>,
    shown: Vec<(&'static str, String)>,
}

/// What is known beside the settings once all went well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) warnings: Vec<String>,
    pub(crate) shown: Vec<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(env: &'a Env) -> Self {
        Self {
            env,
            errors: Vec::new(),
            warnings: Vec::new(),
            shown: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Result<Findings, ConfigErrors> {
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        Ok(Findings {
            warnings: self.warnings,
            shown: self.shown,
        })
    }

    pub(crate) fn refuse(&mut self, error: impl Into<ConfigError>) {
        self.errors.push(error.into());
    }

    pub(crate) fn fault(&mut self, name: &str, what: impl Into<String>) {
        self.refuse(Fault {
            name: name.to_owned(),
            what: what.into(),
        });
    }

    /// Whether what was read of a variable is a stand-in.
    pub(crate) fn is_at_fault(&self, variable: &Variable) -> bool {
        let names = |error: &ConfigError| matches!(error, ConfigError::Variable(fault) if fault.name == variable.name);
        self.errors.iter().any(names)
    }

    pub(crate) fn warn(&mut self, variable: &Variable, what: &str) {
        self.warnings.push(format!("{}: {what}", variable.name));
    }

    /// The value or the default, `None` without either.
    pub(crate) fn text(&mut self, variable: &Variable) -> Option<String> {
        let given = self.environment(variable.name).map(str::to_owned);
        let (value, shown) = match (given, variable.default) {
            (Some(given), _) => (Some(given.clone()), given.escape_debug().to_string()),
            (None, Some(default)) => (Some(default.to_owned()), format!("{default} (default)")),
            (None, None) => (None, "unset".to_owned()),
        };
        self.show(variable, shown);
        value
    }

    /// A secret, from the variable or from the file that `NAME_FILE` points at.
    pub(crate) fn secret(&mut self, variable: &Variable) -> Option<SecretString> {
        let secret = self.secret_unshown(variable);
        let shown = match &secret {
            Some(text) => format!("set ({} bytes)", text.expose_secret().len()),
            None => "unset".to_owned(),
        };
        self.show(variable, shown);
        secret
    }

    /// A secret that is decoded further: the listing shows `size` bytes.
    pub(crate) fn secret_of_size(
        &mut self,
        variable: &Variable,
        size: usize,
    ) -> Option<SecretString> {
        let secret = self.secret_unshown(variable);
        let shown = match &secret {
            Some(_) => format!("set ({size} bytes)"),
            None => "unset".to_owned(),
        };
        self.show(variable, shown);
        secret
    }

    fn secret_unshown(&mut self, variable: &Variable) -> Option<SecretString> {
        let name = variable.name;
        let file_name = format!("{name}_FILE");
        let inline = self.environment(name).map(SecretString::from);
        let path = self.environment(&file_name).map(str::to_owned);
        match (inline, path) {
            (Some(_), Some(_)) => {
                self.fault(name, format!("is given twice, also as {file_name}"));
                None
            }
            (None, Some(path)) => match read_secret_file(&path) {
                Ok(secret) => Some(secret),
                Err(what) => {
                    self.fault(&file_name, what);
                    None
                }
            },
            (inline, None) => inline,
        }
    }

    /// A secret that both binaries need everywhere.
    pub(crate) fn required_url(&mut self, variable: &Variable, schemes: &[&str]) -> SecretString {
        let faults_before = self.errors.len();
        let url = self.url(variable, schemes);
        if url.is_none() && self.errors.len() == faults_before {
            self.fault(variable.name, "is required");
        }
        url.unwrap_or_default()
    }

    /// A URL that may hold a password, of one of the schemes.
    pub(crate) fn url(&mut self, variable: &Variable, schemes: &[&str]) -> Option<SecretString> {
        let url = self.secret(variable)?;
        match Url::parse(url.expose_secret()) {
            Ok(parsed) if schemes.contains(&parsed.scheme()) && !parsed.cannot_be_a_base() => {
                return Some(url);
            }
            Ok(parsed) if schemes.contains(&parsed.scheme()) => {
                self.fault(variable.name, "is not a valid URL");
            }
            Ok(_) => {
                let schemes = schemes.join(":// or ");
                self.fault(variable.name, format!("must begin with {schemes}://"));
            }
            // The parser's message could quote the text.
            Err(_) => self.fault(variable.name, "is not a valid URL"),
        }
        None
    }

    /// A value that is there, by default if need be.
    pub(crate) fn parsed<T: FromStr>(&mut self, variable: &Variable, rule: &str) -> Option<T> {
        let text = self.text(variable)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.fault(variable.name, rule);
        }
        parsed
    }

    /// A whole number; the lower bound stands in after a fault.
    pub(crate) fn number(&mut self, variable: &Variable, range: RangeInclusive<u32>) -> u32 {
        self.optional_number(variable, range.clone())
            .unwrap_or(*range.start())
    }

    /// A whole number that may be unset.
    pub(crate) fn optional_number(
        &mut self,
        variable: &Variable,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let text = self.text(variable)?;
        // `parse` alone would take a plus sign.
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && range.contains(n));
        if number.is_none() {
            let (least, most) = range.into_inner();
            let rule = format!("must be a whole number from {least} to {most}");
            self.fault(variable.name, rule);
        }
        number
    }

    pub(crate) fn count(&mut self, variable: &Variable, range: RangeInclusive<u32>) -> usize {
        self.number(variable, range) as usize
    }

    pub(crate) fn millis(&mut self, variable: &Variable, range: RangeInclusive<u32>) -> Duration {
        Duration::from_millis(self.number(variable, range).into())
    }

    pub(crate) fn seconds(&mut self, variable: &Variable, range: RangeInclusive<u32>) -> Duration {
        Duration::from_secs(self.number(variable, range).into())
    }

    /// `on` or `off`, nothing else: a misspelt switch must not fall to either side.
    pub(crate) fn switch(&mut self, variable: &Variable) -> bool {
        match self.text(variable).as_deref() {
            Some("on") => true,
            Some("off") => false,
            _ => {
                self.fault(variable.name, "must be on or off");
                false
            }
        }
    }

    pub(crate) fn address(&mut self, variable: &Variable) -> SocketAddr {
        let rule = "must be an IP address and a port, such as 127.0.0.1:8080";
        let stand_in = SocketAddr::from(([127, 0, 0, 1], 0));
        self.parsed(variable, rule).unwrap_or(stand_in)
    }

    /// A name that becomes part of keys or channels.
    pub(crate) fn identifier(&mut self, variable: &Variable) -> Option<String> {
        let name = self.text(variable)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        if name.len() <= 128 && name.bytes().all(plain) {
            return Some(name);
        }
        self.fault(
            variable.name,
            "must be at most 128 letters, digits, dots, colons, hyphens or underscores",
        );
        None
    }

    fn environment(&mut self, name: &str) -> Option<&'a str> {
        match self.env.get(name) {
            Ok(value) => value,
            Err(NotText) => {
                self.fault(name, "is not UTF-8 text");
                None
            }
        }
    }

    fn show(&mut self, variable: &Variable, shown: String) {
        self.shown.push((variable.name, shown));
    }
}

/// Reads a mounted secret, without the line end that editors and `echo` leave. The faults name
/// neither path nor content: a secret may have been put where the path belongs.
fn read_secret_file(path: &str) -> Result<SecretString, String> {
    let unreadable = |error: std::io::Error| format!("the file cannot be read: {}", error.kind());
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("the file has more than {MAX_FILE_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return Err("the file is empty".to_owned());
    }
    Ok(SecretString::from(line))
}
