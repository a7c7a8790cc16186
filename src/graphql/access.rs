//! Who asks, and the API keys of an administrator.

use async_graphql::{Context, ID, Object, Result};

use super::limits;
use super::recording::event;
use super::scalars::DateTime;
use super::services::{principal, services};
use super::types::{ApiKey, Me, NewApiKey};
use crate::access::keys::changes::Wanted;
use crate::data::Problem;
use crate::data::audit::Action;

#[derive(Clone, Copy, Debug, Default)]
pub struct Principals;

#[derive(Clone, Copy, Debug, Default)]
pub struct KeyChanges;

#[Object]
impl Principals {
    /// Who asks, and what they may do.
    async fn me(&self, ctx: &Context<'_>) -> Result<Me> {
        Ok(Me::from(&**principal(ctx)?))
    }

    /// All API keys, also those that were revoked or have expired.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn api_keys(&self, ctx: &Context<'_>) -> Result<Vec<ApiKey>> {
        let keys = services(ctx)?.access.keys(principal(ctx)?).await;
        let keys = keys.map_err(Problem::from)?;
        Ok(keys.into_iter().map(ApiKey::from).collect())
    }
}

#[Object]
impl KeyChanges {
    /// Makes an API key. Its secret cannot be shown again.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What people know it by; no other key in use has it.")] name: String,
        #[graphql(desc = "A role of the configuration.")] role: String,
        #[graphql(desc = "When it ends; never if omitted.")] expires: Option<DateTime>,
    ) -> Result<NewApiKey> {
        let wanted = Wanted {
            name,
            role,
            expires: expires.map(|time| time.0),
        };
        let services = services(ctx)?;
        let made = services.access.create_key(&wanted, principal(ctx)?).await;
        let made = made.map_err(Problem::from)?;
        let created = event(ctx, Action::CreateKey, &made.0.id).with("role", &*wanted.role);
        services.audit.record(created);
        Ok(made.into())
    }

    /// Lets the holder of an API key out, on every node within a second.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn revoke_api_key(&self, ctx: &Context<'_>, id: ID) -> Result<ApiKey> {
        let services = services(ctx)?;
        let revoked = services.access.revoke_key(&id, principal(ctx)?).await;
        let revoked = revoked.map_err(Problem::from)?;
        services.audit.record(event(ctx, Action::RevokeKey, &revoked.id));
        Ok(revoked.into())
    }

    /// Gives an API key another secret, which cannot be shown again. The old one ends at once.
    #[graphql(complexity = "limits::MUTATION + child_complexity")]
    async fn rotate_api_key(&self, ctx: &Context<'_>, id: ID) -> Result<NewApiKey> {
        let services = services(ctx)?;
        let rotated = services.access.rotate_key(&id, principal(ctx)?).await;
        let rotated = rotated.map_err(Problem::from)?;
        services
            .audit
            .record(event(ctx, Action::RotateKey, &rotated.0.id));
        Ok(rotated.into())
    }
}
