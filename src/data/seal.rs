//! Cursors that only the principal can use to whom they were given, and only as they were given.
//!
//! `<cursor>.<HMAC of the subject and the cursor>`. Without access control there is no seal: a cursor is
//! its own text.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cursor::{BadCursor, Cursor, SharedCursor};
use super::installation::{Installation, Purpose};

/// Between the cursor and its tag; no cursor has one.
const MARK: char = '.';
/// The part of the tag that is kept.
const TAG: usize = 16;

/// Seals the cursors of one principal. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Seal(Option<Arc<Keyed>>);

#[derive(Debug)]
struct Keyed {
    key: Arc<Installation>,
    subject: Arc<str>,
}

impl Seal {
    pub fn of(key: Arc<Installation>, subject: Arc<str>) -> Self {
        Self(Some(Arc::new(Keyed { key, subject })))
    }

    /// The text of a cursor as the principal gets it.
    pub fn close(&self, cursor: String) -> String {
        match &self.0 {
            None => cursor,
            Some(keyed) => keyed.sealed(&cursor),
        }
    }

    /// The cursor in the principal's text.
    ///
    /// # Errors
    /// It is somebody else's, or was changed.
    pub fn open<'a>(&self, text: &'a str) -> Result<&'a str, BadCursor> {
        let Some(keyed) = &self.0 else {
            return Ok(text);
        };
        let (cursor, tag) = text.rsplit_once(MARK).ok_or(BadCursor)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| BadCursor)?;
        let message = keyed.message(cursor);
        let is_ours = tag.len() == TAG && keyed.key.made(Purpose::Cursor, &message, &tag);
        is_ours.then_some(cursor).ok_or(BadCursor)
    }

    /// The cursor in anybody's text, perhaps a false one.
    pub fn without_tag(text: &str) -> &str {
        text.rsplit_once(MARK).map_or(text, |(cursor, _)| cursor)
    }

    /// # Errors
    /// It is no cursor, somebody else's, or was changed.
    pub fn read(&self, text: &str) -> Result<Cursor, BadCursor> {
        Cursor::decode(self.open(text)?)
    }

    /// The text of a cursor that many share; who has the same seal shares the text.
    pub fn text(&self, cursor: &SharedCursor) -> Arc<str> {
        let Some(keyed) = &self.0 else {
            return Arc::clone(cursor.text());
        };
        cursor.text_for(&keyed.subject, |cursor| keyed.sealed(cursor).into())
    }
}

impl Keyed {
    fn sealed(&self, cursor: &str) -> String {
        let tag = self.key.tag(Purpose::Cursor, &self.message(cursor));
        let mut text = String::with_capacity(cursor.len() + 1 + TAG * 2);
        text.push_str(cursor);
        text.push(MARK);
        URL_SAFE_NO_PAD.encode_string(&tag[..TAG], &mut text);
        text
    }

    /// The length keeps subject and cursor apart.
    fn message(&self, cursor: &str) -> Vec<u8> {
        let subject = self.subject.as_bytes();
        let length = (subject.len() as u64).to_be_bytes();
        [&length, subject, cursor.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Positions;

    fn seal(secret: u8, subject: &str) -> Seal {
        let key = Installation::new("id".to_owned(), &[secret; 32]).unwrap();
        Seal::of(Arc::new(key), subject.into())
    }

    #[test]
    fn a_cursor_is_of_use_to_its_principal_alone_and_as_it_was_given() {
        let own = seal(1, "key:a");
        let cursor = Cursor::at(Positions::from([(1, 7)]));
        let text = own.close(cursor.encode());
        assert_eq!(own.read(&text), Ok(cursor.clone()));
        let (payload, tag) = text.split_once('.').unwrap();
        let further = Cursor::at(Positions::from([(1, 8)])).encode();
        for other in [
            cursor.encode(),
            format!("{further}.{tag}"),
            format!("{payload}."),
            format!("{payload}.{}", &tag[..8]),
            format!("{payload}..{tag}"),
            format!("{text}x"),
            String::new(),
        ] {
            assert_eq!(own.read(&other), Err(BadCursor), "{other}");
        }
        for other in [seal(1, "key:b"), seal(2, "key:a"), seal(1, ""), Seal::default()] {
            assert_eq!(other.read(&text), Err(BadCursor));
        }
    }

    #[test]
    fn a_shared_cursor_has_the_text_of_whoever_asks() {
        let shared = SharedCursor::at(Positions::from([(1, 7)]));
        let (a, b) = (seal(1, "key:a"), seal(1, "key:b"));
        let of_a = a.text(&shared);
        assert!(Arc::ptr_eq(&of_a, &a.text(&shared)));
        let of_b = b.text(&shared);
        assert_ne!(of_a, of_b);
        assert_eq!(a.text(&shared), of_a);
        assert_eq!(b.read(&of_b).as_ref(), Ok(&**shared));
        assert_eq!(&*Seal::default().text(&shared), shared.encode());
    }
}
