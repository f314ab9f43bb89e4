//! Small parsers of text: none panics, and each accepts only one spelling of a value.

use hookwarden::guard::body_size::BodySize;
use hookwarden::guard::route::{HostPattern, PathPattern, Pattern, Routes};
use hookwarden::guard::{address, path};
use hookwarden::verify::{Request, borrowed};
use hookwarden::verify::bytes::encoding::{self, Encoding};
use hookwarden::verify::bytes::{form, percent};
use hookwarden::verify::primitives::native;
use hookwarden::verify::primitives::timestamp::{self, Unit};

use crate::input::Input;

/// The number of parsers; the first byte selects one.
pub const KINDS: u8 = 10;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.byte() % KINDS;
    let text = input.rest();
    let as_text = std::str::from_utf8(text);
    match kind {
        0 => {
            // What is decoded is canonical: encoded again, it is the same text, except for the case of hexadecimal digits.
            for encoding in [Encoding::HexLower, Encoding::HexUpper, Encoding::Base64, Encoding::Base64Url] {
                if let Some(bytes) = encoding.decode(text) {
                    assert_eq!(encoding.encode(&bytes), text, "{encoding:?}");
                }
                assert_eq!(encoding.decode(&encoding.encode(text)).as_deref(), Some(text), "{encoding:?}");
            }
            if let Some(bytes) = Encoding::Hex.decode(text) {
                assert_eq!(encoding::encode_hex(&bytes), text.to_ascii_lowercase());
            }
            if let Some(bytes) = Encoding::PercentBase64.decode(text) {
                assert!(bytes.len() <= text.len());
            }
            let _ = encoding::decode_pasted_base64(text);
            let _ =
                encoding::decode_base64_url(text).map(|bytes| assert_eq!(encoding::encode_base64_url(&bytes), text));
        }
        1 => {
            for (name, value) in percent::pairs(text) {
                assert!(name.len() + value.len() <= text.len());
            }
            assert!(percent::decode_form(text).len() <= text.len());
            let encoded = percent::encode(text, |byte| byte.is_ascii_alphanumeric());
            assert_eq!(percent::decode_form(&encoded), text);
            let (path, query) = percent::split_target(text);
            assert_eq!(path.len() + query.map_or(0, |query| query.len() + 1), text.len());
        }
        2 => {
            if let Some(pairs) = form::pairs(text) {
                let total: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
                assert!(total <= text.len());
                for (name, _) in &pairs {
                    let Ok(name) = std::str::from_utf8(name) else { continue };
                    let count = pairs.iter().filter(|(other, _)| other == name.as_bytes()).count();
                    assert_eq!(form::unique(&pairs, name).is_ok(), count == 1);
                }
                let _ = form::sorted_and_concatenated(&pairs);
                let _ = form::sorted_query(&pairs);
            }
            let _ = form::decode(text, true);
        }
        3 => {
            for unit in [Unit::Seconds, Unit::Milliseconds, Unit::SecondsOrMilliseconds, Unit::Fraction, Unit::Iso8601]
            {
                let _ = unit.parse(text);
            }
            if let Some(time) = as_text.ok().and_then(timestamp::parse_rfc3339)
                && let Some(written) = native::write_rfc3339(time, 3)
            {
                assert_eq!(timestamp::parse_rfc3339(&written), Some(time), "{written}");
            }
        }
        4 => {
            if let Some(seconds) = timestamp::parse_http_date(text) {
                let time = timestamp::UnixTime::from_secs(seconds);
                let written = native::write_http_date(time).expect("a date that was parsed can be written");
                assert_eq!(timestamp::parse_http_date(written.as_bytes()), Some(seconds), "{written}");
            }
        }
        5 => {
            let readings = path::readings(text);
            if path::is_plain(text) {
                assert!(!path::is_ambiguous(text), "plain and ambiguous");
            }
            assert_eq!(path::fold(text), path::fold(text));
            assert!(readings.is_none_or(|readings| readings.len() <= path::MAX_READINGS));
        }
        6 => {
            // Host, a zero byte, and path.
            let (host, path) = text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
            let path = path.get(1..).unwrap_or_default();
            let mut routes = Routes::default();
            let host_pattern = HostPattern::Exact("hooks.example.com".to_owned());
            let exact = Pattern { hosts: vec![host_pattern], path: PathPattern::Exact(b"/hooks/a".to_vec()) };
            let below = HostPattern::Below("example.net".to_owned());
            let below = Pattern { hosts: vec![below], path: PathPattern::Below(b"/hooks/".to_vec()) };
            routes.add(&exact, 0).expect("no conflict");
            routes.add(&below, 1).expect("no conflict");
            match routes.find(host, path) {
                Ok(0) => {
                    // Only case, a port and a trailing dot may differ.
                    assert_eq!(path, b"/hooks/a");
                    assert!(host.to_ascii_lowercase().starts_with(b"hooks.example.com"), "{}", host.escape_ascii());
                }
                Ok(source) => {
                    assert_eq!(source, 1);
                    assert!(path.starts_with(b"/hooks/"), "{}", path.escape_ascii());
                    assert!(!path::is_ambiguous(path));
                }
                Err(_) => {}
            }
        }
        7 => {
            let lines = text.split(|byte| *byte == b'\n').map(|line| ("content-length".to_owned(), line.to_vec()));
            let lines: Vec<_> = lines.collect();
            if let Ok(size) = BodySize::declared_by(Request::new(&borrowed(&lines)), Some(1_000_000)) {
                let declared = as_text.ok().and_then(|text| text.parse::<u64>().ok());
                let declared = declared.expect("one number of digits");
                assert!(lines.len() == 1 && text.iter().all(u8::is_ascii_digit));
                assert!(size.ends_at(declared).is_ok() && size.ends_at(declared + 1).is_err());
                assert!(declared == 0 || size.ends_at(declared - 1).is_err());
            }
        }
        8 => {
            if let Some(client) = address::client_address(text) {
                let network = address::client_of(client);
                assert_eq!(address::client_of(network), network, "the client network is stable");
                let _ = address::looks_shared(client, text);
            }
            let (peer, forwarded) = text.split_at(text.len() / 2);
            let _ = address::warning(peer, forwarded);
            if let Some(network) = as_text.ok().and_then(address::parse_network) {
                assert_eq!(address::parse_network(&network.to_string()), Some(network));
            }
        }
        _ => {
            let lines: Vec<_> = text
                .split(|byte| *byte == b'\n')
                .map(|line| {
                    let at = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
                    let name = String::from_utf8_lossy(&line[..at]).into_owned();
                    (name, line.get(at + 1..).unwrap_or_default().to_vec())
                })
                .collect();
            let lines = borrowed(&lines);
            let request = Request::new(&lines);
            let _ = (request.method(), request.target(), request.path(), request.media_type(), request.authority());
            let _ = request.header("x").once();
        }
    }
}
