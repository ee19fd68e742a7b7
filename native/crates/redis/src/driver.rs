use crate::batch::{Batch, Landing, within};
use crate::block::{BATCH_CHECKS_MAX, BlockWriter};
use crate::error::{Error, Failure};
use crate::lane::{Job, LaneSetup, Status, Ticket};
use crate::link::{Connected, Link};
use crate::window::FlightWindow;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// Batches under way whatever the window says: bounds what piles up behind a stalled server.
const IN_FLIGHT_MAX: usize = 32;
/// A batch of so many checks is full: a larger one costs the server hardly less per check.
const FULL_BATCH_CHECKS: usize = 32;
/// What leaves at once at most: enough for every slot of a node to have its batches.
const BURST_CHECKS_MAX: usize = 4096;
/// What is read of the inbox at once.
const INBOX_READ_MAX: usize = 4096;
/// How long answers under way are waited for at the end.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
const BACKOFF_FIRST_MS: u64 = 50;
const BACKOFF_MAX_MS: u64 = 2_000;

enum LinkState {
    Connecting {
        attempt: BoxFuture<'static, Result<Connected, Error>>,
        attempts: u32,
        /// Why there is no connection; `None` before the first.
        down: Option<Error>,
    },
    Ready(Connected),
}

enum LinkEvent {
    Attempted(Result<Connected, Error>),
    Ended,
}

impl LinkState {
    fn first(setup: &LaneSetup, address: &Arc<str>) -> Self {
        let attempt = Box::pin(Connected::connect(setup.info.clone(), Arc::clone(address), setup.role));
        Self::Connecting { attempt, attempts: 0, down: None }
    }

    async fn event(&mut self) -> LinkEvent {
        match self {
            Self::Connecting { attempt, .. } => LinkEvent::Attempted(attempt.await),
            Self::Ready(connected) => {
                connected.ended().await;
                LinkEvent::Ended
            }
        }
    }
}

/// Owns the connection and all that waits for it.
pub(crate) struct Driver {
    setup: LaneSetup,
    address: Arc<str>,
    told: watch::Sender<Status>,
    waiting: Arc<AtomicUsize>,
    link: LinkState,
    groups: HashMap<u16, VecDeque<Ticket>>,
    /// Groups that have something waiting.
    order: VecDeque<u16>,
    /// Sent alone, once there is a connection.
    early: Vec<Job>,
    window: FlightWindow,
    under_way: FuturesUnordered<BoxFuture<'static, Landing>>,
    /// Of those under way, what was gathered.
    batches: usize,
    /// Counts connections, so that what landed from an earlier one does not end a later.
    connections: u64,
}

impl Driver {
    pub fn new(setup: LaneSetup, told: watch::Sender<Status>, waiting: Arc<AtomicUsize>) -> Self {
        let address = setup.info.addr().to_string().into();
        Self {
            link: LinkState::first(&setup, &address),
            setup,
            address,
            told,
            waiting,
            groups: HashMap::new(),
            order: VecDeque::new(),
            early: Vec::new(),
            window: FlightWindow::default(),
            under_way: FuturesUnordered::new(),
            batches: 0,
            connections: 0,
        }
    }

    pub async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut read = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(landing) = self.under_way.next() => self.land(landing),
                event = self.link.event() => self.follow(event),
                count = jobs.recv_many(&mut read, INBOX_READ_MAX) => {
                    if count == 0 || read.drain(..).any(|job| !self.accept(job)) {
                        break;
                    }
                }
            }
            self.flush();
        }
        self.end(jobs).await;
    }

    /// Answers false where it is to close.
    fn accept(&mut self, job: Job) -> bool {
        match job {
            Job::Close => return false,
            Job::Decide(ticket) => {
                let group = self.groups.entry(ticket.group).or_default();
                if group.is_empty() {
                    self.order.push_back(ticket.group);
                }
                group.push_back(ticket);
            }
            job => self.early.push(job),
        }
        true
    }

    fn follow(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Attempted(Ok(connected)) => {
                self.link = LinkState::Ready(connected);
                self.connections += 1;
                self.tell(Status::Ready);
            }
            LinkEvent::Attempted(Err(error)) => self.reconnect(error),
            LinkEvent::Ended => self.lose(),
        }
    }

    fn lose(&mut self) {
        self.reconnect(Error::Unavailable(format!(
            "Redis at {} cannot be reached: the connection ended",
            self.address
        )));
    }

    /// Waits before the next attempt: 50 ms, twice that before each further one up to 2 s, each shortened at random by up to
    /// half, so that a fleet does not come back as one.
    fn reconnect(&mut self, error: Error) {
        let attempts = match &self.link {
            LinkState::Connecting { attempts, .. } => attempts + 1,
            LinkState::Ready(_) => 1,
        };
        let longest = (BACKOFF_FIRST_MS << (attempts - 1).min(16)).min(BACKOFF_MAX_MS);
        let wait = Duration::from_millis(longest).mul_f64(1.0 - fastrand::f64() / 2.0);
        let (info, address, role) = (self.setup.info.clone(), Arc::clone(&self.address), self.setup.role);
        let attempt = Box::pin(async move {
            sleep(wait).await;
            Connected::connect(info, address, role).await
        });
        self.link = LinkState::Connecting { attempt, attempts, down: Some(error.clone()) };
        self.tell(Status::Down(error));
    }

    fn tell(&self, status: Status) {
        let stands = matches!(status, Status::Ready);
        if stands {
            self.setup.listener.connected();
        }
        self.told.send_replace(status);
        (self.setup.on_change)(stands);
    }

    fn land(&mut self, landing: Landing) {
        if let Some(took) = landing.round_trip {
            self.batches -= 1;
            self.window.observe(took);
        }
        if landing.broke && landing.connection == self.connections && matches!(self.link, LinkState::Ready(_)) {
            self.lose();
        }
    }

    fn flush(&mut self) {
        match &self.link {
            LinkState::Connecting { down: None, .. } => {}
            LinkState::Connecting { down: Some(error), .. } => {
                let error = error.clone();
                self.refuse_waiting(&error);
            }
            LinkState::Ready(Connected { link, .. }) => {
                let link = link.clone();
                for job in std::mem::take(&mut self.early) {
                    self.send_alone(&link, job);
                }
                while !self.order.is_empty() && self.batches < self.window.size() {
                    self.send_round(&link, false);
                }
                while self.batches < IN_FLIGHT_MAX && self.send_round(&link, true) {}
            }
        }
    }

    /// Sends a batch of each group, or of each that has a full one. Answers whether it sent any.
    fn send_round(&mut self, link: &Link, only_full: bool) -> bool {
        let mut room = BURST_CHECKS_MAX;
        let before = self.batches;
        for _ in 0..self.order.len() {
            let Some(slot) = self.order.pop_front() else { break };
            let Some(mut group) = self.groups.remove(&slot) else { continue };
            if room > 0 && (!only_full || self.is_full(&group)) {
                room = room.saturating_sub(self.send_batch(link, &mut group));
            }
            if !group.is_empty() {
                self.groups.insert(slot, group);
                self.order.push_back(slot);
            }
        }
        self.batches > before
    }

    /// What waiting cannot make larger does not wait: a full batch, or one with another injected time behind it.
    fn is_full(&self, group: &VecDeque<Ticket>) -> bool {
        let times = group.front().zip(group.back()).map(|(a, b)| (a.request.now_us, b.request.now_us));
        group.len() >= self.full_size(group.len()) || times.is_some_and(|(first, last)| first != last)
    }

    /// Checks in a full batch: more than usual where the batches that may still leave could not take all that waits.
    fn full_size(&self, waiting: usize) -> usize {
        let room = IN_FLIGHT_MAX.saturating_sub(self.batches).max(1);
        waiting.div_ceil(room).clamp(FULL_BATCH_CHECKS, BATCH_CHECKS_MAX)
    }

    /// Answers how many checks it sent.
    fn send_batch(&mut self, link: &Link, group: &mut VecDeque<Ticket>) -> usize {
        let full = self.full_size(group.len());
        let mut block = BlockWriter::default();
        let mut tickets = Vec::new();
        while let Some(ticket) = group.pop_front() {
            if block.checks() >= full {
                group.push_front(ticket);
                break;
            }
            // Nobody waits for it any more.
            if !ticket.progress.take_off() {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            if !block.add(&ticket.request) {
                ticket.progress.come_back();
                group.push_front(ticket);
                break;
            }
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            tickets.push(ticket);
        }
        let checks = block.checks();
        if checks > 0 {
            self.batches += 1;
            let queued = self.waiting.load(Ordering::Relaxed);
            let listener = Arc::clone(&self.setup.listener);
            let batch = Batch { tickets, block, connection: self.connections, queued: Some(queued), listener };
            self.under_way.push(Box::pin(batch.fly(link.clone(), false, self.setup.answer_max)));
        }
        checks
    }

    fn send_alone(&mut self, link: &Link, job: Job) {
        let (link, answer_max, connection) = (link.clone(), self.setup.answer_max, self.connections);
        match job {
            Job::DecideAlone { ticket, asking } => {
                let mut block = BlockWriter::default();
                if ticket.progress.take_off() && block.add(&ticket.request) {
                    let listener = Arc::clone(&self.setup.listener);
                    let batch = Batch { tickets: vec![ticket], block, connection, queued: None, listener };
                    self.under_way.push(Box::pin(batch.fly(link, asking, answer_max)));
                }
            }
            Job::Call { command, asking, reply } => self.under_way.push(Box::pin(async move {
                let result = within(answer_max, link.call(&command, asking)).await;
                let broke = matches!(result, Err(Failure::Error(Error::ConnectionLost(_))));
                // Who asked may have gone.
                let _ = reply.send(result);
                Landing { round_trip: None, broke, connection }
            })),
            Job::Decide(_) | Job::Close => {}
        }
    }

    fn refuse_waiting(&mut self, error: &Error) {
        self.order.clear();
        for ticket in self.groups.drain().flat_map(|(_, group)| group) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            // Who asked may have gone.
            let _ = ticket.reply.send(Err(error.clone().into()));
        }
        for job in self.early.drain(..) {
            match job {
                Job::Call { reply, .. } => drop(reply.send(Err(Failure::Error(error.clone())))),
                Job::DecideAlone { ticket, .. } | Job::Decide(ticket) => {
                    drop(ticket.reply.send(Err(error.clone().into())));
                }
                Job::Close => {}
            }
        }
    }

    /// Answers what waits and what is under way, as far as they can be in time, and no more.
    async fn end(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        self.told.send_replace(Status::Closed);
        let give_up = sleep(CLOSE_GRACE);
        tokio::pin!(give_up);
        self.flush();
        while matches!(self.link, LinkState::Ready(_)) && !(self.under_way.is_empty() && self.order.is_empty()) {
            tokio::select! {
                () = &mut give_up => break,
                Some(landing) = self.under_way.next() => self.land(landing),
            }
            self.flush();
        }
        self.refuse_waiting(&Error::Closed);
        jobs.close();
        while let Some(job) = jobs.recv().await {
            self.accept(job);
        }
        self.refuse_waiting(&Error::Closed);
    }
}
