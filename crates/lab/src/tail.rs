//! `tail`: the stream of domain events as it grows.

use redis::streams::StreamId;

use crate::{context::Lab, out, stream::Stream};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Begin with the oldest event that the stream still holds.
    #[arg(long)]
    from_start: bool,
    /// End after so many events.
    #[arg(long)]
    count: Option<u64>,
}

pub(crate) async fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let mut stream = match args.from_start {
        true => Stream::from_start(lab).await?,
        false => Stream::from_now(lab).await?,
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        for event in stream.next(left).await? {
            if !print(&event) {
                return Ok(());
            }
            left -= 1;
        }
    }
    Ok(())
}

/// False when nobody reads on.
fn print(event: &StreamId) -> bool {
    let field = |name: &str| event.get::<String>(name).unwrap_or_else(|| "?".to_owned());
    out::line(format_args!(
        "{} {} {} {}:{} brand {} v{} {}\n    {}",
        field("occurred_at"),
        event.id,
        field("event_type"),
        field("aggregate_type"),
        field("aggregate_id"),
        field("brand_id"),
        field("schema_version"),
        field("event_id"),
        field("payload"),
    ))
}
