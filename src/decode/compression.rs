//! Payloads that a producer has compressed by itself, apart from Kafka's own compression of batches.

use std::borrow::Cow;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::data::{Reason, RecordError};

/// More than this a decoder of zstd may not ask for, whatever the payload says.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const LZ4_FRAME: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
const SNAPPY_FRAME: &[u8] = b"\xff\x06\x00\x00sNaPpY";
/// What Java's snappy library writes: a header of 16 bytes, then blocks with their lengths.
const SNAPPY_JAVA: &[u8] = b"\x82SNAPPY\x00";
const SNAPPY_JAVA_HEADER: usize = 16;

/// How the payloads of a stream are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Told by the first bytes; all but blocks of snappy, which have no mark.
    #[default]
    Auto,
    None,
    Gzip,
    Zstd,
    Snappy,
    Lz4,
}

impl Compression {
    /// The payload as it was before, of at most `limit` bytes.
    pub fn open(self, payload: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, RecordError> {
        let found = match self {
            Self::Auto => Self::of(payload),
            set => set,
        };
        let (name, opened) = match found {
            Self::Auto | Self::None => return Ok(Cow::Borrowed(payload)),
            Self::Gzip => ("gzip", read(flate2::read::MultiGzDecoder::new(payload), limit)),
            Self::Zstd => ("zstd", zstd(payload, limit)),
            Self::Lz4 => ("lz4", lz4(payload, limit)),
            Self::Snappy => ("snappy", snappy(payload, limit)),
        };
        within(name, opened, limit).map(Cow::Owned)
    }

    /// Told by the first bytes.
    pub fn of(payload: &[u8]) -> Self {
        let begins = |magic: &[u8]| payload.starts_with(magic);
        if begins(GZIP) {
            Self::Gzip
        } else if begins(ZSTD) {
            Self::Zstd
        } else if begins(LZ4_FRAME) {
            Self::Lz4
        } else if begins(SNAPPY_FRAME) || begins(SNAPPY_JAVA) {
            Self::Snappy
        } else {
            Self::None
        }
    }
}

/// A block of snappy and nothing else, of at most `limit` bytes when it is decompressed.
pub fn snappy_block(compressed: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    let mut opened = Vec::new();
    let done = block(compressed, limit, &mut opened);
    within("a block of snappy", done.map(|()| opened), limit)
}

fn within(name: &str, opened: io::Result<Vec<u8>>, limit: usize) -> Result<Vec<u8>, RecordError> {
    let opened = opened.map_err(|error| {
        let detail = format!("the payload is not {name}: {error}");
        RecordError::new(Reason::BadCompression, detail)
    })?;
    if opened.len() > limit {
        let detail = format!("more than {limit} bytes when decompressed, which is the limit");
        return Err(RecordError::new(Reason::RecordTooLarge, detail));
    }
    Ok(opened)
}

/// One byte more than the limit tells that there are more.
fn read(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut opened = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut opened)?;
    Ok(opened)
}

/// The crate takes a frame without its end for a whole one.
fn lz4(payload: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let has_checksum = payload
        .get(LZ4_FRAME.len())
        .is_some_and(|flags| flags & 0b100 != 0);
    let end = if has_checksum {
        payload.len().saturating_sub(4)
    } else {
        payload.len()
    };
    match payload[..end].ends_with(&[0; 4]) {
        true => read(lz4_flex::frame::FrameDecoder::new(payload), limit),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn zstd(payload: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_buffer(payload)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    read(decoder, limit)
}

fn snappy(payload: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    if payload.starts_with(SNAPPY_FRAME) {
        return read(snap::read::FrameDecoder::new(payload), limit);
    }
    let mut opened = Vec::new();
    if !payload.starts_with(SNAPPY_JAVA) {
        block(payload, limit, &mut opened)?;
        return Ok(opened);
    }
    let mut rest = payload.get(SNAPPY_JAVA_HEADER..).unwrap_or_default();
    while !rest.is_empty() && opened.len() <= limit {
        let (length, behind) = rest
            .split_first_chunk::<4>()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (compressed, behind) = behind
            .split_at_checked(length)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        block(compressed, limit, &mut opened)?;
        rest = behind;
    }
    Ok(opened)
}

/// The length that a block declares is looked at before memory is taken for it.
fn block(compressed: &[u8], limit: usize, opened: &mut Vec<u8>) -> io::Result<()> {
    let before = opened.len();
    let declared = snap::raw::decompress_len(compressed)?;
    opened.resize(before + declared.min(limit + 1), 0);
    if declared <= limit {
        snap::raw::Decoder::new().decompress(compressed, &mut opened[before..])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"{\"ts\": 1, \"t\": 20.5} {\"ts\": 2, \"t\": 20.5}";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text).expect("memory");
        writer.finish().expect("memory")
    }

    fn lz4(text: &[u8]) -> Vec<u8> {
        let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
        writer.write_all(text).expect("memory");
        writer.finish().expect("a frame")
    }

    fn snappy_frames(text: &[u8]) -> Vec<u8> {
        let mut writer = snap::write::FrameEncoder::new(Vec::new());
        writer.write_all(text).expect("memory");
        writer.into_inner().expect("memory")
    }

    fn snappy_block_of(text: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(text).expect("memory")
    }

    fn snappy_of_java(text: &[u8]) -> Vec<u8> {
        let mut written = SNAPPY_JAVA.to_vec();
        written.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        for part in text.chunks(20) {
            let block = snappy_block_of(part);
            written.extend(u32::try_from(block.len()).expect("short").to_be_bytes());
            written.extend(block);
        }
        written
    }

    fn every(text: &[u8]) -> [(Compression, Vec<u8>, bool); 6] {
        [
            (Compression::Gzip, gzip(text), true),
            (
                Compression::Zstd,
                ::zstd::encode_all(text, 1).expect("memory"),
                true,
            ),
            (Compression::Lz4, lz4(text), true),
            (Compression::Snappy, snappy_frames(text), true),
            (Compression::Snappy, snappy_of_java(text), true),
            (Compression::Snappy, snappy_block_of(text), false),
        ]
    }

    #[test]
    fn each_compression_is_opened_by_its_setting_and_by_its_first_bytes() {
        for (set, payload, has_mark) in every(TEXT) {
            let opened = set.open(&payload, 1_000).expect("a payload");
            assert_eq!(&*opened, TEXT, "{set:?}");
            let detected = Compression::Auto.open(&payload, 1_000).expect("a payload");
            assert_eq!(&*detected == TEXT, has_mark, "{set:?}");
        }
    }

    #[test]
    fn what_is_not_compressed_is_left_alone_unless_a_setting_says_otherwise() {
        assert!(matches!(Compression::Auto.open(TEXT, 1), Ok(Cow::Borrowed(TEXT))));
        for set in [
            Compression::Gzip,
            Compression::Zstd,
            Compression::Snappy,
            Compression::Lz4,
        ] {
            let error = set.open(TEXT, 1_000).expect_err("no such payload");
            assert_eq!(error.reason, Reason::BadCompression, "{set:?}");
        }
    }

    #[test]
    fn a_small_payload_that_would_become_a_large_one_is_refused_at_the_limit() {
        for (set, payload, _) in every(&vec![b' '; 1 << 20]) {
            let error = set.open(&payload, 1_000).expect_err("too large");
            assert_eq!(error.reason, Reason::RecordTooLarge, "{set:?}");
        }
    }

    #[test]
    fn a_declared_length_that_is_not_there_takes_no_memory() {
        let mut block = vec![0xff, 0xff, 0xff, 0xff, 0x0f];
        block.extend(b"abc");
        let error = Compression::Snappy.open(&block, 1_000).expect_err("too large");
        assert_eq!(error.reason, Reason::RecordTooLarge);
        let error = snappy_block(&block, 1_000).expect_err("too large");
        assert_eq!(error.reason, Reason::RecordTooLarge);
    }

    #[test]
    fn where_a_block_is_asked_for_nothing_else_is_taken() {
        assert_eq!(snappy_block(&snappy_block_of(TEXT), 1_000).as_deref(), Ok(TEXT));
        assert_eq!(snappy_block(&snappy_block_of(b""), 0).as_deref(), Ok(&[][..]));
        for other in [snappy_frames(TEXT), snappy_of_java(TEXT), gzip(TEXT), Vec::new()] {
            let error = snappy_block(&other, 1_000_000).expect_err("no block");
            assert_eq!(error.reason, Reason::BadCompression);
        }
    }

    #[test]
    fn a_payload_that_was_cut_is_refused() {
        for (set, payload, _) in every(TEXT) {
            let cut = &payload[..payload.len() - 3];
            assert!(set.open(cut, 1_000).is_err(), "{set:?}");
        }
    }
}
