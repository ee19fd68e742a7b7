use crate::error::Error;
use sluice_algorithms::{EXACT_MAX, NOW_END_US, NOW_MIN_US, Op, Plan, Status};
use smallvec::SmallVec;

/// Checks of one request at most, as in the script.
pub const CHECKS_MAX: usize = 16;

/// One check of a request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The key, as [`LimitKeys::key`](crate::LimitKeys::key) or another implementation made it: opaque here.
    pub key: &'a str,
    /// What to decide by.
    pub plan: &'a Plan,
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
    pub fn consume(key: &'a str, plan: &'a Plan, n: f64) -> Self {
        Self { key, plan, op: Op::Consume, n, at: 0.0, lease_id: None }
    }

    /// Tells what [`Ask::consume`] would, and takes nothing.
    pub fn peek(key: &'a str, plan: &'a Plan, n: f64) -> Self {
        Self { op: Op::Peek, ..Self::consume(key, plan, n) }
    }
}

/// What Redis says of one check. Units and microseconds, whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// How it ended.
    pub status: Status,
    /// Units taken or given back.
    pub granted: f64,
    /// Largest cost that passes now.
    pub remaining: f64,
    /// Denied: us until this very cost passes if nobody else calls. Allowed: us to delay the call (`leaky_bucket` in shape
    /// mode), else 0.
    pub wait_us: f64,
    /// us until the state equals an absent one.
    pub reset_us: f64,
    /// us since the Unix epoch by the clock of the node that decided: what a refund of this check needs as `at`.
    pub now_us: f64,
}

/// What Redis says of a request, in the order in which its checks were given.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// us since the Unix epoch; where several nodes of a cluster decided, the latest of theirs.
    pub now_us: f64,
    /// A verdict for each check.
    pub checks: SmallVec<[Verdict; 4]>,
}

/// A check with all it needs to wait for its turn.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub key: Box<str>,
    pub plan: Plan,
    pub op: Op,
    pub n: f64,
    pub at: f64,
    pub lease_id: Option<Box<str>>,
}

impl From<&Ask<'_>> for Check {
    fn from(ask: &Ask<'_>) -> Self {
        let Ask { key, plan, op, n, at, lease_id } = *ask;
        Self { key: key.into(), plan: *plan, op, n, at, lease_id: lease_id.map(Into::into) }
    }
}

/// A request as it goes into a batch: 1 to 16 checks whose numbers can cross the wire.
#[derive(Debug)]
pub(crate) struct Request {
    pub checks: SmallVec<[Check; 1]>,
    /// us since the Unix epoch by an injected clock; 0: the server's own.
    pub now_us: f64,
}

impl Request {
    /// Whatever would make the script refuse a whole batch is refused here, for this request alone.
    pub fn new(asks: &[Ask<'_>], now_us: f64) -> Result<Self, Error> {
        if asks.is_empty() || asks.len() > CHECKS_MAX {
            return Err(Error::Request(format!(
                "a request has 1 to {CHECKS_MAX} checks, this one has {}: split it",
                asks.len()
            )));
        }
        let is_time = now_us == 0.0 || (NOW_MIN_US..NOW_END_US).contains(&now_us) && now_us.fract() == 0.0;
        if !is_time {
            let problem = format!("{now_us} is not a time between 1985 and 2053 in us since 1970");
            return Err(Error::Request(problem));
        }
        // What is wrong with a cost or a time fails its own check in the script; a plan could spoil the whole reply.
        if let Some(i) = asks.iter().position(|ask| !ask.plan.row().into_iter().all(is_exact)) {
            return Err(Error::Request(format!("check {i}: its plan has a number that is not whole or below 2^53")));
        }
        Ok(Self { checks: asks.iter().map(Check::from).collect(), now_us })
    }
}

fn is_exact(number: f64) -> bool {
    number.abs() < EXACT_MAX && number.fract() == 0.0
}
