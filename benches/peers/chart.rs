//! A bar chart of the added time as SVG, from the JSON and nothing else. Readable on a light and a dark page.

use std::fmt::Write as _;

use serde_json::Value;

const LABELS: f64 = 292.0;
const BARS: f64 = 250.0;
const GAP: f64 = 70.0;
const ROW: f64 = 26.0;
const TOP: f64 = 64.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.small{font-size:11px;fill:#59636e}\
.bar{fill:#8c959f}.ours{fill:#0969da}.line{stroke:#1f2328;stroke-width:1.2}.axis{stroke:#d1d9e0}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.bar{fill:#656c76}.ours{fill:#4493f8}\
.line{stroke:#f0f6fc}.axis{stroke:#3d444d}}";

/// Which are compared, in this order, and which of them are ours.
const PEERS: [(&str, &str, bool); 9] = [
    ("noop", "off", false),
    ("haproxy", "one", false),
    ("nginx", "one", false),
    ("bare", "one", false),
    ("obligatory", "one", false),
    ("hookwarden", "one", true),
    ("guarded", "one", true),
    ("lua", "one", false),
    ("ext_authz", "one", false),
];

pub fn chart(results: &Value) -> String {
    let list = |name: &str| results[name].as_array().cloned().unwrap_or_default();
    let (peers, cases) = (list("peers"), list("cpu"));
    let rows: Vec<_> = PEERS
        .into_iter()
        .filter_map(|row| {
            Some((row, peers.iter().find(|peer| peer["id"] == row.0)?["title"].as_str()?.replace('`', "")))
        })
        .collect();
    let width = LABELS + 2.0 * (BARS + GAP);
    let height = TOP + rows.len() as f64 * ROW + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Added CPU time of a request, by check\">\n<style>{STYLE}</style>\n"
    );
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"8\" y=\"22\">CPU time that a check adds to a request, µs</text>\n\
         <text class=\"small\" x=\"8\" y=\"{}\">medians; lines from the first to the third quartile. {}</text>",
        height - 8.0,
        results["date"].as_str().unwrap_or_default()
    );
    for (number, (_, title)) in rows.iter().enumerate() {
        let _ = writeln!(svg, "<text x=\"8\" y=\"{:.1}\">{}</text>", center(number) + 4.5, escaped(title));
    }
    for (panel, (body, name)) in [(1024, "1 KiB"), (65536, "64 KiB")].into_iter().enumerate() {
        let left = LABELS + panel as f64 * (BARS + GAP);
        let _ = writeln!(svg, "<text class=\"title\" x=\"{left}\" y=\"{}\">{name}</text>", TOP - 14.0);
        let values: Vec<_> = rows.iter().map(|((id, check, _), _)| added(&cases, id, check, body)).collect();
        let most = values.iter().flatten().flatten().copied().fold(1.0, f64::max);
        let scale = BARS / most;
        for (number, value) in values.iter().enumerate() {
            let Some([low, median, high]) = *value else { continue };
            let class = if rows[number].0.2 { "ours" } else { "bar" };
            let y = center(number);
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{left}\" y=\"{:.1}\" width=\"{:.1}\" height=\"16\" rx=\"2\"/>\n\
                 <path class=\"line\" d=\"M{:.1} {y:.1}H{:.1}\"/>\n\
                 <text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{median:.0}</text>",
                y - 8.0,
                (median * scale).max(1.0),
                left + (low * scale).max(0.0),
                left + (high * scale).max(0.0),
                left + (high.max(median) * scale).max(0.0) + 6.0,
                y + 4.0,
            );
        }
        let bottom = TOP + rows.len() as f64 * ROW;
        let _ = writeln!(svg, "<path class=\"axis\" d=\"M{left} {:.1}V{bottom:.1}\"/>", TOP - 4.0);
    }
    svg.push_str("</svg>\n");
    svg
}

/// First quartile, median and third quartile.
fn added(cases: &[Value], peer: &str, check: &str, body: u64) -> Option<[f64; 3]> {
    let case = cases.iter().find(|case| {
        case["peer"] == peer && case["check"] == check && case["body"] == body && case["accepted"] == true
    })?;
    let added = &case["added"];
    Some([added["quartiles"][0].as_f64()?, added["median"].as_f64()?, added["quartiles"][1].as_f64()?])
}

fn center(row: usize) -> f64 {
    TOP + row as f64 * ROW + ROW / 2.0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
