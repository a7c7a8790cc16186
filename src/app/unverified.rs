//! Warns of servers beyond this machine that anyone on the way could pretend to be. Postgres is warned
//! of where its URL is read.

use crate::cache;
use crate::config::Config;
use crate::sources::properties;

pub(super) fn warn(config: &Config) {
    let kafka = config.kafka.brokers.as_deref();
    if let Some(brokers) =
        kafka.filter(|brokers| properties::is_unverified(brokers, &config.kafka.properties))
    {
        tracing::warn!(
            %brokers,
            "the identity of the Kafka brokers is not verified: anyone on the network path can read and change the records; set \"security.protocol\" = \"SSL\" or \"SASL_SSL\" in [kafka.properties]"
        );
    }
    if config.schema_registry.is_unverified() {
        tracing::warn!(
            "the identity of the schema registry is not verified: anyone on the network path can change what records mean; use https:// in its URL"
        );
    }
    if config.redis.url.as_deref().is_some_and(cache::is_unverified) {
        tracing::warn!(
            "the identity of the Redis server is not verified: anyone on the network path can read and change latest values; use rediss:// in its URL"
        );
    }
}
