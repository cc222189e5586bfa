//! In which format a body is written, by its headers.

use agent_domain::{Code, Problem};
use http::{HeaderMap, header};

/// A format that bodies are read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Form,
}

/// # Errors
/// `unsupported_media_type`: no format, two, an unknown one, a form where `forms` says that only
/// JSON is read, another character set than UTF-8, or a compressed body (nothing is unpacked, so
/// that a small body stays small).
pub(super) fn format(headers: &HeaderMap, forms: bool) -> Result<Format, Problem> {
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    let plain = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !encodings.iter().all(plain) {
        return Err(unsupported("compressed bodies are not read"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = match (types.next(), types.next()) {
        (Some(one), None) => one.to_str().unwrap_or_default(),
        _ => "",
    };
    match parse(content_type) {
        Some(Format::Form) if !forms => None,
        known => known,
    }
    .ok_or_else(|| {
        unsupported(if forms {
            "send application/json or application/x-www-form-urlencoded"
        } else {
            "send application/json"
        })
    })
}

fn unsupported(detail: &'static str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, detail)
}

fn parse(content_type: &str) -> Option<Format> {
    let mut parts = content_type.split(';').map(str::trim);
    let format = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/json" => Format::Json,
        "application/x-www-form-urlencoded" => Format::Form,
        _ => return None,
    };
    parts.all(says_utf8).then_some(format)
}

fn says_utf8(parameter: &str) -> bool {
    // A trailing semicolon leaves an empty parameter.
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    parameter.is_empty()
        || name.eq_ignore_ascii_case("charset")
            && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn json_is_read_everywhere_and_forms_on_aliases() {
        let json = headers(&[("content-type", "Application/JSON; charset=\"UTF-8\"")]);
        let form = headers(&[(
            "content-type",
            "application/x-www-form-urlencoded;charset=utf-8",
        )]);
        assert_eq!(format(&json, false).unwrap(), Format::Json);
        assert_eq!(format(&json, true).unwrap(), Format::Json);
        assert_eq!(format(&form, true).unwrap(), Format::Form);
        assert_eq!(
            format(&form, false).unwrap_err().code,
            Code::UnsupportedMediaType
        );
    }

    #[test]
    fn other_formats_are_refused() {
        for refused in [
            &[][..],
            &[("content-type", "")],
            &[("content-type", "text/plain")],
            &[("content-type", "application/jsonx")],
            &[("content-type", "application/json, text/plain")],
            &[("content-type", "application/json; charset=latin1")],
            &[("content-type", "application/json; boundary=x")],
            &[
                ("content-type", "application/json"),
                ("content-type", "application/json"),
            ],
            &[
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ],
            &[
                ("content-type", "application/json"),
                ("content-encoding", "identity"),
                ("content-encoding", "br"),
            ],
        ] {
            let problem = format(&headers(refused), true).unwrap_err();
            assert_eq!(problem.code, Code::UnsupportedMediaType, "{refused:?}");
        }
        let identity = [
            ("content-type", "application/json"),
            ("content-encoding", "identity"),
        ];
        assert!(format(&headers(&identity), false).is_ok());
    }
}
