//! What a browser tells of who asks (Fetch Metadata): no page can set these headers.

use actix_web::http::header::{HeaderMap, HeaderName};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// `None` for a header that is not there; a value that is no text is the empty one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetch<'a> {
    site: Option<&'a str>,
    mode: Option<&'a str>,
    dest: Option<&'a str>,
}

impl<'a> Fetch<'a> {
    pub fn of(headers: &'a HeaderMap) -> Self {
        let of = |name| {
            let value = headers.get(name)?;
            Some(value.to_str().unwrap_or_default())
        };
        Self {
            site: of(SITE),
            mode: of(MODE),
            dest: of(DEST),
        }
    }

    /// A browser asks, one that says so.
    pub fn is_browser(self) -> bool {
        self.site.is_some() || self.mode.is_some() || self.dest.is_some()
    }

    pub fn is_same_origin(self) -> bool {
        self.site == Some("same-origin")
    }

    pub fn is_websocket(self) -> bool {
        self.mode == Some("websocket")
    }

    /// A browser asks for another page than ours; `none` is the user, who typed an address.
    pub fn is_from_elsewhere(self) -> bool {
        match self.site {
            Some(site) => !matches!(site, "same-origin" | "none"),
            // Node.js tells the mode alone. In these a browser sends the origin as well.
            None => {
                let has_origin = matches!(self.mode, Some("cors" | "websocket")) && self.dest.is_none();
                self.is_browser() && !has_origin
            }
        }
    }

    /// The answer becomes the page in a tab, and nothing within another page.
    pub fn opens_page(self) -> bool {
        self.mode == Some("navigate") && matches!(self.dest, None | Some("document"))
    }
}
