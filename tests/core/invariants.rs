//! Properties that hold for any input, for the tests with damaged input and the fuzz targets.

use hookwarden::verify::bytes::percent;
use hookwarden::verify::bytes::structured_field::{Dictionary, Value};
use hookwarden::verify::expression::builtin::{contentful_path, php_serialize, plivo_v3, qsh, sns};
use hookwarden::verify::primitives::public_key::PublicAlgorithm;
use hookwarden::verify::scheme::draft_cavage::{self, HttpSignatureRule, RequestLine};
use hookwarden::verify::{Request, borrowed};

pub const PUBLIC_ALGORITHMS: [PublicAlgorithm; 9] = [
    PublicAlgorithm::Ed25519,
    PublicAlgorithm::EcdsaP256Sha256Der,
    PublicAlgorithm::EcdsaP256Sha1Der,
    PublicAlgorithm::EcdsaP256Sha256Raw,
    PublicAlgorithm::RsaPkcs1Sha1,
    PublicAlgorithm::RsaPkcs1Sha256,
    PublicAlgorithm::RsaPkcs1Sha512,
    PublicAlgorithm::RsaPssSha256,
    PublicAlgorithm::RsaPssSha512,
];

/// Parses a dictionary and checks that its members, serialised again, parse to the same. Returns whether it was
/// accepted.
pub fn check_dictionary(field: &[u8]) -> bool {
    let Ok(dictionary) = Dictionary::parse(field) else { return false };
    let rewritten = dictionary.members().iter().map(|member| {
        let is_flag = member.text.is_empty() || member.text.starts_with(';');
        format!("{}{}{}", member.key, if is_flag { "" } else { "=" }, member.text)
    });
    let rewritten = rewritten.collect::<Vec<_>>().join(", ");
    assert_eq!(Dictionary::parse(rewritten.as_bytes()).as_ref(), Ok(&dictionary), "{}", field.escape_ascii());
    for member in dictionary.members() {
        if let Value::InnerList(items) = &member.value {
            assert!(items.iter().all(|item| member.text.contains(item.text)));
        }
    }
    true
}

/// Builds the signature base of a draft-cavage signature in the header `s` and checks that all its lines are there.
/// Returns whether it was accepted.
pub fn check_draft_cavage(headers: [(&str, &[u8]); 3], target: &[u8], authority: &[u8]) -> bool {
    let rule = HttpSignatureRule { header: "s".to_owned(), algorithm: "ed25519".to_owned() };
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_vec()));
    let line = RequestLine { method: b"POST", target, authority };
    let Ok(signed) = draft_cavage::begin(Request::new(&borrowed(&headers)), line, &rule) else { return false };
    assert!(signed.base.split(|byte| *byte == b'\n').count() >= 4);
    true
}

/// Checks that no built-in content is much larger than what it is made from.
pub fn check_builtins(target: &[u8], body: &[u8]) {
    let pairs: Vec<_> = percent::pairs(target).collect();
    let (get, post) = (plivo_v3(b"GET", target, &pairs), plivo_v3(b"POST", target, &pairs));
    for content in [contentful_path(target), qsh(b"get", target), get, post, php_serialize(&pairs, b"a")] {
        assert!(content.len() <= target.len() * 16 + 64);
    }
    let _ = sns(&|name| (name != "Subject").then(|| String::from_utf8_lossy(body).into_owned()));
}
