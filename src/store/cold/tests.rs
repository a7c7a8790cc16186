//! Days and their points on a real Postgres.
