//! The secret itself, written where the receiver looks for it.

use hookwarden::verify::bytes::encoding;
use hookwarden::verify::bytes::json::{Json, JsonPath};
use hookwarden::verify::scheme::credential::{CredentialForm, CredentialPlace, CredentialScheme};

use super::builder::RequestBuilder;
use super::error::Error;
use super::writer::{SchemeWriter, SigningContext};

/// Puts the credential into the request.
pub fn make(
    scheme: &CredentialScheme,
    builder: &mut RequestBuilder,
    context: &mut SigningContext<'_>,
) -> Result<(), Error> {
    let mut credential = context.key.credential(context.rng);
    if context.tampers_with_tag {
        // A user's name stays, and so does the length.
        let last = credential.pop();
        credential.push(if last == Some('x') { 'y' } else { 'x' });
    }
    let text = match &scheme.form {
        CredentialForm::Plain => credential,
        CredentialForm::Prefixed(prefix) => format!("{prefix}{credential}"),
        CredentialForm::AuthScheme(name) => format!("{name} {credential}"),
        CredentialForm::Basic if !credential.contains(':') => {
            return Err(Error::new("the secret has no colon; basic authentication needs user:password"));
        }
        CredentialForm::Basic => {
            format!("Basic {}", String::from_utf8_lossy(&encoding::encode_base64(credential.as_bytes())))
        }
    };
    match &scheme.place {
        CredentialPlace::Header(name) => builder.set_header(name, text.as_bytes()),
        CredentialPlace::Value(value) => SchemeWriter::new(builder).write(value, text.as_bytes()),
        CredentialPlace::Every(path) => {
            let mut json = builder.json().unwrap_or(Json::Null);
            let paths = paths(&json, path);
            if paths.is_empty() || !paths.iter().all(|steps| json.set(steps, Json::Text(text.clone()))) {
                return Err(Error::new(format!(
                    "the body has nothing at {}, where this sender's credential belongs; give a whole event as --body",
                    path.steps().join(".")
                )));
            }
            builder.body = json.to_string().into_bytes();
            Ok(())
        }
    }
}

/// The paths that one with `*` in it stands for.
fn paths(json: &Json, path: &JsonPath) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = vec![Vec::new()];
    for step in path.steps() {
        paths = paths
            .into_iter()
            .flat_map(|steps| {
                let positions = match step.as_str() {
                    "*" => {
                        let list = JsonPath::parse(&steps.join(".")).and_then(|path| json.at(&path));
                        let count = list.and_then(Json::elements).unwrap_or_default().len();
                        (0..count).map(|position| position.to_string()).collect()
                    }
                    step => vec![step.to_owned()],
                };
                positions.into_iter().map(move |position| [steps.as_slice(), &[position]].concat())
            })
            .collect();
    }
    paths
}
