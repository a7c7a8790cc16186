//! The configuration is read again: at SIGHUP, when a client asks for it, and when another node did.
//!
//! Mappings and `[auth]` change at once. A configuration with a mistake replaces nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

use crate::access::config::AuthConfig;
use crate::access::{Access, Audit};
use crate::actors::lookups;
use crate::actors::pausing::Pausing;
use crate::config::{Config, Overrides};
use crate::data::audit::{Action, Actor, Event};
use crate::decode::registry::SchemaRegistry;
use crate::graphql::services::{ConfiguredStreams, ReloadRequest, Reloaded};
use crate::store::connect::DatabaseUrl;
use crate::store::reloads;
use crate::transform::{StreamPlan, replanned};

const CONNECT_AGAIN: Duration = Duration::from_secs(5);

/// What can be replaced while the server runs.
#[derive(Debug)]
pub(super) struct Replaceable {
    pub access: Access,
    pub audit: Audit,
    pub pausing: Pausing,
    pub registry: Option<Arc<SchemaRegistry>>,
    pub plans: watch::Sender<Arc<[StreamPlan]>>,
    pub streams: watch::Sender<Arc<ConfiguredStreams>>,
    pub requests: mpsc::Receiver<ReloadRequest>,
    pub database: DatabaseUrl,
    pub is_embedded: bool,
}

struct Reloader {
    /// Tells this node from others.
    id: String,
    parts: Replaceable,
    config: Config,
    overrides: Overrides,
}

/// For as long as the program runs.
///
/// # Errors
/// The signal cannot be followed.
pub(super) fn start(parts: Replaceable, config: Config, overrides: Overrides) -> Result<()> {
    let hangup = signal(SignalKind::hangup())?;
    let told = Arc::new(Notify::new());
    let id = format!("{:016x}", RandomState::new().hash_one(0));
    actix::spawn(listen(parts.database.clone(), id.clone(), Arc::clone(&told)));
    let reloader = Reloader {
        id,
        parts,
        config,
        overrides,
    };
    actix::spawn(reloader.run(hangup, told));
    Ok(())
}

/// To what other nodes tell.
async fn listen(database: DatabaseUrl, id: String, told: Arc<Notify>) {
    loop {
        let told = Arc::clone(&told);
        match reloads::connect_to_hear(&database, id.clone(), move || told.notify_one()).await {
            Ok(client) => {
                while !client.is_closed() {
                    tokio::time::sleep(CONNECT_AGAIN).await;
                }
            }
            Err(error) => tracing::debug!(%error, "cannot listen for reloads of other nodes"),
        }
        tokio::time::sleep(CONNECT_AGAIN).await;
    }
}

impl Reloader {
    async fn run(mut self, mut hangup: Signal, told: Arc<Notify>) {
        loop {
            tokio::select! {
                Some(()) = hangup.recv() => {
                    // The log has the answer.
                    let _ = self.reload().await;
                }
                () = told.notified() => {
                    let _ = self.reload().await;
                }
                Some(answer) = self.parts.requests.recv() => {
                    let reloaded = self.reload().await;
                    if reloaded.is_ok() {
                        self.tell_others().await;
                    }
                    // Whoever asked may be gone.
                    let _ = answer.send(reloaded);
                }
                else => return,
            }
        }
    }

    async fn tell_others(&self) {
        if let Err(error) = reloads::tell(&self.parts.database, &self.id).await {
            tracing::warn!(%error, "the other nodes could not be told to read their configuration again");
        }
    }

    async fn reload(&mut self) -> Result<Reloaded, String> {
        let reloaded = self.replace().await;
        match &reloaded {
            Ok(Reloaded { streams, at_restart }) => {
                tracing::info!(?streams, "read the configuration again");
                if !at_restart.is_empty() {
                    tracing::warn!(sections = ?at_restart, "these changes take effect at the next start");
                }
            }
            Err(why) => tracing::error!("the configuration stays as it was: {why}"),
        }
        reloaded
    }

    /// All of it or nothing.
    async fn replace(&mut self) -> Result<Reloaded, String> {
        let new = Config::load(&self.overrides).map_err(|mistakes| mistakes.to_string())?;
        let at_restart = self.config.at_restart(&new)?;
        let plans = new.plans(self.parts.registry.as_ref());
        let plans = plans.map_err(|error| error.to_string())?;
        let (plans, changed) = replanned(&self.parts.plans.borrow(), &plans);
        lookups::load(&plans, &self.parts.database).await?;
        let mut config = self.config.clone();
        config.take_up(new);
        if let Some(auth) = &config.auth {
            self.replace_auth(auth)?;
        }
        self.config = config;
        if !changed.is_empty() {
            self.parts.pausing.replan(&plans, &changed).await;
            lookups::refresh(&changed, &self.parts.database);
            self.parts.plans.send_replace(plans);
            let streams = self.config.shown_streams(self.parts.is_embedded);
            self.parts.streams.send_replace(Arc::new(streams));
        }
        Ok(Reloaded {
            streams: changed.iter().map(|plan| plan.name.to_string()).collect(),
            at_restart,
        })
    }

    /// Also if it is the same: files that it names may have changed.
    fn replace_auth(&self, auth: &AuthConfig) -> Result<(), String> {
        self.parts
            .access
            .reload(auth)
            .map_err(|mistakes| mistakes.join("; "))?;
        if self.config.auth.as_ref() != Some(auth) {
            let roles = auth.roles.len();
            let actor = Actor::new("streamsync", "", None);
            self.parts
                .audit
                .record(Event::new(actor, Action::ChangeRoles, "auth").with("roles", roles));
        }
        Ok(())
    }
}
