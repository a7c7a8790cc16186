//! The certificate in use, and its successor as soon as the files have changed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::sleep;

use super::files::{Loaded, Stamp, TlsFiles, TlsProblem};
use crate::access::Access;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Reloading {
    files: TlsFiles,
    current: RwLock<Arc<Loaded>>,
    /// Has let in whoever showed a certificate.
    access: Access,
}

impl Reloading {
    /// Loads the files and watches them until the last copy is dropped.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn start(files: TlsFiles, access: Access) -> Result<Arc<Self>, TlsProblem> {
        let loaded = files.stamp();
        let current = RwLock::new(Arc::new(files.load()?));
        if files.is_key_open() {
            tracing::warn!(
                key = %files.key.display(),
                "everybody on this machine may read the TLS key: chmod o-r"
            );
        }
        let reloading = Arc::new(Self {
            files,
            current,
            access,
        });
        actix_web::rt::spawn(watch(Arc::downgrade(&reloading), loaded));
        Ok(reloading)
    }

    /// For the next connection.
    pub fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read())
    }

    fn reload(&self) {
        match self.files.load() {
            Ok(loaded) => {
                *self.current.write() = Arc::new(loaded);
                self.access.changed();
                tracing::info!("the TLS certificate was loaded again");
            }
            Err(problem) => {
                tracing::warn!(%problem, "the new TLS files cannot be used; the certificate of before stays");
            }
        }
    }
}

/// Files that still change, such as a key that follows its certificate, are left for the next look.
async fn watch(reloading: Weak<Reloading>, mut loaded: Stamp) {
    let mut seen = loaded.clone();
    loop {
        sleep(EVERY).await;
        let Some(reloading) = reloading.upgrade() else {
            return;
        };
        let before = (loaded.clone(), seen);
        let look = move || {
            let (loaded, seen) = before;
            let now = reloading.files.stamp();
            if now == loaded || now != seen {
                return (loaded, now);
            }
            reloading.reload();
            (now.clone(), now)
        };
        // Files may lie on a disk that hangs.
        match actix_web::rt::task::spawn_blocking(look).await {
            Ok(after) => (loaded, seen) = after,
            Err(_) => return,
        }
    }
}
