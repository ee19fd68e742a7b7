/// floor((a * b + carry) / c), exact although a * b may be far above 2^53.
///
/// `a`, `b`, `c` and `carry` are whole numbers from 0 below 2^53; `c` at least 1. Twin of `lua/include/muldiv.lua`, which
/// does the same by long division.
#[inline]
pub(crate) fn muldiv(a: f64, b: f64, c: f64, carry: f64) -> f64 {
    // Whole numbers below 2^53 stay far below i128; anything else must not panic.
    let product = (a as i128).saturating_mul(b as i128).saturating_add(carry as i128);
    product.checked_div_euclid(c as i128).unwrap_or(0) as f64
}
