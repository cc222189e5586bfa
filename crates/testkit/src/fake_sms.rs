//! An SMS provider on a port of its own, which keeps what it is handed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Messages come off the path of a request, so tests wait for them; on a busy machine, long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the provider does with a message, after it has noted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsMode {
    /// 200 without a body.
    Ok,
    /// This status, with a page.
    Status(u16),
    /// 200, and a JSON body that says no.
    Refuse,
    /// 200, and a page where an answer belongs.
    Garbage,
    /// As [`Self::Ok`], after this time.
    Slow(Duration),
    /// Says nothing until [`FakeSms::release`], and then nothing either.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

/// What was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub to: String,
    pub text: String,
    pub reference: String,
}

impl Message {
    /// The six digits within the text that stand by themselves.
    #[track_caller]
    pub fn code(&self) -> String {
        self.find_code()
            .unwrap_or_else(|| panic!("no code in {:?}", self.text))
    }

    pub(crate) fn find_code(&self) -> Option<String> {
        let mut runs = self.text.split(|c: char| !c.is_ascii_digit());
        runs.find(|run| run.len() == 6).map(str::to_owned)
    }
}

/// A provider that lives as long as this value.
pub struct FakeSms {
    url: String,
    noted: Arc<watch::Sender<Vec<Message>>>,
    mode: Arc<watch::Sender<SmsMode>>,
    released: CancellationToken,
    /// How many messages of a phone were waited for.
    seen: Mutex<HashMap<String, usize>>,
    serving: JoinHandle<()>,
}

impl FakeSms {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let noted = Arc::new(watch::Sender::new(Vec::new()));
        let mode = Arc::new(watch::Sender::new(SmsMode::Ok));
        let released = CancellationToken::new();
        let provider = Provider {
            noted: noted.clone(),
            mode: mode.clone(),
            released: released.clone(),
        };
        let serving = tokio::spawn(provider.serve(listener));
        Self {
            url: format!("http://{address}/send"),
            noted,
            mode,
            released,
            seen: Mutex::default(),
            serving,
        }
    }

    /// For `SMS_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For messages that come from here on.
    pub fn set_mode(&self, mode: SmsMode) {
        self.mode.send_replace(mode);
    }

    /// Closes what hangs, now and later.
    pub fn release(&self) {
        self.released.cancel();
    }

    /// Everything so far, in the order in which it came.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.noted.borrow().clone()
    }

    /// The next message to this phone that was not waited for yet.
    pub async fn wait_for(&self, to: &str) -> Message {
        let index = {
            let mut seen = self.seen.lock().expect("seen messages");
            let seen = seen.entry(to.to_owned()).or_default();
            *seen += 1;
            *seen - 1
        };
        let nth = |noted: &Vec<Message>| noted.iter().filter(|m| m.to == to).nth(index).cloned();
        let mut noted = self.noted.subscribe();
        let arrival = noted.wait_for(|noted| nth(noted).is_some());
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        let arrived = arrived.unwrap_or_else(|_| panic!("message {index} to {to} did not come"));
        nth(&arrived.expect("the provider lives")).expect("the message")
    }

    /// Waits until so many messages came, to whomever.
    pub async fn wait_until(&self, count: usize) {
        let mut noted = self.noted.subscribe();
        let arrival = noted.wait_for(|noted| noted.len() >= count);
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        assert!(arrived.is_ok(), "{count} messages did not come");
    }
}

impl Drop for FakeSms {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What each connection needs.
#[derive(Clone)]
struct Provider {
    noted: Arc<watch::Sender<Vec<Message>>>,
    mode: Arc<watch::Sender<SmsMode>>,
    released: CancellationToken,
}

impl Provider {
    async fn serve(self, listener: TcpListener) {
        loop {
            // Out of descriptors, perhaps: the next one may fare better.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            tokio::spawn(self.clone().take(stream));
        }
    }

    /// A client that hangs up before it has said everything has handed over nothing.
    async fn take(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let Some(message) = read(&mut stream).await else {
            return;
        };
        let mode = *self.mode.borrow();
        self.noted.send_modify(|noted| noted.push(message));
        if let Some((status, body)) = self.verdict(mode).await {
            answer(stream.into_inner(), status, body).await;
        }
    }

    /// Status and body; `None` closes the connection.
    async fn verdict(&self, mode: SmsMode) -> Option<(u16, &'static str)> {
        match mode {
            SmsMode::Ok => Some((200, "")),
            SmsMode::Status(status) => Some((status, "<h1>no</h1>")),
            SmsMode::Refuse => Some((200, r#"{"sent":false,"error":"blocked"}"#)),
            SmsMode::Garbage => Some((200, "<h1>sign in to the network</h1>")),
            SmsMode::Close => None,
            SmsMode::Slow(time) => {
                tokio::time::sleep(time).await;
                Some((200, ""))
            }
            SmsMode::Hang => {
                self.released.cancelled().await;
                None
            }
        }
    }
}

/// Reads one request; `None` when it is not one as it should be.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Message> {
    let mut length = None;
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
    let mut body = vec![0; length?];
    stream.read_exact(&mut body).await.ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    first.starts_with("POST ").then_some(())?;
    Some(Message {
        to: text("to")?,
        text: text("text")?,
        reference: text("reference")?,
    })
}

async fn answer(mut stream: TcpStream, status: u16, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // The client may be gone, as it may in life.
    stream.write_all(answer.as_bytes()).await.ok();
}
