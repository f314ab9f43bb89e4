//! Decompresses a body that was compressed after it was signed. The text is passed on in pieces and never stored. The
//! only file that names `miniz_oxide`.
//!
//! Strict, since two readers must not find different texts in one body: one gzip member (RFC 1952) without optional fields, or
//! one zlib stream (RFC 1950), complete, with the checksum and length that it states, and nothing behind it. Bounded
//! in size and in ratio, since a text can be a thousand times as long as its compressed form.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use crate::verify::bytes::checksum::Crc32;
use crate::verify::denial::Denial;

/// The longest text, in bytes: the same limit as for a body that is read whole.
const MAX_TEXT: u64 = 16 * 1024 * 1024;
/// The most bytes of text for a byte of the body. JSON that repeats itself, such as a long list of similar events,
/// reaches twenty to fifty; a decompression bomb up to a thousand.
const MAX_RATIO: u64 = 100;
/// The size, in bytes, that is allowed at any ratio: a short text of one repeated letter is not a bomb.
const ALWAYS_ALLOWED: u64 = 1024 * 1024;
/// The size of the output buffer, in bytes.
const PIECE: usize = 16 * 1024;

/// ID1, ID2, deflate, no optional fields (RFC 1952, section 2.3.1). Time, extra flags and system follow.
const GZIP_START: [u8; 4] = [0x1f, 0x8b, 8, 0];
const GZIP_HEADER: usize = 10;
/// Checksum and length, of four bytes each.
const GZIP_TRAILER: usize = 8;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` or `x-gzip` (RFC 9110, section 8.4.1.3).
    Gzip,
    /// `deflate`, which is a zlib stream (RFC 9110, section 8.4.1.2).
    Zlib,
}

impl Coding {
    /// The names of the codings, in lower case.
    pub const NAMES: [&'static str; 3] = ["gzip", "x-gzip", "deflate"];
}

/// The decompression of one body.
pub struct Inflater {
    coding: Coding,
    state: Box<InflateState>,
    piece: Vec<u8>,
    /// The bytes of gzip's header and trailer so far.
    header: Vec<u8>,
    trailer: Vec<u8>,
    is_over: bool,
    checksum: Crc32,
    body_bytes: u64,
    text_bytes: u64,
    fault: Option<Denial>,
}

impl Inflater {
    /// An inflater that has read nothing yet.
    #[must_use]
    pub fn new(coding: Coding) -> Self {
        let format = match coding {
            Coding::Gzip => DataFormat::Raw,
            Coding::Zlib => DataFormat::Zlib,
        };
        Self {
            coding,
            state: InflateState::new_boxed(format),
            piece: vec![0; PIECE],
            header: Vec::new(),
            trailer: Vec::new(),
            is_over: false,
            checksum: Crc32::default(),
            body_bytes: 0,
            text_bytes: 0,
            fault: None,
        }
    }

    /// How the body is compressed.
    #[must_use]
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        size_of::<Self>().saturating_add(size_of::<InflateState>()).saturating_add(PIECE)
    }

    /// Takes more of the body and passes on its text. After an error nothing is passed on any more.
    pub fn update(&mut self, bytes: &[u8], give: &mut dyn FnMut(&[u8])) {
        if self.fault.is_none() {
            self.fault = self.take(bytes, give).err();
        }
    }

    /// Checks that the body was complete and its checksum correct. An empty body is an empty text.
    ///
    /// # Errors
    /// [`Denial::BodyMalformed`], or [`Denial::BodyInflation`] if the text is too long.
    pub fn finish(self) -> Result<(), Denial> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.body_bytes == 0 {
            return Ok(());
        }
        let mut stated = self.trailer;
        if self.coding == Coding::Gzip {
            // RFC 1952, section 2.3.1: the length is modulo 2^32, which no text here reaches.
            let length = u32::try_from(self.text_bytes).map_err(|_| Denial::BodyMalformed)?;
            let actual = [self.checksum.finish().to_le_bytes(), length.to_le_bytes()].concat();
            if stated != actual {
                return Err(Denial::BodyMalformed);
            }
            stated.clear();
        }
        if self.is_over && stated.is_empty() { Ok(()) } else { Err(Denial::BodyMalformed) }
    }

    fn take(&mut self, bytes: &[u8], give: &mut dyn FnMut(&[u8])) -> Result<(), Denial> {
        let mut rest = bytes;
        self.body_bytes = self.body_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.coding == Coding::Gzip && self.header.len() < GZIP_HEADER {
            let (header, behind) = rest.split_at(GZIP_HEADER.saturating_sub(self.header.len()).min(rest.len()));
            self.header.extend_from_slice(header);
            let known = self.header.len().min(GZIP_START.len());
            if self.header.get(..known) != GZIP_START.get(..known) {
                return Err(Denial::BodyMalformed);
            }
            rest = behind;
        }
        while !self.is_over && !rest.is_empty() {
            rest = self.step(rest, give)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let trailer = match self.coding {
            Coding::Gzip => GZIP_TRAILER,
            Coding::Zlib => 0,
        };
        if self.trailer.len().saturating_add(rest.len()) > trailer {
            return Err(Denial::BodyMalformed);
        }
        self.trailer.extend_from_slice(rest);
        Ok(())
    }

    /// Passes on the text of `bytes`, and returns what follows the end of the stream.
    fn step<'a>(&mut self, bytes: &'a [u8], give: &mut dyn FnMut(&[u8])) -> Result<&'a [u8], Denial> {
        let mut rest = bytes;
        loop {
            let result = inflate(&mut self.state, rest, &mut self.piece, MZFlush::None);
            rest = rest.get(result.bytes_consumed..).unwrap_or_default();
            let piece = self.piece.get(..result.bytes_written).unwrap_or_default();
            self.text_bytes = self.text_bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if self.text_bytes > MAX_TEXT
                || self.text_bytes > ALWAYS_ALLOWED.max(self.body_bytes.saturating_mul(MAX_RATIO))
            {
                return Err(Denial::BodyInflation);
            }
            self.checksum.update(piece);
            give(piece);
            match result.status {
                Ok(MZStatus::StreamEnd) => {
                    self.is_over = true;
                    return Ok(rest);
                }
                // The output buffer is full: more text may follow.
                Ok(MZStatus::Ok) if !rest.is_empty() || piece.len() == PIECE => {}
                Ok(MZStatus::Ok) => return Ok(rest),
                // The input is used up, and there is no more output yet.
                Err(miniz_oxide::MZError::Buf) if rest.is_empty() => return Ok(rest),
                Ok(MZStatus::NeedDict) | Err(_) => return Err(Denial::BodyMalformed),
            }
        }
    }
}

/// Inflates raw DEFLATE that this crate's build script made.
#[must_use]
pub fn own_text(deflated: &[u8]) -> Option<String> {
    String::from_utf8(miniz_oxide::inflate::decompress_to_vec(deflated).ok()?).ok()
}
