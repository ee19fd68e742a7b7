use crate::time::is_whole;

/// What a check asks for. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Op {
    /// Never sent: what a check of a refused request becomes. Charges nothing, tells the state, writes only a repair.
    Look = 0,
    /// Take n units, all or none. For `concurrency`: acquire n units under the lease id.
    Consume = 1,
    /// Would `Consume` pass? Never writes.
    Peek = 2,
    /// Take as many units as conform, at most n; 0 is a denial.
    Grant = 3,
    /// Record n units that were used already; may go into debt, as far as the plan allows.
    Debit = 4,
    /// Give back n units charged at time `at`. For `concurrency`: release the lease.
    Refund = 5,
    /// Undo a charge made at time `at` with an exact bound.
    Rollback = 6,
    /// Forget the key. Stands alone in its request.
    Reset = 7,
    /// Refuse everything on this key for n us. Stands alone in its request.
    Block = 8,
    /// Lift a block and keep the counters. Stands alone in its request.
    Unblock = 9,
    /// `concurrency` only: extend the live units of a lease.
    Renew = 10,
}

impl Op {
    /// Every operation, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::Look,
        Self::Consume,
        Self::Peek,
        Self::Grant,
        Self::Debit,
        Self::Refund,
        Self::Rollback,
        Self::Reset,
        Self::Block,
        Self::Unblock,
        Self::Renew,
    ];
}

/// How a check ended. Negative: an error of this check; nothing of its request was written. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum Status {
    /// Refused by the limit.
    Denied = 0,
    /// Passed.
    Allowed = 1,
    /// Denied because the subject is blocked.
    Blocked = 2,
    /// The cost exceeds what the plan could ever admit.
    Impossible = -1,
    /// The key holds a value of another Redis type.
    WrongType = -2,
    /// The key holds text that is not a state of this algorithm.
    ForeignValue = -3,
    /// `quota`: now is outside the periods the plan knows.
    StalePlan = -4,
    /// An op, cost, time or lease id the algorithm cannot take.
    BadCheck = -5,
}

/// What a step asks the store to do with the state it leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Write {
    /// Store nothing.
    None,
    /// Store the state; the expiry stays as it is.
    Keep,
    /// Store the state and make the key live for so many us from now; the store rounds up.
    Expire(f64),
}

/// What an algorithm says of one check. Units and microseconds, whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// How it ended.
    pub status: Status,
    /// Units taken (`Consume`, `Grant`, `Debit`) or given back (`Refund`, `Rollback`).
    pub granted: f64,
    /// Largest cost that passes now, >= 0.
    pub remaining: f64,
    /// Denied: us until this very cost passes if nobody else calls. Allowed: us to delay the call (`leaky_bucket` in
    /// shape mode), else 0.
    pub wait_us: f64,
    /// us until the state equals an absent one.
    pub reset_us: f64,
    /// What to do with the state.
    pub write: Write,
}

impl Step {
    /// A check that ended with an error: it takes nothing, tells nothing and writes nothing, a due repair included.
    pub const fn failed(status: Status) -> Self {
        Self { status, granted: 0.0, remaining: 0.0, wait_us: 0.0, reset_us: 0.0, write: Write::None }
    }
}

/// One check as an algorithm takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// What is asked for.
    pub op: Op,
    /// Units, >= 1.
    pub n: f64,
    /// For `Refund` and `Rollback`: `now` of the charge in us, 0 when unknown. Otherwise 0.
    pub at: f64,
    /// us since the Unix epoch.
    pub now: f64,
}

impl Check {
    /// Whether its numbers are whole, and its units at least 1. Stores ask before they decide.
    #[inline]
    pub fn is_well_formed(&self) -> bool {
        // What nearly every check has comes first.
        (self.n == 1.0 || (self.n > 1.0 && is_whole(self.n))) && (self.at.to_bits() == 0 || is_whole(self.at))
    }
}
