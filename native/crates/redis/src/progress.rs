use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const WAITING: u8 = 0;
const SENT: u8 = 1;
const GONE: u8 = 2;

/// How far a call has come, known to its caller and to who sends it: so that what nobody waits for is not sent, and a caller
/// who stops waiting knows whether it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<AtomicU8>);

impl Progress {
    /// To be asked right before it is sent. False: nobody waits any more, it must not be.
    pub fn take_off(&self) -> bool {
        self.0.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A server answered that it has done nothing: it may be sent once more.
    pub fn come_back(&self) {
        // Where the caller has gone meanwhile, it stays so.
        let _ = self.0.compare_exchange(SENT, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// It is under way, and its caller waits.
    pub fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire) == SENT
    }

    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire) == GONE
    }

    /// The caller waits no more. Answers whether it is under way.
    pub fn give_up(&self) -> bool {
        self.0.swap(GONE, Ordering::AcqRel) == SENT
    }
}

/// Whoever waits for the answer to one request, and may stop to.
///
/// ```
/// let caller = sluice_redis::Caller::default();
/// caller.leave();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Caller(pub(crate) Progress);

impl Caller {
    /// He waits no more: what was not sent by now is not sent. What was, is answered all the same.
    pub fn leave(&self) {
        self.0.give_up();
    }
}

/// Gives a call up when its future is dropped.
#[derive(Debug, Default)]
pub(crate) struct CallGuard(pub Progress);

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_caller_gave_up_is_not_sent() {
        let call = Progress::default();
        assert!(!call.give_up());
        assert!(!call.take_off());
    }

    #[test]
    fn a_caller_learns_that_it_was_sent() {
        let call = Progress::default();
        assert!(call.take_off());
        assert!(call.give_up());
    }

    #[test]
    fn what_came_back_may_be_sent_again_unless_its_caller_has_gone() {
        let call = Progress::default();
        assert!(call.take_off());
        call.come_back();
        assert!(call.take_off());
        drop(CallGuard(call.clone()));
        call.come_back();
        assert!(call.is_gone() && !call.take_off());
    }
}
