use crate::ask::{Outcome, Request};
use crate::driver::Driver;
use crate::error::{Error, Failure};
use crate::listener::Listener;
use crate::progress::Progress;
use crate::server_check::Role;
use redis::{Cmd, ConnectionInfo, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that wait to be sent to one server. More would only wait longer than anybody does.
const WAITING_MAX: usize = 100_000;
/// A request whose keys are all in one group: of one slot in a cluster, any on a server.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub group: u16,
    pub request: Arc<Request>,
    pub progress: Progress,
    pub reply: oneshot::Sender<Result<Outcome, Refusal>>,
}

/// Why a request was not decided.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub failure: Failure,
    /// Requests of the batch that it was in.
    pub batch: usize,
}

/// The lane has ended without an answer.
fn unanswered(progress: &Progress) -> Error {
    if progress.is_sent() {
        Error::ConnectionLost("the engine was closed before Redis answered".to_owned())
    } else {
        Error::Closed
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { failure: Failure::Error(error), batch: 1 }
    }
}

#[derive(Debug)]
pub(crate) enum Job {
    /// Gathered with others.
    Decide(Ticket),
    /// Sent at once and alone.
    DecideAlone {
        ticket: Ticket,
        asking: bool,
    },
    Call {
        command: Cmd,
        asking: bool,
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    Close,
}

#[derive(Clone, Debug)]
pub(crate) enum Status {
    /// The first attempt to connect is under way: what is asked for waits.
    Connecting,
    Ready,
    /// Attempts go on; what is asked for meanwhile is refused.
    Down(Error),
    Closed,
}

/// Told after every change of the connection: whether it stands.
pub(crate) type OnChange = Arc<dyn Fn(bool) + Send + Sync>;

/// How a lane is made.
#[derive(Clone)]
pub(crate) struct LaneSetup {
    pub info: ConnectionInfo,
    pub role: Role,
    /// A batch that is not answered so long ends its connection.
    pub answer_max: Duration,
    pub on_change: OnChange,
    pub listener: Arc<dyn Listener>,
}

/// The way to one server. What is asked for gathers while the batches under way fill a window, and leaves with the reply that
/// makes room, or before when a batch is full; where nothing is under way it leaves at once. No timer is involved.
///
/// A request is never split over two batches, and never sent again after what may have executed it.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    inbox: mpsc::UnboundedSender<Job>,
    waiting: Arc<AtomicUsize>,
    status: watch::Receiver<Status>,
}

impl Lane {
    /// Starts to connect. To be called within a tokio runtime.
    pub fn start(setup: LaneSetup) -> Self {
        let (inbox, jobs) = mpsc::unbounded_channel();
        let (told, status) = watch::channel(Status::Connecting);
        let waiting = Arc::new(AtomicUsize::new(0));
        let driver = Driver::new(setup, told, Arc::clone(&waiting));
        tokio::spawn(driver.run(jobs));
        Self { inbox, waiting, status }
    }

    pub fn is_ready(&self) -> bool {
        matches!(*self.status.borrow(), Status::Ready)
    }

    pub fn is_down(&self) -> bool {
        matches!(*self.status.borrow(), Status::Down(_))
    }

    /// Resolves once the attempt to connect that is under way has succeeded; with its error where it has not.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut status = self.status.clone();
        let known = status.wait_for(|status| !matches!(status, Status::Connecting)).await.map_err(|_| Error::Closed)?;
        match &*known {
            Status::Ready => Ok(()),
            Status::Down(error) => Err(error.clone()),
            Status::Connecting | Status::Closed => Err(Error::Closed),
        }
    }

    /// Decides a request together with others of its group.
    pub async fn decide(&self, group: u16, request: &Arc<Request>, progress: &Progress) -> Result<Outcome, Refusal> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Unavailable(format!("{WAITING_MAX} requests wait for Redis already")).into());
        }
        self.post(group, request, progress, Job::Decide).await
    }

    /// Decides a request at once and alone; `asking` as with [`Link::call`].
    pub async fn decide_alone(
        &self,
        group: u16,
        request: &Arc<Request>,
        progress: &Progress,
        asking: bool,
    ) -> Result<Outcome, Refusal> {
        self.post(group, request, progress, |ticket| Job::DecideAlone { ticket, asking }).await
    }

    async fn post(
        &self,
        group: u16,
        request: &Arc<Request>,
        progress: &Progress,
        job: impl FnOnce(Ticket) -> Job,
    ) -> Result<Outcome, Refusal> {
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket { group, request: Arc::clone(request), progress: progress.clone(), reply };
        self.inbox.send(job(ticket)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| unanswered(progress))?
    }

    /// Sends any other command.
    pub async fn call(&self, command: Cmd, asking: bool) -> Result<Value, Failure> {
        let (reply, answer) = oneshot::channel();
        let closed = || Failure::Error(Error::Closed);
        self.inbox.send(Job::Call { command, asking, reply }).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Takes no more, and resolves when what is under way is answered, but not later than after a while: a server that was
    /// lost may never answer.
    pub async fn close(&self) {
        if self.inbox.send(Job::Close).is_ok() {
            self.inbox.closed().await;
        }
    }
}
