//! An event's identity comes only from verified bytes: an attacker who captured a request can change everything that
//! its proof does not cover, and it is still the same event.
//!
//! Valid requests of every sender and of every kind of proof are changed at random, with a fixed seed. Every variant
//! that still verifies must have the identity of the original, and the same `x-hookwarden-event-id`.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookwarden::config::Policy;
use hookwarden::guard::replay::EventKey;
use hookwarden::verify::check::Match;
use hookwarden::verify::request::Rereading;
use hookwarden::verify::{HeaderLine, Request, borrowed};
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::guards::Dice;
use crate::support::{self, NOW, Sent, hmac_sha256, literal, provider, source, sources, try_load, with};
use crate::vector::{Form, providers};

const SECRET: &str = "a-secret-of-sixteen-or-more";
/// How many variants of each valid request are tried.
const CHANGED: usize = 150;

/// What a proxy remembers of a request, and what it passes to the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    /// `None` if it is refused because it has no id.
    key: Option<String>,
    id: Option<Vec<u8>>,
}

/// The event of a request; `None` if it does not verify.
fn event_of(policy: &Rc<Policy>, sent: &Sent, rereading: Rereading) -> Option<Event> {
    let source = policy.sources.first()?;
    let requirement = source.requirement.as_ref()?;
    let mut proof = requirement.begin(Request::new(&borrowed(&sent.headers)), sent.now, rereading);
    let (front, back) = sent.body.split_at(sent.body.len() / 2);
    proof.update(front);
    proof.update(back);
    let verified = proof.finish(requirement, &sent.body.as_slice(), sent.now).ok()?;
    let key = verified.identity().map(|(list, identity)| EventKey::new(&source.name, list, identity).hex());
    let id = verified.matches().iter().find_map(Match::event_id).map(<[u8]>::to_vec);
    Some(Event { key, id })
}

/// Changes a request in many ways, and returns the variants that still verify but are a different event.
fn doubles(
    name: &str,
    policy: &Rc<Policy>,
    sent: &Sent,
    dice: &mut Dice,
    counts: &mut BTreeMap<&'static str, usize>,
) -> Vec<String> {
    let first =
        event_of(policy, sent, Rereading::Possible).unwrap_or_else(|| panic!("{name}: {sent:?} does not verify"));
    assert!(first.key.is_some(), "{name}: a valid request has no identity: {sent:?}");
    let mut doubles = Vec::new();
    for _ in 0..CHANGED {
        let mut changed = sent.clone();
        let mut what = Vec::new();
        for _ in 0..=dice.below(3) {
            let (kind, change) = CHANGES[index(dice, CHANGES.len())];
            change(&mut changed, dice);
            what.push(kind);
        }
        let rereading = if dice.below(2) == 0 { Rereading::Possible } else { Rereading::Impossible };
        let Some(event) = event_of(policy, &changed, rereading) else { continue };
        for kind in &what {
            *counts.entry(kind).or_default() += 1;
        }
        // Without an identity the request is refused.
        if event.key.is_some() && event != first {
            doubles.push(format!("{name}: {what:?}: {event:?} of {changed:?}, first {first:?} of {sent:?}"));
        }
    }
    doubles
}

type Change = fn(&mut Sent, &mut Dice);

const CHANGES: [(&str, Change); 15] = [
    ("blanks around a value", blanks),
    ("blanks around a value", blanks),
    ("the order of headers", |sent, dice| dice.shuffle(&mut sent.headers)),
    ("the case of a name", |sent, dice| {
        let at = index(dice, sent.headers.len());
        let name = &mut sent.headers[at].0;
        *name = if dice.below(2) == 0 { name.to_ascii_uppercase() } else { name.to_ascii_lowercase() };
    }),
    ("one more header", |sent, dice| {
        let value: &[u8] = [&b"1"[..], b"evt-2", b"", b"application/json"][index(dice, 4)];
        let name = ["x-extra", "x-id", "x-event-id", "svix-id", "webhook-id", "x-request-id", "accept"][index(dice, 7)];
        if sent.headers.iter().all(|(other, _)| !other.eq_ignore_ascii_case(name)) {
            sent.headers.push((name.to_owned(), value.to_vec()));
        }
    }),
    ("a header twice", |sent, dice| {
        let at = index(dice, sent.headers.len());
        let mut line = sent.headers[at].clone();
        if dice.below(2) == 0 {
            line.1 = b"evt-2".to_vec();
        }
        let at = index(dice, sent.headers.len());
        sent.headers.insert(at, line);
    }),
    ("a header less", |sent, dice| {
        let at = index(dice, sent.headers.len());
        sent.headers.remove(at);
    }),
    ("another type of content", |sent, dice| {
        let types: [&[u8]; 6] = [
            b"application/json",
            b"application/json; charset=utf-8",
            b"application/x-www-form-urlencoded",
            b"application/x-www-form-urlencoded; charset=latin1",
            b"text/plain",
            b"multipart/form-data; boundary=x",
        ];
        let value = types[index(dice, types.len())].to_vec();
        sent.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        sent.headers.push(("content-type".to_owned(), value));
    }),
    ("another query", |sent, dice| {
        let more = ["?", "?x=1", "&x=1", "?id=evt-2", "&id=evt-2", "&", "&=", "#f"][index(dice, 8)];
        if let Some(target) = pseudo(sent, ":path") {
            target.extend_from_slice(more.as_bytes());
        }
    }),
    ("an escape in the target", |sent, dice| {
        if let Some(target) = pseudo(sent, ":path") {
            escape(target, dice);
        }
    }),
    ("another method or authority", |sent, dice| {
        match dice.below(3) {
            0 => pseudo(sent, ":method").map(|method| *method = b"PUT".to_vec()),
            1 => pseudo(sent, ":method").map(|method| method.make_ascii_lowercase()),
            _ => pseudo(sent, ":authority").map(|authority| authority.extend_from_slice(b":443")),
        };
    }),
    ("another spelling of a value", spelling),
    ("another spelling of a value", spelling),
    ("another spelling of the body", body),
    ("another time", |sent, dice| {
        let now = sent.now.as_millis() / 1000;
        *sent = sent.clone().at(now + dice.below(200) - 100);
    }),
];

fn index(dice: &mut Dice, len: usize) -> usize {
    usize::try_from(dice.below(len.max(1) as u64)).expect("an index")
}

fn pseudo<'a>(sent: &'a mut Sent, name: &str) -> Option<&'a mut Vec<u8>> {
    sent.headers.iter_mut().find(|(other, _)| other == name).map(|(_, value)| value)
}

/// A header that is not a pseudo header.
fn a_header<'a>(sent: &'a mut Sent, dice: &mut Dice) -> Option<&'a mut HeaderLine> {
    let mut lines: Vec<_> = sent.headers.iter_mut().filter(|(name, _)| !name.starts_with(':')).collect();
    let at = index(dice, lines.len());
    (at < lines.len()).then(|| lines.swap_remove(at))
}

fn blanks(sent: &mut Sent, dice: &mut Dice) {
    let blank: &[u8] = [&b" "[..], b"\t", b"  ", b" \t ", b"\x0c"][index(dice, 5)];
    let place = dice.below(3);
    let Some((_, value)) = a_header(sent, dice) else { return };
    *value = match place {
        0 => [blank, value].concat(),
        1 => [value, blank].concat(),
        _ => [blank, value, blank].concat(),
    };
}

/// Replaces a letter by its escape, or an escape by its letter.
fn escape(text: &mut Vec<u8>, dice: &mut Dice) {
    let at = index(dice, text.len());
    match text.get(at..).unwrap_or_default() {
        [b'%', high, low, ..] => {
            let digits = [*high, *low];
            let digits = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
            if let Some(byte) = digits {
                let escaped = if dice.below(2) == 0 { vec![byte] } else { format!("%{byte:02x}").into_bytes() };
                text.splice(at..at + 3, escaped);
            }
        }
        [b'+', ..] => drop(text.splice(at..=at, *b"%20")),
        [byte, ..] if byte.is_ascii_alphanumeric() => {
            let escaped = format!("%{byte:02X}").into_bytes();
            text.splice(at..=at, escaped);
        }
        _ => {}
    }
}

fn spelling(sent: &mut Sent, dice: &mut Dice) {
    let kind = dice.below(16);
    let at = dice.next();
    let Some((name, value)) = a_header(sent, dice) else { return };
    let text = String::from_utf8_lossy(value).into_owned();
    let context = |separator: char| {
        let mut parts: Vec<&str> = text.split(separator).collect();
        let len = parts.len() as u64;
        parts.rotate_left(usize::try_from(at % len).unwrap_or(0));
        parts.join(&separator.to_string())
    };
    *value = match kind {
        0 => text.to_ascii_uppercase(),
        1 => text.to_ascii_lowercase(),
        2 => text.trim_end_matches('=').to_owned(),
        3 => format!("{text}="),
        4 => text.replace('+', "-").replace('/', "_"),
        5 => text.replace('-', "+").replace('_', "/"),
        6 => text.replace('=', "%3D").replace('+', "%2B").replace('/', "%2F"),
        7 => context(','),
        8 => context(';'),
        9 => context(' '),
        10 => {
            let separator = [",", ", ", ";", " ", " , "][usize::try_from(at % 5).unwrap_or(0)];
            let junk =
                ["x=1", "v0=00", "v1=00", "other=:AAAA:", "v1,AAAA", "AAAA"][usize::try_from(at / 5 % 6).unwrap_or(0)];
            if at.is_multiple_of(2) { format!("{text}{separator}{junk}") } else { format!("{junk}{separator}{text}") }
        }
        11 => format!("{text},{text}"),
        12 => format!("{text} {text}"),
        13 => text.replacen("sig1", "zz", 1).replacen("sig-b26", "zz", 1),
        14 => text.replace(',', " ,\t").replace("Bearer ", "bEARER  "),
        _ => {
            escape(value, dice);
            String::from_utf8_lossy(value).into_owned()
        }
    }
    .into_bytes();
    // A label must be the same in both fields.
    if kind == 13 && name.to_ascii_lowercase().starts_with("signature") {
        for (other, value) in &mut sent.headers {
            if other.to_ascii_lowercase().starts_with("signature") {
                *value =
                    String::from_utf8_lossy(value).replacen("sig1", "zz", 1).replacen("sig-b26", "zz", 1).into_bytes();
            }
        }
    }
}

fn body(sent: &mut Sent, dice: &mut Dice) {
    let kind = dice.below(9);
    let text = String::from_utf8_lossy(&sent.body).into_owned();
    sent.body = match kind {
        0 => format!("{text}\n").into_bytes(),
        1 => format!(" {text}").into_bytes(),
        2 => text.replacen('{', "{\"zz\":1,", 1).into_bytes(),
        3 => text.replace(':', ": ").into_bytes(),
        4 => format!("{text}&zz=1").into_bytes(),
        5 => format!("zz=1&{text}").into_bytes(),
        6 => {
            let mut pairs: Vec<_> = text.split('&').collect();
            pairs.reverse();
            pairs.join("&").into_bytes()
        }
        7 => {
            // Writes a letter of a JSON string as an escape.
            let at = index(dice, sent.body.len());
            match sent.body.get(at) {
                Some(byte) if byte.is_ascii_alphanumeric() => {
                    let mut body = sent.body.clone();
                    body.splice(at..=at, format!("\\u{:04x}", *byte).into_bytes());
                    body
                }
                _ => sent.body.clone(),
            }
        }
        _ => {
            let mut body = sent.body.clone();
            escape(&mut body, dice);
            body
        }
    };
}

#[test]
fn no_unsigned_change_turns_a_senders_event_into_another() {
    let mut dice = Dice(9);
    let (mut wrong, mut counts, mut tried, mut unidentified) = (Vec::new(), BTreeMap::new(), 0, 0);
    for provider in providers() {
        for vector in provider.vectors.iter().filter(|vector| vector.is_valid()) {
            let mut config = provider.config(vector, Form::ByName);
            config["sources"][0]["replay"] = json!({ "window": "31days" });
            // A scheme that signs nothing that distinguishes events cannot have `replay`.
            if try_load(config.to_string().as_bytes()).is_err() {
                unidentified += 1;
                continue;
            }
            let policy = support::policy(&config);
            let name = format!("{}: {}", provider.name, vector.case);
            if event_of(&policy, &vector.sent, Rereading::Possible).is_some_and(|event| event.key.is_none()) {
                // It lacks the id that its sender always sends, so it is refused.
                unidentified += 1;
                continue;
            }
            tried += 1;
            wrong.extend(doubles(&name, &policy, &vector.sent, &mut dice, &mut counts));
        }
    }
    println!("{tried} requests, {unidentified} without an identity; still verified: {counts:#?}");
    assert!(wrong.is_empty(), "{} events of one:\n{}", wrong.len(), wrong.join("\n"));
    if std::env::var_os("PROVIDER").is_none() {
        assert!(tried > 300, "{tried} only");
        for (kind, _) in CHANGES {
            assert!(counts.get(kind).is_some_and(|count| *count > 50), "{kind} is hardly tried: {counts:?}");
        }
    }
}

fn tag(content: impl AsRef<[u8]>) -> Vec<u8> {
    hmac_sha256(SECRET.as_bytes(), content.as_ref())
}

fn hex_tag(content: impl AsRef<[u8]>) -> String {
    hex::encode(tag(content))
}

fn form_type(sent: Sent) -> Sent {
    sent.header("Content-Type", "application/x-www-form-urlencoded")
}

/// A signature as RFC 9421 makes it, over these parts; its label is `sig1`.
fn message_signature(sent: Sent, parts: &[(&str, &str)]) -> Sent {
    let names: Vec<_> = parts.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let parameters = format!("({});created={NOW}", names.join(" "));
    let lines: String = parts.iter().map(|(name, value)| format!("\"{name}\": {value}\n")).collect();
    let tag = STANDARD.encode(tag(format!("{lines}\"@signature-params\": {parameters}")));
    sent.header("Signature-Input", format!("sig1={parameters}")).header("Signature", format!("sig1=:{tag}:"))
}

/// Every kind of proof that can identify an event, with what an operator can make its id.
pub fn kinds() -> Vec<(&'static str, Value, Value, Sent)> {
    let hmac = |signed: &str| json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Sig", "encoding": "hex" }, "signed": signed });
    let id = |id: &str| json!({ "id": id });
    let none = || json!({});
    let with_id = |content: &str| Sent::post("/hook").header("X-Id", "evt-7").header("X-Sig", hex_tag(content));
    let body = "{\"id\":\"evt-7\",\"amount\":10}";
    let digest = STANDARD.encode(sha2::Sha256::digest(body));
    let content_digest = format!("sha-256=:{digest}:");
    let covered =
        [("@method", "POST"), ("@path", "/hook"), ("content-digest", content_digest.as_str()), ("x-event-id", "evt-7")];
    let rfc9421 =
        |components: Value| json!({ "message_signature": { "algorithm": "hmac-sha256", "components": components } });
    let rfc_sent =
        || Sent::post("/hook").header("Content-Digest", &content_digest).header("X-Event-Id", "evt-7").body(body);
    let components = json!(["@method", "@path", "content-digest", "x-event-id"]);
    let nonce = {
        let parameters = format!("(\"@method\" \"@path\" \"content-digest\");created={NOW};nonce=\"evt-7\"");
        let base = format!(
            "\"@method\": POST\n\"@path\": /hook\n\"content-digest\": {content_digest}\n\"@signature-params\": {parameters}"
        );
        let tag = STANDARD.encode(tag(base));
        Sent::post("/hook")
            .header("Content-Digest", &content_digest)
            .header("Signature-Input", format!("sig1={parameters}"))
            .header("Signature", format!("sig1=:{tag}:"))
            .body(body)
    };
    let jwt =
        |rules: Value| json!({ "jwt": with(rules, "algorithms", json!(["HS256"])), "event_id": { "claim": "jti" } });
    let token = {
        let claims = json!({ "jti": "evt-7", "exp": NOW + 3600 }).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag(&signed)))
    };
    let cavage = {
        let date = "Tue, 14 Nov 2023 22:13:20 GMT";
        let base = format!(
            "(request-target): post /hook\nhost: hooks.example.com\ndate: {date}\ndigest: sha-256={digest}\nx-event-id: evt-7"
        );
        let tag = STANDARD.encode(tag(base));
        Sent::post("/hook")
            .header("Date", date)
            .header("Digest", format!("sha-256={digest}"))
            .header("X-Event-Id", "evt-7")
            .header("Sig", format!("keyid=\"k\", algorithm=\"hmac-sha256\", signature=\"{tag}\", headers=\"(request-target) host date digest x-event-id\""))
            .body(body)
    };
    let sig = |form: Value, content: &str, write: &dyn Fn(Vec<u8>) -> String| {
        let scheme = with(hmac("{body}"), "signature", form);
        (scheme, Sent::post("/hook").header("X-Sig", write(tag(content))).body(content))
    };
    let (base64, base64_sent) =
        sig(json!({ "header": "X-Sig", "encoding": "base64" }), body, &|tag| STANDARD.encode(tag));
    let (url, url_sent) =
        sig(json!({ "header": "X-Sig", "encoding": "base64url" }), body, &|tag| URL_SAFE_NO_PAD.encode(tag));
    let (percent, percent_sent) = sig(json!({ "header": "X-Sig", "encoding": "percent-base64" }), body, &|tag| {
        STANDARD.encode(tag).replace('=', "%3D").replace('+', "%2B").replace('/', "%2F")
    });
    let (list, list_sent) =
        sig(json!({ "header": "X-Sig", "encoding": "hex", "separator": ",", "prefix": "v1=" }), body, &|tag| {
            format!("v0=00, v1={}", hex::encode(tag))
        });
    let (sets, sets_sent) = sig(
        json!({ "header": "X-Sig", "encoding": "hex", "separator": ",", "sets": ";", "prefix": "v1=" }),
        body,
        &|tag| format!("v1={0};v0=00,v1={0}", hex::encode(tag)),
    );
    let (optional, optional_sent) = sig(
        json!({ "header": "X-Sig", "encoding": "hex", "prefix": "sha256=", "optional_prefix": true }),
        body,
        &|tag| hex::encode(tag),
    );
    let (family, family_sent) = {
        let scheme = with(hmac("{body}"), "signature", json!({ "header": "X-Sig-*", "encoding": "hex" }));
        (scheme, Sent::post("/hook").header("X-Sig-1", hex_tag(body)).header("X-Sig-2", "00").body(body))
    };
    let (two, two_sent) = {
        let scheme = with(hmac("{body}"), "signature", json!({ "header": ["X-Sig", "X-Sig-Old"], "encoding": "hex" }));
        (scheme, Sent::post("/hook").header("X-Sig", hex_tag(body)).header("X-Sig-Old", hex_tag(body)).body(body))
    };
    let entries = with(
        with(
            hmac("{timestamp}.{entry:i=}.{body}"),
            "signature",
            json!({ "header": "X-Sig", "encoding": "hex", "separator": ",", "prefix": "v1=" }),
        ),
        "timestamp",
        json!({ "entry": "t=", "unit": "s" }),
    );
    let entries_sent = Sent::post("/hook")
        .header("X-Sig", format!("t={NOW},i=evt-7,v1={}", hex_tag(format!("{NOW}.evt-7.{body}"))))
        .body(body);
    let listed = hmac("{timestamp}.{header:x-signed-headers}.{header:x-signed-headers|header_values}.{body}");
    let listed = with(listed, "timestamp", json!({ "header": "X-Time", "unit": "s" }));
    let listed_sent = Sent::post("/hook")
        .header("X-Time", NOW.to_string())
        .header("X-Signed-Headers", "x-id")
        .header("X-Id", "evt-7")
        .header("X-Sig", hex_tag(format!("{NOW}.x-id.evt-7.{body}")))
        .body(body);
    vec![
        (
            "a header beside the body",
            hmac("{header:x-id}\n{body}"),
            id("header:X-Id"),
            with_id(&format!("evt-7\n{body}")).body(body),
        ),
        (
            "a header and a time",
            with(hmac("{header:x-id}.{timestamp}"), "timestamp", json!({ "header": "X-Time", "unit": "s" })),
            id("header:X-Id"),
            with_id(&format!("evt-7.{NOW}")).header("X-Time", NOW.to_string()),
        ),
        (
            "a header without its blanks",
            hmac("{header:x-id|trim}\n{body}"),
            id("header:X-Id|trim"),
            with_id(&format!("evt-7\n{body}")).body(body),
        ),
        (
            "a header in lower case",
            hmac("{header:x-id|lower}\n{body}"),
            id("header:X-Id|lower"),
            with_id(&format!("evt-7\n{body}")).body(body),
        ),
        (
            "a header in upper case, without its blanks",
            hmac("{header:x-id|trim|upper}\n{body}"),
            id("header:X-Id|trim|upper"),
            with_id(&format!("EVT-7\n{body}")).body(body),
        ),
        (
            "a header without its escapes",
            hmac("id={header:x-id|percent_decode}"),
            id("header:X-Id|percent_decode"),
            with_id("id=evt-7"),
        ),
        (
            "a header by its digest",
            hmac("id={header:x-id|sha256|hex}"),
            id("header:X-Id|sha256|hex"),
            with_id(&format!("id={}", hex::encode(sha2::Sha256::digest("evt-7")))),
        ),
        (
            "no id but a header without its escapes",
            hmac("{header:x-id|percent_decode}\n{body}"),
            none(),
            with_id(&format!("evt-7\n{body}")).body(body),
        ),
        (
            "no id but a header without its blanks",
            hmac("{header:x-id|trim}\n{body}"),
            none(),
            with_id(&format!("evt-7\n{body}")).body(body),
        ),
        (
            "a member of the signed body",
            hmac("{body}"),
            id("json:id"),
            Sent::post("/hook").header("X-Sig", hex_tag(body)).body(body),
        ),
        (
            "a field of the signed body",
            hmac("{body}"),
            id("form:id"),
            form_type(Sent::post("/hook")).header("X-Sig", hex_tag("id=evt-7&a=1")).body("id=evt-7&a=1"),
        ),
        (
            "signed members",
            hmac("{json:id|word}\n{json:amount}"),
            id("json:id|word"),
            Sent::post("/hook").header("X-Sig", hex_tag("evt-7\n10")).body(body),
        ),
        (
            "signed members and no id",
            hmac("{json:id}\n{json:amount}"),
            none(),
            Sent::post("/hook").header("X-Sig", hex_tag("evt-7\n10")).body(body),
        ),
        (
            "signed fields",
            hmac("{form:id|word}\n{form:a}"),
            id("form:id|word"),
            form_type(Sent::post("/hook")).header("X-Sig", hex_tag("evt-7\n1")).body("id=evt-7&a=1"),
        ),
        (
            "sorted fields",
            hmac("{form|sorted}"),
            none(),
            form_type(Sent::post("/hook")).header("X-Sig", hex_tag("a1idevt-7")).body("id=evt-7&a=1"),
        ),
        (
            "a signed parameter of the query",
            hmac("{query:id}\n{body}"),
            id("query:id"),
            Sent::post("/hook?id=evt-7").header("X-Sig", hex_tag(format!("evt-7\n{body}"))).body(body),
        ),
        (
            "the target and the body",
            hmac("{target}\n{body}"),
            none(),
            Sent::post("/hook").header("X-Sig", hex_tag(format!("/hook\n{body}"))).body(body),
        ),
        (
            "a digest of the body",
            hmac("{method|lower}\n{body|sha256|hex}"),
            none(),
            Sent::post("/hook")
                .header("X-Sig", hex_tag(format!("post\n{}", hex::encode(sha2::Sha256::digest(body)))))
                .body(body),
        ),
        (
            "one of two contents",
            with(hmac("{body}"), "signed", json!(["{body}", "{method}{body}"])),
            none(),
            Sent::post("/hook").header("X-Sig", hex_tag(body)).body(body),
        ),
        ("base64", base64, none(), base64_sent),
        ("base64url", url, none(), url_sent),
        ("percent-encoded base64", percent, none(), percent_sent),
        ("a list", list, none(), list_sent),
        ("several lists", sets, none(), sets_sent),
        ("a prefix that may be missing", optional, none(), optional_sent),
        ("numbered headers", family, none(), family_sent),
        ("two headers", two, none(), two_sent),
        ("entries of the signature's header", entries, none(), entries_sent),
        ("headers that the request lists", listed.clone(), id("header:X-Id"), listed_sent.clone()),
        ("headers that the request lists, and no id", listed, none(), listed_sent),
        (
            "RFC 9421 with a covered header",
            rfc9421(components.clone()),
            id("header:X-Event-Id"),
            message_signature(rfc_sent(), &covered),
        ),
        (
            "RFC 9421 with a covered header in two lines",
            rfc9421(components.clone()),
            id("header:X-Event-Id"),
            message_signature(
                Sent::post("/hook")
                    .header("Content-Digest", &content_digest)
                    .header("X-Event-Id", "evt-7")
                    .header("X-Event-Id", "b")
                    .body(body),
                &[covered[0], covered[1], covered[2], ("x-event-id", "evt-7, b")],
            ),
        ),
        ("RFC 9421 without an id", rfc9421(components), none(), message_signature(rfc_sent(), &covered)),
        ("RFC 9421 with a nonce", rfc9421(json!(["@method", "@path", "content-digest"])), none(), nonce),
        ("draft-cavage", json!({ "http_signature": { "header": "Sig", "algorithm": "hmac-sha256" } }), none(), cavage),
        (
            "a token in a header",
            jwt(json!({ "at": "header:Authorization", "prefix": "Bearer" })),
            none(),
            Sent::post("/hook").header("Authorization", format!("Bearer {token}")).body(body),
        ),
        (
            "a token whose prefix may be missing",
            jwt(json!({ "at": "header:Authorization", "prefix": "Bearer", "optional_prefix": true })),
            none(),
            Sent::post("/hook").header("Authorization", format!("Bearer {token}")).body(body),
        ),
        (
            "a token in the query",
            jwt(json!({ "at": "query:token" })),
            none(),
            Sent::post(&format!("/hook?token={token}")).body(body),
        ),
        (
            "a token in a form",
            jwt(json!({ "at": "form:token" })),
            none(),
            form_type(Sent::post("/hook")).body(format!("token={token}&a=1")),
        ),
        (
            "a token in a document",
            jwt(json!({ "at": "json:token" })),
            none(),
            Sent::post("/hook").body(json!({ "token": token, "a": 1 }).to_string()),
        ),
        ("a token that is the body", jwt(json!({ "at": "body" })), none(), Sent::post("/hook").body(&token)),
    ]
}

#[test]
fn no_unsigned_change_turns_an_event_into_another_under_any_kind_of_proof() {
    let mut dice = Dice(21);
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::new());
    for (name, scheme, replay, sent) in kinds() {
        let check = json!({ "scheme": scheme, "secrets": literal(&[SECRET, "another-secret-of-the-same-source"]) });
        let source = with(source("hook", "/hook", check), "replay", with(replay, "window", json!("31days")));
        let config = sources(&[source]);
        if let Err(problems) = try_load(config.to_string().as_bytes()) {
            wrong.push(format!("{name} is refused: {}", problems.join("\n")));
            continue;
        }
        let policy = support::policy(&config);
        if event_of(&policy, &sent, Rereading::Possible).is_none() {
            wrong.push(format!("{name} does not verify: {sent:?}"));
            continue;
        }
        for _ in 0..20 {
            wrong.extend(doubles(name, &policy, &sent, &mut dice, &mut counts));
        }
    }
    println!("still verified: {counts:#?}");
    wrong.sort();
    assert!(wrong.is_empty(), "{} events of one:\n{}", wrong.len(), wrong.join("\n"));
}

/// The id, as passed to the upstream, is the value that the signature covers.
#[test]
fn blanks_around_a_covered_header_are_not_part_of_the_id() {
    let (_, scheme, replay, sent) =
        kinds().into_iter().find(|(name, ..)| *name == "RFC 9421 with a covered header").expect("it is there");
    let check = json!({ "scheme": scheme, "secrets": literal(&[SECRET]) });
    let source = with(source("hook", "/hook", check), "replay", with(replay, "window", json!("1h")));
    let policy = support::policy(&sources(&[source]));
    let first = event_of(&policy, &sent, Rereading::Possible).expect("it verifies");
    assert_eq!(first.id.as_deref(), Some(&b"evt-7"[..]));
    for value in [" evt-7", "evt-7 ", "  evt-7", "\tevt-7", "evt-7\t", "evt-7  "] {
        let mut sent = sent.clone();
        sent.headers.iter_mut().filter(|(name, _)| name == "X-Event-Id").for_each(|line| line.1 = value.into());
        assert_eq!(event_of(&policy, &sent, Rereading::Possible), Some(first.clone()), "{value:?}");
    }
}

/// Signed content does not distinguish two tenants that share a secret.
#[test]
fn an_event_is_the_same_under_another_name_of_the_same_secret() {
    let lists = json!({ "a": [{ "value": SECRET }], "b": [{ "value": "another-secret-of-sixteen" }, { "value": SECRET }],
        "c": [{ "value": "a-third-secret-of-sixteen" }] });
    let mut check = provider("github", &[]);
    check.as_object_mut().expect("an object").remove("secrets");
    let check = with(check, "secrets_by", json!({ "header": "X-Tenant", "secrets": lists }));
    let source = with(source("hook", "/hook", check), "replay", json!({ "window": "1h" }));
    let policy = support::policy(&sources(&[source]));
    let sent = |tenant: &str| Sent::github("/hook", SECRET, "{}").header("X-Tenant", tenant);
    let [a, b] = ["a", "b"].map(|tenant| event_of(&policy, &sent(tenant), Rereading::Possible).expect("it verifies"));
    assert_eq!(a, b);
    assert_eq!(event_of(&policy, &sent("c"), Rereading::Possible), None);
}

/// Ids of different tenants may be the same, and are of different events.
#[test]
fn tenants_with_secrets_of_their_own_have_events_of_their_own() {
    let other = "another-secret-of-sixteen";
    let mut check = provider("github", &[]);
    check.as_object_mut().expect("an object").remove("secrets");
    let lists = json!({ "a": [{ "value": SECRET }], "b": [{ "value": other }] });
    let check = with(check, "secrets_by", json!({ "header": "X-Tenant", "secrets": lists }));
    let source = with(source("hook", "/hook", check), "replay", json!({ "window": "1h", "id": "json:id" }));
    let policy = support::policy(&sources(&[source]));
    let event = |tenant: &str, secret: &str| {
        let sent = Sent::github("/hook", secret, r#"{"id":"evt-7"}"#).header("X-Tenant", tenant);
        event_of(&policy, &sent, Rereading::Possible).expect("it is verified")
    };
    let (a, b) = (event("a", SECRET), event("b", other));
    assert_eq!(a.id, b.id);
    assert_ne!(a.key, b.key);
    assert_eq!(event("a", SECRET), a);
}

/// A policy of one check whose events are remembered without a configured id.
fn remembered(verify: Value) -> Rc<Policy> {
    let source = with(source("hook", "/hook", verify), "replay", json!({ "window": "1h" }));
    support::policy(&sources(&[source]))
}

#[test]
fn an_id_of_the_sender_identifies_its_event_unless_an_attacker_can_hide_it() {
    let check = |at: &str| {
        let scheme = json!({ "algorithm": "hmac-sha256", "signature": { "header": "X-Sig", "encoding": "hex" },
            "signed": "{body}", "event_id": { "at": at } });
        remembered(json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }))
    };
    let event = |policy: &Rc<Policy>, kind: &str, body: &str| {
        let sent = Sent::post("/hook").header("Content-Type", kind).header("X-Sig", hex_tag(body)).body(body);
        event_of(policy, &sent, Rereading::Possible).and_then(|event| event.key).expect("it is verified")
    };
    // A second attempt at the same event says so in its body.
    let (policy, kind) = (check("json:id"), "application/json");
    let first = event(&policy, kind, r#"{"id":"evt-7","attempt":1}"#);
    assert_eq!(event(&policy, kind, r#"{"id":"evt-7","attempt":2}"#), first);
    assert_ne!(event(&policy, kind, r#"{"id":"evt-8","attempt":1}"#), first);
    // Nobody signs the type that makes a form of the body.
    let policy = check("form:id");
    let first = event(&policy, "application/x-www-form-urlencoded", "id=evt-7");
    assert_eq!(event(&policy, "text/plain", "id=evt-7"), first);
}

#[test]
fn a_token_s_id_identifies_its_event_whatever_else_it_says() {
    let scheme = json!({ "jwt": { "at": "header:X-Token", "algorithms": ["HS256"], "timeless": true },
        "event_id": { "claim": "jti" } });
    // Without an id, and without a word about the body, two tokens can be of one second.
    let nameless = json!({ "scheme": { "jwt": scheme["jwt"].clone() }, "secrets": literal(&[SECRET]) });
    let config = sources(&[with(source("hook", "/hook", nameless), "replay", json!({ "window": "1h" }))]);
    assert!(try_load(config.to_string().as_bytes()).is_err());
    let policy = remembered(json!({ "scheme": scheme, "secrets": literal(&[SECRET]) }));
    let event = |claims: Value| {
        let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
        let token = format!("{signed}.{}", encode(&tag(&signed)));
        let sent = Sent::post("/hook").header("X-Token", token).body("body");
        event_of(&policy, &sent, Rereading::Possible).and_then(|event| event.key).expect("it is verified")
    };
    let first = event(json!({ "jti": "evt-7", "attempt": 1 }));
    assert_eq!(event(json!({ "jti": "evt-7", "attempt": 2 })), first);
    assert_ne!(event(json!({ "jti": "evt-8", "attempt": 1 })), first);
}

#[test]
fn a_warning_tells_that_an_event_can_count_as_two_where_several_proofs_identify_it_otherwise() {
    let other = "another-secret-of-sixteen";
    for (verify, expected) in [
        (provider("github", &[SECRET]), false),
        (json!({ "any": [provider("github", &[SECRET]), provider("github", &[other])] }), false),
        (json!({ "any": [provider("github", &[SECRET]), provider("stripe", &[other])] }), true),
    ] {
        let source = with(source("hook", "/hook", verify.clone()), "replay", json!({ "window": "1h" }));
        let loaded = try_load(sources(&[source]).to_string().as_bytes()).expect("it is accepted");
        let is_told = loaded.warnings.iter().any(|warning| warning.to_string().contains("one event as two"));
        assert_eq!(is_told, expected, "{verify}");
    }
}

#[test]
fn what_is_signed_identifies_an_event_that_has_no_id_or_none_that_is_signed() {
    let check = |algorithm: &str, signed: &str, signature: Value, event_id: Option<Value>| {
        let scheme = json!({ "algorithm": algorithm, "signature": signature, "signed": signed });
        let scheme = event_id.map_or(scheme.clone(), |id| with(scheme, "event_id", id));
        json!({ "scheme": scheme, "secrets": literal(&[SECRET]) })
    };
    let header = || json!({ "header": "X-Sig", "encoding": "hex" });
    let event = |policy: &Rc<Policy>, id: &str, body: &str| {
        let sent = Sent::post("/hook").header("X-Id", id).header("X-Sig", hex_tag(body)).body(body);
        event_of(policy, &sent, Rereading::Possible).expect("it is verified").key
    };
    let configured = with(
        source("hook", "/hook", check("hmac-sha256", "{body}", header(), None)),
        "replay",
        json!({ "window": "1h", "id": "json:id" }),
    );
    for policy in [
        support::policy(&sources(&[configured])),
        remembered(check("hmac-sha256", "{body}", header(), Some(json!({ "at": "json:id" })))),
        remembered(check("hmac-sha256", "{body}", header(), Some(json!({ "header": "X-Id" })))),
    ] {
        let first = event(&policy, "1", r#"{"n":1}"#);
        assert!(first.is_some());
        assert_eq!(event(&policy, "2", r#"{"n":1}"#), first, "nobody signed that header");
        assert_ne!(event(&policy, "1", r#"{"n":2}"#), first);
    }
    // The one hash that a secret was put into, and not one of several.
    let list = json!({ "header": "X-Sig", "encoding": "hex", "separator": "," });
    for (signature, is_accepted) in [(header(), true), (list, false)] {
        let hook = source("hook", "/hook", check("sha256", "{secret}.{body}", signature.clone(), None));
        let config = sources(&[with(hook, "replay", json!({ "window": "1h" }))]);
        assert_eq!(try_load(config.to_string().as_bytes()).is_ok(), is_accepted, "{signature}");
    }
}
