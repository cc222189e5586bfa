//! Bodies whose members exclude each other, or of which one has to be there. Derived schemas list
//! every member as optional; here each choice becomes a schema of its own.

use serde_json::{Value, json};
use utoipa::openapi::{
    OpenApi, RefOr,
    schema::{AnyOfBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type},
};

/// Bodies that need exactly one of two members.
const ONE_OF: [(&str, [&str; 2]); 4] = [
    ("GrantBody", ["player_id", "player_ids"]),
    ("RecycleBody", ["coupon_id", "coupon_ids"]),
    ("RecoveryRequestBody", ["account", "contact"]),
    ("ReadBody", ["ids", "all"]),
];
/// Bodies that need one of two members, or both.
const ANY_OF: [(&str, [&str; 2]); 2] = [
    ("EditSubBody", ["nick_name", "remark"]),
    ("ResetSubPasswordBody", ["payout_password", "otp"]),
];

pub(super) fn describe(document: &mut OpenApi) {
    let Some(components) = &mut document.components else {
        return;
    };
    let schemas = &mut components.schemas;
    for (body, [first, second]) in ONE_OF {
        if let Some(RefOr::T(schema)) = schemas.get_mut(body) {
            one_of(schema, first, second);
        }
    }
    for (body, [first, second]) in ANY_OF {
        if let Some(RefOr::T(schema)) = schemas.get_mut(body) {
            any_of(schema, first, second);
        }
    }
}

fn one_of(schema: &mut Schema, first: &str, second: &str) {
    let Schema::Object(body) = schema else { return };
    let description = body.description.take();
    let choices = OneOfBuilder::new()
        .item(without(with(body, first), second))
        .item(without(with(body, second), first));
    *schema = choices.description(description).into();
}

fn any_of(schema: &mut Schema, first: &str, second: &str) {
    let Schema::Object(body) = schema else { return };
    let description = body.description.take();
    let choices = AnyOfBuilder::new()
        .item(with(body, first))
        .item(with(body, second));
    *schema = choices.description(description).into();
}

/// The body with a member that has to be there. A switch is there when it is on.
fn with(body: &Object, member: &str) -> Object {
    let mut body = body.clone();
    body.required.push(member.to_owned());
    match body.properties.get_mut(member) {
        Some(RefOr::T(Schema::Object(object))) => {
            object.schema_type = not_null(&object.schema_type);
            if is_switch(object) {
                object.enum_values = Some(vec![json!(true)]);
            }
        }
        Some(RefOr::T(Schema::Array(list))) => list.schema_type = not_null(&list.schema_type),
        _ => {}
    }
    body
}

/// The body with a member that must not be there. A switch that is off is not there.
fn without(mut body: Object, member: &str) -> Object {
    match body.properties.get_mut(member) {
        Some(RefOr::T(Schema::Object(object))) if is_switch(object) => {
            object.enum_values = Some(vec![json!(false), Value::Null]);
        }
        Some(schema) => {
            let nothing = ObjectBuilder::new().schema_type(Type::Null);
            *schema = RefOr::T(nothing.into());
        }
        None => {}
    }
    body
}

fn is_switch(object: &Object) -> bool {
    match &object.schema_type {
        SchemaType::Type(kind) => *kind == Type::Boolean,
        SchemaType::Array(kinds) => kinds.contains(&Type::Boolean),
        SchemaType::AnyValue => false,
    }
}

fn not_null(schema_type: &SchemaType) -> SchemaType {
    match schema_type {
        SchemaType::Array(kinds) => match kinds.iter().find(|kind| **kind != Type::Null) {
            Some(kind) => SchemaType::Type(kind.clone()),
            None => schema_type.clone(),
        },
        one => one.clone(),
    }
}
