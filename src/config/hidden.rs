//! What is shown of sections whose URLs and properties may hold passwords.

use std::fmt;

use super::{KafkaConfig, PostgresConfig, RedisConfig};

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut view = f.debug_struct("KafkaConfig");
        view.field("brokers", &self.brokers)
            .field("group_id", &self.group_id);
        view.field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut view = f.debug_struct("PostgresConfig");
        view.field("url", &self.url.as_ref().map(|_| "set"));
        view.field("synchronous_commit", &self.synchronous_commit)
            .finish()
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(|_| "set");
        f.debug_struct("RedisConfig").field("url", &url).finish()
    }
}
