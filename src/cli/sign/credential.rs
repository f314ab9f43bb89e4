//! The secret itself, written where the receiver looks for it.

use hookwarden::verify::encoding;
use hookwarden::verify::json::{Json, JsonPath};
use hookwarden::verify::scheme::{CredentialForm, CredentialPlace, CredentialScheme};

use super::draft::Draft;
use super::making::{Making, Order};
use super::trouble::Trouble;

/// Puts the credential into `draft`.
pub fn make(scheme: &CredentialScheme, draft: &mut Draft, order: &mut Order<'_>) -> Result<(), Trouble> {
    let mut credential = order.key.credential(order.chance);
    if order.spoils_tag {
        // A user's name stays, and so does the length.
        let last = credential.pop();
        credential.push(if last == Some('x') { 'y' } else { 'x' });
    }
    let text = match &scheme.form {
        CredentialForm::Plain => credential,
        CredentialForm::Prefixed(prefix) => format!("{prefix}{credential}"),
        CredentialForm::AuthScheme(name) => format!("{name} {credential}"),
        CredentialForm::Basic if !credential.contains(':') => {
            return Err(Trouble::new("the secret has no colon; basic authentication needs user:password"));
        }
        CredentialForm::Basic => {
            format!("Basic {}", String::from_utf8_lossy(&encoding::encode_base64(credential.as_bytes())))
        }
    };
    match &scheme.place {
        CredentialPlace::Header(name) => draft.set_header(name, text.as_bytes()),
        CredentialPlace::Value(value) => Making::new(draft).write(value, text.as_bytes()),
        CredentialPlace::Every(path) => {
            let mut json = draft.json().unwrap_or(Json::Null);
            let ways = ways(&json, path);
            if ways.is_empty() || !ways.iter().all(|steps| json.set(steps, Json::Text(text.clone()))) {
                return Err(Trouble::new(format!(
                    "the body has nothing at {}, where this sender's credential stands; give a whole event as --body",
                    path.steps().join(".")
                )));
            }
            draft.body = json.to_string().into_bytes();
            Ok(())
        }
    }
}

/// The ways that a path with `*` in it stands for.
fn ways(json: &Json, path: &JsonPath) -> Vec<Vec<String>> {
    let mut ways: Vec<Vec<String>> = vec![Vec::new()];
    for step in path.steps() {
        ways = ways
            .into_iter()
            .flat_map(|way| {
                let positions = match step.as_str() {
                    "*" => {
                        let list = JsonPath::parse(&way.join(".")).and_then(|path| json.at(&path));
                        let count = list.and_then(Json::elements).unwrap_or_default().len();
                        (0..count).map(|position| position.to_string()).collect()
                    }
                    step => vec![step.to_owned()],
                };
                positions.into_iter().map(move |position| [way.as_slice(), &[position]].concat())
            })
            .collect();
    }
    ways
}
