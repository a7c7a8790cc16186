//! How subscribers join: first their groups are judged, on another thread, a slice at a time.

use actix::prelude::*;

use super::messages::{Subscribe, SubscribeError, Subscription};
use super::{Hub, gauge};
use crate::live::index::{Full, GroupId, Opened};
use crate::live::outbox::outbox;

/// Subscriptions that may wait for the first poll of Postgres, and for their groups.
const WAITING_MAX: usize = 10_000;

impl Hub {
    pub(super) fn register(&mut self, request: Subscribe, ctx: &mut Context<Self>) {
        if self.shared.published().is_none() {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push(request);
            }
            return;
        }
        if self.shared.is_draining() {
            let _ = request.reply.send(Err(SubscribeError::GoingAway));
            return;
        }
        let Subscribe { scoped, client, .. } = &request;
        let opened = match request.options {
            Some(_) => self.index.open(scoped, *client),
            None => self.index.attend(scoped, *client).map(Opened::Ready),
        };
        match opened {
            Ok(Opened::Ready(group)) => self.join(group, request, ctx),
            Ok(Opened::Unjudged(group)) => {
                if self.unjudged.values().map(Vec::len).sum::<usize>() >= WAITING_MAX {
                    self.index.abandon(group, request.client);
                    self.refuse(request, Full::All);
                    return;
                }
                self.unjudged.entry(group).or_default().push(request);
                self.judge(ctx);
            }
            Err(full) => self.refuse(request, full),
        }
    }

    fn refuse(&self, request: Subscribe, full: Full) {
        self.metrics.over_limit("selectors");
        let _ = request.reply.send(Err(SubscribeError::Full(full)));
    }

    fn join(&mut self, group: GroupId, request: Subscribe, ctx: &mut Context<Self>) {
        let (Some(live_from), false) = (self.shared.published(), self.shared.is_draining()) else {
            self.index.abandon(group, request.client);
            let _ = request.reply.send(Err(SubscribeError::GoingAway));
            return;
        };
        let (sender, receiver) = outbox(request.options.unwrap_or_default(), &self.metrics.delivered);
        let id = self.next_id;
        self.next_id += 1;
        let subscription = Subscription {
            receiver,
            live_from,
            id,
            hub: ctx.address().recipient(),
        };
        self.index.join(id, group, request.client, sender);
        self.metrics.subscribers.set(gauge(self.index.len()));
        // A subscriber that has gone meanwhile drops it, and so unsubscribes.
        let _ = request.reply.send(Ok(subscription));
    }

    /// Batches are delivered between two slices.
    fn judge(&mut self, ctx: &mut Context<Self>) {
        if self.judging {
            return;
        }
        let Some(slice) = self.index.next_slice() else {
            return;
        };
        self.judging = true;
        let group = slice.group();
        let judged = tokio::task::spawn_blocking(move || slice.judge());
        ctx.spawn(judged.into_actor(self).map(move |slice, hub, ctx| {
            hub.judging = false;
            let judged = match slice {
                Ok(slice) => hub.index.judged(&slice),
                Err(error) => {
                    tracing::error!(%error, "cannot match the series of a new subscription");
                    Some(hub.index.refuse(group))
                }
            };
            if let Some((group, outcome)) = judged {
                hub.was_judged(group, outcome, ctx);
            }
            hub.judge(ctx);
        }));
    }

    fn was_judged(&mut self, group: GroupId, outcome: Result<(), Full>, ctx: &mut Context<Self>) {
        for request in self.unjudged.remove(&group).unwrap_or_default() {
            match outcome {
                Ok(()) => self.join(group, request, ctx),
                Err(full) => {
                    self.index.abandon(group, request.client);
                    self.refuse(request, full);
                }
            }
        }
        self.index.abandon(group, None);
    }
}
