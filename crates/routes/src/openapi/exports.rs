//! Lists and reports that are also there as CSV: those with a parameter `format`.

use utoipa::openapi::{
    Content, OpenApi, RefOr, Response,
    path::Operation,
    schema::{ObjectBuilder, Type},
};

const CSV: &str = "text/csv";
const TOO_LARGE: &str = "`export_too_large`: narrow the filter";

/// Declares the file and the refusal of one that would be too large.
pub(super) fn describe(document: &mut OpenApi) {
    let items = document.paths.paths.values_mut();
    let operations = items.filter_map(|item| item.get.as_mut());
    operations.filter(|get| has_format(get)).for_each(complete);
}

fn has_format(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(found) if found.name == "format"))
}

fn complete(operation: &mut Operation) {
    if let Some(listed) = answer(operation, "200") {
        let file = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "One row for each item, after a row with the names of its members.",
            ))
            .build();
        let content = Content::new(Some(file));
        listed.content.insert(CSV.to_owned(), content.into());
    }
    if let Some(refused) = answer(operation, "422") {
        refused.description = format!("{}; {TOO_LARGE}", refused.description);
    }
}

fn answer<'a>(operation: &'a mut Operation, status: &str) -> Option<&'a mut Response> {
    match operation.responses.responses.get_mut(status)? {
        RefOr::T(response) => Some(response),
        RefOr::Ref(_) => None,
    }
}
