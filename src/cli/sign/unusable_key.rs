//! Why a text cannot be the private key that a request is signed with, and what to write instead.

use std::path::Path;

use hookwarden::private_key::PrivateKeyError;

use super::error::Error;
use crate::cli::given_secret::Origin;

/// How the names of files with keys end.
const ENDINGS: [&str; 5] = [".pem", ".key", ".der", ".p8", ".jwk"];

/// The error, with the option to write. No part of the text is in it: it may be a key that only lacks a character.
pub fn explained(text: &str, origin: &Origin, error: PrivateKeyError) -> Error {
    let place = match origin {
        Origin::Configuration => "the key of the configuration".to_owned(),
        Origin::Variable(name) => format!("the key to sign with, in {name},"),
        Origin::File => "the key to sign with, in the file of --secret-file,".to_owned(),
    };
    Error::new(match error {
        PrivateKeyError::PublicKey => {
            format!("{place} {error}: keep that in a file, and give it with --secret-file key.pem")
        }
        PrivateKeyError::Encrypted => format!("{place} {error}, into a file, and give that with --secret-file key.pem"),
        PrivateKeyError::NotAKey if is_cut(text) => format!(
            "{place} is PEM without its end: a variable, or a line of a file of variables, holds several lines in quotes \
             only. Keep the key in a file, and give it with --secret-file key.pem"
        ),
        PrivateKeyError::NotAKey if is_path(text) => match origin {
            Origin::Variable(name) => {
                format!("{place} is the path of a file, not a key: give it with --secret-file \"${name}\"")
            }
            Origin::Configuration | Origin::File => {
                format!("{place} is the path of a file, not a key: give that path with --secret-file")
            }
        },
        PrivateKeyError::NotAKey | PrivateKeyError::WrongKind => format!(
            "{place} {error}; only the sender has its own private key, so make a pair, sign with the private half \
             (--secret-file key.pem), and configure the public one"
        ),
    })
}

/// Whether it is the beginning of a key in PEM.
fn is_cut(text: &str) -> bool {
    text.contains("-----BEGIN") && !text.contains("-----END")
}

/// Whether it names a file.
fn is_path(text: &str) -> bool {
    let text = text.trim();
    let is_one_word = !text.contains(['\n', '\0']) && !text.starts_with("-----");
    let looks_like_one = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start))
        || ENDINGS.iter().any(|ending| text.to_ascii_lowercase().ends_with(ending));
    is_one_word && (looks_like_one || Path::new(text).is_file())
}
