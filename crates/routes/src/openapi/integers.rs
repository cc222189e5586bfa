//! Which integers a request may hold: those that every client and every parser of JSON holds
//! exactly (RFC 8259, section 6). Numbers of rows lie far below.

use utoipa::{
    Number,
    openapi::{
        OpenApi, RefOr,
        path::ParameterIn,
        schema::{ArrayItems, KnownFormat, Object, Schema, SchemaFormat},
    },
};

use crate::extract::MAX_INTEGER;

/// Gives every 64-bit integer of a body or a query its bounds, where its own description has none.
pub(super) fn describe(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    let parameters = items
        .flat_map(super::operations)
        .flat_map(|operation| operation.parameters.iter_mut().flatten());
    for parameter in parameters {
        // What does not fit in a path is unknown: 404, as for any other name of nothing.
        if let RefOr::T(parameter) = parameter
            && matches!(parameter.parameter_in, ParameterIn::Query)
            && let Some(schema) = &mut parameter.schema
        {
            bound(schema);
        }
    }
    let components = document.components.iter_mut();
    for (name, schema) in components.flat_map(|all| &mut all.schemas) {
        if let RefOr::T(Schema::Object(body)) = schema
            && name.ends_with("Body")
        {
            body.properties.values_mut().for_each(bound);
        }
    }
}

fn bound(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => bound_object(object),
        RefOr::T(Schema::Array(list)) => {
            if let ArrayItems::RefOrSchema(item) = &mut list.items {
                bound(item);
            }
        }
        _ => {}
    }
}

fn bound_object(object: &mut Object) {
    let is_wide = object.format == Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    if is_wide && object.minimum.is_none() && object.maximum.is_none() {
        object.minimum = Some(Number::from(-MAX_INTEGER));
        object.maximum = Some(Number::from(MAX_INTEGER));
    }
}
