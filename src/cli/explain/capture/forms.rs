//! The forms of captures: how each is called, how people get it, and what reads it. What cannot be read is named, with the
//! way to something that can. `explain --forms` prints this list, and docs/command.md has it too.

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::value::Members as _;
use super::{
    Reading, asp_net, audit_log, browser, client_logs, collections, commands, curl, deliveries, dump, har, http,
    inspectors, okhttp, pages, printed, printed_headers, proxies, server_logs, serverless, spring, wireshark,
};

/// A form of captures.
pub struct Form {
    /// What it is called.
    pub name: &'static str,
    /// How people get it; where it cannot be read, why not and what to do instead.
    pub how: &'static str,
    reader: Reader,
}

/// What reads a form.
enum Reader {
    Json(fn(&Json) -> Option<Requests>),
    Text(fn(&str, Reading<'_>) -> Option<Requests>),
    /// The last of their kind, which `Captured::read` calls itself.
    Rest,
    /// Recognised only.
    NamedJson(fn(&Json) -> bool),
    NamedBytes(fn(&[u8]) -> bool),
}

impl Form {
    /// Whether it can be read.
    pub fn is_read(&self) -> bool {
        !matches!(self.reader, Reader::NamedJson(_) | Reader::NamedBytes(_))
    }

    fn refusal(&self) -> Requests {
        vec![Err(format!("is {}, which cannot be read: {}", self.name, self.how))]
    }

    const fn json(name: &'static str, how: &'static str, read: fn(&Json) -> Option<Requests>) -> Self {
        Self { name, how, reader: Reader::Json(read) }
    }

    const fn text(name: &'static str, how: &'static str, read: fn(&str, Reading<'_>) -> Option<Requests>) -> Self {
        Self { name, how, reader: Reader::Text(read) }
    }

    const fn rest(name: &'static str, how: &'static str) -> Self {
        Self { name, how, reader: Reader::Rest }
    }

    const fn named_json(name: &'static str, how: &'static str, is: fn(&Json) -> bool) -> Self {
        Self { name, how, reader: Reader::NamedJson(is) }
    }

    const fn named(name: &'static str, how: &'static str, is: fn(&[u8]) -> bool) -> Self {
        Self { name, how, reader: Reader::NamedBytes(is) }
    }
}

/// Also tried in front of JSON, of which it can be two values behind each other.
const PRINTED_HEADERS: Form = Form::text(
    "headers and body as a program prints them",
    "what console.log, print, print_r or Go's Println shows of the headers, and then of the body",
    |text, _| printed_headers::read(text),
);

/// Every form, in the order in which they are tried.
pub const ALL: &[Form] = &[
    Form::rest(
        http::FORM,
        "a request line, header lines, an empty line, the body: Wireshark's Follow Stream, tcpflow, Burp, curl -v, Postman's console, .http files of editors, Hurl",
    ),
    Form::text("a curl command", "Copy as cURL (bash or cmd) of a browser, documentation", |text, reading| {
        curl::is_command(text.as_bytes()).then(|| vec![curl::read(text, reading.folder)])
    }),
    Form::text("an HTTPie command", "http, https, xh", |text, reading| commands::httpie(text, reading.folder)),
    Form::text("a wget command", "wget --post-data", |text, reading| commands::wget(text, reading.folder)),
    Form::text("a fetch call", "Copy as fetch of a browser", |text, _| browser::fetch(text)),
    Form::text("a PowerShell command", "Copy as PowerShell of a browser", |text, _| browser::powershell(text)),
    Form::text(
        "a hexadecimal dump",
        "curl --trace, xxd, hexdump -C, Wireshark's Follow Stream as hex dump",
        |text, _| dump::bytes(text).map(|bytes| http::requests(&bytes)),
    ),
    Form::text(
        "a raw request as a program prints it",
        "Python's repr and http.client with debuglevel, Go's %q of httputil.DumpRequest",
        |text, _| printed::bytes(text).map(|bytes| http::requests(&bytes)),
    ),
    Form::text(
        "a stream that Wireshark or tshark follows",
        "Follow Stream as C arrays, as YAML or as raw digits; tshark -q -z follow,http,raw,0",
        |text, _| wireshark::bytes(text).map(|bytes| http::requests(&bytes)),
    ),
    Form::text("a raw request in base64", "the member raw of ngrok's API, a member of another inspector", |text, _| {
        wireshark::of_base64(text).map(|bytes| http::requests(&bytes))
    }),
    PRINTED_HEADERS,
    Form::text("Envoy's log at the level debug", "what curl -X POST .../logging?http=debug turns on", |text, _| {
        server_logs::envoy(text)
    }),
    Form::text("NGINX's log at the level debug", "error_log FILE debug", |text, _| server_logs::nginx(text)),
    Form::text("a log of Apache's mod_dumpio", "DumpIOInput On", |text, _| server_logs::apache(text)),
    Form::text("an audit log of ModSecurity", "SecAuditLogParts with B and C", |text, _| audit_log::modsecurity(text)),
    Form::text("a debug log of Wget", "wget --debug", |text, _| client_logs::wget(text)),
    Form::text("a log of OkHttp", "HttpLoggingInterceptor with the level BODY", |text, _| okhttp::read(text)),
    Form::text("a log of k6", "k6 run --http-debug=full", |text, _| client_logs::k6(text)),
    Form::text("a log of Spring", "CommonsRequestLoggingFilter with headers and payload", |text, _| spring::read(text)),
    Form::text("a log of ASP.NET", "HTTP logging with RequestBody", |text, _| asp_net::read(text)),
    Form::text("Burp's XML", "Save items of Burp", |text, _| deliveries::burp(text)),
    Form::text("a request of Bruno", "a .bru file", |text, _| collections::bruno(text)),
    Form::text(
        "a page of a delivery",
        "what GitHub's page of a delivery or a browser's network panel shows, copied as text",
        |text, _| deliveries::page(text),
    ),
    Form::text(
        "a page of an inspector",
        "what webhook.site, Beeceptor, JMeter or the console of Postman shows, copied as text",
        |text, _| pages::read(text),
    ),
    Form::text(
        "YAML of an API client",
        "Insomnia's export, version 5; a request of Bruno as OpenCollection; a cassette of VCR",
        collections::yaml,
    ),
    Form::json(
        "a HAR entry",
        "HTTP Toolkit, Proxyman, Charles, mitmproxy (mitmdump -nr flows --set hardump=flows.har), ngrok, a browser: save as HAR with sensitive data",
        har::requests,
    ),
    Form::json("a request of ngrok's agent API", "curl http://127.0.0.1:4040/api/requests/http", inspectors::ngrok),
    Form::json("a request of webhook.site", "Export JSON, or its API: /token/ID/requests", inspectors::webhook_site),
    Form::json("an event of Pipedream", "the event of an HTTP trigger, also of RequestBin", inspectors::pipedream),
    Form::json("a request of Hookdeck", "its API: /requests/ID, /events/ID", inspectors::hookdeck),
    Form::json("a request of smee.io", "Copy Payload", inspectors::smee),
    Form::json("a bundle of Make", "the output of a webhook, with headers and method in it", inspectors::make),
    Form::json(
        "an item of n8n",
        "the output of a webhook with the option Raw Body, binary data in it",
        inspectors::n8n,
    ),
    Form::json(
        "a journal of a mock server",
        "WireMock: /__admin/requests; MockServer: retrieve",
        inspectors::mock_server,
    ),
    Form::json(
        "a trace of Envoy's tap filter",
        "http_buffered_trace or http_streamed_trace_segment as JSON",
        proxies::envoy_tap,
    ),
    Form::json("a session of Charles", "Export Session as JSON (.chlsj)", proxies::charles),
    Form::json("a flow of mitmproxy", "its web interface, jsondump.py", proxies::mitmproxy),
    Form::json("a delivery of GitHub's API", "GET /repos/OWNER/REPO/hooks/ID/deliveries/ID", deliveries::github_api),
    Form::json("an event of CloudFront", "the event of a Lambda@Edge function", serverless::cloudfront),
    Form::json(
        "an event of API Gateway or an ALB",
        "the event of a Lambda function, printed or from CloudWatch; function URLs too",
        serverless::lambda,
    ),
    Form::json("a request of Azure Functions", "what a custom handler gets", serverless::azure),
    Form::json("a collection of Postman", "Export, version 2", collections::postman),
    Form::json("an export of Insomnia", "Export, version 4", collections::insomnia),
    Form::named_json(
        "a Stripe event",
        "the page and the API show it parsed, and without the header Stripe-Signature. Capture the request itself, such as \
         with `stripe events resend EVENT --webhook-endpoint ENDPOINT`, or give --headers and --body",
        |value| value.text_at("object") == Some("event") && value.has("data.object"),
    ),
    Form::named_json(
        "a list of GitHub's deliveries",
        "it has no requests. Get one of them by its id: GET /repos/OWNER/REPO/hooks/ID/deliveries/ID",
        |value| value.has("0.guid") && value.has("0.delivered_at") && !value.has("0.request"),
    ),
    Form::named_json(
        "a message or an attempt of Svix",
        "it has neither the headers nor the bytes that were sent. Point the endpoint at Svix Play or webhook.site, resend, \
         and export that",
        |value| {
            let one = value.list_at("data").first().unwrap_or(value);
            (one.has("msgId") && one.has("endpointId"))
                || (one.has("eventType") && one.has("payload") && !one.has("headers"))
        },
    ),
    Form::named_json(
        "an HTTP log of Google Cloud or AWS WAF",
        "it has no body, and no headers or only some. Log the raw body and the headers in the function, or capture in front \
         of it",
        |value| {
            (value.has("httpRequest.requestMethod") && !value.has("jsonPayload.headers"))
                || (value.has("httpSourceId") && value.has("httpRequest.httpMethod"))
        },
    ),
    Form::named_json(
        "an access log in JSON",
        "it has neither headers nor a body. Capture the request itself: with Envoy's tap filter, or at webhook.site",
        |value| {
            let one = value.items().and_then(|items| items.first()).unwrap_or(value);
            let has_body = ["body", "rawBody", "content", "payload", "data"].iter().any(|name| one.has(name));
            let answers =
                ["response_code", "response_flags", "status", "DownstreamStatus", "body_bytes_sent", "bytes_sent"];
            let asked = ["method", "request_method", "RequestMethod", "request"];
            let has = |names: &[&str]| {
                names.iter().any(|name| matches!(one.member(name), Some(Json::Text(_) | Json::Number(_))))
            };
            let has_headers = ["headers", "header", "rawHeaders", "request_headers"].iter().any(|name| one.has(name));
            has(&answers) && has(&asked) && !has_headers && !has_body
        },
    ),
    Form::named_json(
        "a recording of nock",
        "it has the headers of the answer only. Record with enable_reqheaders_recording and print them, or capture the request itself",
        |value| {
            let one = value.items().and_then(|items| items.first()).unwrap_or(value);
            one.has("scope") && one.has("path") && one.has("status") && !one.has("reqheaders")
        },
    ),
    Form::named_json(
        "a log of Vercel",
        "it has neither headers nor a body. Log the raw body and the headers in the function",
        |value| value.has("deploymentId") && value.has("proxy.path"),
    ),
    Form::named_json(
        "a span of OpenTelemetry",
        "it has no body. Capture the request itself: with Envoy's tap filter, or at webhook.site",
        |value| value.has("traceId") && value.has("spanId") || value.has("resourceSpans"),
    ),
    Form::named_json(
        "an event of Google Apps Script",
        "Apps Script gives a script no headers, so that it can verify no signature. Have the sender call something else",
        |value| value.has("postData.contents") && !value.has("headers"),
    ),
    Form::named_json(
        "packets of tshark in JSON",
        "it has the layers and not the request. Use tshark -q -z follow,http,raw,0 or Follow Stream in Wireshark, saved as raw",
        |value| value.has("0._source.layers") || value.has("_source.layers"),
    ),
    Form::named_json("a network log of Chrome", "it has no bodies. Save as HAR in the network panel", |value| {
        value.has("constants.logEventTypes") && value.has("events")
    }),
    Form::rest(
        "JSON",
        "an object of an application or of a vector, see below; a list or lines of them; what console.log shows of one",
    ),
    Form::named(
        "a file of mitmproxy's flows",
        "it is binary. Convert it: mitmdump -nr FILE --set hardump=flows.har",
        |bytes| {
            let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            digits > 0
                && bytes.get(digits) == Some(&b':')
                && bytes
                    .windows(9)
                    .take(4000)
                    .any(|window| window == b";8:client" || window == b":version;" || window == b"websocket")
        },
    ),
    Form::named(
        "a capture of packets",
        "use tshark -r FILE -q -z follow,http,raw,0, or Follow Stream in Wireshark, saved as raw",
        |bytes| {
            [&b"\xd4\xc3\xb2\xa1"[..], b"\xa1\xb2\xc3\xd4", b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\xb2\xa1"]
                .iter()
                .any(|start| bytes.starts_with(start))
        },
    ),
    Form::named(
        "an archive",
        "a session of Fiddler (.saz), Charles (.chlz) or Proxyman, or a ZIP file. Export the request as HAR or as cURL",
        |bytes| bytes.starts_with(b"PK\x03\x04"),
    ),
    Form::named(
        "a tap in the text format of protobuf",
        "have Envoy write it as JSON: \"format\": \"JSON_BODY_AS_BYTES\" at the sink",
        |bytes| bytes.starts_with(b"http_buffered_trace") || bytes.starts_with(b"http_streamed_trace_segment"),
    ),
    Form::named(
        "what tcpdump or ngrep prints",
        "it has dots in place of bytes, and the heads of packets between them. Write packets with tcpdump -w FILE, and use \
         tshark -r FILE -q -z follow,http,raw,0 or tcpflow -r FILE",
        |bytes| contains(bytes, b": Flags [") || contains(bytes, b" [AP]"),
    ),
    Form::named(
        "a table of webhook.site",
        "CSV has lost the line ends of headers and body. Export JSON instead",
        |bytes| bytes.starts_with(b"uuid,") || bytes.starts_with(b"\"uuid\","),
    ),
    Form::named("a session of Charles in XML", "export it as JSON (.chlsj) or HAR", |bytes| {
        contains(bytes, b"<charles-session")
    }),
    Form::named(
        "a log of Rails",
        "it has the parameters, and neither headers nor the raw body. Log request.raw_post and request.headers",
        |bytes| bytes.starts_with(b"Started POST \"") || contains(bytes, b"] Started POST \""),
    ),
    Form::named(
        "what stripe listen prints",
        "it has neither headers nor bodies. Use `stripe listen --forward-to` an address where the request is captured",
        |bytes| contains(bytes, b"-->") && contains(bytes, b"[evt_"),
    ),
    Form::named("compressed with gzip", "unpack it with gunzip", |bytes| bytes.starts_with(b"\x1f\x8b")),
    Form::named("a binary session of Charles", "export it as JSON (.chlsj) or HAR", |bytes| {
        bytes.starts_with(b"\xac\xed\x00\x05")
    }),
    Form::named(
        "a dump of curl --trace-ascii",
        "it has a dot in place of every byte that is not ASCII, and splits long lines. Use curl --trace",
        |bytes| contains(bytes, b"=> Send header"),
    ),
    Form::named("YAML", "export from the client as JSON, HAR or cURL", |bytes| {
        bytes.starts_with(b"type: collection.insomnia")
            || bytes.starts_with(b"opencollection:")
            || bytes.starts_with(b"http_interactions:")
            || bytes.starts_with(b"---\nhttp_interactions:")
    }),
    Form::named(
        "a stream that tshark follows as ASCII",
        "it has a dot in place of every byte that is not ASCII. Use tshark -q -z follow,http,raw,0",
        |bytes| contains(bytes, b"\nFollow: ") && contains(bytes, b",ascii\n"),
    ),
    Form::named(
        "what mitmdump prints",
        "it shows the body prettified. Use mitmdump -nr flows --set hardump=flows.har",
        |bytes| contains(bytes, b"\n << HTTP/") || contains(bytes, b"\n << ") && contains(bytes, b": POST http"),
    ),
    Form::named(
        "what a forwarder of webhooks prints",
        "it has neither headers nor bodies. Get the request from its service: Hookdeck's API or dashboard, \
         http://127.0.0.1:4040 for ngrok, Copy Payload on the channel's page for smee.io",
        |bytes| {
            [
                &b"HOOKDECK CLI"[..],
                b"Forwarding https://smee.io",
                b"Forwards to \xe2\x86\x92",
                b"Web Interface  ",
                b"Forwarding Webhooks from",
                b"Webhook Relay is now listening",
            ]
            .iter()
            .any(|mark| contains(bytes, mark))
        },
    ),
    Form::named(
        "an execution log of API Gateway",
        "it cuts the body after 1,024 characters and joins the headers. Log the event in the function, or capture in front of it",
        |bytes| {
            contains(bytes, b"Method request body before transformations")
                || contains(bytes, b"Method request headers: {")
        },
    ),
    Form::named(
        "a page of GitLab's recent events",
        "it masks the token and shows the body parsed. Let GitLab call webhook.site with Resend Request, and export that",
        |bytes| contains(bytes, b"X-Gitlab-Event") && contains(bytes, b"Completed in "),
    ),
    Form::named("a web page", "copy what it shows as text, or export the request from it", |bytes| {
        let start = bytes.get(..15).unwrap_or_default().to_ascii_lowercase();
        start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
    }),
    Form::named(
        "source code",
        "print the request that it sends (header lines and raw body), run it against webhook.site, or copy as cURL (bash) from the browser",
        |bytes| {
            let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            [
                &b"import "[..],
                b"from ",
                b"require ",
                b"const ",
                b"let ",
                b"var ",
                b"<?php",
                b"package ",
                b"using ",
                b"#!/",
                b"axios",
                b"requests.",
            ]
            .iter()
            .any(|start| first.starts_with(start))
                || contains(first, b"requests.post(")
                || contains(first, b"axios.post(")
        },
    ),
    Form::named(
        "a line of an access log",
        "it has neither headers nor a body. Capture the request itself: with Envoy's tap filter, or at webhook.site",
        |bytes| {
            let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            !first.starts_with(b"{")
                && contains(first, b" HTTP/")
                && [&b"\"POST /"[..], b"\"GET /", b"\"PUT /", b"\"POST http"].iter().any(|start| contains(first, start))
        },
    ),
];

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The requests in a value, if it has a form of its own; each says which.
pub fn read_json(value: &Json) -> Option<Requests> {
    ALL.iter().find_map(|form| match form.reader {
        Reader::Json(read) => read(value).map(|found| of(form, found)),
        Reader::NamedJson(is) if is(value) => Some(form.refusal()),
        _ => None,
    })
}

/// The requests in a text that is no JSON, if it has a form of its own.
pub fn read_text(text: &str, reading: Reading<'_>) -> Option<Requests> {
    ALL.iter().find_map(|form| match form.reader {
        Reader::Text(read) => read(text, reading).map(|found| of(form, found)),
        _ => None,
    })
}

/// The request in a text that begins with the headers as a program prints them.
pub fn read_headers(text: &str) -> Option<Requests> {
    printed_headers::read(text).map(|found| of(&PRINTED_HEADERS, found))
}

/// That the bytes have a form that cannot be read.
pub fn named(bytes: &[u8]) -> Option<Requests> {
    ALL.iter().find_map(|form| match form.reader {
        Reader::NamedBytes(is) if is(bytes) => Some(form.refusal()),
        _ => None,
    })
}

fn of(form: &Form, found: Requests) -> Requests {
    found.into_iter().map(|one| one.map(|captured| super::Captured { form: form.name, ..captured })).collect()
}
