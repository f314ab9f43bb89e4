//! Valid input, damaged at random: nothing may panic, and the result must be consistent.

use hookwarden::verify::bytes::multipart;
use hookwarden::verify::expression::builtin::unisender;
use hookwarden::verify::scheme::message_signature::{self, Digests, MessageSignatureRule, RequestFacts};
use hookwarden::verify::{Request, borrowed};

use crate::invariants::{check_builtins, check_dictionary, check_draft_cavage};

const ROUNDS: usize = 20_000;

/// Pseudorandom numbers with a fixed seed (Marsaglia, xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// `seed` with up to four changes: bytes flipped, inserted, removed, doubled or truncated. Inserted bytes are often
    /// ones with a meaning.
    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        const TELLING: &[u8] = b"\r\n\0\t \"\\:;,=()?&%+-{}[]*@/.0az\x7f\x80\xff";
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let until = (at + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
                2 => drop(bytes.drain(at..until)),
                3 => {
                    let piece = bytes[at..until].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                4 if !bytes.is_empty() => bytes[at] = TELLING[self.below(TELLING.len())],
                _ if self.below(8) == 0 => bytes.truncate(at),
                _ => {}
            }
        }
        bytes
    }
}

#[test]
fn damaged_multipart_does_not_panic() {
    let mut random = Random(1);
    let content_type = b"multipart/form-data; boundary=\"xY\"".as_slice();
    let body =
        b"--xY\r\nContent-Disposition: form-data; name=\"a\\\"\"\r\nContent-Type: text/plain\r\n\r\none\r\n--xY\r\n\
        content-disposition: form-data; name=f; filename=\"x\"\r\n\r\ntwo\r\n--xY--\r\n"
            .as_slice();
    assert_eq!(multipart::form(content_type, body).map(|form| (form.fields.len(), form.files.len())), Ok((1, 1)));
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let (content_type, body) = if round % 4 == 0 {
            (random.damage(content_type), body.to_vec())
        } else {
            (content_type.to_vec(), random.damage(body))
        };
        if let Ok(form) = multipart::form(&content_type, &body) {
            accepted += 1;
            let fields = form.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            assert!(fields + form.files.iter().map(Vec::len).sum::<usize>() <= body.len());
        }
    }
    assert!(accepted > 100, "the damage is too great to test much: {accepted}");
}

#[test]
fn damaged_structured_fields_do_not_panic() {
    let mut random = Random(2);
    let field = b"sig1=(\"@method\" \"@query-param\";name=\"a\\\"b\" x);created=1618884473;keyid=\"k\";t=tok;f, b=:AQIDBA==:;q=?1, c=-7, d".as_slice();
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let field = random.damage(field);
        accepted += u32::from(check_dictionary(&field));
    }
    assert!(accepted > 100, "the damage is too great to test much: {accepted}");
}

#[test]
fn damaged_message_signatures_do_not_panic() {
    let mut random = Random(3);
    let input = b"s=(\"@method\" \"@target-uri\" \"@query-param\";name=\"b\" \"x\" \"content-digest\");created=1;expires=2;tag=\"t\"";
    let digest = b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=:AAAA:";
    let rule = MessageSignatureRule {
        label: None,
        tag: None,
        algorithm: "ed25519".to_owned(),
        components: Vec::new(),
        insecure_body_unsigned: true,
    };
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let parts = [input.as_slice(), b"s=:AQID:", digest, b"value", b"/a?b=1&c=%20", b"Example.com:443"];
        let chosen = random.below(parts.len());
        let mut parts = parts.map(<[u8]>::to_vec);
        parts[chosen] = random.damage(&parts[chosen]);
        let [input, signature, digest, value, target, authority] = parts;
        let headers = [
            ("signature-input".to_owned(), input),
            ("signature".to_owned(), signature),
            ("content-digest".to_owned(), digest.clone()),
            ("x".to_owned(), value),
        ];
        let facts = RequestFacts {
            method: b"POST",
            target: &target,
            authority: &authority,
            scheme: "https",
            public_url: None,
            has_body: true,
        };
        let _ = Digests::parse(&digest);
        if let Ok(signed) = message_signature::begin(Request::new(&borrowed(&headers)), facts, &rule) {
            accepted += 1;
            let lines = signed.base.split(|byte| *byte == b'\n').count();
            assert_eq!(
                lines,
                signed
                    .base
                    .windows(3)
                    .filter(|window| *window == b"\n\"@" || *window == b"\n\"x" || *window == b"\n\"c")
                    .count()
                    + 1
            );
        }
    }
    assert!(accepted > 100, "the damage is too great to test much: {accepted}");
}

#[test]
fn damaged_http_signatures_do_not_panic() {
    let mut random = Random(4);
    let signature =
        b"keyid=\"k\", algorithm=\"ed25519\", signature=\"AQID\", headers=\"(request-target) host date digest\""
            .as_slice();
    let date = b"Wed, 09 Jun 2021 16:08:15 GMT".as_slice();
    let digest = b"sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=".as_slice();
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let mut parts = [signature, date, digest, b"/a?b", b"h.example:443"].map(<[u8]>::to_vec);
        let chosen = random.below(parts.len());
        parts[chosen] = random.damage(&parts[chosen]);
        let [signature, date, digest, target, authority] = parts;
        let headers = [("s", signature.as_slice()), ("date", &date), ("digest", &digest)];
        accepted += u32::from(check_draft_cavage(headers, &target, &authority));
    }
    assert!(accepted > 100, "the damage is too great to test much: {accepted}");
}

#[test]
fn damaged_built_in_contents_do_not_panic() {
    let mut random = Random(5);
    let auth = "0123456789abcdef0123456789abcdef";
    let json = format!("{{\"a\":[1,\"\\\"]\"],\"auth\":\"{auth}\",\"b\":{{\"c\":null}}}}");
    let target = b"/p&q/?a=1&a=%C3%A9+x&jwt=t&b?c=%2".as_slice();
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let body = random.damage(json.as_bytes());
        if let Some(content) = unisender(&body, b"KEY") {
            accepted += 1;
            assert_eq!(content.len(), body.len() - auth.len() + 3);
        }
        let target = random.damage(target);
        check_builtins(&target, &body);
    }
    assert!(accepted > 100, "the damage is too great to test much: {accepted}");
}
