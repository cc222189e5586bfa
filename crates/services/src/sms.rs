//! Handing texts to the SMS provider off the path of a request, and telling what became of
//! them without telling to whom they went (P-199, P-200).

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use agent_clients::{SmsClient, SmsError};
use agent_crypto::{ContactHash, OneTimeCode, random};
use agent_telemetry::Metrics;
use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zeroize::Zeroizing;

/// A text for one phone. It has no `Debug`, and its content is wiped when dropped.
pub struct ShortMessage {
    /// In E.164.
    pub to: Zeroizing<String>,
    pub text: Zeroizing<String>,
    /// What logs carry in place of the phone.
    pub contact: ContactHash,
    /// The code within the text, if it carries one: only for the line that tests may ask for
    /// (P-203).
    pub code: Option<OneTimeCode>,
}

/// What the queue is made of.
pub struct SmsParts {
    /// `None`: not provisioned (P-119).
    pub client: Option<SmsClient>,
    /// Messages that wait or are on their way.
    pub places: usize,
    /// Messages on their way.
    pub parallel: usize,
    /// `RECOVERY_EXPOSE_TOKEN_FOR_TESTS`, which the boot guard refuses in production (P-204).
    pub expose_codes: bool,
    pub metrics: Arc<Metrics>,
}

/// Takes messages at once and hands them over in tasks of their own: a bounded number waits, and
/// a smaller number is on its way, so that neither a slow answer nor a panic holds up the others.
#[derive(Clone)]
pub struct SmsQueue(Arc<Inner>);

struct Inner {
    client: Option<SmsClient>,
    places: Arc<Semaphore>,
    turns: Semaphore,
    tasks: TaskTracker,
    /// Ends what is still waiting when the patience of a stop is over.
    cut: CancellationToken,
    expose_codes: bool,
    metrics: Arc<Metrics>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Sent,
    /// The provider said no, or something that is no answer.
    NotSent(SmsError),
    /// There was no answer: whether it was sent is unknown.
    Exception(SmsError),
    Panicked,
    Unprovisioned,
    Full,
    /// The process ended first.
    Stopped,
}

impl SmsQueue {
    #[must_use]
    pub fn new(parts: SmsParts) -> Self {
        Self(Arc::new(Inner {
            client: parts.client,
            places: Arc::new(Semaphore::new(parts.places)),
            turns: Semaphore::new(parts.parallel),
            tasks: TaskTracker::new(),
            cut: CancellationToken::new(),
            expose_codes: parts.expose_codes,
            metrics: parts.metrics,
        }))
    }

    /// Takes a message. It never waits and never fails towards the caller, so that neither time
    /// nor answer of a request tells what became of it: failures are counted and logged. Needs a
    /// Tokio runtime.
    pub fn send(&self, message: ShortMessage) {
        let inner = &self.0;
        if inner.expose_codes {
            expose(&message);
        }
        let Some(client) = inner.client.clone() else {
            return inner.report(Outcome::Unprovisioned, &message.contact);
        };
        match inner.places.clone().try_acquire_owned() {
            Ok(place) => {
                let place = Place::taken(place, &inner.metrics);
                let queue = self.0.clone();
                inner.tasks.spawn(async move {
                    let outcome = queue.hand_over(&client, &message).await;
                    queue.report(outcome, &message.contact);
                    drop(place);
                });
            }
            Err(TryAcquireError::NoPermits) => inner.report(Outcome::Full, &message.contact),
            Err(TryAcquireError::Closed) => inner.report(Outcome::Stopped, &message.contact),
        }
    }

    /// Takes nothing more, and waits until all is handed over, for as long as `patience` at most;
    /// what is left then counts as not sent.
    pub async fn drain(&self, patience: Duration) {
        let inner = &self.0;
        inner.places.close();
        inner.tasks.close();
        if tokio::time::timeout(patience, inner.tasks.wait())
            .await
            .is_err()
        {
            inner.cut.cancel();
            inner.tasks.wait().await;
        }
    }
}

impl Inner {
    async fn hand_over(&self, client: &SmsClient, message: &ShortMessage) -> Outcome {
        let attempt = async {
            // Nobody closes it, so there is no other error than none.
            let _turn = self.turns.acquire().await.ok();
            outcome_of(client.send(&message.to, &message.text, random::uuid_v4())).await
        };
        tokio::select! {
            outcome = attempt => outcome,
            () = self.cut.cancelled() => Outcome::Stopped,
        }
    }

    /// The one line and the counts of a message (P-200, P-201).
    fn report(&self, outcome: Outcome, contact: &ContactHash) {
        let metrics = &self.metrics;
        let label = outcome.label();
        metrics.sms_delivery_total.with_label_values(&[label]).inc();
        if outcome == Outcome::Sent {
            tracing::info!(outcome = label, "SMS sent: {contact}");
            return;
        }
        metrics.recovery_sms_delivery_failed_total.inc();
        let reason = outcome.reason();
        tracing::warn!(outcome = label, reason, "SMS not sent: {contact}");
    }
}

/// A panic is that message's outcome, not the end of its line and counts.
async fn outcome_of(sending: impl Future<Output = Result<(), SmsError>>) -> Outcome {
    match AssertUnwindSafe(sending).catch_unwind().await {
        Ok(Ok(())) => Outcome::Sent,
        Ok(Err(error @ SmsError::Call(_))) => Outcome::Exception(error),
        Ok(Err(error)) => Outcome::NotSent(error),
        Err(_) => Outcome::Panicked,
    }
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::NotSent(_) => "not_sent",
            Self::Exception(_) | Self::Panicked => "exception",
            Self::Unprovisioned => "unprovisioned",
            Self::Full => "full",
            Self::Stopped => "stopped",
        }
    }

    fn reason(self) -> String {
        match self {
            Self::NotSent(error) | Self::Exception(error) => error.to_string(),
            Self::Panicked => "the sender panicked".to_owned(),
            Self::Unprovisioned => "SMS_URL is not set".to_owned(),
            Self::Full => "too many messages wait".to_owned(),
            Self::Stopped => "the process stops".to_owned(),
            Self::Sent => String::new(),
        }
    }
}

/// The one line that ever shows a code (P-203, P-223).
fn expose(message: &ShortMessage) {
    if let Some(code) = &message.code {
        let (to, code) = (message.to.as_str(), code.expose_digits());
        tracing::warn!("shown for tests only: tel={to} code={code}");
    }
}

/// A place in the queue, and its part in the gauge; both end with it.
struct Place {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Place {
    fn taken(permit: OwnedSemaphorePermit, metrics: &Arc<Metrics>) -> Self {
        metrics.sms_queue_length.inc();
        Self {
            _permit: permit,
            metrics: metrics.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.sms_queue_length.dec();
    }
}

#[cfg(test)]
mod tests {
    use agent_crypto::ContactHasher;

    use super::*;

    /// Otherwise its line and counts would be missing.
    #[tokio::test]
    async fn q90_a_panic_while_sending_is_an_outcome() {
        let outcome = outcome_of(async { panic!("on purpose") }).await;
        assert_eq!(outcome, Outcome::Panicked);
        assert_eq!(outcome.label(), "exception");
    }

    #[tokio::test]
    async fn p119_p201_without_a_provider_a_message_is_counted_and_takes_no_place() {
        let metrics = Metrics::new("agent_service");
        let queue = SmsQueue::new(SmsParts {
            client: None,
            places: 1,
            parallel: 1,
            expose_codes: false,
            metrics: metrics.clone(),
        });
        for _ in 0..3 {
            queue.send(ShortMessage {
                to: Zeroizing::new("+66812345678".to_owned()),
                text: Zeroizing::new("code 004711".to_owned()),
                contact: ContactHasher::new(None).hash("+66812345678"),
                code: None,
            });
        }
        let unprovisioned = metrics
            .sms_delivery_total
            .with_label_values(&["unprovisioned"]);
        assert_eq!(unprovisioned.get(), 3);
        assert_eq!(metrics.recovery_sms_delivery_failed_total.get(), 3);
        assert_eq!(metrics.sms_queue_length.get(), 0);
        queue.drain(Duration::ZERO).await;
    }
}
