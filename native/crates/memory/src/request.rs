use crate::limit::Limit;
use sluice_algorithms::{Check, Op, Plan, Status, Step};
use smallvec::SmallVec;
use std::fmt;

/// Checks of one request at most, as in the script.
pub const CHECKS_MAX: usize = 16;

/// One check of a request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The limit whose keys are meant.
    pub limit: &'a Limit,
    /// What to decide by, where that is not the limit's own plan.
    pub plan: Option<&'a Plan>,
    /// Who is counted.
    pub subject: &'a str,
    /// What is asked for.
    pub op: Op,
    /// Units, >= 1; for `Block` us.
    pub n: f64,
    /// For `Refund` and `Rollback`: `now_us` of the charge, 0 when unknown. Otherwise 0.
    pub at: f64,
    /// For `concurrency`: who holds the units.
    pub lease_id: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// Takes `n` units, all or none.
    pub fn consume(limit: &'a Limit, subject: &'a str, n: f64) -> Self {
        Self { limit, plan: None, subject, op: Op::Consume, n, at: 0.0, lease_id: None }
    }

    pub(crate) fn plan(&self) -> &'a Plan {
        self.plan.unwrap_or(&self.limit.plan)
    }

    pub(crate) fn check(&self, now: f64) -> Check {
        Check { op: self.op, n: self.n, at: self.at, now }
    }
}

/// What an engine says of one check. Units and microseconds, whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// How it ended.
    pub status: Status,
    /// Units taken or given back.
    pub granted: f64,
    /// Largest cost that passes now.
    pub remaining: f64,
    /// Denied: us until this very cost passes if nobody else calls.
    pub wait_us: f64,
    /// us until the state equals an absent one.
    pub reset_us: f64,
}

impl From<Step> for Verdict {
    #[inline]
    fn from(step: Step) -> Self {
        let Step { status, granted, remaining, wait_us, reset_us, .. } = step;
        Self { status, granted, remaining, wait_us, reset_us }
    }
}

/// The verdicts of a request, without an allocation for up to four.
pub type Verdicts = SmallVec<[Verdict; 4]>;

/// What an engine says of a request: all its checks at one instant, in the order they were given.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// us since the Unix epoch.
    pub now_us: f64,
    /// A verdict for each check.
    pub checks: Verdicts,
}

/// A request that cannot be decided. Nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RequestError {
    /// A request has 1 to 16 checks.
    Checks(usize),
    /// The clock is outside 1985 to 2053; us since the Unix epoch.
    Clock(f64),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checks(count) => write!(f, "a request has 1 to {CHECKS_MAX} checks, this one has {count}: split it"),
            Self::Clock(now) => {
                write!(f, "{now} is not a time between 1985 and 2053 in us since 1970: correct the clock")
            }
        }
    }
}

impl std::error::Error for RequestError {}
