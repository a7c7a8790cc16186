//! What commands add to the audit themselves, as no server is there to do it.

use crate::data::audit::{Action, Actor, Event};
use crate::store::DatabaseUrl;
use crate::store::access::audit::Writer;

/// What whoever sits at the terminal did. It has happened, whether it can be recorded or not.
pub async fn record(url: &DatabaseUrl, action: Action, target: &str, detail: &[(&str, u64)]) {
    let event = Event::new(Actor::of_terminal(), action, target);
    let event = detail
        .iter()
        .fold(event, |event, (name, value)| event.with(name, *value));
    if let Err(why) = Writer::new(url.clone()).write(&[event]).await {
        eprintln!("this is not in the audit: {why}");
    }
}
