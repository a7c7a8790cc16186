//! SIGHUP: the roles are read again from the configuration.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::access::{Access, Audit};
use crate::config::{Config, Overrides};
use crate::data::audit::{Action, Actor, Event};

/// Follows the signal for as long as the program runs. A configuration with mistakes replaces nothing.
///
/// # Errors
/// The signal cannot be followed.
pub fn on_hangup(access: Access, audit: Audit, overrides: Overrides) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        while hangup.recv().await.is_some() {
            match reload(&access, &overrides) {
                Ok(roles) => {
                    let actor = Actor::new("streamsync", "", None);
                    audit.record(Event::new(actor, Action::ChangeRoles, "auth").with("roles", roles));
                    tracing::info!(roles, "read the roles again");
                }
                Err(why) => tracing::error!("the roles stay as they were: {why}"),
            }
        }
    });
    Ok(())
}

fn reload(access: &Access, overrides: &Overrides) -> Result<usize, String> {
    let config = Config::load(overrides).map_err(|mistakes| mistakes.to_string())?;
    let auth = config
        .auth
        .ok_or("the configuration has no [auth] any more; restart to do without")?;
    access.reload(&auth).map_err(|mistakes| mistakes.join("; "))?;
    Ok(auth.roles.len())
}
