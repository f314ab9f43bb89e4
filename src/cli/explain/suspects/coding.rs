//! Suspects of content codings: bodies that were decompressed, or not.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::{Change, Effort, Mistake, Scene};

/// The most bytes that a body is decompressed to.
const MOST: u64 = 64 << 20;

/// The changes of this file.
pub fn changes(scene: &Scene<'_>, changes: &mut Vec<Change>) {
    let body = scene.captured.body.as_slice();
    let mut add = |bytes: Vec<u8>, code: &'static str, sentence: &str, advice: &str| {
        changes.push(Change::of_body(bytes, Mistake::new(code, sentence, advice)));
    };
    if let Some(plain) = decompressed(body) {
        let sentence = "The body is compressed here, and the sender signed it before it was compressed.";
        let advice = "Have the sender send without Content-Encoding, or put Envoy's decompressor before hookwarden.";
        add(plain, "body_compressed", sentence, advice);
    }
    let says = scene.captured.header("content-encoding").map(<[u8]>::to_ascii_lowercase);
    // Compressing takes long, and is in vain for most bodies: of a long one only where the header says so.
    let most = if says.is_some() { 1 << 20 } else { 1 << 16 };
    if says.is_none() && scene.effort == Effort::Quick || body.is_empty() || body.len() > most {
        return;
    }
    // Whether this gives the very bytes depends on the program that compressed; most small bodies are written alike.
    let sentence = "The body was decompressed on its way: the sender signed the compressed bytes.";
    let advice = "Put hookwarden before whatever decompresses (nginx gunzip, a body parser, Envoy's decompressor), or save \
                  the body without curl's --compressed.";
    for bytes in compressed(body) {
        add(bytes, "body_decompressed", sentence, advice);
    }
}

/// The body without its compression, if it has one.
pub fn decompressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = match body {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(body).take(MOST).read_to_end(&mut plain),
        [0x78, ..] => ZlibDecoder::new(body).take(MOST).read_to_end(&mut plain),
        _ if !body.is_ascii() => DeflateDecoder::new(body).take(MOST).read_to_end(&mut plain),
        _ => return None,
    };
    read.is_ok_and(|len| len > 0).then_some(plain)
}

/// The body as programs compress it: gzip with the headers of several, zlib, and bare deflate.
fn compressed(body: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for level in [6, 9, 1, 5, 4, 3, 2, 7, 8] {
        let level = Compression::new(level);
        let mut gzip = GzEncoder::new(Vec::new(), level);
        let mut zlib = ZlibEncoder::new(Vec::new(), level);
        let mut deflate = DeflateEncoder::new(Vec::new(), level);
        if gzip.write_all(body).and_then(|()| zlib.write_all(body)).and_then(|()| deflate.write_all(body)).is_err() {
            continue;
        }
        if let Ok(bytes) = gzip.finish() {
            // RFC 1952, section 2.3.1: extra flags and operating system, which programs fill in differently.
            for (flags, system) in [(2, 255), (0, 255), (0, 3), (2, 3), (0, 0), (4, 255), (0, 19), (2, 19), (0, 10)] {
                let mut bytes = bytes.clone();
                if let Some(place) = bytes.get_mut(8..10) {
                    place.copy_from_slice(&[flags, system]);
                }
                all.push(bytes);
            }
        }
        all.extend(zlib.finish().ok());
        all.extend(deflate.finish().ok());
    }
    all
}
