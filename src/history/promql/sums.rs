//! Sums, means and deviations that are independent of the order of addition (Neumaier) and do not
//! overflow on the way.

/// Powers of two, so that scaling is exact: many of the largest values have a sum, and their squares.
const FOR_SUMS: f64 = f64::from_bits((1_023 - 80) << 52);
const FOR_SQUARES: f64 = f64::from_bits((1_023 - 600) << 52);
/// Squares of larger values may overflow.
const LARGE: f64 = 1e140;

/// The sum; infinite where no double can hold it.
pub(super) fn sum(values: impl Iterator<Item = f64> + Clone) -> f64 {
    over(values, 1.0)
}

/// The mean of at least one value, also if their sum overflows. Rounding never takes it beyond the least
/// or the greatest value.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let mean = over(values.clone(), values.len() as f64);
    if !mean.is_finite() {
        return mean;
    }
    let (least, greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    let least = values.clone().fold(least, f64::min);
    mean.max(least).min(values.fold(greatest, f64::max))
}

/// The standard deviation of the whole population.
pub(super) fn deviation(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let is_large = values
        .clone()
        .any(|value| value.is_finite() && value.abs() > LARGE);
    let scale = if is_large { FOR_SQUARES } else { 1.0 };
    let values = values.map(|value| value * scale);
    let middle = mean(values.clone());
    mean(values.map(|value| (value - middle).powi(2))).sqrt() / scale
}

/// The sum divided by `count`.
fn over(values: impl Iterator<Item = f64> + Clone, count: f64) -> f64 {
    let plain = compensated(values.clone());
    if plain.is_finite() || values.clone().any(|value| !value.is_finite()) {
        return plain / count;
    }
    compensated(values.map(|value| value * FOR_SUMS)) / count / FOR_SUMS
}

fn compensated(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        lost += if !next.is_finite() {
            0.0
        } else if sum.abs() >= value.abs() {
            (sum - next) + value
        } else {
            (value - next) + sum
        };
        sum = next;
    }
    if sum.is_finite() { sum + lost } else { sum }
}
