//! Sign-ins that have begun at an issuer and not ended. The browser holds each, sealed and dated, so that
//! any node can finish it.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::data::installation::{Purpose, TAG};
use crate::data::{Installation, Micros};

/// Between what is sealed and its tag.
const MARK: char = '.';

#[derive(Serialize, Deserialize)]
pub struct Pending {
    pub state: String,
    pub nonce: String,
    pub verifier: String,
    /// Where the browser goes in the end.
    pub return_to: String,
    pub begun: Micros,
}

impl Pending {
    /// A person may take so long to sign in at the issuer.
    pub const LONGEST: Duration = Duration::from_secs(600);

    /// For a cookie.
    pub fn seal(&self, installation: &Installation) -> Option<String> {
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let tag = installation.tag(Purpose::SignIn, text.as_bytes());
        Some(format!("{text}{MARK}{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// `None` where this installation has not sealed it, or too long ago.
    pub fn open(text: &str, installation: &Installation, now: Micros) -> Option<Self> {
        let (text, tag) = text.split_once(MARK)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        if tag.len() != TAG || !installation.made(Purpose::SignIn, text.as_bytes(), &tag) {
            return None;
        }
        let pending: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        (now < pending.begun.plus(Self::LONGEST)).then_some(pending)
    }

    /// The issuer sent this browser, and not another one, back.
    pub fn has_state(&self, state: &str) -> bool {
        let (own, sent) = (self.state.as_bytes(), state.as_bytes());
        own.len() == sent.len() && openssl::memcmp::eq(own, sent)
    }
}

/// Never shows a secret.
impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// The states of sign-ins that this node has finished, until they are too old anyway. Their number is
/// bounded by the limits of sign-ins.
#[derive(Debug, Default)]
pub struct Finished {
    now: HashSet<String>,
    before: HashSet<String>,
    begun: Option<Instant>,
}

impl Finished {
    /// False where it was finished before.
    pub fn add(&mut self, pending: &Pending, now: Instant) -> bool {
        if self
            .begun
            .is_none_or(|begun| now.duration_since(begun) >= Pending::LONGEST)
        {
            self.before = std::mem::take(&mut self.now);
            self.begun = Some(now);
        }
        !self.before.contains(&pending.state) && self.now.insert(pending.state.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(state: &str) -> Pending {
        Pending {
            state: state.to_owned(),
            nonce: "nonce".to_owned(),
            verifier: "verifier".to_owned(),
            return_to: "/".to_owned(),
            begun: Micros::now(),
        }
    }

    #[test]
    fn what_has_begun_is_of_use_for_ten_minutes_to_its_installation_and_as_it_was() {
        let of = |secret: u8| Installation::new("id".to_owned(), &[secret; 32]).unwrap();
        let begun = pending("state");
        let text = begun.seal(&of(1)).unwrap();
        let after = |seconds| begun.begun.plus(Duration::from_secs(seconds));
        let found = Pending::open(&text, &of(1), after(599)).unwrap();
        assert!(found.has_state("state") && !found.has_state("other"));
        assert!(Pending::open(&text, &of(1), after(600)).is_none());
        assert!(Pending::open(&text, &of(2), after(0)).is_none());
        let (body, tag) = text.split_once('.').unwrap();
        let other = pending("other").seal(&of(1)).unwrap();
        let (other, _) = other.split_once('.').unwrap();
        for bad in [
            "",
            ".",
            body,
            &format!("{body}."),
            &format!("{body}.{}", &tag[..4]),
            &format!("{other}.{tag}"),
        ] {
            assert!(Pending::open(bad, &of(1), after(0)).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_sign_in_is_finished_once_for_as_long_as_it_is_of_use() {
        let mut finished = Finished::default();
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!(finished.add(&pending("a"), begin));
        assert!(finished.add(&pending("b"), after(599)));
        assert!(!finished.add(&pending("a"), after(599)));
        assert!(finished.add(&pending("c"), after(600)));
        assert!(!finished.add(&pending("b"), after(1_199)));
        finished.add(&pending("d"), after(1_200));
        finished.add(&pending("e"), after(1_800));
        assert!(finished.now.len() + finished.before.len() == 2);
    }
}
