//! What the worker does.

mod heartbeat;
mod publish;
mod upkeep;

pub use heartbeat::{Heartbeat, LoopSign};
pub use publish::Publish;
pub use upkeep::{Upkeep, UpkeepSettings};
