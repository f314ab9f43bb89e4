//! Suspects of the runtime: what Envoy, Istio or Envoy Gateway made of the request before the filter saw it.

use super::base_url::{Base, split_port};
use super::{Change, Mistake, Scene};
use crate::cli::runtime_changes::{
    DOTS, ESCAPED_SLASHES, HOST_DOT, HOST_PORT, OF_HEADERS, REQUEST_ID, REQUEST_ID_ADDED, REQUEST_ID_TRACED,
    RuntimeChange, SLASHES, UNDERSCORES,
};

/// How many slashes of a path are looked at.
const MOST_SLASHES: usize = 12;
/// Where Envoy notes in a UUID whether a request is traced.
const TRACE_DIGIT: usize = 14;

/// The request with every path that a runtime turns into its own.
pub fn targets(scene: &Scene<'_>) -> Vec<Change> {
    let target = &scene.captured.target;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (target.as_str(), String::new()),
    };
    let mut found: Vec<(String, &RuntimeChange)> = Vec::new();
    // A slash before the whole path is told from the public URL, where there is one.
    let is_told = |at: usize| at == 0 && scene.check.with("public_url").is_some();
    for (at, _) in path.match_indices('/').filter(|(at, _)| !is_told(*at)).take(MOST_SLASHES) {
        let (front, back) = path.split_at_checked(at).unwrap_or_default();
        let back = back.strip_prefix('/').unwrap_or(back);
        found.push((format!("{front}//{back}"), &SLASHES));
        found.push((format!("{front}/./{back}"), &DOTS));
        // The first one begins the path, and is never escaped.
        if at > 0 {
            found.extend(
                ["%2F", "%2f", "%5C", "%5c"].map(|escape| (format!("{front}{escape}{back}"), &ESCAPED_SLASHES)),
            );
            found.push((format!("{front}\\{back}"), &DOTS));
        }
    }
    for (mark, escapes) in [("-", ["%2D", "%2d"]), (".", ["%2E", "%2e"]), ("_", ["%5F", "%5f"]), ("~", ["%7E", "%7e"])]
    {
        let has_it = path.contains(mark);
        found.extend(escapes.into_iter().filter(|_| has_it).map(|escape| (path.replace(mark, escape), &DOTS)));
    }
    let change = |(path, change): (String, &RuntimeChange)| {
        let sentence = format!(
            "The sender signed the path with {}, which the runtime changes before the filter sees it ({}).",
            change.what,
            change.cause()
        );
        let advice = format!(
            "Have the sender call the path as it arrives here: the other one is ambiguous, and refused even where it comes \
             through. What changes it can be switched off. {}",
            change.advice()
        );
        let head = with(scene, ":path", format!("{path}{query}").as_bytes());
        Change::of_head(head, Mistake::new("path_normalized", sentence, advice))
    };
    found.into_iter().map(change).collect()
}

/// The request with a port or a dot behind its host, for schemes that sign that.
pub fn authorities(scene: &Scene<'_>) -> Vec<Change> {
    if !scene.dialects.iter().any(|(scheme, _)| scheme.reads_authority()) {
        return Vec::new();
    }
    let captured = scene.captured;
    let (host, port) = split_port(&captured.authority);
    let mut changes = Vec::new();
    if port.is_none() {
        let forwarded = captured.header("x-forwarded-port").map(|port| String::from_utf8_lossy(port).into_owned());
        let configured = scene.check.with("public_url").and_then(Base::parse).and_then(|base| base.port);
        let usual = ["443", "80", "8443", "8080", "10000"].map(str::to_owned);
        for port in forwarded.into_iter().chain(configured).chain(usual) {
            let sentence = format!(
                "The sender signed the host with the port {port}, which the runtime takes away ({}).",
                HOST_PORT.cause()
            );
            let head = with(scene, ":authority", format!("{host}:{port}").as_bytes());
            changes.push(Change::of_head(head, Mistake::new("host_port_stripped", sentence, HOST_PORT.advice())));
        }
    }
    if !host.ends_with('.') {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let sentence = format!(
            "The sender signed the host with a dot at its end, which the runtime takes away ({}).",
            HOST_DOT.cause()
        );
        let head = with(scene, ":authority", format!("{host}.{port}").as_bytes());
        changes.push(Change::of_head(head, Mistake::new("host_dot_stripped", sentence, HOST_DOT.advice())));
    }
    changes
}

/// The request with the `x-request-id` that the sender may have sent, or without it.
pub fn request_ids(scene: &Scene<'_>) -> Vec<Change> {
    let name = "x-request-id";
    let Some(id) = scene.captured.header(name).filter(|_| scene.needed.iter().any(|own| own == name)) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let is_uuid = id.len() == 36 && [8, 13, 18, 23].into_iter().all(|at| id.get(at) == Some(&b'-'));
    if is_uuid && id.get(TRACE_DIGIT).is_some_and(|digit| matches!(digit, b'4' | b'9' | b'a' | b'b')) {
        let sentence = format!(
            "The runtime changed {}, in which Envoy notes whether it traces a request ({}).",
            REQUEST_ID_TRACED.what,
            REQUEST_ID_TRACED.cause()
        );
        for digit in b"41790abcdef23568" {
            let mut other = id.to_vec();
            if let Some(place) = other.get_mut(TRACE_DIGIT) {
                *place = *digit;
            }
            let mistake = Mistake::new("request_id_traced", sentence.clone(), REQUEST_ID_TRACED.advice());
            changes.push(Change::of_head(with(scene, name, &other), mistake));
        }
    }
    let without = scene.head.iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).cloned().collect();
    let sentence = format!("The sender sent no x-request-id: the runtime added one ({}).", REQUEST_ID_ADDED.cause());
    changes.push(Change::of_head(without, Mistake::new("request_id_added", sentence, REQUEST_ID_ADDED.advice())));
    changes
}

/// What the runtime may have done where nothing shows it: the sender's value is gone.
pub fn note(scene: &Scene<'_>) -> Option<String> {
    let reads = |change: &RuntimeChange| scene.needed.iter().find(|name| change.touches.header(name));
    if scene.captured.header("x-request-id").is_some() && reads(&REQUEST_ID).is_some() {
        return Some(format!(
            "The sender signs x-request-id. If Envoy wrote its own over it, no secret can match ({}). {}",
            REQUEST_ID.cause(),
            REQUEST_ID.advice()
        ));
    }
    let (name, change) = OF_HEADERS.into_iter().find_map(|change| Some((reads(change)?, change)))?;
    Some(format!("The scheme reads \"{name}\", and Envoy removes or rewrites {}. {}", change.what, change.advice()))
}

/// What takes headers of these names away before the filter sees them.
pub fn lost_headers(names: &[String]) -> Option<String> {
    let all = OF_HEADERS.into_iter().chain([&UNDERSCORES]);
    let mut touched = all.filter(|change| names.iter().any(|name| change.touches.header(name)));
    let change = touched.next()?;
    Some(format!("The runtime may take away {} ({}). {}", change.what, change.cause(), change.advice()))
}

/// The request's head with another value in one of its lines.
fn with(scene: &Scene<'_>, name: &str, value: &[u8]) -> Vec<hookwarden::verify::HeaderLine> {
    let mut head = scene.head.clone();
    if let Some((_, own)) = head.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
        *own = value.to_vec();
    }
    head
}
