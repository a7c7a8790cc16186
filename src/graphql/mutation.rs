//! The changes: points and dead letters, both sent through Kafka like everything else, and paused
//! streams read again.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Context, ID, Object, Result};
use tokio::sync::oneshot;

use super::errors::{Code, read_error};
use super::recording::event;
use super::scalars::Long;
use super::services::{Reloaded, known_stream, publish_error, reader, services, still_allowed, viewer};
use super::types::{
    PointInput, PublishReceipt, PublishedOffset, RedriveReceipt, ReloadReceipt, ResumeReceipt, SkippedLetter,
};
use super::{limits, publish, redrive};
use crate::data::Micros;
use crate::data::audit::Action;
use crate::sources::producer::Placed;
use crate::write::NotAdmitted;

/// Dead letters that the audit names of one redrive.
const NAMED: usize = 20;

#[derive(Clone, Copy, Debug, Default)]
pub struct Mutation;

#[Object(name = "StreamsMutation")]
impl Mutation {
    /// Sends points to the stream's Kafka topic, one record each, and waits for Kafka.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name of a configured stream.")] stream: String,
        #[graphql(desc = "1 to 10000.")] points: Vec<PointInput>,
    ) -> Result<PublishReceipt> {
        let services = services(ctx)?;
        let viewer = viewer(ctx)?;
        let target = &known_stream(ctx, &stream)?;
        if services.status.is_paused(&stream) {
            return Err(Code::StreamPaused.error(format!(
                "stream '{stream}' is paused because too many of its records failed; see `pipeline`; nothing was sent"
            )));
        }
        let records = publish::records(&stream, target, &points, Micros::now(), viewer)?;
        // Without Postgres the writer's limit alone holds.
        if let Ok(reader) = reader(ctx) {
            let (series, max) = (publish::series(&records), target.max_series);
            let new_series =
                services
                    .new_series
                    .admit(&reader, &stream, series.iter().map(String::as_str), max, viewer);
            new_series.await.map_err(|refused| -> async_graphql::Error {
                if matches!(refused, NotAdmitted::TooFast) {
                    services.metrics.over_limit("published_series");
                }
                refused.told_to(viewer, &stream).into()
            })?;
        }
        still_allowed(ctx)?;
        let records = Box::new(records.into_iter());
        let places = services.publisher.publish(records).await.map_err(publish_error)?;
        let published = event(ctx, Action::Publish, &stream).with("points", places.len());
        services.audit.record(published);
        Ok(PublishReceipt {
            accepted: i32::try_from(places.len()).unwrap_or(i32::MAX),
            durable: services.publisher.durable(),
            offsets: last_offsets(&target.topic, &places),
        })
    }

    /// Resumes a paused stream on every node. Records that arrived meanwhile are still in Kafka and
    /// are read now.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn resume_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name of a configured stream.")] stream: String,
    ) -> Result<ResumeReceipt> {
        let services = services(ctx)?;
        known_stream(ctx, &stream)?;
        let unavailable = |error| {
            tracing::warn!(%error, "cannot resume a stream");
            Code::Unavailable.error("postgres is unavailable; try again in a moment")
        };
        let turn = services.pausing.turn().await.map_err(unavailable)?;
        still_allowed(ctx)?;
        let was_paused = services
            .pausing
            .resume(turn, &stream)
            .await
            .map_err(unavailable)?;
        services
            .audit
            .record(event(ctx, Action::Resume, &stream).with("was_paused", was_paused));
        Ok(ResumeReceipt { was_paused })
    }

    /// Reads the configuration file again, on every node. Mappings and `[auth]` change at once; a
    /// configuration with a mistake changes nothing.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn reload_configuration(&self, ctx: &Context<'_>) -> Result<ReloadReceipt> {
        if !viewer(ctx)?.streams().are_all() {
            return Err(Code::Forbidden.error("your role does not have every stream"));
        }
        let (answer, reloaded) = oneshot::channel();
        let unavailable = || Code::Unavailable.error("the server is starting or about to stop");
        let asked = services(ctx)?.reloads.send(answer).await;
        asked.map_err(|_| unavailable())?;
        let reloaded = reloaded.await.map_err(|_| unavailable())?;
        let Reloaded { streams, at_restart } = reloaded.map_err(|why| Code::BadUserInput.error(why))?;
        let what = streams.join(",");
        services(ctx)?.audit.record(event(ctx, Action::Reload, &what));
        Ok(ReloadReceipt { streams, at_restart })
    }

    /// Sends dead letters through Kafka again, unchanged. Their points never replace a stored one;
    /// redriving a dead letter twice changes nothing.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn redrive_dead_letters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 1000.")] ids: Vec<ID>,
    ) -> Result<RedriveReceipt> {
        limits::at_most("dead letters", ids.len(), limits::REDRIVE_MAX)?;
        let ids = ids
            .iter()
            .map(|id| id.parse::<i64>())
            .collect::<std::result::Result<BTreeSet<i64>, _>>()
            .map_err(|_| Code::BadUserInput.error("not the id of a dead letter"))?;
        let services = services(ctx)?;
        let wanted: Vec<i64> = ids.iter().copied().collect();
        let letters = reader(ctx)?
            .dead_letters_by_id(&viewer(ctx)?.streams(), &wanted)
            .await
            .map_err(read_error)?;
        still_allowed(ctx)?;
        let streams = services.streams();
        let plan = redrive::plan(&ids, letters, |stream| {
            let target = streams.targets.get(stream)?;
            Some(target.redrive_topic.as_str())
        });
        services
            .publisher
            .publish(Box::new(plan.records.into_iter()))
            .await
            .map_err(publish_error)?;
        let ids: Vec<String> = plan.sent.iter().take(NAMED).map(i64::to_string).collect();
        let redriven = event(ctx, Action::Redrive, &ids.join(",")).with("letters", plan.sent.len());
        services.audit.record(redriven);
        let skipped = plan.skipped.into_iter().map(|(id, why)| SkippedLetter {
            id: id.into(),
            code: why.code().to_owned(),
            reason: why.to_string(),
        });
        Ok(RedriveReceipt {
            sent: plan.sent.into_iter().map(ID::from).collect(),
            skipped: skipped.collect(),
        })
    }
}

fn last_offsets(topic: &str, places: &[Placed]) -> Vec<PublishedOffset> {
    let mut last = BTreeMap::new();
    for place in places {
        let highest = last.entry(place.partition).or_insert(place.offset);
        *highest = place.offset.max(*highest);
    }
    let offset = |(partition, offset)| PublishedOffset {
        topic: topic.to_owned(),
        partition,
        last_offset: Long(offset),
    };
    last.into_iter().map(offset).collect()
}
