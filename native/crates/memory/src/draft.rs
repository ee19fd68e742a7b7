use crate::keys::Block;
use crate::shard::{KeyName, Shard};
use sluice_algorithms::{
    Check, LeaseChange, LogChange, Op, Plan, State, Status, Step, WindowLog, Write, concurrency, decide, sliding_window,
};

#[derive(Clone, Copy, Debug)]
enum Pending<'a> {
    Log(LogChange),
    Leases(LeaseChange<'a>),
}

/// What a request would leave of one key, until the request is decided as a whole: the state as the request's checks on this
/// key see and change it, to be stored or put back in the end.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub name: KeyName<'a>,
    plan: &'a Plan,
    pub key: Option<u32>,
    /// The end of a block, us; 0 when the key is not blocked.
    pub blocked_until_us: f64,
    /// When the state ends, us; 0 when there is none.
    pub end_us: f64,
    state: State,
    /// What the last check would change of a log or of leases.
    pending: Option<Pending<'a>>,
    /// The log or the leases as they were, once a second check had to see what the first changed.
    original: Option<State>,
    /// What the checks asked to be stored, and whether one asked for a new end.
    writes: bool,
    expires: bool,
}

impl<'a> Draft<'a> {
    /// Takes the state out of the key. What has ended or is empty is as good as absent.
    #[inline]
    pub fn load(shard: &mut Shard, name: KeyName<'a>, plan: &'a Plan, now: f64) -> Self {
        let key = shard.find(&name);
        let mut draft = Self {
            name,
            plan,
            key,
            blocked_until_us: 0.0,
            end_us: 0.0,
            state: State::Absent,
            pending: None,
            original: None,
            writes: false,
            expires: false,
        };
        if let Some(key) = key {
            draft.end_us = shard.keys.end_of(key);
            if let Some(Block { until_us, state_end_us }) = shard.keys.block_of(key) {
                draft.end_us = state_end_us;
                if until_us > now {
                    draft.blocked_until_us = until_us;
                }
            }
            if draft.end_us > now {
                draft.state = shard.keys.take(key, plan);
                if draft.is_empty() {
                    draft.end_us = 0.0;
                }
            }
        }
        draft
    }

    /// Runs one check on the state as earlier checks of the request left it.
    #[inline]
    pub fn decide(&mut self, plan: &Plan, check: Check, lease_id: Option<&'a str>) -> Step {
        if !check.is_well_formed() {
            return Step::failed(Status::BadCheck);
        }
        if self.blocked_until_us > 0.0 && check.op as u8 <= Op::Grant as u8 {
            let wait_us = self.blocked_until_us - check.now;
            return Step { wait_us, reset_us: wait_us, ..Step::failed(Status::Blocked) };
        }
        let step = match plan {
            Plan::SlidingWindow(plan) => {
                self.carry_out_first();
                let log = if let State::SlidingWindow(log) = &self.state { Some(log) } else { None };
                let (step, change) = sliding_window(log, plan, check);
                self.pending = (step.write != Write::None).then_some(Pending::Log(change));
                step
            }
            Plan::Concurrency(plan) => {
                self.carry_out_first();
                let leases = if let State::Concurrency(leases) = &self.state { Some(leases) } else { None };
                let (step, change) = concurrency(leases, plan, check, lease_id);
                self.pending = (step.write != Write::None).then_some(Pending::Leases(change));
                step
            }
            _ => decide(&mut self.state, plan, check, None),
        };
        self.writes |= step.write != Write::None;
        if let Write::Expire(ttl_us) = step.write {
            self.expires = true;
            self.end_us = check.now + ttl_us;
        }
        step
    }

    /// Stores the state, if a check wrote one.
    #[inline]
    pub fn commit(mut self, shard: &mut Shard, now: f64) {
        if !self.writes {
            return self.put_back(shard);
        }
        self.carry_out();
        if self.is_empty() {
            if let Some(key) = self.key {
                shard.keys.store(key, self.state);
                shard.vacate(key, now);
            }
            return;
        }
        match self.key {
            Some(key) => {
                // Stored before anything looks at the key again.
                shard.keys.store(key, self.state);
                if self.expires {
                    shard.set_state_end(key, self.end_us, now);
                } else {
                    shard.state_changed(key);
                }
            }
            None => {
                let key = shard.create(&self.name, self.plan, self.end_us, now);
                shard.keys.store(key, self.state);
                shard.look_ahead(now);
            }
        }
    }

    /// Leaves the key as it was.
    pub fn put_back(self, shard: &mut Shard) {
        if let Some(key) = self.key {
            shard.put_back(key, self.original.unwrap_or(self.state));
        }
    }

    /// Whether the state is one that is as good as absent.
    fn is_empty(&self) -> bool {
        matches!(&self.state, State::Concurrency(leases) if leases.is_empty())
    }

    fn carry_out_first(&mut self) {
        if self.pending.is_some() {
            if self.original.is_none() {
                self.original = Some(self.state.clone());
            }
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        match self.pending.take() {
            Some(Pending::Log(change)) => {
                if let State::SlidingWindow(log) = &mut self.state {
                    log.apply(&change);
                } else {
                    self.state = State::SlidingWindow(WindowLog::begun_by(&change));
                }
            }
            Some(Pending::Leases(change)) => {
                if let State::Absent = self.state {
                    self.state = State::Concurrency(Default::default());
                }
                if let State::Concurrency(leases) = &mut self.state {
                    leases.apply(&change);
                }
            }
            None => {}
        }
    }
}
