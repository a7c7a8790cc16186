//! `subscription { pipeline }`: the state of the pipeline, repeatedly.

use std::ops::RangeInclusive;
use std::time::Duration as Span;

use async_graphql::{Context, Result, Subscription};
use futures_util::Stream;
use futures_util::stream::try_unfold;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::errors::Code;
use super::scalars::Duration;
use super::services::{Services, feeds, services, viewer};
use super::types::PipelineStatus;
use crate::actors::hub::HubHandle;
use crate::data::{Problem, Viewer};
use crate::feed::FeedError;

#[derive(Clone, Copy, Debug, Default)]
pub struct PipelineSubscription;

const EVERY: RangeInclusive<Span> = Span::from_millis(250)..=Span::from_secs(60);
const EVERY_DEFAULT: Span = Span::from_secs(1);

#[Subscription]
impl PipelineSubscription {
    /// The pipeline of this node: immediately, then every `every`. A slow client gets fewer states,
    /// always the current one. Not counted in `subscribers`, which counts point subscriptions.
    async fn pipeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "250ms to 1m; 1s if omitted.")] every: Option<Duration>,
    ) -> Result<impl Stream<Item = Result<PipelineStatus>>> {
        let every = every.map_or(EVERY_DEFAULT, |Duration(every)| every);
        if !EVERY.contains(&every) {
            return Err(Code::BadUserInput.error("every must be 250ms to 1m"));
        }
        let mut clock = interval(every);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watcher = Watcher {
            services: services(ctx)?.clone(),
            viewer: viewer(ctx)?.clone(),
            hub: feeds(ctx)?.hub.clone(),
            clock,
        };
        Ok(try_unfold(watcher, |mut watcher| async {
            Ok(Some((watcher.next().await?, watcher)))
        }))
    }
}

struct Watcher {
    services: Services,
    viewer: Viewer,
    hub: HubHandle,
    clock: Interval,
}

impl Watcher {
    /// The next state, read when it is asked for; an error at the end.
    async fn next(&mut self) -> Result<PipelineStatus> {
        let mut draining = self.hub.draining();
        tokio::select! {
            biased;
            // A missing hub also means that the server is about to stop.
            _ = draining.wait_for(|draining| *draining) => Err(Problem::from(FeedError::GOING_AWAY).into()),
            _ = self.clock.tick() => Ok(PipelineStatus::of(&self.services, &self.viewer)),
        }
    }
}
