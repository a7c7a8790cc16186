//! Sums and means that lose nothing to the order of addition (Neumaier).

/// The sum; infinite where no double can hold it.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
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

/// The mean of at least one value, also where their sum is too large.
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = values.len() as f64;
    let total = sum(values.clone());
    if total.is_finite() || values.clone().any(|value| !value.is_finite()) {
        return total / count;
    }
    sum(values.map(|value| value / count))
}
