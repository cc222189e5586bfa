//! `/agent/sub/tree`.

use agent_domain::{AgentGuid, Problem};
use agent_services::{
    App,
    portal::sub_tree::{self, Node},
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::sub::status_schema;
use crate::{
    RouteState,
    error::{ApiError, ProblemDocument},
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new().routes(routes!(tree))
}

/// Which part of the tree.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TreeQuery {
    /// The agent at its top; oneself where nothing is said.
    pub root: Option<i64>,
    /// Levels below the top; 2 where nothing is said.
    #[param(minimum = 1, maximum = 5)]
    pub depth: Option<i16>,
}

impl TreeQuery {
    fn depth(self) -> Result<i16, Problem> {
        let depth = self.depth.unwrap_or(2);
        if (1..=5).contains(&depth) {
            Ok(depth)
        } else {
            Err(Problem::field("depth", "must be between 1 and 5"))
        }
    }
}

/// An agent with those below it.
#[derive(Serialize, ToSchema)]
pub struct TreeNodeView {
    guid: i64,
    username: String,
    level: i16,
    #[schema(schema_with = status_schema)]
    status: String,
    #[schema(no_recursion)]
    children: Vec<TreeNodeView>,
    /// There are more agents directly below than `children` holds: ask with this one as `root`.
    has_more: bool,
}

impl From<Node> for TreeNodeView {
    fn from(node: Node) -> Self {
        Self {
            guid: node.guid,
            username: node.username,
            level: node.level,
            status: node.status,
            children: node.children.into_iter().map(Self::from).collect(),
            has_more: node.has_more,
        }
    }
}

/// The tree below oneself, or below an agent of it. At most 500 agents, from the top downwards.
#[utoipa::path(get, path = "/agent/sub/tree", tag = "sub", params(TreeQuery),
    responses(
        (status = 200, description = "The agent at the top with those below it", body = TreeNodeView),
        (status = 404, description = "`not_found`: `root` is not below", body = ProblemDocument),
    ))]
pub async fn tree(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(query): QueryParams<TreeQuery>,
) -> Result<Json<TreeNodeView>, ApiError> {
    let root = query.root.map(AgentGuid);
    let node = sub_tree::tree(&app, &principal, &scope, root, query.depth()?).await?;
    Ok(Json(node.into()))
}
