//! A request's data before it has types.

use std::{collections::BTreeMap, fmt};

use agent_domain::{Code, Problem};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::{fault::Fault, names};

/// JSON, or the untyped pairs of a form, a query or a path.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// A JSON string.
    Text(String),
    /// Text that may stand for any scalar, because its format has no types.
    Raw(String),
    /// A form's field that was left empty: an empty text, or no value where the type needs none.
    Blank,
    List(Vec<Node>),
    Object(BTreeMap<String, Node>),
    /// A JSON member that occurs twice: readers disagree on which one counts.
    Twice,
    /// The values of a name that a form or a query gives several times.
    Repeated(Vec<String>),
}

impl Node {
    /// # Errors
    /// `malformed_request` when the bytes are no JSON or nest too deeply (128 levels),
    /// `validation_failed` when a text holds U+0000, which Postgres cannot store.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, Problem> {
        let node: Self = serde_json::from_slice(bytes)
            .map_err(|_| Problem::new(Code::MalformedRequest, "the body is not valid JSON"))?;
        node.refuse_nul()
            .map_err(|fault| fault.into_problem("body"))?;
        Ok(node)
    }

    /// Reads `name=value&…`. A name given several times becomes [`Node::Repeated`].
    ///
    /// # Errors
    /// A name or value holds U+0000 or is no UTF-8.
    pub(super) fn from_form(bytes: &[u8]) -> Result<Self, Fault> {
        // Cannot fail: every byte sequence is some form.
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(bytes)
            .map_err(|_| Fault::new("must be a list of name=value"))?;
        Self::from_pairs(pairs)
    }

    /// As [`Node::from_form`], for a form that somebody filled in: browsers send the fields that
    /// were left empty too, as [`Node::Blank`].
    ///
    /// # Errors
    /// As [`Node::from_form`].
    pub(super) fn from_form_body(bytes: &[u8]) -> Result<Self, Fault> {
        let Self::Object(mut members) = Self::from_form(bytes)? else {
            return Err(Fault::new("must be a list of name=value"));
        };
        for node in members.values_mut() {
            if matches!(node, Self::Raw(value) if value.is_empty()) {
                *node = Self::Blank;
            }
        }
        Ok(Self::Object(members))
    }

    /// As [`Node::from_form`], with the pairs already decoded.
    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, Fault> {
        let mut members = BTreeMap::new();
        for (name, value) in pairs {
            refuse_characters(&name)?;
            refuse_characters(&value).map_err(|fault| fault.in_member(&name))?;
            let node = match members.remove(&name) {
                None => Self::Raw(value),
                Some(Self::Raw(first)) => Self::Repeated(vec![first, value]),
                Some(Self::Repeated(mut values)) => {
                    values.push(value);
                    Self::Repeated(values)
                }
                Some(other) => other,
            };
            members.insert(name, node);
        }
        Ok(Self::Object(members))
    }

    fn refuse_nul(&self) -> Result<(), Fault> {
        match self {
            Self::Text(text) if text.contains('\0') => Err(Fault::new(NUL)),
            Self::List(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| item.refuse_nul().map_err(|f| f.in_item(index))),
            Self::Object(members) => members.iter().try_for_each(|(name, member)| {
                if name.contains('\0') {
                    return Err(Fault::new(NUL));
                }
                member.refuse_nul().map_err(|fault| fault.in_member(name))
            }),
            _ => Ok(()),
        }
    }

    /// A field that was left empty, where a value is needed after all.
    pub(super) fn filled(self) -> Self {
        match self {
            Self::Blank => Self::Raw(String::new()),
            node => node,
        }
    }

    /// Names of the members that came with a value, as far as they may be repeated. A text that is
    /// no form at all reads as one name without a value.
    pub(super) fn member_names(&self) -> impl Iterator<Item = &str> {
        let members = match self {
            Self::Object(members) => Some(members),
            _ => None,
        };
        let members = members.into_iter().flatten();
        members
            .filter(|(_, node)| match node {
                Self::Raw(value) => !value.is_empty(),
                Self::Blank => false,
                _ => true,
            })
            .map(|(name, _)| names::shown(name))
    }
}

const NUL: &str = "must not contain the character U+0000";

/// U+FFFD is what the form decoder makes of bytes that are no UTF-8.
fn refuse_characters(text: &str) -> Result<(), Fault> {
    if text.contains('\0') {
        return Err(Fault::new(NUL));
    }
    if text.contains('\u{fffd}') {
        return Err(Fault::new("must be valid UTF-8"));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::UInt(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Node>()? {
            members
                .entry(name)
                .and_modify(|first| *first = Node::Twice)
                .or_insert(value);
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(problem: &Problem) -> &str {
        &problem.errors[0].field
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(60_000);
        let closed_deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let ignored_deep = format!("{{\"x\":{closed_deep}}}");
        for bytes in [
            &b""[..],
            b"{",
            b"{}x",
            b"{'a':1}",
            b"\xff\xfe",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\0\"}",
            b"{\"a\":NaN}",
            b"{\"a\":1e999}",
            b"{\"a\":\"\\ud800\"}",
            b"\xef\xbb\xbf{}",
            deep.as_bytes(),
            closed_deep.as_bytes(),
            ignored_deep.as_bytes(),
        ] {
            let problem = Node::from_json(bytes).unwrap_err();
            assert_eq!(problem.code, Code::MalformedRequest);
        }
    }

    #[test]
    fn nul_is_refused_wherever_it_stands() {
        for (json, field) in [
            (r#"{"a":"x\u0000"}"#, "a"),
            (r#"{"a":[{"b":"\u0000"}]}"#, "a[0].b"),
            (r#"{"a\u0000":1}"#, "body"),
            (r#""\u0000""#, "body"),
        ] {
            let problem = Node::from_json(json.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.code, field_of(&problem)),
                (Code::ValidationFailed, field)
            );
        }
        // An escaped backslash before the letters is no NUL.
        assert!(Node::from_json(br#"{"a":"\\u0000"}"#).is_ok());
        for form in ["a=%00", "a%00=1", "a=%FF", "%C0%AF=1"] {
            assert!(Node::from_form(form.as_bytes()).is_err(), "{form}");
        }
    }

    #[test]
    fn a_member_given_twice_has_no_value() {
        let node = Node::from_json(br#"{"a":1,"a":1}"#).unwrap();
        assert_eq!(
            node,
            Node::Object(BTreeMap::from([("a".to_owned(), Node::Twice)]))
        );
    }

    #[test]
    fn a_body_that_is_no_form_has_no_names() {
        let names = |form: &str| {
            let node = Node::from_form_body(form.as_bytes()).unwrap();
            node.member_names().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names("user=a&pass=b"), ["pass", "user"]);
        assert_eq!(names("hunter"), Vec::<String>::new());
        assert_eq!(names(r#"{"password":"a=b"}"#), ["<other>"]);
    }
}
