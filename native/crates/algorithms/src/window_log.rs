/// A time, us since the Unix epoch, and the running total up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pair {
    pub time_us: f64,
    pub total: f64,
}

/// A log of admissions. Pair k, from 1, says that up to time t the running total was s; times do not descend, totals ascend.
/// Units of the total up to b are dead: given back, or cut off with their pairs. Redis holds it as doubles one after the
/// other: `b, u, t1, s1, t2, s2, …`, where u is the end of the key that is known to be safe.
///
/// What a check needs stands here side by side, and the pairs before the last elsewhere: most units join the last pair, which
/// changes one number.
#[derive(Clone, Debug)]
pub struct WindowLog {
    pub(crate) dead_total: f64,
    pub(crate) end_us: f64,
    pub(crate) last: Pair,
    /// What the time of the last pair is known to be a multiple of; 0: of nothing.
    pub(crate) multiple_of_us: f64,
    pub(crate) edge: Edge,
    pub(crate) earlier: Vec<Pair>,
}

/// A place between two pairs of a log: where the window began when that was asked last. It tells nothing that the pairs do not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    /// Pairs before it, never the last.
    pub pairs: usize,
    /// The time of the pair before it, and the total there: nothing and 0 when there is none.
    pub before_us: f64,
    pub total: f64,
    /// The time of the pair after it.
    pub after_us: f64,
}

/// What a decision does to a log. Without effect when the `write` of its step is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogChange {
    /// The pairs before this one are dropped; count + 1 drops all.
    pub(crate) first_kept: usize,
    /// Taken off every total kept.
    pub(crate) shift: f64,
    /// Time of the last pair kept.
    pub(crate) last_us: f64,
    /// 0 adds no entry; else the time of the entry, which joins the last pair when that has the same time.
    pub(crate) entry_us: f64,
    /// Running total at the entry, after the shift.
    pub(crate) entry_total: f64,
    pub(crate) dead_total: f64,
    pub(crate) end_us: f64,
}

impl PartialEq for WindowLog {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

impl WindowLog {
    /// The log of these numbers, `b, u` and at least one pair; `None` when they are no log.
    pub fn from_numbers(numbers: &[f64]) -> Option<Self> {
        let (&[dead_total, end_us], pairs) = numbers.split_first_chunk()?;
        let (pairs, &[]) = pairs.as_chunks() else { return None };
        let mut earlier: Vec<Pair> = pairs.iter().map(|&[time_us, total]| Pair { time_us, total }).collect();
        let last = earlier.pop()?;
        Some(Self::of(dead_total, end_us, last, earlier))
    }

    /// The log that the first decision on a key without one makes.
    pub fn begun_by(change: &LogChange) -> Self {
        let &LogChange { dead_total, end_us, entry_us, entry_total, .. } = change;
        Self::of(dead_total, end_us, Pair { time_us: entry_us, total: entry_total }, Vec::new())
    }

    fn of(dead_total: f64, end_us: f64, last: Pair, earlier: Vec<Pair>) -> Self {
        let edge = edge_after(0, &earlier, last);
        Self { dead_total, end_us, last, multiple_of_us: 0.0, edge, earlier }
    }

    /// The doubles that Redis holds for this log.
    pub fn numbers(&self) -> Vec<f64> {
        let pairs = self.earlier.iter().chain([&self.last]);
        [self.dead_total, self.end_us].into_iter().chain(pairs.flat_map(|pair| [pair.time_us, pair.total])).collect()
    }

    pub(crate) fn pairs(&self) -> usize {
        self.earlier.len() + 1
    }

    /// Pair k, from 1.
    pub(crate) fn pair(&self, k: usize) -> Pair {
        self.earlier.get(k.wrapping_sub(1)).copied().unwrap_or(self.last)
    }

    /// The first pair from `low` to `high` of which this number is above `bound`; `high + 1` when there is none.
    pub(crate) fn first_above(&self, number: impl Fn(Pair) -> f64, bound: f64, low: usize, high: usize) -> usize {
        let mut first = low;
        let mut end = high + 1;
        while first < end {
            let middle = first + (end - first) / 2;
            if number(self.pair(middle)) > bound {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        first
    }

    /// Moves the edge to before the first pair that is later than this, where that is the place it has or a later one and
    /// there is such a pair. False: it is neither, and nothing was done.
    #[inline(always)]
    pub(crate) fn move_edge(&mut self, cutoff_us: f64) -> bool {
        let is_in_place = self.edge.before_us <= cutoff_us && cutoff_us < self.edge.after_us;
        is_in_place || (self.edge.before_us <= cutoff_us && cutoff_us < self.last.time_us && self.advance(cutoff_us))
    }

    /// Each pair is passed once, so that it costs the checks together as much as a look at each of them.
    #[inline(always)]
    fn advance(&mut self, cutoff_us: f64) -> bool {
        let Self { edge, earlier, last, .. } = self;
        while edge.after_us <= cutoff_us {
            let Some(passed) = earlier.get(edge.pairs) else { return false };
            edge.pairs += 1;
            edge.before_us = passed.time_us;
            edge.total = passed.total;
            edge.after_us = earlier.get(edge.pairs).unwrap_or(last).time_us;
        }
        true
    }

    /// Carries out what the last decision on this log said.
    pub fn apply(&mut self, change: &LogChange) {
        let is_cut_off = change.first_kept > self.pairs();
        let last_us = self.last.time_us;
        let dropped = change.first_kept.saturating_sub(1).min(self.earlier.len());
        if dropped > 0 {
            self.earlier.drain(..dropped);
            // What a busy hour needed is given back here.
            self.earlier.shrink_to(2 * self.earlier.len());
        }
        if change.shift != 0.0 {
            for pair in self.earlier.iter_mut().chain([&mut self.last]) {
                pair.total -= change.shift;
            }
        }
        self.last.time_us = change.last_us;
        if change.entry_us > 0.0 {
            if !is_cut_off && change.entry_us > change.last_us {
                self.earlier.push(self.last);
            }
            self.last = Pair { time_us: change.entry_us, total: change.entry_total };
        }
        if self.last.time_us != last_us {
            self.multiple_of_us = 0.0;
        }
        self.dead_total = change.dead_total;
        self.end_us = change.end_us;
        self.edge = edge_after(self.edge.pairs.saturating_sub(dropped), &self.earlier, self.last);
    }
}

/// The edge after the first so many pairs, or after all but the last if there are fewer.
fn edge_after(pairs: usize, earlier: &[Pair], last: Pair) -> Edge {
    let pairs = pairs.min(earlier.len());
    let before = pairs.checked_sub(1).and_then(|index| earlier.get(index));
    Edge {
        pairs,
        before_us: before.map_or(f64::NEG_INFINITY, |pair| pair.time_us),
        total: before.map_or(0.0, |pair| pair.total),
        after_us: earlier.get(pairs).unwrap_or(&last).time_us,
    }
}
