//! Browsers sign in and out.

use std::sync::Arc;

use super::Access;
use super::credential::Credential;
use super::principal::{Denied, Principal};
use super::sessions::known::By;
use super::sessions::{self, SessionId};
use super::tokens::oidc::{OidcError, Told};
use crate::data::{ClientKey, Installation, Micros};
use crate::store::access::sessions::SignedIn;

impl Access {
    /// Begins a browser's session with a key or a token. It ends with them.
    ///
    /// # Errors
    /// The credential lets nobody in, there were too many sign-ins, or Postgres is away.
    pub async fn sign_in(
        &self,
        address: ClientKey,
        credential: &Credential,
    ) -> Result<(Arc<Principal>, SessionId), Denied> {
        let control = self.0.control.as_ref().ok_or(Denied::Invalid)?;
        let principal = self.admit(address, Some(credential)).await?;
        let by = principal.identity.signs_in().ok_or(Denied::Invalid)?;
        control.entry.sign_in(&principal)?;
        control.begin(&principal, by, None).await
    }

    /// By which sign-ins that have begun are sealed.
    ///
    /// # Errors
    /// It is not known yet.
    pub fn installation(&self) -> Result<Arc<Installation>, Denied> {
        let control = self.0.control.as_ref().ok_or(Denied::Invalid)?;
        control.known.installation().ok_or(Denied::Unavailable)
    }

    /// Whether an issuer may be asked for somebody at this address.
    ///
    /// # Errors
    /// There were too many sign-ins.
    pub fn may_ask_issuer(&self, address: ClientKey) -> Result<(), Denied> {
        let control = self.0.control.as_ref().ok_or(Denied::Invalid)?;
        Ok(control.entry.sign_in_at_issuer(address)?)
    }

    /// As [`Self::sign_in`], for somebody of whom an issuer has told us these claims.
    ///
    /// # Errors
    /// The claims give no role, there were too many sign-ins, or Postgres is away.
    pub async fn sign_in_with(
        &self,
        address: ClientKey,
        told: Told,
    ) -> Result<(Arc<Principal>, SessionId), Denied> {
        let control = self.0.control.as_ref().ok_or(Denied::Invalid)?;
        let claims = Arc::new(told.claims);
        let principal = control.metered(control.of_claims(&claims)?, address);
        control.entry.sign_in(&principal)?;
        control
            .begin(&principal, SignedIn::Token(claims.all.clone()), told.refresh)
            .await
    }

    /// From when on [`Self::go_on`] does something.
    pub fn refreshes_from(&self, session: &SessionId) -> Option<Micros> {
        let control = self.0.control.as_ref()?;
        let known = control.known.session(&session.hash(), Micros::now());
        known.ok()?.refreshes_from()
    }

    /// A session goes on as its issuer says, which is asked after half of its time. Others stay as they are.
    ///
    /// # Errors
    /// The session has ended, there were too many sign-ins, or Postgres is away.
    pub async fn go_on(&self, address: ClientKey, session: &SessionId) -> Result<Arc<Principal>, Denied> {
        let control = self.0.control.as_ref().ok_or(Denied::Invalid)?;
        let (hash, now) = (session.hash(), Micros::now());
        let known = control.known.session(&hash, now)?;
        let principal = control.metered(control.of_session(&hash)?, address);
        let issuers = control.issuers();
        let (By::Token(before), Some(oidc)) = (&known.by, &issuers.oidc) else {
            return Ok(principal);
        };
        if known.refreshes_from().is_none_or(|from| now < from) || *before.issuer != *oidc.issuer() {
            return Ok(principal);
        }
        control.entry.sign_in(&principal)?;
        let turn = control.turn().await?;
        let taken = sessions::take_refresh(&control.database, session).await?;
        // The issuer may take its time, and others sign in meanwhile.
        drop(turn);
        let Some((token, begun)) = taken else {
            return Ok(principal);
        };
        let told = oidc.refresh(&token).await;
        // However long that takes: the issuer may not take the token again.
        let _turn = control.signing_in.acquire().await;
        match told {
            Ok(told) if told.claims.subject == before.subject => {
                let refresh = told.refresh.unwrap_or(token);
                let claims = Arc::new(told.claims);
                match control.of_claims(&claims) {
                    Ok(_) => sessions::go_on(&control.database, session, &claims, begun, &refresh).await?,
                    // The issuer has taken the role away.
                    Err(Denied::Invalid) => sessions::end(&control.database, session).await?,
                    Err(denied) => return Err(denied),
                }
            }
            // It is asked again as long as the session lasts.
            Err(OidcError::Issuer(why)) => {
                tracing::warn!(%why, "an issuer cannot be asked whether a session goes on");
                return Ok(principal);
            }
            told => {
                let why = told
                    .err()
                    .map_or_else(|| "it names somebody else".to_owned(), |why| why.to_string());
                tracing::info!(why, "an issuer does not let a session go on");
                sessions::forget_refresh(&control.database, session).await?;
            }
        }
        control.known.catch_up().await;
        control.of_session(&hash)
    }

    /// Ends a session, on every node and for what is open. Returns whose it was.
    ///
    /// # Errors
    /// Postgres is away: the session goes on.
    pub async fn sign_out(&self, session: &SessionId) -> Result<Option<Arc<Principal>>, Denied> {
        let control = self.0.control.as_ref().ok_or(Denied::Invalid)?;
        let hash = session.hash();
        let is_known = || control.known.session(&hash, Micros::now()) != Err(Denied::Invalid);
        // It may have begun on another node a moment ago. All who ask that share one look at Postgres.
        if !is_known() {
            if !control.known.catch_up().await {
                return Err(Denied::Unavailable);
            }
            if !is_known() {
                return Ok(None);
            }
        }
        let principal = control.of_session(&hash).ok();
        let _turn = control.turn().await?;
        sessions::end(&control.database, session).await?;
        control.known.catch_up().await;
        Ok(principal)
    }
}
