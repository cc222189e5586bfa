//! The stream of domain events (Q-19, Q-94).

use std::sync::LazyLock;

use redis::Script;

use crate::{Kv, KvError, keys::STREAM};

/// An event as consumers read it: every field is text. `docs/EVENTS.md` repeats the comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// UUID version 7 in its usual form. Stays the same over every redelivery.
    pub event_id: String,
    /// What happened: one of the types below.
    pub event_type: String,
    /// Kind of thing that it happened to.
    pub aggregate_type: String,
    /// Which one of the kind.
    pub aggregate_id: String,
    /// The brand, a decimal number above zero. The payload repeats it as a number.
    pub brand_id: String,
    /// Version of the envelope.
    pub schema_version: String,
    /// When the change was made: RFC 3339, UTC, microseconds.
    pub occurred_at: String,
    /// A JSON object of at most 256 KiB; its members depend on the type.
    pub payload: String,
}

impl StreamEntry {
    /// In the order of the script's arguments.
    fn values(&self) -> [&str; 8] {
        [
            &self.event_id,
            &self.event_type,
            &self.aggregate_type,
            &self.aggregate_id,
            &self.brand_id,
            &self.schema_version,
            &self.occurred_at,
            &self.payload,
        ]
    }
}

/// A server that another one took over from.
const READONLY: &str = "READONLY";

/// A script and not a pipeline: it stops at a refused entry within an aggregate, where a pipeline
/// would append the later ones first; and a connection that breaks leaves a batch whole or absent.
/// Gives for each entry its id, `-` and the error, or nothing for one that was held back.
static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local refused, answers = {}, {}
for i = 1, #ARGV, 8 do
  local aggregate = ARGV[i + 2] .. '\0' .. ARGV[i + 3]
  local answer = ''
  if not refused[aggregate] then
    answer = redis.pcall('XADD', KEYS[1], '*', 'event_id', ARGV[i], 'event_type', ARGV[i + 1],
      'aggregate_type', ARGV[i + 2], 'aggregate_id', ARGV[i + 3], 'brand_id', ARGV[i + 4],
      'schema_version', ARGV[i + 5], 'occurred_at', ARGV[i + 6], 'payload', ARGV[i + 7])
    if type(answer) == 'table' then
      refused[aggregate] = true
      answer = '-' .. answer.err
    end
  end
  answers[#answers + 1] = answer
end
return answers
",
    )
});

/// Why Redis answered an entry with an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Redis takes no entries now, whatever they are: it is out of memory, read-only, loading,
    /// without its disk, this user may not write, or the key is no stream. The code it gave.
    #[error("Redis takes no writes: {0}")]
    Full(String),
    /// Redis takes writes, but not this one. The code it gave.
    #[error("Redis refused the entry: {0}")]
    Rejected(String),
    /// Not tried: an earlier entry of the same aggregate was refused, and order is kept.
    #[error("an earlier entry of the aggregate was refused")]
    HeldBack,
}

impl AppendError {
    fn of_code(code: &str) -> Self {
        match code {
            "OOM" | "MISCONF" | "READONLY" | "LOADING" | "MASTERDOWN" | "NOREPLICAS" | "BUSY"
            | "TRYAGAIN" | "CLUSTERDOWN" | "NOAUTH" | "NOPERM" | "WRONGTYPE" => {
                Self::Full(code.to_owned())
            }
            _ => Self::Rejected(code.to_owned()),
        }
    }
}

impl Kv {
    /// Appends entries in their order, in one round trip, and gives for each its id in the stream
    /// or why it was not appended. After a refused entry the later ones of its aggregate are held
    /// back; other aggregates go on.
    ///
    /// # Errors
    /// [`KvError::is_connection`]: whether the batch was appended is unknown, but it was appended
    /// whole or not at all. Anything else: Redis answered with what the script never answers.
    pub async fn append(
        &self,
        entries: &[StreamEntry],
    ) -> Result<Vec<Result<String, AppendError>>, KvError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = APPEND.prepare_invoke();
        call.key(STREAM);
        for value in entries.iter().flat_map(StreamEntry::values) {
            call.arg(value);
        }
        let mut lease = self.inner.link.lease().await?;
        let answers = call
            .invoke_async::<Vec<String>>(&mut lease.connection)
            .await;
        let answers = self.inner.link.settle(&lease, answers).await?;
        if answers.len() != entries.len() {
            return Err(KvError::Answer);
        }
        let answers: Vec<_> = answers.into_iter().map(outcome).collect();
        if answers.contains(&Err(AppendError::Full(READONLY.to_owned()))) {
            let error = KvError::Refused(READONLY.to_owned());
            self.inner.link.judge(&lease, &error).await;
        }
        Ok(answers)
    }

    /// Number of entries in the stream.
    ///
    /// # Errors
    /// Redis is away or refused.
    pub async fn stream_len(&self) -> Result<u64, KvError> {
        self.query(redis::cmd("XLEN").arg(STREAM)).await
    }

    /// Removes the oldest entries above about `max_len`, in whole blocks (`~`), and gives how
    /// many were removed.
    ///
    /// # Errors
    /// Redis is away or refused.
    pub async fn stream_trim(&self, max_len: u64) -> Result<u64, KvError> {
        let mut trim = redis::cmd("XTRIM");
        trim.arg(STREAM).arg("MAXLEN").arg("~").arg(max_len);
        self.query(&trim).await
    }
}

/// Reads one answer of the script.
fn outcome(answer: String) -> Result<String, AppendError> {
    match answer.strip_prefix('-') {
        Some(error) => Err(AppendError::of_code(code_of(error))),
        None if answer.is_empty() => Err(AppendError::HeldBack),
        None => Ok(answer),
    }
}

/// The code that an error begins with. Redis before 7 puts the place in the script before errors
/// of its own: `@user_script: 8: -OOM command not allowed …`.
fn code_of(error: &str) -> &str {
    let placed = error.strip_prefix("@user_script: ");
    let error = placed
        .and_then(|rest| rest.split_once(": "))
        .map_or(error, |(_, error)| error);
    let error = error.trim_start_matches('-');
    error.split_whitespace().next().unwrap_or_default()
}
