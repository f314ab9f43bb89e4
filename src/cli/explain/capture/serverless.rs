//! Events of serverless platforms: API Gateway, ALB, function URLs, CloudFront, Azure Functions.

use hookwarden::verify::bytes::json::Json;

use super::entries::Requests;
use super::lost::Lost;
use super::value::Members as _;
use super::{Captured, body, entries, headers, json, query};

/// An event of API Gateway (REST, HTTP), an ALB or a function URL.
pub fn lambda(value: &Json) -> Option<Requests> {
    let is_event = value.has("headers") || value.has("multiValueHeaders");
    let is_event = is_event
        && (value.has("requestContext")
            || value.has("rawPath")
            || (value.has("httpMethod") && value.has("isBase64Encoded")));
    is_event.then(|| vec![read_lambda(value)])
}

fn read_lambda(value: &Json) -> Result<Captured, String> {
    let mut captured = Captured::default();
    let method = value.text_at("httpMethod").or_else(|| value.text_at("requestContext.http.method"));
    method.unwrap_or_default().clone_into(&mut captured.method);
    if let Some(lines) = value.first(&["multiValueHeaders", "headers"]) {
        headers::add(&mut captured, lines)?;
    }
    let path = value.first_text(&["rawPath", "path"]).or(value.text_at("requestContext.path"));
    let path = path.or(value.text_at("requestContext.http.path"));
    path.unwrap_or_default().clone_into(&mut captured.target);
    if let Some(called) = value.text_at("requestContext.path").filter(|called| *called != captured.target) {
        captured.notes.push(format!(
            "the path that was called is {}, with the stage; give --url if the sender signs it",
            entries::shown_path(called)
        ));
    }
    if captured.authority.is_empty() {
        value.text_at("requestContext.domainName").unwrap_or_default().clone_into(&mut captured.authority);
    }
    let parameters = value.first(&["multiValueQueryStringParameters", "queryStringParameters"]);
    if value.has("requestContext.elb") {
        // An ALB hands the parameters on as they were called.
        let text = as_called(parameters);
        query::add(&mut captured, Some(&text), None);
    } else {
        query::add(&mut captured, value.first_text(&["rawQueryString"]), parameters);
    }
    if let Some(found) = value.member("body") {
        body::take(&mut captured, found, value.is_true("isBase64Encoded"))?;
    }
    captured.time = json::stated_time(value);
    if value.text_at("version") == Some("2.0") && captured.headers.iter().any(|(_, value)| value.contains(&b',')) {
        captured.notes.push("this event joins headers of one name with a comma".to_owned());
    }
    Ok(captured)
}

fn as_called(parameters: Option<&Json>) -> String {
    let mut pairs = Vec::new();
    for (name, value) in parameters.and_then(Json::entries).unwrap_or_default() {
        let values = value.items().map_or_else(|| vec![value], |items| items.iter().collect());
        pairs.extend(values.into_iter().filter_map(|value| Some(format!("{name}={}", value.text()?))));
    }
    pairs.join("&")
}

/// The event of a function at CloudFront's edge.
pub fn cloudfront(value: &Json) -> Option<Requests> {
    let records: Vec<&Json> =
        value.list_at("Records").iter().filter_map(|record| record.within("cf.request")).collect();
    let read = |request: &Json| {
        let mut captured =
            Captured { method: request.text_at("method").unwrap_or_default().to_owned(), ..Captured::default() };
        headers::add(&mut captured, request.member("headers").unwrap_or(&Json::Null))?;
        request.text_at("uri").unwrap_or_default().clone_into(&mut captured.target);
        query::add(&mut captured, request.text_at("querystring"), None);
        match request.member("body") {
            Some(found) => {
                let is_base64 = found.text_at("encoding") == Some("base64");
                body::take(&mut captured, found.member("data").unwrap_or(&Json::Null), is_base64)?;
                if found.is_true("inputTruncated") {
                    captured.lost.push(Lost::cut());
                }
            }
            None => captured.lost.push(Lost::new(
                "capture_without_body",
                "The event has no body: CloudFront hands it to a function only if it is asked to.",
                "Set \"Include body\" at the function's association, or give the body with --body.",
            )),
        }
        Ok(captured)
    };
    (!records.is_empty()).then(|| records.into_iter().map(read).collect())
}

/// What Azure Functions hands to a custom handler.
pub fn azure(value: &Json) -> Option<Requests> {
    let request = value
        .within("Data.req")
        .or_else(|| value.within("Data.request"))
        .or_else(|| value.within("Data.httpTrigger"))?;
    request.has("Headers").then(|| {
        vec![json::read(request).map(|mut captured| {
            captured.notes.clear();
            captured
        })]
    })
}
