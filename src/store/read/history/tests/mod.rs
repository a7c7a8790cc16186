//! Every answer equals a plain fold over the points, however much of it comes from rollups.

mod explained;
mod folded;
mod kept;
mod model;
