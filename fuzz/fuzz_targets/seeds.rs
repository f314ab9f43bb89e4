//! Writes the corpora in the repository: `make fuzz-seeds`. They are small, readable where the input is text, and
//! reproducible. It is a fuzz target only because everything here is built for fuzzing; it exits before it fuzzes.

#![no_main]

use std::fs;
use std::path::Path;

use hookwarden_fuzz::{decision, vector};

/// Longer configurations are left out.
const MAX_CONFIG: usize = 700;

libfuzzer_sys::fuzz_target!(init: write(), |_data: &[u8]| {});

fn write() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).expect("the folder can be created");
        fs::write(folder.join(name), bytes).expect("the file can be written");
    };

    // Every ninth valid vector, with rotating settings and one mutation each.
    for (count, base) in (0..decision::bases()).step_by(9).enumerate() {
        let number = u16::try_from(base).expect("fewer than 65,536 vectors").to_be_bytes();
        let rotate = |by: usize, of: usize| u8::try_from(count / by % of).expect("small");
        let setup = [rotate(1, 4), rotate(1, 5), rotate(3, 3), 0, 0, rotate(1, 24), 0, 0];
        let bytes = [&number[..], &setup, &[0, rotate(1, 24), 2, 1, 9, 3, b'a', b'&', b'b']].concat();
        write("decision", &format!("{:03}-{}", count, decision::sender(base)), &bytes);
    }

    // What was found once, with the settings and mutations that showed it.
    let findings: [(&str, &str, &str, &[u8]); 2] = [
        // Its length is changed from 0 to 1, and no body comes.
        (
            "found-declared-body",
            "google-calendar",
            "accepts the message that the guide shows",
            &[3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 5, 0, 0],
        ),
        // The key in front of the signature that counts is another one.
        (
            "found-unread-part",
            "braintree",
            "accepts the right pair behind another key's",
            &[0, 0xb6, 3, 0, 0, 0, 0x0e, 0, 0x0d, 0, 0, 0x80, 0x0a, 0, 0x10, 0x0d, 0],
        ),
    ];
    for (name, sender, case, bytes) in findings {
        let base = decision::base_of(sender, case).expect("the vector is there");
        let number = u16::try_from(base).expect("fewer than 65,536 vectors").to_be_bytes();
        write("decision", name, &[&number[..], bytes].concat());
    }

    let texts: &[(u8, &str, &[u8])] = &[
        (0, "hex", b"00ff10aB"),
        (0, "base64", b"aGVsbG8gd29ybGQ="),
        (0, "base64url", b"_-8"),
        (1, "percent", b"a=1&b=%C3%A9+x&c=%2&d"),
        (2, "form", b"payload=%7B%22a%22%3A1%7D&token=x&token=y"),
        (3, "seconds", b"1700000000"),
        (3, "millis", b"1700000000123"),
        (3, "rfc3339", b"2026-11-21T10:00:00.123+01:00"),
        (4, "http-date", b"Wed, 09 Jun 2021 16:08:15 GMT"),
        (5, "path-dots", b"/hooks/../hooks/%2e%2e/a;b=c//d\\e%00%c5%bf"),
        (5, "path", b"/hooks/github"),
        (6, "host-exact", b"Hooks.example.com:443\0/hooks/a"),
        (6, "host-below", b"a.b.example.net\0/hooks/a%2fb"),
        (6, "host-address", b"[::ffff:192.0.2.1]:80\0/hooks/a/"),
        (7, "length", b"1000"),
        (7, "lengths", b"10\n10"),
        (8, "address4", b"192.0.2.7:4711"),
        (8, "address6", b"[::ffff:192.0.2.9%eth0]:1"),
        (8, "network", b"2001:db8::/32"),
        (9, "head", b":method: POST\n:path: /a?b\n:authority: h\nx: 1\nX: 2"),
    ];
    for (kind, name, text) in texts {
        write("text", name, &[&[*kind][..], text].concat());
    }

    let piece = |text: &[u8]| [&[u8::try_from(text.len()).expect("short")][..], text].concat();
    let multipart =
        b"--xY\r\nContent-Disposition: form-data; name=\"a\\\"\"\r\nContent-Type: text/plain\r\n\r\none\r\n\
        --xY\r\ncontent-disposition: form-data; name=f; filename=\"x\"\r\n\r\ntwo\r\n--xY--\r\n";
    let signed = [
        piece(
            b"s=(\"@method\" \"@target-uri\" \"@query-param\";name=\"b\" \"x\" \"content-digest\");created=1;tag=\"t\"",
        ),
        piece(b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=:AAAA:"),
        piece(b"value"),
        piece(b"/a?b=1&c=%20"),
        piece(b"Example.com:443"),
    ];
    let cavage = [
        piece(b"keyid=\"k\", algorithm=\"ed25519\", signature=\"AQID\", headers=\"(request-target) host date digest\""),
        piece(b"Wed, 09 Jun 2021 16:08:15 GMT"),
        piece(b"sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
        piece(b"/a?b"),
        piece(b"h.example:443"),
    ];
    let messages: &[(u8, &str, Vec<u8>)] = &[
        (0, "json", br#"{"a":[{"b":-1.50e+3}],"c":"\u00e9\ud83d\ude00","c":null,"d":true}"#.to_vec()),
        (1, "multipart", [&piece(b"multipart/form-data; boundary=\"xY\"")[..], multipart].concat()),
        (2, "field", b"sig1=(\"@method\" \"@query-param\";name=\"a\\\"b\" x);created=1618884473;t=tok;f, b=:AQIDBA==:;q=?1, c=-7, d".to_vec()),
        (3, "message-signature", signed.concat()),
        (4, "http-signature", cavage.concat()),
        (5, "unisender", br#"{"a":[1,"\"]"],"auth":"0123456789abcdef0123456789abcdef","b":{"c":null}}"#.to_vec()),
        (5, "target", b"/p&q/?a=1&a=%C3%A9+x&jwt=t&b?c=%2".to_vec()),
        (6, "jwt", b"eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_vec()),
        (6, "jwt-none", b"eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.".to_vec()),
        (7, "template", b"[[{header:X-T|lower}]]v0:{timestamp}:{json:a.b}:{body}{{}}{with:public_url}{query:q}".to_vec()),
        (8, "content-form", [&piece(b"application/x-www-form-urlencoded")[..], b"a=1&b=2&a=3"].concat()),
        (8, "content-json", [&piece(b"application/json; charset=utf-8")[..], br#"{"a":1}"#].concat()),
    ];
    for (kind, name, bytes) in messages {
        write("message", name, &[&[*kind][..], bytes].concat());
    }

    let providers = vector::providers();
    let vectors = providers.iter().flat_map(|provider| &provider.vectors);
    let mut keys: Vec<&String> =
        vectors.filter(|vector| vector.are_public_keys).flat_map(|vector| &vector.secrets).collect();
    keys.sort_by_key(|key| (key.len(), key.as_str()));
    keys.dedup();
    let step = (keys.len() / 8).max(1);
    for (count, key) in keys.iter().step_by(step).take(8).enumerate() {
        let algorithm = u8::try_from(count).expect("small");
        write("key", &format!("{count}"), &[&[0, algorithm][..], key.as_bytes(), b"\0signature"].concat());
    }
    for algorithm in 0..4 {
        write("key", &format!("changed-{algorithm}"), &[2, algorithm, 3, 1, 40, 128]);
    }

    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/core/config");
    let mut files: Vec<_> =
        fs::read_dir(fixtures).expect("the fixtures can be listed").filter_map(Result::ok).map(|e| e.path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let text = fs::read(file).expect("the file can be read");
        let text =
            serde_json::from_slice::<serde_json::Value>(&text).map_or(text, |json| json.to_string().into_bytes());
        if text.len() <= MAX_CONFIG {
            let name = file.file_stem().and_then(|name| name.to_str()).expect("a UTF-8 name");
            write("config", name, &[&[1][..], &text].concat());
        }
    }
    write(
        "config",
        "webdis",
        format!("\0\0\0{}({{\"SET\":[true,\"OK\"]}});\n", "0123456789abcdef".repeat(4)).as_bytes(),
    );
    write("config", "rest", b"\0\x01\0{\"result\":\"OK\"}");
    std::process::exit(0);
}
