//! Every provider's vectors, in files that hookwarden's own tests read more strictly.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookwarden_host_tests::{Ending, Outcome, Proxy, Request};
use serde_json::{Value, json};

/// The time of vectors that name none, in seconds.
const NOW: u64 = 1_700_000_000;

struct Vector {
    case: String,
    config: Value,
    request: Request,
    now: u64,
    expect: String,
}

/// The vectors of each provider.
fn providers() -> BTreeMap<String, Vec<Vector>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers");
    let files = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: &Path| -> (String, Vec<Vector>) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let file: Value = serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON");
        let vectors = file["vectors"].as_array().expect("vectors").iter().map(|vector| Vector::read(&name, vector));
        (name.clone(), vectors.collect())
    };
    files.map(|path| read(&path)).collect()
}

impl Vector {
    fn read(provider: &str, vector: &Value) -> Self {
        let text = |member: &str| vector[member].as_str().unwrap_or_default().to_owned();
        let url = text("url");
        let (scheme, rest) = url.split_once("://").expect("an address");
        let (authority, target) = rest.split_at(rest.find('/').expect("a path"));
        let pseudo = [(":method", text("method")), (":scheme", scheme.to_owned())];
        let pseudo = pseudo.into_iter().chain([(":authority", authority.to_owned()), (":path", target.to_owned())]);
        let mut headers: Vec<_> = pseudo.map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
        for pair in vector["headers"].as_array().expect("headers") {
            let text = |at: usize| pair[at].as_str().expect("a text");
            headers.push((text(0).to_ascii_lowercase(), text(1).as_bytes().to_vec()));
        }
        let body = match vector["body_base64"].as_str() {
            Some(body) => STANDARD.decode(body).expect("base64"),
            None => text("body").into_bytes(),
        };
        let mut check = match vector.get("keys") {
            Some(keys) => json!({ "keys": keys.as_array().expect("keys").iter()
                .map(|key| json!({ "value": key })).collect::<Vec<_>>() }),
            None => json!({ "secrets": vector["secrets"].as_array().expect("secrets").iter()
                .map(|secret| json!({ "value": secret, "insecure_short_secret": true })).collect::<Vec<_>>() }),
        };
        check["provider"] = json!(provider);
        if let Some(with) = vector.get("with") {
            check["with"] = with.clone();
        }
        let path = target.split('?').next().unwrap_or_default();
        Self {
            case: text("case"),
            config: json!({ "sources": [{ "name": "tested", "match": { "path": path }, "verify": check }] }),
            request: Request { headers, body, ..Request::default() },
            now: vector["now"].as_u64().unwrap_or(NOW),
            expect: text("expect"),
        }
    }

    /// The request in one piece, cut at its middle and near both ends, and with each ending.
    fn deliveries(&self) -> Vec<Request> {
        let len = self.request.body.len();
        let with = |cuts: &[usize], ending| Request { cuts: cuts.to_vec(), ending, ..self.request.clone() };
        let mut all = vec![with(&[], Ending::LastPiece), with(&[], Ending::EmptyPiece), with(&[], Ending::Trailers)];
        if len > 2 {
            all.push(with(&[1], Ending::LastPiece));
            all.push(with(&[len / 2], Ending::Trailers));
            all.push(with(&[1, len / 2, len - 1], Ending::EmptyPiece));
        }
        if len == 0 {
            all.push(with(&[], Ending::Headers));
        }
        all
    }

    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        match (self.expect.as_str(), outcome.answered, outcome.code.as_deref()) {
            ("verified", None, None) if outcome.body != self.request.body => Err("another body".to_owned()),
            ("verified", None, None) => match outcome.headers.get("x-hookwarden-source") {
                Some(source) if source == b"tested" => Ok(()),
                other => Err(format!("x-hookwarden-source is {other:?}")),
            },
            (expected, Some(_), Some(code)) if code == expected && outcome.body.is_empty() => Ok(()),
            _ => Err(format!("{outcome:?}")),
        }
    }
}

#[test]
fn every_vector_gets_its_verdict_however_it_is_cut() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, vectors) in providers() {
        let mut by_config: BTreeMap<String, Vec<&Vector>> = BTreeMap::new();
        for vector in &vectors {
            by_config.entry(vector.config.to_string()).or_default().push(vector);
        }
        for vectors in by_config.values() {
            let mut proxy = Proxy::start(&vectors[0].config).unwrap_or_else(|log| panic!("{name} is refused: {log}"));
            for vector in vectors {
                proxy.set_time(vector.now * 1000);
                for request in vector.deliveries() {
                    count += 1;
                    if let Err(why) = vector.check(&proxy.send(&request, 200)) {
                        let (cuts, ending) = (request.cuts, request.ending);
                        wrong.push(format!("{name}: {} ({ending:?}, {cuts:?}): {why}", vector.case));
                    }
                }
            }
        }
    }
    println!("{count} verdicts");
    assert!(count > 20_000, "{count} verdicts");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
