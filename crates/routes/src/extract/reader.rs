//! Reads a [`Node`] into a handler's type, and says where it does not fit.

use std::{collections::btree_map, vec};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::MapAccessDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{fault::Fault, node::Node};
use crate::middleware::RequestLog;

/// Largest integer of a request: above 2^53 a client may have written another one than it meant
/// (RFC 8259, section 6).
pub(crate) const MAX_INTEGER: i64 = (1 << 53) - 1;

/// Members that `T` does not know are ignored; under a legacy path their names go into the log
///
pub(super) fn read<T: DeserializeOwned>(node: Node, log: &RequestLog) -> Result<T, Fault> {
    T::deserialize(Reader { node, log })
}

struct Reader<'a> {
    node: Node,
    log: &'a RequestLog,
}

impl<'a> Reader<'a> {
    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match self.node {
            Node::Int(value) => Some(value),
            Node::UInt(value) => i64::try_from(value).ok(),
            Node::Float(value) if value.fract() == 0.0 => whole(value),
            Node::Raw(text) if is_integer(&text) => text.parse().ok(),
            node => return Err(misfit(&node, "must be an integer")),
        };
        let exact = -MAX_INTEGER..=MAX_INTEGER;
        match value.filter(|value| exact.contains(value)) {
            Some(value) => visitor.visit_i64(value),
            None => Err(Fault::new("is out of range")),
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Int(_) | Node::UInt(_) | Node::Float(_) => self.deserialize_any(visitor),
            Node::Raw(text) => match text.parse() {
                Ok(value) if f64::is_finite(value) => visitor.visit_f64(value),
                _ => Err(Fault::new("must be a number")),
            },
            node => Err(misfit(&node, "must be a number")),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.filled() {
            Node::Text(text) | Node::Raw(text) => visitor.visit_string(text),
            node => Err(misfit(&node, "must be a string")),
        }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items = match self.node.filled() {
            Node::List(items) => items,
            Node::Raw(text) => vec![Node::Raw(text)],
            Node::Repeated(values) => values.into_iter().map(Node::Raw).collect(),
            node => return Err(misfit(&node, "must be a list")),
        };
        visitor.visit_seq(Items {
            left: items.into_iter(),
            index: 0,
            log: self.log,
        })
    }

    fn members(self) -> Result<Members<'a>, Fault> {
        match self.node {
            Node::Object(members) => Ok(Members {
                left: members.into_iter(),
                value: None,
                log: self.log,
            }),
            node => Err(misfit(&node, "must be an object")),
        }
    }
}

/// The integer that a JSON number such as `7.0` is (JSON Schema 2020-12, section 6.1.1).
fn whole(value: f64) -> Option<i64> {
    const BEYOND: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and far within the range of i64"
    )]
    (value.abs() < BEYOND).then_some(value as i64)
}

/// ASCII digits with an optional minus: what a JSON integer looks like, and no `+5`.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn misfit(node: &Node, wanted: &'static str) -> Fault {
    match node {
        Node::Twice | Node::Repeated(_) => Fault::new("is given more than once"),
        _ => Fault::new(wanted),
    }
}

macro_rules! all_as {
    ($kind:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$kind(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    all_as! { integer:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }
    all_as! { number: deserialize_f32 deserialize_f64 }
    all_as! { text: deserialize_char deserialize_str deserialize_string deserialize_identifier }
    all_as! { list: deserialize_seq }
    forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct }

    /// For types that take several kinds of values.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Int(value) => visitor.visit_i64(value),
            Node::UInt(value) => visitor.visit_u64(value),
            Node::Float(value) => visitor.visit_f64(value),
            Node::Text(text) | Node::Raw(text) => visitor.visit_string(text),
            Node::Blank => visitor.visit_string(String::new()),
            Node::List(_) => self.list(visitor),
            Node::Object(_) => visitor.visit_map(self.members()?),
            node @ (Node::Twice | Node::Repeated(_)) => Err(misfit(&node, "")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Raw(text) if text == "true" => visitor.visit_bool(true),
            Node::Raw(text) if text == "false" => visitor.visit_bool(false),
            node => Err(misfit(&node, "must be true or false")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Null | Node::Blank => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.members()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.log.note_members(fields, self.node.member_names());
        visitor.visit_map(self.members()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.node {
            Node::Text(text) | Node::Raw(text) => visitor.visit_enum(text.into_deserializer()),
            Node::Blank => visitor.visit_enum("".into_deserializer()),
            Node::Object(_) => visitor.visit_enum(MapAccessDeserializer::new(self.members()?)),
            node => Err(misfit(&node, "must be a string")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    left: vec::IntoIter<Node>,
    index: usize,
    log: &'a RequestLog,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(node) = self.left.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let reader = Reader {
            node,
            log: self.log,
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|fault| fault.in_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Members<'a> {
    left: btree_map::IntoIter<String, Node>,
    /// The member whose name was read last.
    value: Option<(String, Node)>,
    log: &'a RequestLog,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((name, node)) = self.left.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(name.as_str().into_deserializer())?;
        self.value = Some((name, node));
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((name, node)) = self.value.take() else {
            return Err(Fault::new("is required"));
        };
        let reader = Reader {
            node,
            log: self.log,
        };
        seed.deserialize(reader)
            .map_err(|fault| fault.in_member(&name))
    }
}

#[cfg(test)]
mod tests;
