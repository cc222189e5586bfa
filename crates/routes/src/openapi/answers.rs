//! What answers say of their members.
//!
//! An optional member of a Rust type may be null and may be left out, as far as its description
//! goes. That is right for what is sent to us. An answer holds every member, null or not, and a
//! client made from the document need not ask twice.

use utoipa::openapi::{
    OpenApi, RefOr,
    schema::{ArrayItems, Object, Schema, SchemaType, Type},
};

/// Ending of the names of what is sent to us.
const REQUEST: &str = "Body";

/// Declares every member of an answer that may be null as always there. Members that are sometimes
/// left out are described as never null: `#[schema(value_type = T, required = false)]`.
pub(super) fn hold_every_member(document: &mut OpenApi) {
    let schemas = document
        .components
        .iter_mut()
        .flat_map(|components| &mut components.schemas);
    for (_, schema) in schemas.filter(|(name, _)| !name.ends_with(REQUEST)) {
        complete(schema);
    }
}

fn complete(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => complete_object(object),
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                complete(items);
            }
        }
        Schema::AllOf(all) => all.items.iter_mut().for_each(complete),
        Schema::OneOf(one) => one.items.iter_mut().for_each(complete),
        _ => {}
    }
}

fn complete_object(object: &mut Object) {
    for (name, member) in &mut object.properties {
        complete(member);
        if may_be_null(member) && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

fn may_be_null(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(schema) = schema else {
        return false;
    };
    match schema {
        Schema::Object(object) => has_null(&object.schema_type),
        Schema::Array(array) => has_null(&array.schema_type),
        Schema::OneOf(one) => one.items.iter().any(may_be_null),
        _ => false,
    }
}

fn has_null(schema_type: &SchemaType) -> bool {
    match schema_type {
        SchemaType::Type(one) => *one == Type::Null,
        SchemaType::Array(several) => several.contains(&Type::Null),
        SchemaType::AnyValue => false,
    }
}
