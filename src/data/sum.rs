//! A sum that overflows only if a double cannot hold it, and its mean.

/// The value as it is, or scaled down after it became too large.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    value: f64,
    is_scaled: bool,
}

impl Sum {
    /// 2^-80, so that scaling is exact, and that 2^80 of the largest values have a sum.
    pub const SCALE: f64 = f64::from_bits((1_023 - 80) << 52);

    pub fn of(value: f64) -> Self {
        Self {
            value,
            is_scaled: false,
        }
    }

    /// From the sum times [`SCALE`](Self::SCALE). It is unscaled if a double can hold that, so that equal
    /// sums are equal.
    pub fn scaled(value: f64) -> Self {
        let whole = value / Self::SCALE;
        match whole.is_finite() {
            true => Self::of(whole),
            false => Self {
                value,
                is_scaled: true,
            },
        }
    }

    pub fn add(&mut self, value: f64) {
        let next = self.value + value;
        *self = match self.is_scaled {
            false if next.is_finite() => Self::of(next),
            false => Self::scaled(self.value * Self::SCALE + value * Self::SCALE),
            true => Self::scaled(self.value + value * Self::SCALE),
        };
    }

    /// `None` where no double can hold it.
    pub fn total(self) -> Option<f64> {
        (!self.is_scaled).then_some(self.value)
    }

    /// The mean of so many values between these two. Rounding never leads beyond them.
    pub fn mean(self, count: f64, min: f64, max: f64) -> f64 {
        let mean = self.value / count;
        let mean = if self.is_scaled { mean / Self::SCALE } else { mean };
        mean.max(min).min(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> Sum {
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum
    }

    fn mean(values: &[f64]) -> f64 {
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        sum(values).mean(values.len() as f64, min, max)
    }

    #[test]
    fn a_sum_is_what_a_double_can_hold_and_a_mean_always_is() {
        assert_eq!(sum(&[1e300]).total(), Some(1e300));
        assert_eq!(sum(&[1e308, 1e308, 1e308]).total(), None);
        assert_eq!(mean(&[1e308, 1e308, 1e308]), 1e308);
        assert_eq!(sum(&[1e308, 1e308, -1e308]), Sum::of(1e308));
        assert_eq!(mean(&[1e308, -1e308]), 0.0);
        assert_eq!(mean(&[f64::MAX, f64::MAX, f64::MIN]), f64::MAX / 3.0);
        assert_eq!(sum(&[5e-324]).total(), Some(5e-324));
    }

    #[test]
    fn a_mean_lies_between_the_smallest_and_the_largest_value() {
        assert!(sum(&[0.1; 10]).total().unwrap() < 1.0, "it is rounded");
        assert_eq!(mean(&[0.1; 10]), 0.1);
        assert_eq!(mean(&[1e308; 7]), 1e308);
    }
}
