//! The whole way of a day on a real Postgres and a local folder.
