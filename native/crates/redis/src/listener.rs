use crate::batch::BatchReport;
use crate::error::Error;

/// Is told what happens beside the answers. Each call holds up the answers that come behind it.
pub trait Listener: Send + Sync {
    /// A connection stands that did not before: another server may answer.
    fn connected(&self) {}

    /// A batch came back, or failed.
    fn batch(&self, _report: &BatchReport<'_>) {}

    /// A request over several slots of a cluster was refused and could not be undone: units stay charged that nobody used,
    /// until they drain.
    fn lost(&self, _error: &Error) {}

    /// Slots of the cluster have other owners than before: [`RedisEngine::slot_owners`](crate::RedisEngine::slot_owners).
    fn slots_moved(&self) {}
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nobody;

impl Listener for Nobody {}
