//! Thinned lines do not move while a window does, and look like the whole ones.
