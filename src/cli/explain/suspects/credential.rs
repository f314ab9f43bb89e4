//! Suspects of a credential: it is elsewhere, or written in another way.

use hookwarden::verify::expression::Expression;
use hookwarden::verify::scheme::Scheme;
use hookwarden::verify::scheme::credential::{CredentialForm, CredentialPlace, CredentialScheme};

use super::header::is_pseudo;
use super::key::Keys;
use super::place::try_scheme;
use super::{Change, Mistake, Search};

/// Credentials in another place or form.
pub fn look(search: &mut Search<'_>, place: &CredentialPlace, form: &CredentialForm, keys: &Keys<'_>) {
    let own = match place {
        CredentialPlace::Header(name) => Some(name.as_str()),
        _ => None,
    };
    let mut forms = vec![
        CredentialForm::Plain,
        CredentialForm::AuthScheme("Bearer".to_owned()),
        CredentialForm::AuthScheme("Token".to_owned()),
        CredentialForm::AuthScheme("ApiKey".to_owned()),
        CredentialForm::Prefixed("Bearer".to_owned()),
        CredentialForm::Prefixed("sha256=".to_owned()),
        CredentialForm::Basic,
    ];
    if !forms.contains(form) {
        forms.insert(0, form.clone());
    }
    let names: Vec<String> =
        search.scene.head.iter().map(|(name, _)| name.to_ascii_lowercase()).filter(|name| !is_pseudo(name)).collect();
    let mut places: Vec<CredentialPlace> = names.into_iter().map(CredentialPlace::Header).collect();
    let query = search.scene.captured.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        places.extend(Expression::parse(&format!("query:{name}"), &|_| None).map(CredentialPlace::Value));
    }
    for other in &places {
        for other_form in &forms {
            let is_same_place = match (other, own) {
                (CredentialPlace::Header(name), Some(own)) => name == own,
                _ => other == place,
            };
            if is_same_place && other_form == form {
                continue;
            }
            let words = |form: &CredentialForm| match form {
                CredentialForm::Plain => "as it is".to_owned(),
                CredentialForm::Prefixed(prefix) => format!("after \"{prefix}\""),
                CredentialForm::AuthScheme(name) => format!("after the scheme \"{name}\""),
                CredentialForm::Basic => "as basic authentication".to_owned(),
            };
            let mut mistakes = Vec::new();
            if !is_same_place {
                let found = match other {
                    CredentialPlace::Header(name) => format!("in the header \"{name}\""),
                    _ => "in the query".to_owned(),
                };
                let sentence = format!("The right credential is there, {found} and not where the scheme looks for it.");
                let advice = "Choose the provider that looks there (\"header-token\" takes any header, \"bearer\" and \"basic\" Authorization), \
                              or have the sender write it where it is expected. If a proxy renames headers, turn that off.";
                mistakes.push(Mistake::new("credential_elsewhere", sentence, advice));
            }
            if other_form != form {
                let sentence =
                    format!("The right credential is there, written {} and not {}.", words(other_form), words(form));
                let advice = "Choose the provider that reads it so: \"bearer\", \"basic\" or \"header-token\".";
                mistakes.push(Mistake::new("credential_form", sentence, advice));
            }
            let scheme = CredentialScheme { place: other.clone(), form: other_form.clone() };
            let change = Change { head: None, body: None, mistakes };
            try_scheme(search, Scheme::Credential(scheme), keys, &change);
            if search.is_done() {
                return;
            }
        }
    }
}
