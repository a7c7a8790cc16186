//! The data points of a request, each by itself.

use super::otlp::DataPoint;
use super::{Mapping, Nested, Origin};
use crate::data::{Micros, RecordError};
use crate::transform::target::Target;

impl Mapping {
    /// Hands on the samples of a data point.
    pub fn data_point<E: FnMut(u32, Micros, f64)>(
        &self,
        point: &DataPoint<'_>,
        origin: Origin<'_>,
        to: &mut Target<'_, E>,
    ) -> Result<(), RecordError> {
        let mut inside = |nested: &Nested<'_, '_>| self.inside(nested, origin, to);
        let left_out = point.samples(&mut inside)?;
        to.left_out.append(left_out);
        Ok(())
    }
}
