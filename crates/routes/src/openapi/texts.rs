//! What texts in requests may hold. Derived schemas know lengths; these patterns say the rest, as
//! far as it is the same for every brand.

use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
    schema::{KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type},
};

/// No text holds U+0000: Postgres cannot store it.
const TEXT: &str = r"^[^\x00]*$";
/// In a query U+FFFD stands for bytes that are no UTF-8, and is refused too.
const QUERY_TEXT: &str = r"^[^\x00\ufffd]*$";
const HEADER_TEXT: &str = "^[!-~]+$";
/// Which numbers are complete depends on the country of the brand.
const PHONE: &str = r"^ *\+?([ ().-]*[0-9]){5,32}[ ().-]*$";
const PHONE_OR_EMAIL: &str = r"^ *(\+?([ ().-]*[0-9]){5,32}[ ().-]*|[!-?A-~]+@[!-?A-~]+ *)$";
/// Five of the characters have to be digits.
const CARD: &str = "^[ -]*([0-9A-Za-z][ -]*){8,34}$";

/// Gives every text that a request may hold a pattern, where its own description has none.
pub(super) fn describe(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    for operation in items.flat_map(super::operations) {
        describe_parameters(operation);
    }
    let components = document.components.iter_mut();
    for (name, schema) in components.flat_map(|all| &mut all.schemas) {
        if name.ends_with("Body") {
            describe_members(schema);
        }
    }
}

fn describe_parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        let pattern = match parameter.parameter_in {
            ParameterIn::Query => QUERY_TEXT,
            ParameterIn::Header => HEADER_TEXT,
            // What does not fit is unknown: 404, as for any other name of nothing.
            ParameterIn::Path | ParameterIn::Cookie | ParameterIn::QueryString => continue,
        };
        if let Some(schema) = &mut parameter.schema {
            set(schema, pattern);
        }
    }
}

fn describe_members(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(body)) = schema else {
        return;
    };
    for (name, member) in &mut body.properties {
        let pattern = match name.as_str() {
            "phone_num" => PHONE,
            "contact" => PHONE_OR_EMAIL,
            "card_number" | "bank_num" => CARD,
            _ => TEXT,
        };
        set(member, pattern);
    }
}

fn set(schema: &mut RefOr<Schema>, pattern: &str) {
    if let RefOr::T(Schema::Object(object)) = schema
        && is_free_text(object)
    {
        object.pattern = Some(pattern.to_owned());
    }
}

fn is_free_text(object: &Object) -> bool {
    let is_text = match &object.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    let has_form = match &object.format {
        None | Some(SchemaFormat::KnownFormat(KnownFormat::Password)) => false,
        Some(_) => true,
    };
    is_text && !has_form && object.pattern.is_none() && object.enum_values.is_none()
}
