//! Checks on Redis, and how JavaScript asks for them.
//!
//! A thread of its own for each store decides and answers; the one of JavaScript only copies: requests into a message to that
//! thread, answers into memory that it reads. It waits for nobody.

mod answers;
mod settings;
mod spares;
mod thread;

use crate::memory::{PLACES, plan_of};
use answers::Answers;
use napi::bindgen_prelude::{Float64Array, Function, Uint8Array};
use napi::{Env, Error, Result};
use napi_derive::napi;
pub use settings::{NativeNode, NativeStore, NativeTls};
use spares::Spares;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use thread::Message;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The memory in which requests cross.
struct Block {
    numbers: Float64Array,
    text: Uint8Array,
}

/// Limits on Redis, for one thread of JavaScript.
#[napi]
pub struct NativeRedis {
    inbox: UnboundedSender<Message>,
    block: Rc<RefCell<Block>>,
    answers: Arc<Answers>,
    spares: Arc<Spares>,
    thread: Option<JoinHandle<()>>,
}

#[napi]
impl NativeRedis {
    /// Starts to connect. The arrays are the block, see `crate::block`. `wake` is called when there are answers to be drained.
    #[napi(constructor)]
    pub fn new(
        store: NativeStore,
        numbers: Float64Array,
        text: Uint8Array,
        wake: Function<'_, (), ()>,
    ) -> Result<Self> {
        let setup = store.read()?;
        let wake = wake.build_threadsafe_function::<()>().weak::<true>().build()?;
        let answers = Arc::new(Answers::new(wake));
        let (inbox, messages) = unbounded_channel();
        let spares = Arc::new(Spares::default());
        let thread = thread::start(setup, messages, Arc::clone(&answers), Arc::clone(&spares))
            .map_err(|error| Error::from_reason(format!("its thread cannot be started: {error}")))?;
        let block = Rc::new(RefCell::new(Block { numbers, text }));
        Ok(Self { inbox, block, answers, spares, thread: Some(thread) })
    }

    /// Takes another block in place of the one there was.
    #[napi]
    pub fn attach(&self, numbers: Float64Array, text: Uint8Array) -> Result<()> {
        let mut block = self.block.try_borrow_mut().map_err(|_| Error::from_reason("a call is under way"))?;
        *block = Block { numbers, text };
        Ok(())
    }

    /// Puts a plan at a place, 0 to 1,023.
    #[napi]
    pub fn define(&self, place: u32, row: &[f64]) -> Result<()> {
        let plan = plan_of(row)?;
        if place >= PLACES {
            return Err(Error::from_reason(format!("place {place} is not below {PLACES}")));
        }
        self.send(Message::Define { place: place as usize, plan })
    }

    /// A function that sends the requests in the block: its arguments are how many numbers and how many bytes there are.
    #[napi]
    pub fn submitter<'env>(&self, env: &'env Env) -> Result<Function<'env, (u32, u32), ()>> {
        let block = Rc::clone(&self.block);
        let (inbox, spares) = (self.inbox.clone(), Arc::clone(&self.spares));
        env.create_function_from_closure("submit", move |call| {
            let (numbers, bytes) = (call.get::<u32>(0)?, call.get::<u32>(1)?);
            let block = block.try_borrow().map_err(|_| Error::from_reason("a call is under way"))?;
            let numbers = block.numbers.get(..numbers as usize).ok_or_else(short)?;
            let text = block.text.get(..bytes as usize).ok_or_else(short)?;
            inbox.send(Message::Block(spares.filled(numbers, text))).map_err(|_| closed())
        })
    }

    /// A function that moves answers to where `answers` is: see `crate::redis::answers`.
    #[napi]
    pub fn drainer<'env>(&self, env: &'env Env, answers: Float64Array) -> Result<Function<'env, (), ()>> {
        let queue = Arc::clone(&self.answers);
        let target = RefCell::new(answers);
        env.create_function_from_closure("drain", move |_| {
            let mut target = target.try_borrow_mut().map_err(|_| Error::from_reason("a call is under way"))?;
            // SAFETY: JavaScript reads it in no other thread, and not while it waits for this call; nothing else here has it.
            #[allow(unsafe_code)]
            queue.drain(unsafe { target.as_mut() });
            Ok(())
        })
    }

    /// The texts of answers, in their order, since this was last asked.
    #[napi]
    pub fn take_texts(&self) -> Vec<String> {
        self.answers.take_texts()
    }

    /// Nobody waits for the answer to this request any more: it is not sent where it was not by now.
    #[napi]
    pub fn leave(&self, ticket: u32) -> Result<()> {
        self.send(Message::Leave(ticket))
    }

    /// Is answered once Redis can be asked.
    #[napi]
    pub fn ready(&self, ticket: u32) -> Result<()> {
        self.send(Message::Ready(ticket))
    }

    /// Is answered with what the server says of its memory, as `INFO memory` does.
    #[napi]
    pub fn memory(&self, ticket: u32) -> Result<()> {
        self.send(Message::Memory(ticket))
    }

    /// Is answered with the address of the node of each slot of a cluster, one a line; a line is empty where none is known.
    #[napi]
    pub fn slots(&self, ticket: u32) -> Result<()> {
        self.send(Message::Slots(ticket))
    }

    /// Takes no more requests. Is answered when those under way are, and the connections closed.
    #[napi]
    pub fn close(&self, ticket: u32) -> Result<()> {
        self.send(Message::Close(ticket))
    }

    fn send(&self, message: Message) -> Result<()> {
        self.inbox.send(message).map_err(|_| closed())
    }
}

impl Drop for NativeRedis {
    /// JavaScript has forgotten it, or has ended: the thread ends with what it has under way, and before the module goes.
    fn drop(&mut self) {
        // What was closed has ended already.
        let _ = self.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // It has told of a panic by itself.
            let _ = thread.join();
        }
    }
}

fn closed() -> Error {
    Error::from_reason("it was closed, or has stopped")
}

fn short() -> Error {
    Error::from_reason("the block is shorter than what is in it")
}
