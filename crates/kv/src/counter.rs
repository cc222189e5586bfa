//! Attempt counters over fixed windows (Q-86, Q-100).

use std::{sync::LazyLock, time::Duration};

use redis::Script;

use crate::{Kv, KvError};

/// At most so many attempts in a window that begins with the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// From [`crate::keys::limit`] or [`crate::keys::limit_of`]; different for each window of a
    /// call.
    pub key: String,
    pub limit: u32,
    /// Length of the window, at least one second.
    pub seconds: u64,
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    Granted,
    /// A window is full. The last of the full ones ends after this time, which is above zero.
    Refused {
        retry_after: Duration,
    },
}

/// Gives 0 (granted) or the milliseconds until the last full window ends. Scripts run alone, so
/// that parallel attempts cannot pass a limit together. A counter that has no end, which only a
/// stranger's command can bring about, gets one: else it would lock somebody out for good.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local wait = 0
for i, key in ipairs(KEYS) do
  local limit, seconds = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  if tonumber(redis.call('GET', key) or 0) >= limit then
    local left = redis.call('PTTL', key)
    if left == -1 then redis.call('EXPIRE', key, seconds) end
    if left < 0 then left = seconds * 1000 end
    wait = math.max(wait, left, 1)
  end
end
if wait > 0 or ARGV[1] == 'peek' then return wait end
for i, key in ipairs(KEYS) do
  redis.call('INCR', key)
  if redis.call('PTTL', key) < 0 then redis.call('EXPIRE', key, ARGV[2 * i + 1]) end
end
return 0
",
    )
});

/// Takes one off each counter that exists and is above zero. A counter that has run out is not
/// made anew, for it would have no end.
static REFUND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) > 0 then redis.call('DECR', key) end
end
return 0
",
    )
});

impl Kv {
    /// Counts an attempt in all windows, or in none when any of them is full.
    ///
    /// # Errors
    /// Redis is away or refused; the attempt may have been counted.
    pub async fn reserve(&self, windows: &[Window]) -> Result<Verdict, KvError> {
        self.count("reserve", windows).await
    }

    /// Tells whether [`Kv::reserve`] would grant, without counting.
    ///
    /// # Errors
    /// Redis is away or refused.
    pub async fn peek(&self, windows: &[Window]) -> Result<Verdict, KvError> {
        self.count("peek", windows).await
    }

    /// Takes back one counted attempt in each window, never below zero.
    ///
    /// # Errors
    /// Redis is away or refused; the attempt may have been taken back.
    pub async fn refund(&self, windows: &[Window]) -> Result<(), KvError> {
        let mut call = REFUND.prepare_invoke();
        for window in windows {
            call.key(&window.key);
        }
        let mut lease = self.inner.link.lease().await?;
        let answer = call.invoke_async::<()>(&mut lease.connection).await;
        self.inner.link.settle(&lease, answer).await
    }

    async fn count(&self, mode: &str, windows: &[Window]) -> Result<Verdict, KvError> {
        let mut call = COUNT.prepare_invoke();
        call.arg(mode);
        for window in windows {
            call.key(&window.key);
            // An end in zero seconds would delete the counter, and with it the limit.
            call.arg(window.limit).arg(window.seconds.max(1));
        }
        let mut lease = self.inner.link.lease().await?;
        let answer = call.invoke_async::<u64>(&mut lease.connection).await;
        match self.inner.link.settle(&lease, answer).await? {
            0 => Ok(Verdict::Granted),
            millis => Ok(Verdict::Refused {
                retry_after: Duration::from_millis(millis),
            }),
        }
    }
}
