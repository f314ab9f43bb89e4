//! The part of a URL before the path, which a proxy does not see as the sender wrote it.

use super::Mistake;
use crate::cli::http_request::Url;

/// An URL's part before the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub scheme: String,
    /// With user and password, if the URL has them.
    pub host: String,
    pub port: Option<String>,
    /// What precedes the path.
    pub prefix: String,
}

impl Base {
    pub fn parse(url: &str) -> Option<Self> {
        let (parsed, user) = Url::parse_captured(url).ok()?;
        let (host, port) = split_port(&parsed.authority);
        let prefix = parsed.target.trim_end_matches('/').to_owned();
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        Some(Self { scheme: parsed.scheme, host: format!("{user}{host}"), port, prefix })
    }

    /// The URL.
    pub fn url(&self) -> String {
        let port = self.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", self.scheme, self.host, self.prefix)
    }

    /// The same without user and password, which are shown nowhere.
    pub fn shown(&self) -> String {
        let host = self.host.rsplit('@').next().unwrap_or_default().to_owned();
        let prefix = self.prefix.trim_end_matches('/').to_owned();
        Self { host, prefix, ..self.clone() }.url()
    }
}

/// What is wrong with the configured base, if this is the right one.
pub fn mistake(right: &Base, configured: Option<&Base>) -> Mistake {
    let advice = format!(
        "Set \"public_url\" in \"with\" to \"{}\": what precedes the path in the URL that is configured at the sender.",
        right.shown()
    );
    let advice = if right.prefix == "/" {
        "Correct the URL at the sender, whose path begins with two slashes.".to_owned()
    } else {
        advice
    };
    let Some(configured) = configured else {
        return Mistake::new("public_url", format!("The sender signed the URL {}…", right.shown()), advice);
    };
    let mut what = Vec::new();
    let host = |base: &Base| base.host.rsplit('@').next().unwrap_or_default().to_owned();
    if right.scheme != configured.scheme {
        what.push(("public_url_scheme", format!("{}:// and not {}://", right.scheme, configured.scheme)));
    }
    if right.host != configured.host {
        what.push(("public_url_host", format!("the host {} and not {}", host(right), host(configured))));
    }
    let port = |base: &Base| base.port.as_ref().map_or("no port".to_owned(), |port| format!("port {port}"));
    if right.port != configured.port {
        what.push(("public_url_port", format!("{} and not {}", port(right), port(configured))));
    }
    if right.prefix == "/" {
        what.push(("public_url_slash", "two slashes before the path".to_owned()));
    } else if right.prefix != configured.prefix {
        let prefix = |base: &Base| if base.prefix.is_empty() { "nothing".to_owned() } else { base.prefix.clone() };
        what.push((
            "public_url_path",
            format!("{} in front of the path and not {}", prefix(right), prefix(configured)),
        ));
    }
    let code = match what.as_slice() {
        [(code, _)] => code,
        _ => "public_url",
    };
    let list: Vec<_> = what.into_iter().map(|(_, words)| words).collect();
    Mistake::new(code, format!("The public URL is wrong: the sender signed {}.", list.join(", and ")), advice)
}

/// Host and port.
pub fn split_port(authority: &str) -> (String, Option<String>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host.to_owned(), Some(port.to_owned()))
        }
        _ => (authority.to_owned(), None),
    }
}
