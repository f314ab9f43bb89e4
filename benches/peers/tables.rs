//! The tables of README and docs/performance.md, from the JSON and nothing else. The terminal shows the same.
//!
//! In a document `<!-- bench:NAME -->` and `<!-- /bench -->` enclose what is written here. `tests/docs` compares it with the
//! JSON in `docs/`.

use std::fmt::Write as _;

use serde_json::Value;

const KIB: u64 = 1024;
const NONE: &str = "–";

/// Every table, in the order in which the terminal shows them.
#[allow(dead_code, reason = "the tests compare the documents only")]
pub const SECTIONS: [&str; 8] = ["machine", "added", "refused", "secrets", "basic", "choices", "latency", "ratios"];

/// The document with all that comes from the JSON filled in.
pub fn fill(document: &str, results: &Value) -> Result<String, String> {
    const OPEN: &str = "<!-- bench:";
    const CLOSE: &str = "<!-- /bench -->";
    let mut filled = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (name, after) = after.split_once(" -->").ok_or("a marker is not closed")?;
        let (_, after) = after.split_once(CLOSE).ok_or_else(|| format!("{name} has no end"))?;
        let text = section(name, results).ok_or_else(|| format!("nothing is called {name}"))?;
        // A table stands in lines of its own, a figure in a sentence.
        let text = if text.contains('\n') { format!("\n{text}") } else { text };
        let _ = write!(filled, "{before}{OPEN}{name} -->{text}{CLOSE}");
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The text with this name.
pub fn section(name: &str, results: &Value) -> Option<String> {
    let table = Tables { results };
    Some(match name.split(' ').collect::<Vec<_>>().as_slice() {
        ["machine"] => table.machine(),
        ["added"] => table.added(),
        ["refused"] => table.refused(),
        ["secrets"] => table.secrets(),
        ["basic"] => table.basic(),
        ["choices"] => table.choices(),
        ["latency"] => table.latency(),
        ["ratios"] => table.ratios(),
        ["readme"] => table.readme(),
        ["peers"] => table.set_ups(),
        ["figure", peer, check, body] => {
            let median = table.median(peer, check, body.parse().ok()?);
            format!("{median} µs")
        }
        _ => return None,
    })
}

struct Tables<'a> {
    results: &'a Value,
}

impl Tables<'_> {
    fn machine(&self) -> String {
        let (machine, versions) = (&self.results["machine"], &self.results["versions"]);
        let mut text = format!(
            "Measured on {} with `{}`, {} starts of {} rounds, requests in flight: {}, {} s: {}, {} cores, {} GiB, {}, Linux {}, load before {}.\n",
            plain(&self.results["date"]),
            plain(&self.results["command"]),
            self.results["starts"],
            self.results["rounds"],
            self.results["in_flight"],
            self.results["seconds"],
            plain(&machine["processor"]),
            machine["cores"],
            machine["memory_gib"],
            plain(&machine["system"]),
            plain(&machine["kernel"]),
            machine["load"],
        );
        let versions: Vec<_> = versions
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name} {}", plain(value)))
            .collect();
        let _ = writeln!(text, "Versions: {}.", versions.join(", "));
        for left_out in self.results["left_out"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "Left out: {}.", plain(left_out));
        }
        text
    }

    fn added(&self) -> String {
        const SIZES: [u64; 5] = [0, KIB, 16 * KIB, 64 * KIB, 1024 * KIB];
        let mut text = head(&["Added CPU, µs", "0", "1 KiB", "16 KiB", "64 KiB", "1 MiB"]);
        for peer in self.peers() {
            let id = plain(&peer["id"]);
            if ["many", "chain", "logged"].contains(&id) {
                continue;
            }
            let check = if id == "noop" { "off" } else { "one" };
            let cells = SIZES.map(|body| self.spread(id, check, body, true, "added"));
            if cells.iter().any(|cell| cell != NONE) {
                line(&mut text, plain(&peer["title"]), &cells);
            }
        }
        text
    }

    fn refused(&self) -> String {
        let mut text =
            head(&["CPU in all, µs", "1 KiB, accepted", "1 KiB, refused", "64 KiB, accepted", "64 KiB, refused"]);
        for peer in self.peers() {
            let id = plain(&peer["id"]);
            let cell = |body, is_accepted| self.spread(id, "one", body, is_accepted, "total");
            let cells = [cell(KIB, true), cell(KIB, false), cell(64 * KIB, true), cell(64 * KIB, false)];
            if cells[1] != NONE {
                line(&mut text, plain(&peer["title"]), &cells);
            }
        }
        text
    }

    fn secrets(&self) -> String {
        let mut text =
            head(&["Added CPU, µs", "1 KiB, one secret", "two", "eight", "64 KiB, one secret", "two", "eight"]);
        for peer in self.peers() {
            let id = plain(&peer["id"]);
            let cells: Vec<_> = [KIB, 64 * KIB]
                .into_iter()
                .flat_map(|body| ["one", "two", "eight"].map(|check| self.spread(id, check, body, true, "added")))
                .collect();
            if cells[1] != NONE {
                line(&mut text, plain(&peer["title"]), &cells);
            }
        }
        text
    }

    fn basic(&self) -> String {
        let mut text = head(&["Basic auth, 1 KiB, µs", "added", "in all, accepted", "in all, refused"]);
        for peer in self.peers() {
            let id = plain(&peer["id"]);
            let cell = |is_accepted, what| self.spread(id, "basic", KIB, is_accepted, what);
            let cells = [cell(true, "added"), cell(true, "total"), cell(false, "total")];
            if cells[0] != NONE {
                line(&mut text, plain(&peer["title"]).trim_end_matches(", `hmac`").trim_end_matches(", njs"), &cells);
            }
        }
        text
    }

    fn choices(&self) -> String {
        let mut text = head(&["1 KiB, µs", "in all", "added to the same Envoy without a filter"]);
        for peer in self.peers() {
            let id = plain(&peer["id"]);
            let check = if id.starts_with("envoy") { "off" } else { "one" };
            if ["envoy", "envoy-logged", "hookwarden", "guarded", "many", "chain", "logged"].contains(&id) {
                let cell = |what| self.spread(id, check, KIB, true, what);
                line(&mut text, plain(&peer["title"]), &[cell("total"), cell("added")]);
            }
        }
        text
    }

    fn latency(&self) -> String {
        let mut text = head(&["At a fixed rate", "Body", "p50, µs", "p90", "p99", "CPU in all, µs"]);
        for body in [KIB, 64 * KIB] {
            for row in self.rows("latency").filter(|row| row["body"] == body) {
                let percentile = |name: &str| row[name].as_f64().map_or_else(|| NONE.to_owned(), number);
                let cells =
                    [size(body), percentile("p50"), percentile("p90"), percentile("p99"), spread(&row["total"])];
                line(&mut text, self.title(plain(&row["peer"])), &cells);
            }
        }
        text
    }

    fn ratios(&self) -> String {
        let mut text = head(&["Ratio, of each start", "median (quartiles)"]);
        for row in self.rows("ratios") {
            line(&mut text, plain(&row["what"]), &[spread_of(&row["ratio"], |ratio| format!("{ratio:.2}"))]);
        }
        text
    }

    fn readme(&self) -> String {
        let mut text = head(&["Added proxy CPU for a request, µs", "1 KiB", "64 KiB"]);
        for id in ["noop", "bare", "obligatory", "hookwarden", "guarded", "lua", "ext_authz", "nginx", "haproxy"] {
            let check = if id == "noop" { "off" } else { "one" };
            let cell = |body| self.median(id, check, body);
            if self.peers().any(|peer| peer["id"] == id) {
                line(&mut text, self.title(id), &[cell(KIB), cell(64 * KIB)]);
            }
        }
        for id in ["hookwarden", "basic_auth"] {
            let title = if id == "hookwarden" { "hookwarden, basic auth" } else { self.title(id) };
            line(&mut text, title, &[self.median(id, "basic", KIB), NONE.to_owned()]);
        }
        text
    }

    fn set_ups(&self) -> String {
        let mut text = head(&["", "Set-up"]).replace("---:", "---");
        for peer in self.peers() {
            line(&mut text, plain(&peer["title"]), &[plain(&peer["about"])]);
        }
        text
    }

    fn peers(&self) -> impl Iterator<Item = &Value> {
        self.rows("peers")
    }

    fn rows(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.results[name].as_array().into_iter().flatten()
    }

    fn title(&self, id: &str) -> &str {
        self.peers().find(|peer| peer["id"] == id).map_or("", |peer| plain(&peer["title"]))
    }

    fn case(&self, peer: &str, check: &str, body: u64, is_accepted: bool) -> Option<&Value> {
        self.rows("cpu").find(|row| {
            row["peer"] == peer && row["check"] == check && row["body"] == body && row["accepted"] == is_accepted
        })
    }

    fn median(&self, peer: &str, check: &str, body: u64) -> String {
        let case = self.case(peer, check, body, true);
        case.and_then(|case| case["added"]["median"].as_f64()).map_or_else(|| NONE.to_owned(), number)
    }

    fn spread(&self, peer: &str, check: &str, body: u64, is_accepted: bool, what: &str) -> String {
        self.case(peer, check, body, is_accepted).map_or_else(|| NONE.to_owned(), |case| spread(&case[what]))
    }
}

/// `24 (22 to 27)`: the median and the quartiles.
fn spread(value: &Value) -> String {
    spread_of(value, number)
}

fn spread_of(value: &Value, number: impl Fn(f64) -> String) -> String {
    let (median, quartiles) = (value["median"].as_f64(), &value["quartiles"]);
    match (median, quartiles[0].as_f64(), quartiles[1].as_f64()) {
        (Some(median), Some(low), Some(high)) => format!("{} ({} to {})", number(median), number(low), number(high)),
        _ => NONE.to_owned(),
    }
}

/// With two or three digits.
fn number(value: f64) -> String {
    if value.abs() < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn size(body: u64) -> String {
    format!("{} KiB", body / KIB)
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

fn head(columns: &[&str]) -> String {
    let mut text = String::new();
    line(&mut text, columns[0], &columns[1..]);
    line(&mut text, "---", &vec!["---:"; columns.len() - 1]);
    text
}

fn line(text: &mut String, first: &str, cells: &[impl AsRef<str>]) {
    let _ = write!(text, "| {first} |");
    for cell in cells {
        let _ = write!(text, " {} |", cell.as_ref());
    }
    text.push('\n');
}
