//! Columns against the OpenAPI document: JSON and CSV cannot drift apart.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stage::{Stage, read};

/// What a frontend needs to start, not what it lists.
const NO_LIST: [&str; 1] = ["/agent/common/domains"];

fn document() -> Value {
    serde_json::to_value(agent_routes::document()).unwrap()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref") {
        Some(reference) => {
            let pointer = reference.as_str().unwrap().trim_start_matches('#');
            document.pointer(pointer).unwrap()
        }
        None => schema,
    }
}

/// The schema of the items that a GET answers with, if it lists any.
fn items<'a>(document: &'a Value, operation: &'a Value) -> Option<&'a Value> {
    let answer = operation.pointer("/responses/200/content/application~1json/schema")?;
    listed(document, answer)?.get("items")
}

/// The member `items` of an answer, or of a list that is a part of it.
fn listed<'a>(document: &'a Value, answer: &'a Value) -> Option<&'a Value> {
    let schema = resolved(document, answer);
    schema.pointer("/properties/items").or_else(|| {
        let mut parts = schema.get("allOf")?.as_array()?.iter();
        parts.find_map(|part| listed(document, part))
    })
}

/// Paths and items of everything that lists.
fn lists(document: &Value) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(get) = item.get("get") else { continue };
        if NO_LIST.contains(&path.as_str()) {
            continue;
        }
        if let Some(schema) = items(document, get) {
            found.push((path.clone(), get.clone(), schema.clone()));
        }
    }
    found
}

/// Names of the columns that a schema stands for.
fn columns(document: &Value, schema: &Value, name: &str, found: &mut Vec<String>) {
    let schema = resolved(document, schema);
    for choice in ["allOf", "oneOf"] {
        for part in schema
            .get(choice)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if part["type"] != "null" {
                columns(document, part, name, found);
            }
        }
    }
    if schema.get("allOf").or(schema.get("oneOf")).is_some() {
        return;
    }
    let Some(members) = schema.get("properties").and_then(Value::as_object) else {
        found.push(name.to_owned());
        return;
    };
    for (member, value) in members {
        let name = match name {
            "" => member.clone(),
            name => format!("{name}_{member}"),
        };
        columns(document, value, &name, found);
    }
}

#[tokio::test]
async fn every_list_and_report_has_the_columns_of_its_items() {
    let stage = Stage::new(&[]).await;
    let session = stage.session(&stage.top).await;
    let document = document();
    let mut told = BTreeSet::new();
    for target in stage.reports() {
        let answer = session.get(&format!("{target}&format=csv")).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        let path = target.split('?').next().unwrap();
        let path = path.replace(&stage.player.to_string(), "{player_id}");
        let lists = lists(&document);
        let (_, _, item) = lists.iter().find(|(listed, ..)| *listed == path).unwrap();
        let mut expected = Vec::new();
        columns(&document, item, "", &mut expected);
        let (header, _) = read(&answer.text);
        let unique: BTreeSet<_> = header.iter().cloned().collect();
        assert_eq!(unique.len(), header.len(), "{path}: {header:?}");
        assert_eq!(unique, expected.into_iter().collect(), "{path}");
        told.insert(path);
    }
    // Nothing that lists was left out.
    let listed: BTreeSet<_> = lists(&document)
        .into_iter()
        .map(|(path, ..)| path)
        .collect();
    assert_eq!(told, listed);
    stage.finish().await;
}

#[test]
fn the_document_says_which_lists_are_there_as_csv() {
    let document = document();
    for (path, operation, _) in lists(&document) {
        let mut parameters = operation["parameters"].as_array().unwrap().iter();
        let format = parameters.find(|parameter| parameter["name"] == "format");
        let format = format.unwrap_or_else(|| panic!("{path} has no format"));
        assert_eq!(
            format["schema"]["enum"],
            serde_json::json!(["json", "csv"]),
            "{path}"
        );
        let file = operation.pointer("/responses/200/content/text~1csv/schema/type");
        assert_eq!(file, Some(&"string".into()), "{path}");
        let refusal = operation["responses"]["422"]["description"]
            .as_str()
            .unwrap();
        assert!(refusal.contains("`export_too_large`"), "{path}: {refusal}");
        assert!(refusal.contains("`validation_failed`"), "{path}: {refusal}");
    }
}
