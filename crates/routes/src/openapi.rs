//! The OpenAPI document: written by the handlers, completed here with what holds for all of them.

mod answers;
mod choices;
mod exports;
mod integers;
mod texts;

use utoipa::{
    OpenApi as _,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response, ResponseBuilder, SecurityRequirement,
        path::{Operation, PathItem},
        schema::{Schema, SchemaType, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";

/// Answers that every operation may give.
const EVERYWHERE: [(&str, &str); 5] = [
    ("400", "`malformed_request`"),
    ("408", "`request_timeout`"),
    ("429", "`rate_limited`, with `Retry-After`"),
    ("500", "`internal`"),
    ("503", "`unavailable`, with `Retry-After`"),
];

/// Answers of operations that read a body.
const WITH_BODY: [(&str, &str); 3] = [
    ("413", "`payload_too_large`"),
    ("415", "`unsupported_media_type`"),
    ("422", "`validation_failed`, with `errors`"),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "agent_service",
        description = "The service behind the portal of agents. The host of a request decides the brand. \
                       Errors are `application/problem+json` (RFC 9457) with a stable `code`. \
                       Money is a string of decimals.",
    ),
    components(schemas(crate::error::ProblemDocument)),
    tags(
        (name = "auth", description = "Sessions and the agent's own account"),
        (name = "recovery", description = "A new password for one that was forgotten"),
        (name = "home", description = "Key figures and invite links"),
        (name = "player", description = "Players of the agent and of everybody below"),
        (name = "sub", description = "Agents below one's own"),
        (name = "messages", description = "The inbox"),
        (name = "withdraw", description = "Withdrawals"),
        (name = "bank", description = "Payout cards"),
        (name = "coupon", description = "Coupons for players"),
        (name = "provider", description = "Game providers, shares and income"),
        (name = "common", description = "What frontends need to start"),
        (name = "ops", description = "Health and keys"),
    )
)]
struct Document;

/// The frame that the handlers' descriptions are put into.
pub(crate) fn frame() -> OpenApi {
    let mut document = Document::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The `access_token` of `/agent/login`."))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    document
}

/// Adds to every operation what all of them share; `signed_in` ones need a token.
pub(crate) fn complete(document: &mut OpenApi, signed_in: bool) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        complete_operation(operation, signed_in);
    }
}

/// Says of requests what their types cannot say.
pub(crate) fn describe_requests(document: &mut OpenApi) {
    texts::describe(document);
    integers::describe(document);
    choices::describe(document);
}

/// Says of answers what their types cannot say.
pub(crate) fn describe_answers(document: &mut OpenApi) {
    allow_null_summaries(document);
    exports::describe(document);
    answers::hold_every_member(document);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let operations = [
        item.get.as_mut(),
        item.post.as_mut(),
        item.put.as_mut(),
        item.delete.as_mut(),
    ];
    operations.into_iter().flatten()
}

/// Says that the `summary` of a list may be null: an optional member of a generic type loses that on
/// its way into the document.
fn allow_null_summaries(document: &mut OpenApi) {
    let schemas = document
        .components
        .iter_mut()
        .flat_map(|all| &mut all.schemas);
    for (name, schema) in schemas {
        let RefOr::T(Schema::Object(list)) = schema else {
            continue;
        };
        let Some(RefOr::T(Schema::Object(summary))) = list.properties.get_mut("summary") else {
            continue;
        };
        if name.starts_with("ListView_") {
            summary.schema_type = SchemaType::Array(vec![Type::Object, Type::Null]);
        }
    }
}

fn complete_operation(operation: &mut Operation, signed_in: bool) {
    name_after_tag(operation);
    for (status, description) in EVERYWHERE {
        declare(operation, status, description);
    }
    if operation.request_body.is_some() {
        for (status, description) in WITH_BODY {
            declare(operation, status, description);
        }
    } else if operation
        .parameters
        .as_ref()
        .is_some_and(|parameters| !parameters.is_empty())
    {
        declare(operation, "422", "`validation_failed`, with `errors`");
    }
    if signed_in {
        declare(operation, "401", "`unauthenticated`, `token_expired`");
        declare(operation, "403", "`brand_forbidden`, `brand_unresolved`");
        declare(operation, "409", "`brand_ambiguous`");
        let bearer = SecurityRequirement::new("bearer", Vec::<String>::new());
        operation.security = Some(vec![bearer]);
    }
    operation
        .responses
        .responses
        .values_mut()
        .for_each(problem_media_type);
}

/// Handlers are named within their file, and names of operations are unique in a document: clients
/// are made from them.
fn name_after_tag(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(handler)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}_{handler}"));
    }
}

fn declare(operation: &mut Operation, status: &str, description: &str) {
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| {
            let schema = Ref::from_schema_name("ProblemDocument");
            let content = Content::new(Some(RefOr::Ref(schema)));
            let response = ResponseBuilder::new().description(description);
            RefOr::T(response.content(PROBLEM_JSON, content).build())
        });
}

/// Errors that a handler described as problems carry the media type of problems.
fn problem_media_type(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    let is_problem = |content: &RefOr<Content>| match content {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(reference)),
            ..
        }) => reference.ref_location.ends_with("/ProblemDocument"),
        _ => false,
    };
    if response.content.get(JSON).is_some_and(is_problem)
        && let Some(content) = response.content.shift_remove(JSON)
    {
        response.content.insert(PROBLEM_JSON.to_owned(), content);
    }
}
