//! `/agent/messages/*`: the inbox.

use agent_domain::{Problem, portal::messages::MessageKind};
use agent_persistence::portal::messages::{self as store, FullMessage, MessageFilter, MessageRow};
use agent_services::{App, portal::messages};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::list::{ListView, NoSummary, PageQuery};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{PathParam, QueryParams, SignedIn, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(unread_count))
        .routes(routes!(read))
        .routes(routes!(detail))
        .routes(routes!(read_one))
}

/// Which messages are listed.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// All kinds where nothing is said.
    #[param(inline)]
    #[serde(default)]
    pub kind: KindFilter,
    /// Only what was not read yet.
    #[serde(default)]
    pub unread: bool,
}

/// Kind of a message, or all of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindFilter {
    #[default]
    All,
    Announcement,
    Private,
}

impl KindFilter {
    fn kind(self) -> Option<MessageKind> {
        match self {
            Self::All => None,
            Self::Announcement => Some(MessageKind::Announcement),
            Self::Private => Some(MessageKind::Private),
        }
    }
}

fn kind_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(MessageKind::ALL.map(MessageKind::as_str)))
        .build()
}

/// A message in the list.
#[derive(Serialize, ToSchema)]
pub struct MessageItemView {
    id: i64,
    #[schema(schema_with = kind_schema)]
    kind: String,
    title: String,
    /// The beginning of the body.
    preview: String,
    is_read: bool,
    pinned: bool,
    /// Since when it is shown.
    created_at: DateTime<Utc>,
}

columns!(MessageItemView: id, kind, title, preview, is_read, pinned, created_at);

/// A whole message.
#[derive(Serialize, ToSchema)]
pub struct MessageView {
    id: i64,
    #[schema(schema_with = kind_schema)]
    kind: String,
    title: String,
    body: String,
    is_read: bool,
    pinned: bool,
    /// Since when it is shown.
    created_at: DateTime<Utc>,
}

/// Messages that were not read yet.
#[derive(Serialize, ToSchema)]
pub struct UnreadCountView {
    #[schema(minimum = 0)]
    total: i64,
    #[schema(minimum = 0)]
    announcement: i64,
    #[schema(minimum = 0)]
    private: i64,
}

/// Which messages were read: exactly one of the two.
#[derive(Deserialize, Validate, ToSchema)]
pub struct ReadBody {
    /// At most 100. Those that the agent does not see are passed over.
    #[garde(inner(length(min = 1, max = 100)))]
    #[schema(min_items = 1, max_items = 100)]
    ids: Option<Vec<i64>>,
    /// Every message.
    #[garde(skip)]
    all: Option<bool>,
}

/// The inbox: pinned messages first, then the newest.
#[utoipa::path(get, path = "/agent/messages/list", tag = "messages",
    params(PageQuery, InboxQuery, FormatQuery),
    responses((status = 200, description = "One page", body = ListView<MessageItemView, NoSummary>)))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(query): QueryParams<InboxQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let filter = MessageFilter {
        kind: query.kind.kind(),
        unread_only: query.unread,
    };
    let page = page.request()?;
    if format.is_csv() {
        let all = messages::export(&app, &principal, &scope, filter).await?;
        let today = csv::today(&app, &scope);
        return Ok(csv::answer(all, MessageItemView::from, &scope, today));
    }
    let found = messages::list(&app, &principal, &scope, filter, page).await?;
    Ok(Json(ListView::plain(found, MessageItemView::from)).into_response())
}

impl From<MessageRow> for MessageItemView {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            title: row.title,
            preview: row.preview,
            is_read: row.is_read,
            pinned: row.pinned,
            created_at: row.created_at,
        }
    }
}

/// One message. Reading it does not mark it as read.
#[utoipa::path(get, path = "/agent/messages/{id}", tag = "messages",
    params(("id" = i64, Path, description = "Number of the message")),
    responses(
        (status = 200, description = "The message", body = MessageView),
        (status = 404, description = "`not_found`", body = ProblemDocument),
    ))]
pub async fn detail(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(id): PathParam<i64>,
) -> Result<Json<MessageView>, ApiError> {
    let now = app.core.clock.now();
    let found = store::message(app.core.db.pool(), &scope, principal.agent(), id, now).await;
    let FullMessage {
        id,
        kind,
        title,
        body,
        is_read,
        pinned,
        created_at,
    } = found
        .map_err(Problem::from)?
        .ok_or_else(Problem::not_found)?;
    Ok(Json(MessageView {
        id,
        kind,
        title,
        body,
        is_read,
        pinned,
        created_at,
    }))
}

/// Mark one message as read. Doing it again changes nothing.
#[utoipa::path(post, path = "/agent/messages/{id}/read", tag = "messages",
    params(("id" = i64, Path, description = "Number of the message")),
    responses(
        (status = 204, description = "Marked"),
        (status = 404, description = "`not_found`", body = ProblemDocument),
    ))]
pub async fn read_one(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(id): PathParam<i64>,
) -> Result<StatusCode, ApiError> {
    let now = app.core.clock.now();
    let marked = store::mark_one(app.core.db.pool(), &scope, principal.agent(), id, now).await;
    if !marked.map_err(Problem::from)? {
        return Err(Problem::not_found().into());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Mark several messages as read, or all.
#[utoipa::path(post, path = "/agent/messages/read", tag = "messages", request_body = ReadBody,
    responses((status = 204, description = "Marked")))]
pub async fn read(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    Valid(body): Valid<ReadBody>,
) -> Result<StatusCode, ApiError> {
    let ids = match (&body.ids, body.all.unwrap_or(false)) {
        (Some(ids), false) => Some(ids.as_slice()),
        (None, true) => None,
        _ => return Err(Problem::field("ids", "send either ids, or all as true").into()),
    };
    let now = app.core.clock.now();
    let marked = store::mark(app.core.db.pool(), &scope, principal.agent(), ids, now).await;
    marked.map_err(Problem::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many messages were not read yet.
#[utoipa::path(get, path = "/agent/messages/unread/count", tag = "messages", responses(
    (status = 200, description = "Counts by kind", body = UnreadCountView),
))]
pub async fn unread_count(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
) -> Result<Json<UnreadCountView>, ApiError> {
    let now = app.core.clock.now();
    let unread = store::unread(app.core.db.pool(), &scope, principal.agent(), now).await;
    let unread = unread.map_err(Problem::from)?;
    Ok(Json(UnreadCountView {
        total: unread.announcement + unread.private,
        announcement: unread.announcement,
        private: unread.private,
    }))
}
