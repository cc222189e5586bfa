//! Rows on their way to the client, in constant memory.
//!
//! A task reads rows, writes them into parts of about [`PART`] bytes and waits while [`AHEAD`] of
//! them are not taken yet. It is a task, and not the body itself, so that the deadline also holds
//! for a client that takes nothing: then nobody asks the body for more.

use std::{error::Error, io};

use agent_domain::{BrandScope, page::DayRange};
use agent_services::{
    App,
    export::{Export, Outcome},
};
use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use csv::{Terminator, Writer, WriterBuilder};
use futures_util::{TryStreamExt as _, stream};
use http::{HeaderValue, header};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::sleep_until,
};
use tracing::Instrument as _;

use super::{
    cells::{Cells, Row},
    file_name::attachment,
};
use crate::error::cause;

/// Bytes of a part; its last row may exceed them.
const PART: usize = 64 * 1024;
/// Parts that wait to be sent.
const AHEAD: usize = 2;

const TEXT_CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");

/// What the body is made of. Without an end the answer is cut, so that nobody takes what came for
/// the whole.
enum Part {
    Rows(Bytes),
    End,
}

/// Today on the brand, for reports that have no days.
pub(crate) fn today(app: &App, scope: &BrandScope) -> DayRange {
    let today = scope.brand().day_of(app.core.clock.now());
    DayRange {
        first: today,
        last: today,
    }
}

/// Sends an export as a file that is named after report, brand and days.
pub(crate) fn answer<R, V>(
    export: Export<R>,
    view: impl Fn(R) -> V + Send + 'static,
    scope: &BrandScope,
    days: DayRange,
) -> Response
where
    R: Send + 'static,
    V: Cells + 'static,
{
    let headers = [
        (header::CONTENT_TYPE, TEXT_CSV),
        (
            header::CONTENT_DISPOSITION,
            attachment(export.report(), scope, days),
        ),
    ];
    let (sender, receiver) = channel(AHEAD);
    tokio::spawn(send(export, view, sender).in_current_span());
    (headers, body(receiver)).into_response()
}

fn body(receiver: Receiver<Part>) -> Body {
    Body::from_stream(stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Part::Rows(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Part::End) => None,
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    }))
}

async fn send<R, V>(mut export: Export<R>, view: impl Fn(R) -> V, sender: Sender<Part>)
where
    R: Send + 'static,
    V: Cells,
{
    let mut rows = 0;
    let deadline = export.deadline();
    let outcome = tokio::select! {
        biased;
        () = sender.closed() => Outcome::Aborted,
        () = sleep_until(deadline) => Outcome::Late,
        sent = pass_on(&mut export, view, &sender, &mut rows) => match sent {
            Ok(()) => Outcome::Complete,
            Err(Stopped::Gone) => Outcome::Aborted,
            Err(Stopped::Failed(error)) => Outcome::Failed(error),
        },
    };
    let report = export.report();
    match &outcome {
        Outcome::Failed(error) => {
            let cause = cause::describe(error.as_ref());
            tracing::error!(report, rows, cause, "an export broke off");
        }
        outcome => tracing::info!(report, rows, outcome = outcome.label(), "an export ended"),
    }
    export.end(&outcome, rows);
}

/// Why not every row was sent.
enum Stopped {
    /// Nobody takes them any more.
    Gone,
    Failed(Box<dyn Error + Send + Sync>),
}

impl<E: Error + Send + Sync + 'static> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

async fn pass_on<R, V>(
    export: &mut Export<R>,
    view: impl Fn(R) -> V,
    sender: &Sender<Part>,
    count: &mut u64,
) -> Result<(), Stopped>
where
    R: Send + 'static,
    V: Cells,
{
    let mut page = Page::with_header::<V>()?;
    let mut rows = export.rows();
    while let Some(row) = rows.try_next().await? {
        page.write(&view(row))?;
        *count += 1;
        if page.size >= PART {
            give(sender, Part::Rows(page.take()?)).await?;
        }
    }
    give(sender, Part::Rows(page.take()?)).await?;
    give(sender, Part::End).await
}

async fn give(sender: &Sender<Part>, part: Part) -> Result<(), Stopped> {
    sender.send(part).await.map_err(|_| Stopped::Gone)
}

/// The part that is being written.
struct Page {
    writer: Writer<Vec<u8>>,
    row: Row,
    /// About as many bytes.
    size: usize,
}

impl Page {
    fn with_header<V: Cells>() -> Result<Self, csv::Error> {
        let mut names = Vec::new();
        V::names("", &mut names);
        let mut writer = writer();
        writer.write_record(&names)?;
        Ok(Self {
            writer,
            row: Row::default(),
            size: 0,
        })
    }

    fn write(&mut self, view: &impl Cells) -> Result<(), csv::Error> {
        self.row.clear();
        view.write(&mut self.row);
        let record = self.row.record();
        self.size += record.as_slice().len() + record.len();
        self.writer.write_byte_record(record)
    }

    fn take(&mut self) -> Result<Bytes, io::Error> {
        self.size = 0;
        let full = std::mem::replace(&mut self.writer, writer());
        let bytes = full.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(bytes.into())
    }
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::with_capacity(PART + PART / 4))
}
