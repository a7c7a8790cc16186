//! The site: the table of files that `dashboard/scripts/seal.mjs` has made.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::read::GzDecoder;

#[derive(Debug)]
pub(super) struct File {
    /// The path of a request: `/explore`, `/_next/static/…`.
    pub path: &'static str,
    pub content_type: &'static str,
    /// Changes with the content.
    pub tag: &'static str,
    pub is_gzip: bool,
    pub bytes: &'static [u8],
    pub page: Option<Page>,
}

/// The sources that allow what is inline in a page: `'sha256-…'`.
#[derive(Debug)]
pub(super) struct Page {
    pub scripts: &'static [&'static str],
    pub styles: &'static [&'static str],
}

/// Sorted by path.
pub(super) static FILES: &[File] = include!("../../../dashboard/sealed/site.rs");

/// Only files of the table are found.
pub(super) fn find(path: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by_key(&path, |file| file.path).ok()?;
    FILES.get(at)
}

impl File {
    pub fn plain(&self) -> io::Result<Cow<'static, [u8]>> {
        if !self.is_gzip {
            return Ok(Cow::Borrowed(self.bytes));
        }
        let mut plain = Vec::new();
        GzDecoder::new(self.bytes).read_to_end(&mut plain)?;
        Ok(Cow::Owned(plain))
    }

    /// Its name changes with its content.
    pub fn is_immutable(&self) -> bool {
        self.path.starts_with("/_next/static/")
    }
}
