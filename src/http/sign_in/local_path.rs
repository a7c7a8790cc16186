//! Where a browser goes after it has signed in: a page of ours, and nothing that another site chose.

const LONGEST: usize = 1_024;

/// The path, or the first page for everything that is none of ours.
pub(super) fn local_path(text: &str) -> &str {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // Browsers take `//host`, and `/\host`, for another server.
    let is_local = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/auth/");
    match is_plain && is_local && text.len() <= LONGEST {
        true => text,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_to() {
        for own in ["/", "/series?x=1#y", "/a//b", "/%2F/evil.example.org"] {
            assert_eq!(local_path(own), own);
        }
        for foreign in [
            "",
            "series",
            "//evil.example.org",
            "/\\evil.example.org",
            "\\\\evil.example.org",
            "/\t/evil.example.org",
            "https://evil.example.org",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x",
            "/auth/logout",
            " /",
            "/é",
            &format!("/{}", "x".repeat(LONGEST)),
        ] {
            assert_eq!(local_path(foreign), "/", "{foreign}");
        }
    }
}
