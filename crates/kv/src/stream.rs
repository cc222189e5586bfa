//! The stream of domain events (Q-19, Q-94).

use std::sync::LazyLock;

use redis::{ErrorKind, Script, ServerErrorKind};

use crate::{
    Kv, KvError,
    keys::{EPOCHS, STREAM},
};

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
/// would append the later ones first; a connection that breaks leaves a batch whole or absent; and
/// whoever lost a shard appends nothing of it any more, however late it notices.
///
/// Gives `~`, a shard and its epoch where the publisher's is older; `-` and an error where the epochs
/// could not be noted. Else only what went wrong, because writing answers is a part of what an entry
/// costs: nothing, or `+` when no entry was taken but one that nothing can be wrong with would have
/// been; and then the number of each entry that was not taken, and the error, or nothing for one
/// that was held back. Nobody ever reads the entry that nothing can be wrong with: it is deleted
/// before the script ends.
static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local shards = tonumber(ARGV[1])
local first = 2 + shards * 2
for i = 2, first - 1, 2 do
  local known = redis.call('HGET', KEYS[2], ARGV[i])
  if known and tonumber(known) > tonumber(ARGV[i + 1]) then
    return {'~', ARGV[i], known}
  end
  if known ~= ARGV[i + 1] then
    local noted = redis.pcall('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    if type(noted) == 'table' and noted.err then
      return {'-' .. noted.err}
    end
  end
end
local argv, pcall, stream = ARGV, redis.pcall, KEYS[1]
local refused, failures, number, appended = nil, {}, 0, false
for i = first, #argv, 8 do
  number = number + 1
  if refused and refused[argv[i + 2] .. '\0' .. argv[i + 3]] then
    failures[#failures + 1] = tostring(number)
    failures[#failures + 1] = ''
  else
    local answer = pcall('XADD', stream, '*', 'event_id', argv[i], 'event_type', argv[i + 1],
      'aggregate_type', argv[i + 2], 'aggregate_id', argv[i + 3], 'brand_id', argv[i + 4],
      'schema_version', argv[i + 5], 'occurred_at', argv[i + 6], 'payload', argv[i + 7])
    if type(answer) == 'table' then
      refused = refused or {}
      refused[argv[i + 2] .. '\0' .. argv[i + 3]] = true
      failures[#failures + 1] = tostring(number)
      failures[#failures + 1] = answer.err
    else
      appended = true
    end
  end
end
local takes_others = ''
if number > 0 and not appended then
  local probe = pcall('XADD', stream, '*', 'probe', '')
  if type(probe) ~= 'table' then
    redis.call('XDEL', stream, probe)
    takes_others = '+'
  end
end
table.insert(failures, 1, takes_others)
return failures
",
    )
});

/// Proof that a shard is the publisher's: one with a higher epoch has taken it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    pub shard: i16,
    pub epoch: i64,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Every entry was tried.
    Tried {
        /// For each entry whether it is in the stream, or why not.
        entries: Vec<Result<(), AppendError>>,
        /// Redis took none of them, but takes an entry that nothing is wrong with.
        takes_others: bool,
    },
    /// Nothing was appended: somebody else has taken this shard over.
    Fenced(Fence),
}

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
    /// Appends entries in their order, in one round trip, unless one of the fences is older than
    /// one that was seen. Without entries it only shows the fences: from then on older ones append
    /// nothing. After a refused entry the later ones of its aggregate are held back; other
    /// aggregates go on.
    ///
    /// # Errors
    /// [`KvError::is_connection`]: whether the batch was appended is unknown, but it was appended
    /// whole or not at all. Anything else: Redis answered with what the script never answers.
    pub async fn append(
        &self,
        fences: &[Fence],
        entries: &[StreamEntry],
    ) -> Result<Appended, KvError> {
        if fences.is_empty() && entries.is_empty() {
            return Ok(Appended::Tried {
                entries: Vec::new(),
                takes_others: false,
            });
        }
        // Not by way of the library's invocation, which copies every value once more.
        let mut call = redis::cmd("EVALSHA");
        call.arg(APPEND.get_hash()).arg(2).arg(STREAM).arg(EPOCHS);
        call.arg(fences.len());
        for fence in fences {
            call.arg(fence.shard).arg(fence.epoch);
        }
        for value in entries.iter().flat_map(StreamEntry::values) {
            call.arg(value);
        }
        let mut lease = self.inner.link.lease().await?;
        let connection = &mut lease.connection;
        let mut answers = call.query_async::<Vec<String>>(connection).await;
        let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
        if answers.as_ref().is_err_and(|error| error.kind() == unknown) {
            answers = match APPEND.load_async(connection).await {
                Ok(_) => call.query_async(connection).await,
                Err(error) => Err(error),
            };
        }
        let answers = self.inner.link.settle(&lease, answers).await?;
        let appended = read_answers(&answers, entries.len())?;
        let readonly = Err(AppendError::Full(READONLY.to_owned()));
        if matches!(&appended, Appended::Tried { entries, .. } if entries.contains(&readonly)) {
            let error = KvError::Refused(READONLY.to_owned());
            self.inner.link.judge(&lease, &error).await;
        }
        Ok(appended)
    }

    /// Shows fences and appends nothing: from then on older ones append nothing either. Gives the one
    /// that was seen before and is younger, if there is one.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn show(&self, fences: &[Fence]) -> Result<Option<Fence>, KvError> {
        Ok(match self.append(fences, &[]).await? {
            Appended::Tried { .. } => None,
            Appended::Fenced(younger) => Some(younger),
        })
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

fn read_answers(answers: &[String], expected: usize) -> Result<Appended, KvError> {
    let (first, failures) = answers.split_first().ok_or(KvError::Answer)?;
    if first == "~" {
        let number = |at: usize| failures.get(at).and_then(|text| text.parse().ok());
        let shard = number(0).and_then(|shard: i64| i16::try_from(shard).ok());
        let fence = shard.zip(number(1));
        let (shard, epoch) = fence.ok_or(KvError::Answer)?;
        return Ok(Appended::Fenced(Fence { shard, epoch }));
    }
    // The epochs could not be noted: no entry was tried, and none is at fault.
    if let Some(error) = first.strip_prefix('-') {
        let code = code_of(error).to_owned();
        return match expected {
            0 => Err(KvError::Refused(code)),
            _ => Ok(Appended::Tried {
                entries: vec![Err(AppendError::Full(code)); expected],
                takes_others: false,
            }),
        };
    }
    let mut entries = vec![Ok(()); expected];
    let (failures, []) = failures.as_chunks::<2>() else {
        return Err(KvError::Answer);
    };
    for [number, error] in failures {
        let number: usize = number.parse().map_err(|_| KvError::Answer)?;
        let entry = number.checked_sub(1).and_then(|at| entries.get_mut(at));
        *entry.ok_or(KvError::Answer)? = Err(match error.is_empty() {
            true => AppendError::HeldBack,
            false => AppendError::of_code(code_of(error)),
        });
    }
    Ok(Appended::Tried {
        entries,
        takes_others: first == "+",
    })
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
