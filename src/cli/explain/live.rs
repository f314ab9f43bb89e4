//! Live secrets and keys, which the configuration does not hold: they are given on the side.

use serde_json::{Map, Value};

use crate::cli::given_secret::GivenSecret;
use crate::cli::terminal::Failure;

/// The configuration with these in place of its live secrets: one for all, or one for each in their order. Without any, as
/// it is.
pub fn with_secrets(text: Vec<u8>, given: &[GivenSecret]) -> Result<Vec<u8>, Failure> {
    let Ok(mut configuration) = serde_json::from_slice::<Value>(&text) else { return Ok(text) };
    if given.is_empty() {
        return Ok(text);
    }
    let mut places = Vec::new();
    collect(&mut configuration, &mut places);
    if places.is_empty() || (given.len() > 1 && given.len() != places.len()) {
        let count = places.len();
        let (one, many) = ("--secret-env and --secret-file give live secrets", "give one for all, or one for each");
        return Err(Failure::Message(format!("{one}, and the configuration has {count} of them: {many}")));
    }
    for (place, secret) in places.into_iter().zip(given.iter().cycle()) {
        if !place.contains_key("filter_state")
            && !place.contains_key("http")
            && secret.text.contains("PRIVATE KEY-----")
        {
            return Err(Failure::Message(
                "a live key is public, and the one of --secret-env or --secret-file is private: give its public half \
                 (openssl pkey -in key.pem -pubout)"
                    .to_owned(),
            ));
        }
        place.remove("filter_state");
        place.remove("http");
        place.remove("jwks");
        place.remove("jwk");
        place.remove("x509");
        place.insert("value".to_owned(), Value::from(secret.text.as_str()));
    }
    Ok(configuration.to_string().into_bytes())
}

/// The live secrets of a configuration.
fn collect<'a>(value: &'a mut Value, places: &mut Vec<&'a mut Map<String, Value>>) {
    let is_fetched = |of: &&str| value.pointer(&format!("/{of}/cluster")).is_some();
    let is_live = value.get("filter_state").is_some() || ["http", "jwks", "jwk", "x509"].iter().any(is_fetched);
    if is_live {
        places.extend(value.as_object_mut());
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| collect(member, places)),
        Value::Array(list) => list.iter_mut().for_each(|element| collect(element, places)),
        _ => {}
    }
}
