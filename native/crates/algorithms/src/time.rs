//! Time is microseconds since the Unix epoch, as whole numbers in doubles: exact until the year 2255.

/// 2020-01-01T00:00:00Z. Stored times of [`gcra`](crate::gcra()) are relative to it, so that eighths of a microsecond fit a double.
pub const EPOCH_2020_US: f64 = 1_577_836_800_000_000.0;

/// The earliest (1985) and the first too late (2053) instant the arithmetic is proved for, us.
pub const NOW_MIN_US: f64 = 473_385_600_000_000.0;
/// See [`NOW_MIN_US`].
pub const NOW_END_US: f64 = 2_633_000_000_000_000.0;

/// A stored time at most this far ahead of now is a clock that stepped back a little; farther ahead, it is repaired.
pub const BACK_US: f64 = 10_000_000.0;

/// Granule of expiry: a key's end moves in steps of this size, so that most writes keep the TTL.
pub const GRANULE_US: f64 = 16_777_216.0;
pub(crate) const GRANULE_TICKS: f64 = 8.0 * GRANULE_US;

/// 2^53: every stored number and every intermediate result stays below this.
pub const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// 2^52: doubles from here on are whole, and those from here to its double are 1 apart.
const WHOLE_FROM: f64 = 4_503_599_627_370_496.0;

/// Whether a number is a whole one.
#[inline(always)]
pub(crate) fn is_whole(x: f64) -> bool {
    let size = x.abs();
    if size < WHOLE_FROM { (size + WHOLE_FROM) - WHOLE_FROM == size } else { size.is_finite() }
}

/// floor(a / b) for a >= 0 and b >= 1, exact while a + b <= 2^53 and the quotient is below 2^52. Every quotient here is:
/// they are counts, times and instants.
#[inline(always)]
pub(crate) fn fdiv(a: f64, b: f64) -> f64 {
    floor_by(WHOLE_FROM, a / b)
}

/// floor(a / b) for a whole a >= 0 with a + 1 <= 2^51 and a whole b >= 1, of which the reciprocal is given, rounded as a
/// division does; takes half as long as `fdiv`.
///
/// (a + 1/2) / b is 1 / 2b or more away from any whole number. The reciprocal and the product are rounded by 2^-53 of their
/// size at most, both together by less than (a + 1/2) / b * (2^-52 + 2^-106), and that is less than 1 / 2b.
#[inline(always)]
pub(crate) fn fdiv_by_reciprocal(a: f64, per_b: f64) -> f64 {
    ((a + 0.5) * per_b - 0.5 + 1.5 * WHOLE_FROM) - 1.5 * WHOLE_FROM
}

/// floor(ticks / GRANULE_TICKS), of an instant before 2020 too.
#[inline(always)]
pub(crate) fn granule_of(ticks: f64) -> f64 {
    floor_by(1.5 * WHOLE_FROM, ticks / GRANULE_TICKS)
}

/// `floor` of a number that added to `offset` comes to where doubles are 1 apart. The baseline of x86-64 has no instruction
/// for it. The function that would be called takes a good part of a check, as does a branch on the fraction, which nobody
/// can predict.
#[inline(always)]
fn floor_by(offset: f64, x: f64) -> f64 {
    let nearest = (x + offset) - offset;
    nearest - if nearest > x { 1.0 } else { 0.0 }
}

/// ceil(a / b), exact as `fdiv` is.
#[inline(always)]
pub(crate) fn cdiv(a: f64, b: f64) -> f64 {
    fdiv(a + (b - 1.0), b)
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
    fn division_rounds_down_and_up_to_whole_numbers() {
        for (a, b, down, up) in [
            (0.0, 8.0, 0.0, 0.0),
            (1.0, 8.0, 0.0, 1.0),
            (7.0, 8.0, 0.0, 1.0),
            (8.0, 8.0, 1.0, 1.0),
            (9.0, 8.0, 1.0, 2.0),
            (1e15 + 1.0, 2.0, 5e14, 5e14 + 1.0),
            (WHOLE_FROM - 1.0, 1.0, WHOLE_FROM - 1.0, WHOLE_FROM - 1.0),
            (EXACT_MAX - 3.0, 3.0, 3_002_399_751_580_329.0, 3_002_399_751_580_330.0),
        ] {
            assert_eq!((fdiv(a, b), cdiv(a, b)), (down, up), "{a} / {b}");
        }
        assert!(fdiv(f64::NAN, 8.0).is_nan());
    }

    #[test]
    fn a_reciprocal_divides_as_a_division_does() {
        let most = WHOLE_FROM / 2.0 - 1.0;
        let mut state = 7_u64;
        let mut draw = |below: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Of every size, and often of the largest.
            (((state >> 11) >> ((state & 15) * 3)) as f64).min(below - 1.0)
        };
        for _ in 0..1_000_000 {
            let b = 1.0 + draw(16_777_216.0);
            let quotient = draw(floor_by(WHOLE_FROM, most / b));
            // Where it is nearest to a whole number, and anywhere.
            for a in [quotient * b, quotient * b + (b - 1.0), (quotient + 1.0) * b, quotient * b + draw(b)] {
                assert_eq!(fdiv_by_reciprocal(a, 1.0 / b), fdiv(a, b), "{a} / {b}");
            }
        }
        for (a, b) in [(most, 1.0), (most, 3.0), (most, 16_777_215.0), (134_217_728.0 * 16_777_214.0, 16_777_215.0)] {
            assert_eq!(fdiv_by_reciprocal(a, 1.0 / b), fdiv(a, b), "{a} / {b}");
        }
    }

    #[test]
    fn granules_are_rounded_down_before_2020_too() {
        for (granules, down) in [(0.0, 0.0), (2.5, 2.0), (-2.5, -3.0), (-3.0, -3.0), (7.75, 7.0), (-0.25, -1.0)] {
            assert_eq!(granule_of(granules * GRANULE_TICKS), down, "{granules}");
        }
        assert_eq!(granule_of(GRANULE_TICKS - 1.0), 0.0);
        assert_eq!(granule_of(-1.0), -1.0);
    }

    #[test]
    fn whole_numbers_are_told_from_all_others() {
        for x in [0.0, -0.0, 1.0, -3.0, WHOLE_FROM - 1.0, WHOLE_FROM, EXACT_MAX + 2.0, 1e300, -1e300] {
            assert!(is_whole(x), "{x}");
        }
        for x in [0.5, -0.5, 1.000_000_1, WHOLE_FROM - 0.5, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY] {
            assert!(!is_whole(x), "{x}");
        }
    }
}
