//! The policy of a page: it may run its own scripts and talk to this server, and nothing else.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};

use super::site::{File, Page};

/// Its editor writes styles into the page.
const PLAYGROUND: &str = "/playground";

/// A script may run as a worker, which has the policy of the script's response. Those of the playground
/// load more scripts.
const SCRIPT: &str = "default-src 'none'; script-src 'self'; frame-ancestors 'none'";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

pub(super) fn describe(response: &mut HttpResponseBuilder, file: &File) {
    if file.content_type.starts_with("text/javascript") {
        response.insert_header((CONTENT_SECURITY_POLICY, SCRIPT));
    }
    let Some(page) = &file.page else { return };
    response
        .insert_header((CONTENT_SECURITY_POLICY, content_security(file.path, page)))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .insert_header((OPENER, "same-origin"))
        .insert_header((
            PERMISSIONS,
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ));
}

fn content_security(path: &str, page: &Page) -> String {
    let scripts = sources(page.scripts);
    let styles = match path {
        PLAYGROUND => "'self' 'unsafe-inline'".to_owned(),
        _ => sources(page.styles),
    };
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn sources(inline: &[&str]) -> String {
    [&["'self'"], inline].concat().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        scripts: &["'sha256-A='", "'sha256-B='"],
        styles: &["'sha256-C='"],
    };

    #[test]
    fn a_page_runs_its_own_scripts_alone() {
        let policy = content_security("/explore", &PAGE);
        for part in [
            "default-src 'none'; ",
            "script-src 'self' 'sha256-A=' 'sha256-B='; ",
            "style-src 'self' 'sha256-C='; ",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
    }

    /// A hash in `style-src` would take `'unsafe-inline'` back.
    #[test]
    fn the_playground_may_write_styles_but_no_scripts() {
        let policy = content_security(PLAYGROUND, &PAGE);
        assert!(policy.contains("style-src 'self' 'unsafe-inline'; "));
        assert!(policy.contains("script-src 'self' 'sha256-A=' 'sha256-B='; "));
    }
}
