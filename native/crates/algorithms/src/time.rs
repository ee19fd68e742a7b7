//! Time is microseconds since the Unix epoch, as whole numbers in doubles: exact until the year 2255.

/// 2020-01-01T00:00:00Z. Stored times of [`gcra`](crate::gcra()) are relative to it, so that eighths of a microsecond fit a double.
pub const EPOCH_2020_US: f64 = 1_577_836_800_000_000.0;

/// A stored time at most this far ahead of now is a clock that stepped back a little; farther ahead, it is repaired.
pub const BACK_US: f64 = 10_000_000.0;

/// Granule of expiry: a key's end moves in steps of this size, so that most writes keep the TTL.
pub const GRANULE_US: f64 = 16_777_216.0;
pub(crate) const GRANULE_TICKS: f64 = 8.0 * GRANULE_US;

/// 2^53: every stored number and every intermediate result stays below this.
pub const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A sum with this is whole, as far as numbers go that are a quarter of it: doubles there are 1 apart.
const ROUNDS: f64 = 6_755_399_441_055_744.0;
const ROUNDED_MAX: f64 = 1_688_849_860_263_936.0;

/// `floor`, inline: the baseline of x86-64 has no instruction for it and calls a function.
#[inline(always)]
fn floor(x: f64) -> f64 {
    if x.abs() < ROUNDED_MAX {
        let nearest = (x + ROUNDS) - ROUNDS;
        // What rounds to zero keeps its sign, as it does in the other languages.
        if nearest > x { nearest - 1.0 } else { nearest.copysign(x) }
    } else {
        x.floor()
    }
}

/// Whether a number is a whole one, without the function that `trunc` calls on the baseline of x86-64.
#[inline(always)]
pub(crate) fn is_whole(x: f64) -> bool {
    floor(x) == x && x.is_finite()
}

/// floor(a / b) for b >= 1, exact while |a| + b <= 2^53.
#[inline(always)]
pub(crate) fn fdiv(a: f64, b: f64) -> f64 {
    floor(a / b)
}

/// ceil(a / b) for a >= 0 and b >= 1.
#[inline(always)]
pub(crate) fn cdiv(a: f64, b: f64) -> f64 {
    floor((a + b - 1.0) / b)
}

/// The smaller one, the first when they are equal. `f64::min` has a rule for NaN, and costs more.
#[inline(always)]
pub(crate) fn min(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// The larger one, the first when they are equal.
#[inline(always)]
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_as_floor_does_for_any_number() {
        for x in [
            0.0,
            0.5,
            1.0,
            7.9,
            -0.0,
            -0.5,
            -1.0,
            -7.1,
            2.5,
            -2.5,
            1e15 + 0.5,
            -1e15 - 0.5,
            ROUNDED_MAX - 0.25,
            ROUNDED_MAX + 0.25,
            0.25 - ROUNDED_MAX,
            1e16,
            -1e16,
            1e300,
            -1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            assert_eq!(floor(x).to_bits(), x.floor().to_bits(), "{x}");
        }
        for (x, whole) in
            [(0.0, true), (-3.0, true), (0.5, false), (1e300, true), (f64::NAN, false), (f64::INFINITY, false)]
        {
            assert_eq!(is_whole(x), whole, "{x}");
        }
        assert!(floor(f64::NAN).is_nan());
        assert_eq!(fdiv(-1.0, 8.0), -1.0);
        assert_eq!(cdiv(9.0, 8.0), 2.0);
        assert_eq!(cdiv(0.0, 8.0), 0.0);
    }
}
