//! Decompression of bodies, and its limits.

use hookwarden::verify::Denial;
use hookwarden::verify::bytes::inflate::{Coding, Inflater};
use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

use crate::guards::Dice;

const MEBIBYTE: usize = 1024 * 1024;

/// RFC 1952, without any of the optional fields.
fn gzip(text: &[u8], level: u8) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("it is short");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let checksum = crc32fast::hash(text).to_le_bytes();
    [&head[..], &compress_to_vec(text, level), &checksum, &length.to_le_bytes()].concat()
}

/// Text that cannot be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut dice = Dice(11);
    (0..length.div_ceil(8)).flat_map(|_| dice.next().to_le_bytes()).take(length).collect()
}

/// The text of a body that arrives in pieces of this size, and the verdict on it.
fn inflated(coding: Coding, body: &[u8], piece: usize) -> (Vec<u8>, Result<(), Denial>) {
    let mut inflater = Inflater::new(coding);
    let mut text = Vec::new();
    for piece in body.chunks(piece) {
        inflater.update(piece, &mut |bytes| text.extend_from_slice(bytes));
    }
    (text, inflater.finish())
}

#[test]
fn a_body_is_decompressed_however_it_is_cut() {
    for length in [0, 1, 100, 16_383, 16_384, 16_385, 32_768, 50_000] {
        for text in [noise(length), vec![b'a'; length]] {
            let bodies = [(Coding::Gzip, gzip(&text, 6)), (Coding::Zlib, compress_to_vec_zlib(&text, 6))];
            for (coding, body) in bodies {
                for piece in [1, 7, 1000, usize::MAX] {
                    let (out, verdict) = inflated(coding, &body, piece);
                    assert_eq!(verdict, Ok(()), "{coding:?}, {length} bytes in pieces of {piece}");
                    assert!(out == text, "{coding:?}, {length} bytes in pieces of {piece}");
                }
            }
        }
    }
    for coding in [Coding::Gzip, Coding::Zlib] {
        assert_eq!(inflated(coding, b"", 1), (Vec::new(), Ok(())), "an empty body is an empty text");
    }
}

/// The text comes out in pieces of 16 KiB: one can be full just where the body is cut.
#[test]
fn the_text_comes_out_where_the_body_is_cut_at_the_end_of_a_piece() {
    let text = noise(50_000);
    for (coding, body) in [(Coding::Gzip, gzip(&text, 0)), (Coding::Zlib, compress_to_vec_zlib(&text, 0))] {
        for cut in 16_384..16_384 + 30 {
            let mut inflater = Inflater::new(coding);
            let mut out = Vec::new();
            for piece in [&body[..cut], &body[cut..]] {
                inflater.update(piece, &mut |bytes| out.extend_from_slice(bytes));
            }
            assert_eq!(inflater.finish(), Ok(()), "{coding:?} cut at {cut}");
            assert!(out == text, "{coding:?} cut at {cut}");
        }
    }
}

#[test]
fn a_truncated_extended_or_inconsistent_body_is_malformed() {
    let text = b"{\"pay\":\"100 EUR\"}".repeat(20);
    for (coding, body) in [(Coding::Gzip, gzip(&text, 6)), (Coding::Zlib, compress_to_vec_zlib(&text, 6))] {
        for piece in [1, usize::MAX] {
            for length in 1..body.len() {
                let verdict = inflated(coding, &body[..length], piece).1;
                assert_eq!(verdict, Err(Denial::BodyMalformed), "{coding:?} cut at {length}");
            }
            for behind in [&b"\0"[..], &body] {
                let verdict = inflated(coding, &[&body, behind].concat(), piece).1;
                assert_eq!(verdict, Err(Denial::BodyMalformed), "{coding:?} with more behind it");
            }
        }
    }
    let body = gzip(&text, 6);
    // The first bytes of the header; then checksum and length.
    let end = body.len();
    for at in (0..4).chain(end - 8..end) {
        let mut changed = body.clone();
        changed[at] ^= 1;
        assert_eq!(inflated(Coding::Gzip, &changed, usize::MAX).1, Err(Denial::BodyMalformed), "changed at {at}");
        assert_eq!(inflated(Coding::Gzip, &changed, 1).1, Err(Denial::BodyMalformed), "changed at {at}");
    }
    assert_eq!(inflated(Coding::Zlib, &body, usize::MAX).1, Err(Denial::BodyMalformed));
    assert_eq!(inflated(Coding::Gzip, &compress_to_vec_zlib(&text, 6), 1).1, Err(Denial::BodyMalformed));
}

#[test]
fn a_small_body_may_expand_to_at_most_one_mebibyte() {
    for piece in [100, usize::MAX] {
        let (out, verdict) = inflated(Coding::Gzip, &gzip(&vec![0; MEBIBYTE], 6), piece);
        assert_eq!((out.len(), verdict), (MEBIBYTE, Ok(())));
        let (out, verdict) = inflated(Coding::Gzip, &gzip(&vec![0; MEBIBYTE + 1], 6), piece);
        assert_eq!((out.len(), verdict), (MEBIBYTE, Err(Denial::BodyInflation)));
        let (out, verdict) = inflated(Coding::Gzip, &gzip(&vec![0; 4 * MEBIBYTE], 6), piece);
        assert_eq!((out.len(), verdict), (MEBIBYTE, Err(Denial::BodyInflation)), "nothing is passed on after that");
    }
}

#[test]
fn a_hardly_compressed_body_may_expand_to_at_most_16_mebibytes() {
    let text = noise(16 * MEBIBYTE + 1);
    let (out, verdict) = inflated(Coding::Gzip, &gzip(&text[..16 * MEBIBYTE], 0), usize::MAX);
    assert_eq!((out.len(), verdict), (16 * MEBIBYTE, Ok(())));
    let (out, verdict) = inflated(Coding::Gzip, &gzip(&text, 0), usize::MAX);
    assert_eq!((out.len(), verdict), (16 * MEBIBYTE, Err(Denial::BodyInflation)));
}
