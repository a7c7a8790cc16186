//! SIGHUP: `[auth]` is read again from the configuration.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::access::config::AuthConfig;
use crate::access::{Access, Audit};
use crate::config::{Config, Overrides};
use crate::data::audit::{Action, Actor, Event};

/// Follows the signal for as long as the program runs. A configuration with mistakes replaces nothing.
/// `grace`: that of the start, which stays.
///
/// # Errors
/// The signal cannot be followed.
pub fn on_hangup(access: Access, audit: Audit, grace: Duration, overrides: Overrides) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        while hangup.recv().await.is_some() {
            match reload(&access, &overrides) {
                Ok(auth) => {
                    let roles = auth.roles.len();
                    let actor = Actor::new("streamsync", "", None);
                    audit.record(Event::new(actor, Action::ChangeRoles, "auth").with("roles", roles));
                    tracing::info!(roles, issuers = auth.issuers.len(), "read [auth] again");
                    if auth.grace != grace {
                        tracing::warn!("auth.grace stays as it was: restart to change it");
                    }
                }
                Err(why) => tracing::error!("[auth] stays as it was: {why}"),
            }
        }
    });
    Ok(())
}

fn reload(access: &Access, overrides: &Overrides) -> Result<AuthConfig, String> {
    let config = Config::load(overrides).map_err(|mistakes| mistakes.to_string())?;
    let auth = config
        .auth
        .ok_or("the configuration has no [auth] any more; restart to do without")?;
    access.reload(&auth).map_err(|mistakes| mistakes.join("; "))?;
    Ok(auth)
}
