//! What consumers read about events: `docs/EVENTS.md`, made from the comments of the types and from
//! one example of each event.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use agent_domain::{
    DomainEvent,
    event::{SCHEMA_VERSION, timestamp},
    portal::withdraw::WithdrawStatus,
};
use serde_json::{Value, json};

use crate::{
    generated::{code, table},
    source, tree,
};

const DOCUMENT: &str = "docs/EVENTS.md";
const EVENTS: &str = "crates/domain/src/event.rs";
const PAYLOADS: &str = "crates/domain/src/event/payload.rs";
const ENTRY: &str = "crates/kv/src/stream.rs";

/// A field of a struct, or a variant of an enum with one value.
struct Item {
    name: String,
    type_name: String,
    /// Its comment, as one line.
    meaning: String,
}

/// Fields or variants of a type, in their order, without those that serde skips.
fn items(path: &str, head: &str) -> Vec<Item> {
    let text = tree::read(path);
    let (_, rest) = text
        .split_once(&format!("{head} {{\n"))
        .unwrap_or_else(|| panic!("{path} has no {head}"));
    let body = rest.split("\n}").next().unwrap_or_default();
    let (mut meaning, mut skipped, mut found) = (Vec::new(), false, Vec::new());
    for line in body.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            meaning.push(comment);
        } else if line.starts_with("#[") {
            skipped |= line == "#[serde(skip)]";
        } else {
            let (name, type_name) = named(line).unwrap_or_else(|| panic!("{path}: {line}"));
            let meaning = std::mem::take(&mut meaning).join(" ");
            if !std::mem::take(&mut skipped) {
                assert!(!meaning.is_empty(), "{path}: {name} has no comment");
                found.push(Item {
                    name,
                    type_name,
                    meaning,
                });
            }
        }
    }
    found
}

/// `pub name: Type,` or `Name(Type),`.
fn named(line: &str) -> Option<(String, String)> {
    let line = line.strip_suffix(',')?;
    let (name, type_name) = match line.strip_prefix("pub ") {
        Some(field) => field.split_once(": ")?,
        None => line.strip_suffix(')')?.split_once('(')?,
    };
    Some((name.to_owned(), type_name.to_owned()))
}

fn members(type_name: &str) -> Vec<Item> {
    items(PAYLOADS, &format!("pub struct {type_name}"))
}

/// How a type looks in JSON. A type that is not here is one that nobody described yet.
fn described(type_name: &str) -> String {
    let text = match type_name {
        "AgentGuid" | "i64" | "i32" => "integer",
        "Money" => "decimal: a string with four decimals",
        "Currency" => "string, ISO 4217",
        "WithdrawNo" => "string: `W`, the day, a number",
        "String" | "&'static str" => "string",
        "NaiveDate" => "date: a string, `YYYY-MM-DD`",
        "DateTime<Utc>" => "time: a string, RFC 3339, UTC, microseconds",
        "WithdrawStatus" => {
            let names = WithdrawStatus::ALL.map(|status| code(status.as_str()));
            return format!("string: one of {}", names.join(", "));
        }
        list if list.starts_with("Vec<") => "array of objects",
        other => panic!("{DOCUMENT} does not know how {other} looks"),
    };
    text.to_owned()
}

/// Rows of the table of a payload, members of members included.
fn rows(type_name: &str, prefix: &str) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    for item in members(type_name) {
        let name = format!("{prefix}{}", item.name);
        let inner = item.type_name.strip_prefix("Vec<");
        let inner = inner.and_then(|inner| inner.strip_suffix('>'));
        let below = inner.map(|inner| self::rows(inner, &format!("{name}[].")));
        rows.push([code(&name), described(&item.type_name), item.meaning]);
        rows.extend(below.unwrap_or_default());
    }
    rows
}

/// Names of an example's members, as the first column of its table spells them.
fn paths(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        for element in value.as_array().into_iter().flatten() {
            paths(element, &format!("{name}[]."), into);
        }
        into.insert(code(&name));
    }
}

/// Variant to its example. Each variant has exactly one.
fn examples() -> BTreeMap<String, DomainEvent> {
    let mut examples = BTreeMap::new();
    for event in DomainEvent::examples() {
        let variant = format!("{:?}", event.body);
        let variant = variant.split('(').next().unwrap_or_default().to_owned();
        let earlier = examples.insert(variant, event);
        assert!(earlier.is_none(), "two examples: {earlier:?}");
    }
    examples
}

/// A JSON value in lines that people can read.
fn block(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("JSON");
    format!("```json\n{text}\n```\n")
}

/// Fields of an entry, and a whole one.
pub fn envelope() -> String {
    let fields = items(ENTRY, "pub struct StreamEntry");
    let names: BTreeSet<String> = fields.iter().map(|field| field.name.clone()).collect();
    let example = entry(&DomainEvent::examples()[0]);
    let shown: BTreeSet<String> = example.as_object().expect("one").keys().cloned().collect();
    assert_eq!(names, shown, "the example of an entry is old");
    let rows = fields
        .into_iter()
        .map(|field| [code(&field.name), field.meaning]);
    let fields = table(["Field", "Meaning"], rows);
    format!(
        "{fields}\nAn entry, shown as JSON; in Redis it is a list of names and values:\n\n{}",
        block(&example)
    )
}

fn entry(event: &DomainEvent) -> Value {
    json!({
        "event_id": event.event_id.to_string(),
        "event_type": event.event_type(),
        "aggregate_type": event.aggregate_type(),
        "aggregate_id": event.aggregate_id(),
        "brand_id": event.brand_id.to_string(),
        "schema_version": SCHEMA_VERSION.to_string(),
        "occurred_at": timestamp(event.occurred_at),
        "payload": event.payload().to_string(),
    })
}

/// A list of all events, then a section for each.
pub fn sections() -> String {
    let mut examples = examples();
    let (mut list, mut sections) = (Vec::new(), String::new());
    for variant in items(EVENTS, "pub enum EventBody") {
        let event = examples.remove(&variant.name);
        let event = event.unwrap_or_else(|| panic!("{} has no example", variant.name));
        list.push([
            code(event.event_type()),
            code(event.aggregate_type()),
            variant.meaning.clone(),
        ]);
        write!(sections, "\n{}", section(&variant, &event)).expect("a string takes it");
    }
    assert!(examples.is_empty(), "examples of nothing: {examples:?}");
    let list = table(["Event", "Aggregate", "What happened"], list);
    format!("{list}{sections}")
}

fn section(variant: &Item, event: &DomainEvent) -> String {
    let brand = ["`brand_id`", "integer", "The brand, as in the envelope."];
    let mut rows = rows(&variant.type_name, "");
    rows.insert(0, brand.map(str::to_owned));
    let told: BTreeSet<String> = rows.iter().map(|[name, ..]| name.clone()).collect();
    let (payload, mut sent) = (event.payload(), BTreeSet::new());
    paths(&payload, "", &mut sent);
    assert_eq!(told, sent, "{}: comments and payload differ", variant.name);
    format!(
        "### {}\n\n{} Aggregate: `{}`, here `{}`.\n\n{}\n{}",
        event.event_type(),
        variant.meaning,
        event.aggregate_type(),
        event.aggregate_id(),
        table(["Member", "Type", "Meaning"], rows),
        block(&payload)
    )
}

#[test]
fn p166_p167_every_event_has_one_example_and_every_kind_of_aggregate_is_explained() {
    let variants: BTreeSet<String> = source::variants(EVENTS, "EventBody").into_iter().collect();
    let shown: BTreeSet<String> = examples().into_keys().collect();
    assert_eq!(variants, shown);
    let document = tree::read(DOCUMENT);
    let (prose, _) = document
        .split_once("<!-- BEGIN events:")
        .expect("the events");
    for event in DomainEvent::examples() {
        let row = format!("\n| `{}` | ", event.aggregate_type());
        assert!(prose.contains(&row), "{DOCUMENT} lacks {row}");
    }
}

/// The kind of value that the table promises is the kind that is sent.
#[test]
fn p166_types_of_members_are_those_of_the_examples() {
    for variant in items(EVENTS, "pub enum EventBody") {
        let payload = examples()[&variant.name].payload();
        for member in members(&variant.type_name) {
            let value = &payload[&member.name];
            let promised = described(&member.type_name);
            let kept = match promised.split([':', ',', ' ']).next() {
                Some("integer") => value.is_i64(),
                Some("array") => value.is_array(),
                Some("decimal") => value.as_str().is_some_and(has_four_decimals),
                _ => value.is_string(),
            };
            assert!(kept, "{} {}: {value}", variant.name, member.name);
        }
    }
}

fn has_four_decimals(text: &str) -> bool {
    let (whole, decimals) = text.rsplit_once('.').unwrap_or_default();
    !whole.is_empty() && decimals.len() == 4 && decimals.bytes().all(|b| b.is_ascii_digit())
}
