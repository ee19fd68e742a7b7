use std::time::Duration;

/// A batch costs its two ends about 15 us, whatever is in it. With one batch sent every so often on average, that cost
/// stays near a tenth of a core, and nobody waits much longer than this for a batch to leave.
const SPACING: Duration = Duration::from_micros(125);
/// Two, so that the server works on one while this process reads the other.
const WINDOW_MIN: f64 = 2.0;
const WINDOW_MAX: f64 = 16.0;
/// Weight of a new round trip in the smoothed one, as TCP has it (RFC 6298).
const SMOOTHING: f64 = 1.0 / 8.0;
/// How many round trips are looked back at, or twice as many.
const ROUND_TRIPS_KEPT: u32 = 256;

/// How many batches may be under way before the next one waits in order to grow: as many as leave one batch per spacing over
/// a round trip. On the loopback interface that is two, on a link of 1 ms eight.
#[derive(Debug, Default)]
pub(crate) struct FlightWindow {
    round_trip: Option<f64>,
    shortest: ShortestRoundTrip,
}

impl FlightWindow {
    pub fn size(&self) -> usize {
        let fit = self.round_trip.unwrap_or(0.0) / SPACING.as_secs_f64();
        fit.round().clamp(WINDOW_MIN, WINDOW_MAX) as usize
    }

    pub fn observe(&mut self, round_trip: Duration) {
        let shortest = self.shortest.of(round_trip.as_secs_f64());
        let smoothed = self.round_trip.unwrap_or(shortest);
        self.round_trip = Some(smoothed + (shortest - smoothed) * SMOOTHING);
    }
}

/// The shortest of the latest round trips: what the link takes, without what batches wait behind one another here and at the
/// server. That wait must not open the window, or the batches would become smaller the more there is to do.
#[derive(Debug)]
struct ShortestRoundTrip {
    before: f64,
    now: f64,
    observed: u32,
}

impl Default for ShortestRoundTrip {
    fn default() -> Self {
        Self { before: f64::INFINITY, now: f64::INFINITY, observed: 0 }
    }
}

impl ShortestRoundTrip {
    fn of(&mut self, round_trip: f64) -> f64 {
        if self.observed == ROUND_TRIPS_KEPT {
            self.before = self.now;
            self.now = f64::INFINITY;
            self.observed = 0;
        }
        self.observed += 1;
        self.now = self.now.min(round_trip);
        self.now.min(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_after(round_trips_us: &[u64]) -> usize {
        let mut window = FlightWindow::default();
        for us in round_trips_us {
            window.observe(Duration::from_micros(*us));
        }
        window.size()
    }

    #[test]
    fn it_is_two_until_something_is_known_and_on_a_short_link() {
        assert_eq!(size_after(&[]), 2);
        assert_eq!(size_after(&[50]), 2);
    }

    #[test]
    fn it_opens_with_the_length_of_the_link_up_to_a_bound() {
        assert_eq!(size_after(&[1_000]), 8);
        assert_eq!(size_after(&[80_000]), 16);
    }

    #[test]
    fn waiting_behind_other_batches_does_not_open_it() {
        let mut busy = vec![100];
        busy.extend([5_000; 300]);
        assert_eq!(size_after(&busy), 2);
    }

    #[test]
    fn a_link_that_became_longer_is_noticed_in_the_end() {
        let mut moved = vec![100; 256];
        moved.extend([2_000; 600]);
        assert_eq!(size_after(&moved), 16);
    }
}
