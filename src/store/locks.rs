//! The advisory locks by which nodes keep out of each other's way, in one list.

/// Taken while migrations run: many nodes may start at once.
pub(super) const MIGRATE: i64 = 0x5753_0001;
/// Shared by every session of a running node; a rewind needs it alone.
pub(super) const RUNNING: i64 = 0x5753_0002;
/// Shared by every write transaction; `delete-series` needs it alone.
pub(super) const CATALOGUE: i64 = 0x5753_0003;
/// Taken while a time partition is created.
pub(super) const PARTITIONS: i64 = 0x5753_0004;
/// Taken by the one node that forgets old rows.
pub(super) const MAINTAIN: i64 = 0x5753_0005;
/// Taken while rollups are refreshed, and by whoever deletes points or rollups.
pub(super) const ROLLUPS: i64 = 0x5753_0006;
