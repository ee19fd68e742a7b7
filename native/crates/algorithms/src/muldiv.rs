/// floor((a * b + carry) / c), exact although a * b may be far above 2^53.
///
/// `a`, `b`, `c` and `carry` are whole numbers from 0 below 2^53; `c` at least 1. Twin of `lua/include/muldiv.lua`, which
/// does the same by long division.
#[inline]
pub(crate) fn muldiv(a: f64, b: f64, c: f64, carry: f64) -> f64 {
    let quotient = (a as i128 * b as i128 + carry as i128).checked_div_euclid(c as i128);
    quotient.unwrap_or(0) as f64
}
