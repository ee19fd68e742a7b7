use criterion::Criterion;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Calls of one side before it is the other's turn.
const CALLS_OF_TURN: u64 = 10_000;
/// The same of all threads together: enough that they run at one time.
const CALLS_OF_TURN_OF_THREADS: u64 = 100_000;

/// What calls have to answer, or the figure is of something else.
#[derive(Clone, Copy, PartialEq)]
pub enum Expect {
    Passes,
    Refuses,
    Either,
}

/// The largest ratio to reach.
#[derive(Clone, Copy)]
pub struct Goal {
    pub most: f64,
    pub of: &'static str,
}

/// Two ways to do the same, measured in turns.
pub struct Arena {
    criterion: Criterion,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    goal: Goal,
    /// ns per call of a turn: ours, and the other's right after it.
    turns: Vec<(f64, f64)>,
}

impl Arena {
    pub fn new(criterion: Criterion) -> Self {
        Self { criterion, rows: Vec::new() }
    }

    /// Measures calls of one thread.
    pub fn duel(
        &mut self,
        name: &str,
        (expect, goal): (Expect, Goal),
        ours: impl Fn() -> bool,
        other: impl Fn() -> bool,
    ) {
        let turn = CALLS_OF_TURN;
        self.measure(name, goal, turn, |calls| time(calls, expect, &ours), |calls| time(calls, expect, &other));
    }

    /// Measures calls that all pass and that so many threads share.
    pub fn duel_of_threads(
        &mut self,
        name: &str,
        threads: u64,
        goal: Goal,
        ours: impl Fn() -> bool + Sync,
        other: impl Fn() -> bool + Sync,
    ) {
        self.measure(
            name,
            goal,
            CALLS_OF_TURN_OF_THREADS,
            |calls| time_together(threads, calls, &ours),
            |calls| time_together(threads, calls, &other),
        );
    }

    /// Criterion tells what our side takes. For the table the two sides take turns, so short that most turns are not disturbed
    /// by other programs.
    fn measure(
        &mut self,
        name: &str,
        goal: Goal,
        calls_of_turn: u64,
        ours: impl Fn(u64) -> Duration,
        other: impl Fn(u64) -> Duration,
    ) {
        let mut turns = Vec::new();
        self.criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|calls| {
                let mut total = Duration::ZERO;
                let mut left = calls;
                while left > 0 {
                    let turn = left.min(calls_of_turn);
                    left -= turn;
                    let (own, others) = (ours(turn), other(turn));
                    total += own;
                    if turn == calls_of_turn {
                        turns.push((ns_of(own, turn), ns_of(others, turn)));
                    }
                }
                total
            });
        });
        if !turns.is_empty() {
            self.rows.push(Row { name: name.to_owned(), goal, turns });
        }
    }

    /// Prints the table of all that was measured.
    pub fn finish(self) {
        self.criterion.final_summary();
        println!(
            "\nns per call: best and median of the turns. Ratio: median of the ratios of each turn to the other's next.\n"
        );
        println!("| | best | median | to | best | median | ratio | goal |");
        println!("|---|---|---|---|---|---|---|---|");
        for Row { name, goal, turns } in &self.rows {
            let [own_best, own] = best_and_median(turns.iter().map(|(own, _)| *own));
            let [other_best, other] = best_and_median(turns.iter().map(|(_, other)| *other));
            let [_, ratio] = best_and_median(turns.iter().map(|(own, other)| own / other));
            let Goal { most, of } = goal;
            let missed = if ratio > *most { " missed" } else { "" };
            println!(
                "| {name} | {own_best:.1} | {own:.1} | {of} | {other_best:.1} | {other:.1} | {ratio:.2} | ≤ {most}{missed} |"
            );
        }
    }
}

fn ns_of(time: Duration, calls: u64) -> f64 {
    time.as_secs_f64() * 1e9 / calls as f64
}

fn time(calls: u64, expect: Expect, call: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    let mut passed = 0;
    for _ in 0..calls {
        passed += u64::from(call());
    }
    let took = start.elapsed();
    let is_right = match expect {
        Expect::Passes => passed == calls,
        Expect::Refuses => passed == 0,
        Expect::Either => true,
    };
    assert!(is_right, "{passed} of {calls} calls passed");
    took
}

/// From when the first thread began until the last was done: to start them does not count.
fn time_together(threads: u64, calls: u64, call: impl Fn() -> bool + Sync) -> Duration {
    let share = calls.div_ceil(threads);
    let all_there = Barrier::new(threads as usize);
    let work = || {
        all_there.wait();
        let start = Instant::now();
        time(share, Expect::Passes, &call);
        (start, Instant::now())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let times: Vec<_> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
        let start = times.iter().map(|(start, _)| *start).min().unwrap();
        times.iter().map(|(_, end)| *end).max().unwrap() - start
    })
}

fn best_and_median(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    [sorted[0], sorted[sorted.len() / 2]]
}
