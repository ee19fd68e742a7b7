//! The thread that speaks with Redis, whatever JavaScript does meanwhile.

use super::answers::{Answers, Queue};
use super::spares::{Sent, Spares};
use crate::block::{BlockReader, Malformed};
use crate::caught::{Panicked, caught, last_place};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use sluice_algorithms::Plan;
use sluice_redis::redis::{self, Value};
use sluice_redis::{
    Ask, BatchReport, CHECKS_MAX, Caller, Error, KeySpace, Listener, Options, Outcome, RedisEngine, Store,
};
use smallvec::SmallVec;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::unconstrained;
use tokio::time::sleep;

/// Messages that are read at once.
const READ_MAX: usize = 256;
/// What is not answered so long after the connections were closed never will be.
const CLOSE_GRACE: Duration = Duration::from_millis(250);

/// What JavaScript has to say. They are heard in the order in which they were sent.
#[derive(Debug)]
pub(super) enum Message {
    /// Requests name the plan by its place from now on.
    Define { place: usize, plan: Plan },
    /// Requests: `crate::block`.
    Block(Sent),
    /// Nobody waits for the answer any more.
    Leave(u32),
    /// Is answered once Redis can be asked.
    Ready(u32),
    /// Is answered with what the server says of its memory.
    Memory(u32),
    /// Is answered with the address of the node of each slot, one a line; a line is empty where none is known.
    Slots(u32),
    /// Is answered when all that was asked before is; the thread then ends.
    Close(u32),
    /// The thread ends, whatever is under way.
    End,
}

/// What a message leads to.
enum Next {
    Serve,
    Close(u32),
    End,
}

enum Said {
    Outcome(Outcome),
    Text(String),
    Done,
}

/// The number of a request, and what came of it.
type Ended = (u32, Result<Said, Error>);

/// What the thread is to speak with.
pub(super) struct Setup {
    pub store: Store,
    pub keys: KeySpace,
    pub shared: bool,
    pub tells_batches: bool,
}

struct Desk {
    engine: RedisEngine,
    meta_key: String,
    places: Vec<Option<Plan>>,
    /// By number of the request.
    callers: Vec<Option<Caller>>,
    calls: FuturesUnordered<BoxFuture<'static, Ended>>,
    answers: Arc<Answers>,
    spares: Arc<Spares>,
    is_closing: bool,
}

/// Tells JavaScript what happens beside the answers.
struct Teller {
    tells_batches: bool,
    answers: Arc<Answers>,
}

impl Teller {
    fn tell(&self, write: impl FnOnce(&mut Queue)) {
        write(&mut self.answers.queue());
        self.answers.wake();
    }
}

impl Listener for Teller {
    fn connected(&self) {
        self.tell(Queue::connected);
    }

    fn batch(&self, report: &BatchReport<'_>) {
        // The answers of the batch come right behind it, and wake for both.
        if self.tells_batches {
            self.answers.queue().batch(report);
        }
    }

    fn lost(&self, error: &Error) {
        self.tell(|queue| queue.lost(error));
    }

    fn slots_moved(&self) {
        self.tell(Queue::slots_moved);
    }
}

/// Starts the thread. It ends when it is told to.
pub(super) fn start(
    setup: Setup,
    inbox: UnboundedReceiver<Message>,
    answers: Arc<Answers>,
    spares: Arc<Spares>,
) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    std::thread::Builder::new().name("sluice-redis".to_owned()).spawn(move || {
        let told = Arc::clone(&answers);
        if let Err(Panicked(place)) = caught(|| run(&runtime, setup, inbox, answers, spares)) {
            told.queue().broken(&stopped(&place));
            told.wake();
        }
        // A name that is still being looked up holds nobody.
        runtime.shutdown_background();
    })
}

fn run(runtime: &Runtime, setup: Setup, inbox: UnboundedReceiver<Message>, answers: Arc<Answers>, spares: Arc<Spares>) {
    runtime.block_on(async {
        let Setup { store, keys, shared, tells_batches } = setup;
        let listener = Arc::new(Teller { tells_batches, answers: Arc::clone(&answers) });
        let desk = Desk {
            engine: RedisEngine::new(store, &keys, Options { shared, listener, ..Options::default() }),
            meta_key: keys.meta_key(),
            places: Vec::new(),
            callers: Vec::new(),
            calls: FuturesUnordered::new(),
            answers,
            spares,
            is_closing: false,
        };
        // It gives way whenever there is nothing to do; more often would only cut batches of answers into pieces.
        unconstrained(desk.serve(inbox)).await;
    });
}

impl Desk {
    async fn serve(mut self, mut inbox: UnboundedReceiver<Message>) {
        let mut messages = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.calls.next() => self.answer_all(ended),
                read = inbox.recv_many(&mut messages, READ_MAX) => {
                    if read == 0 {
                        return;
                    }
                    for message in messages.drain(..) {
                        match self.hear(message) {
                            Next::Serve => {}
                            Next::Close(ticket) => return self.close(ticket, inbox).await,
                            Next::End => return,
                        }
                    }
                }
            }
        }
    }

    fn hear(&mut self, message: Message) -> Next {
        match message {
            Message::Define { place, plan } => {
                if self.places.len() <= place {
                    self.places.resize(place + 1, None);
                }
                if let Some(own) = self.places.get_mut(place) {
                    *own = Some(plan);
                }
            }
            Message::Block(sent) => {
                let read = self.ask(&sent.numbers, &sent.text);
                self.spares.put_back(sent);
                if let Err(malformed) = read {
                    self.answers.queue().broken(&malformed.to_string());
                    self.answers.wake();
                }
            }
            Message::Leave(ticket) => {
                if let Some(caller) = self.callers.get_mut(ticket as usize).and_then(Option::take) {
                    caller.leave();
                }
            }
            Message::Ready(ticket) => {
                let engine = self.engine.clone();
                self.calls.push(Box::pin(async move { (ticket, engine.ready().await.map(|()| Said::Done)) }));
            }
            Message::Memory(ticket) => {
                let (engine, key) = (self.engine.clone(), self.meta_key.clone());
                self.calls.push(Box::pin(async move {
                    let told = engine.call(&key, redis::cmd("INFO").arg("memory").to_owned()).await;
                    (ticket, told.map(|value| Said::Text(text_of(&value))))
                }));
            }
            Message::Slots(ticket) => {
                let owners = self.engine.slot_owners().into_iter().map(Option::unwrap_or_default);
                self.answers.queue().text(ticket, owners.collect::<Vec<_>>().join("\n"));
                self.answers.wake();
            }
            Message::Close(ticket) => return Next::Close(ticket),
            Message::End => return Next::End,
        }
        Next::Serve
    }

    /// Begins to decide the requests of a block.
    fn ask(&mut self, numbers: &[f64], text: &[u8]) -> Result<(), Malformed> {
        let mut block = BlockReader::new(numbers, text);
        for _ in 0..block.requests()? {
            let ticket = block.ticket()?;
            let (now_us, checks) = block.request()?;
            if checks > CHECKS_MAX {
                return Err(Malformed);
            }
            let mut asks: SmallVec<[Ask<'_>; 2]> = SmallVec::with_capacity(checks);
            for _ in 0..checks {
                let check = block.check()?;
                let plan = self.places.get(check.place).and_then(Option::as_ref).ok_or(Malformed)?;
                let (key, lease_id) = (check.subject, check.lease_id);
                asks.push(Ask { key, plan, op: check.op, n: check.n, at: check.at, lease_id });
            }
            let caller = Caller::default();
            let decided = self.engine.decide_for(&caller, now_us, &asks);
            self.calls.push(Box::pin(async move { (ticket, decided.await.map(Said::Outcome)) }));
            let place = ticket as usize;
            if self.callers.len() <= place {
                self.callers.resize(place + 1, None);
            }
            if let Some(own) = self.callers.get_mut(place) {
                *own = Some(caller);
            }
        }
        Ok(())
    }

    /// Answers all that has ended by now, and wakes JavaScript once for it.
    fn answer_all(&mut self, first: Ended) {
        self.answer(first);
        while let Some(Some(ended)) = self.calls.next().now_or_never() {
            self.answer(ended);
        }
        self.answers.wake();
    }

    fn answer(&mut self, (ticket, result): Ended) {
        let caller = self.callers.get_mut(ticket as usize).and_then(Option::take);
        let mut queue = self.answers.queue();
        match result {
            Ok(Said::Outcome(outcome)) => queue.outcome(ticket, &outcome),
            Ok(Said::Text(text)) => queue.text(ticket, text),
            Ok(Said::Done) => queue.done(ticket),
            // Nobody has closed it, and nobody has left: whoever was to send it has panicked.
            Err(Error::Closed) if !self.is_closing && caller.is_some() => queue.broken(&stopped(&last_place())),
            Err(error) => queue.failed(ticket, &error),
        }
    }

    async fn close(mut self, ticket: u32, mut inbox: UnboundedReceiver<Message>) {
        self.is_closing = true;
        let engine = self.engine.clone();
        let closing = async {
            engine.close().await;
            sleep(CLOSE_GRACE).await;
        };
        tokio::pin!(closing);
        loop {
            tokio::select! {
                biased;
                ended = self.calls.next() => match ended {
                    Some(ended) => self.answer_all(ended),
                    None => break,
                },
                () = &mut closing => break,
                Some(Message::End) = inbox.recv() => return,
            }
        }
        engine.close().await;
        self.answers.queue().done(ticket);
        self.answers.wake();
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    }
}

fn stopped(place: &str) -> String {
    format!("it panicked at {place} and has stopped; whether what was under way was charged is unknown")
}
