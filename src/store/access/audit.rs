//! Rows of the table `audit`, which are only ever added.

use serde_json::Value;
use tokio_postgres::Client;

use crate::data::Micros;
use crate::data::audit::Event;
use crate::store::connect::{DatabaseUrl, connect};
use crate::store::error::WriteError;

const INSERT: &str = "insert into audit (at, actor, role, address, action, target, outcome, detail)
    select at, actor, role, address, action, target, outcome, detail::jsonb
    from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::text[]) as e (at, actor, role, address, action, target, outcome, detail)";

/// Adds events, on a connection that it opens when there are any.
#[derive(Debug)]
pub struct Writer {
    url: DatabaseUrl,
    client: Option<Client>,
}

impl Writer {
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url, client: None }
    }

    /// The next write begins with a new connection.
    pub fn reconnect(&mut self) {
        self.client = None;
    }

    /// All of them or none.
    pub async fn write(&mut self, events: &[Event]) -> Result<(), WriteError> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => connect(&self.url).await?,
        };
        let at: Vec<Micros> = events.iter().map(|event| event.at).collect();
        let actors: Vec<&str> = events.iter().map(|event| &*event.actor.subject).collect();
        let roles: Vec<&str> = events.iter().map(|event| &*event.actor.role).collect();
        let addresses: Vec<Option<String>> = events.iter().map(address).collect();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        let targets: Vec<&str> = events.iter().map(|event| event.target.as_str()).collect();
        let outcomes: Vec<&str> = events.iter().map(|event| event.outcome.as_str()).collect();
        let detail = |event: &Event| Value::Object(event.detail.clone()).to_string();
        let details: Vec<String> = events.iter().map(detail).collect();
        client
            .execute(
                INSERT,
                &[
                    &at, &actors, &roles, &addresses, &actions, &targets, &outcomes, &details,
                ],
            )
            .await?;
        self.client = Some(client);
        Ok(())
    }
}

fn address(event: &Event) -> Option<String> {
    event.actor.address.map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::audit::{Action, Actor};
    use crate::store::testing::Database;

    #[tokio::test]
    async fn events_are_added_and_nobody_can_change_them() {
        let db = Database::create().await;
        let mut writer = Writer::new(db.url.clone());
        let actor = Actor::new("key:a", "berlin", Some([10, 0, 0, 1].into()));
        let publish = Event::new(actor, Action::Publish, "machines").with("points", 3);
        let denied = Event::new(Actor::unknown(None), Action::Denied, "/ws");
        writer.write(&[publish, denied]).await.unwrap();
        let columns = "select actor, role, address, action, target, outcome, detail from audit order by id";
        assert_eq!(
            db.rows(columns).await,
            [
                "key:a|berlin|10.0.0.1|publish|machines|done|{\"points\": 3}",
                "unknown||null|denied|/ws|refused|{}"
            ]
        );
        for change in [
            "update audit set actor = 'me'",
            "delete from audit",
            "delete from audit where false",
            "truncate audit",
        ] {
            let refused = db.client.batch_execute(change).await.unwrap_err();
            let why = refused.as_db_error().map(|error| error.message().to_owned());
            assert!(why.is_some_and(|why| why.contains("only added")), "{change}");
        }
    }
}
