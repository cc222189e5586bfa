//! What the worker does.

mod heartbeat;
mod publish;
mod roll_up;
mod sign;
mod sweep;
mod upkeep;

pub use heartbeat::Heartbeat;
pub use publish::{Publish, listen};
pub use roll_up::RollUp;
pub use sign::LoopSign;
pub use sweep::Sweep;
pub use upkeep::Upkeep;
