//! A JSON Web Token (RFC 7515, RFC 7519) whose claims say what the scheme demands.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::key::algorithm::JwtAlgorithm;
use hookwarden::verify::key::algorithm::SignatureAlgorithm;
use hookwarden::verify::scheme::jwt::{ClaimRule, JwtScheme};

use super::builder::RequestBuilder;
use super::error::Error;
use super::writer::{SchemeWriter, SigningContext};

/// How long a token holds, where neither the scheme nor the sender's own tokens say, in seconds.
const LIFETIME: u64 = 300;
/// How long ago an expired token expired, in seconds.
const LATE_BY: u64 = 600;

/// Puts a token into the request.
pub fn make(scheme: &JwtScheme, builder: &mut RequestBuilder, context: &mut SigningContext<'_>) -> Result<(), Error> {
    let mut writer = SchemeWriter::new(builder);
    let present = match &scheme.token {
        Some(at) => writer.read(at).ok(),
        None => Some(writer.builder.body.trim_ascii().to_vec()),
    };
    let present = present.filter(|present| !present.is_empty());
    let prefix = scheme.prefix.trim_ascii_end();
    let bare = present.as_deref().map(|present| scheme.strip_prefix(present));
    let (mut header, mut claims) = bare.and_then(JwtScheme::decode_unverified).unwrap_or_else(|| (object(), object()));
    if scheme.token.is_none()
        && let Some(json @ Json::Object(_)) = writer.builder.json()
    {
        // The event itself, of which the token is to be made.
        claims = json;
    }

    let algorithm = algorithm(scheme, &header, context)?;
    set(&mut header, "alg", Json::Text(algorithm_name(algorithm).to_owned()));
    if header == object_of("alg", algorithm_name(algorithm)) {
        set(&mut header, "typ", Json::Text("JWT".to_owned()));
    }
    set_times(scheme, &mut claims, context);
    if let Some(path) = &scheme.event_id {
        let present = claims.at(path).and_then(Json::text).map(str::to_owned);
        let id = context.fresh_id(present.as_deref().map(str::as_bytes));
        claims.set(path.steps(), Json::Text(id));
    }
    if context.renews_token {
        // RFC 7519, section 4.1.7: no two tokens have the same one.
        let present = JsonPath::parse("jti").and_then(|path| claims.at(&path)?.text().map(str::to_owned));
        let id = match present {
            Some(present) => context.rng.id_like(&present),
            None => context.rng.uuid(),
        };
        set(&mut claims, "jti", Json::Text(id));
    }
    for (path, rule) in &scheme.claims {
        bind(path, rule, &mut claims, &writer, context)?;
    }

    let encode = |json: &Json| encoding::encode_base64_url(json.to_string().as_bytes());
    let signed = [encode(&header), encode(&claims)].join(&b'.');
    let algorithm = match (algorithm.hmac(), algorithm.public()) {
        (Some(hash), _) => SignatureAlgorithm::Hmac(hash),
        (None, Some(public)) => SignatureAlgorithm::Public(public),
        (None, None) => return Err(Error::new("the scheme takes no algorithm that can be signed with")),
    };
    let tag = context.key.tag(algorithm, &scheme.key, context.rng, &mut |_| Ok(signed.clone()))?;
    let token = [signed, encoding::encode_base64_url(&context.sent(tag))].join(&b'.');

    // A prefix that may be missing is there if the sender's own event has it.
    let had_prefix = match (&present, bare) {
        (Some(present), Some(bare)) => present.len() > bare.len(),
        _ => true,
    };
    let text = match prefix.is_empty() || (scheme.optional_prefix && !had_prefix) {
        true => token,
        false => [prefix.as_bytes(), b" ", &token].concat(),
    };
    match &scheme.token {
        Some(at) => writer.write(at, &text),
        None => {
            writer.builder.body = text;
            Ok(())
        }
    }
}

/// The algorithm of the sender's own tokens, else the first that the key can serve.
fn algorithm(scheme: &JwtScheme, header: &Json, context: &SigningContext<'_>) -> Result<JwtAlgorithm, Error> {
    let own = JsonPath::parse("alg").and_then(|path| header.at(&path)).and_then(Json::text).map(str::to_owned);
    let serves = |algorithm: JwtAlgorithm| match algorithm.public() {
        None => Ok(()),
        Some(public) => context.key.public_half(public).map(|_| ()),
    };
    let mut algorithms = scheme.algorithms.clone();
    algorithms.sort_by_key(|algorithm| own.as_deref() != Some(algorithm_name(*algorithm)));
    let mut worst = Error::new("the scheme takes no algorithm");
    for algorithm in algorithms {
        match serves(algorithm) {
            Ok(()) => return Ok(algorithm),
            Err(error) => worst = error,
        }
    }
    Err(worst)
}

fn algorithm_name(algorithm: JwtAlgorithm) -> &'static str {
    JwtAlgorithm::NAMES.iter().find(|(_, own)| *own == algorithm).map_or("", |(name, _)| name)
}

/// The times that bound a token: those that the sender's own have, and those that the scheme demands.
fn set_times(scheme: &JwtScheme, claims: &mut Json, context: &SigningContext<'_>) {
    let seconds = context.at.as_millis().checked_div(1000).unwrap_or_default();
    let present = |name: &str| {
        let path = JsonPath::parse(name)?;
        claims.at(&path).and_then(Json::text).and_then(|text| text.parse::<u64>().ok())
    };
    let (issued, expires, starts) = (present("iat"), present("exp"), present("nbf"));
    let lifetime = match (issued, expires) {
        (Some(issued), Some(expires)) => expires.saturating_sub(issued).clamp(1, 86_400),
        _ => LIFETIME,
    };
    let needs_end = scheme.max_age.is_none() && !scheme.timeless;
    let number = |seconds: u64| Json::Number(seconds.to_string());
    if issued.is_some() || scheme.max_age.is_some() || !scheme.timeless {
        set(claims, "iat", number(seconds));
    }
    if starts.is_some() {
        set(claims, "nbf", number(seconds));
    }
    if context.is_late && scheme.max_age.is_none() {
        let (leeway, end) = (scheme.leeway.as_secs(), seconds.saturating_sub(LATE_BY));
        set(claims, "iat", number(end.saturating_sub(leeway).saturating_sub(lifetime)));
        set(claims, "exp", number(end.saturating_sub(leeway)));
        if starts.is_some() {
            set(claims, "nbf", number(end.saturating_sub(leeway).saturating_sub(lifetime)));
        }
    } else if expires.is_some() || needs_end {
        set(claims, "exp", number(seconds.saturating_add(lifetime)));
    }
}

/// Makes a claim say what it must.
fn bind(
    path: &JsonPath,
    rule: &ClaimRule,
    claims: &mut Json,
    writer: &SchemeWriter<'_, '_>,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    let render = |message| {
        writer.render(message, None).map_err(|denial| Error::denied(denial, "a claim of the token cannot be made"))
    };
    let text = match rule {
        ClaimRule::Present if claims.at(path).is_some() => return Ok(()),
        ClaimRule::Present => context.rng.uuid().into_bytes(),
        ClaimRule::EqualsWhenBody(_) if writer.builder.body.is_empty() => {
            remove(claims, path);
            return Ok(());
        }
        ClaimRule::Equals(message) | ClaimRule::EqualsWhenBody(message) => render(message)?,
        ClaimRule::OneOf(messages) => {
            let texts = messages.iter().map(render).collect::<Result<Vec<_>, _>>()?;
            let present = claims.at(path).and_then(Json::text).map(|text| text.as_bytes().to_vec());
            match (present, texts.first()) {
                (Some(present), _) if texts.contains(&present) => return Ok(()),
                (_, Some(first)) => first.clone(),
                (_, None) => return Ok(()),
            }
        }
    };
    let text = String::from_utf8(text).map_err(|_| Error::new("a claim of the token would not be UTF-8"))?;
    // A claim such as email_verified is a boolean at every sender.
    let value = match text.as_str() {
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => Json::Text(text),
    };
    if claims.set(path.steps(), value) {
        Ok(())
    } else {
        Err(Error::new(format!("the token has something else where its claim {} belongs", path.steps().join("."))))
    }
}

fn remove(claims: &mut Json, path: &JsonPath) {
    if let (Json::Object(members), [name]) = (claims, path.steps()) {
        members.retain(|(key, _)| key != name);
    }
}

fn object() -> Json {
    Json::Object(Vec::new())
}

fn object_of(name: &str, text: &str) -> Json {
    Json::Object(vec![(name.to_owned(), Json::Text(text.to_owned()))])
}

fn set(json: &mut Json, name: &str, value: Json) {
    json.set(&[name.to_owned()], value);
}
