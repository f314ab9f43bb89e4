//! A second implementation of the signatures that a host can verify: ring's, as a host of Envoy's kind would use it.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
    VerificationAlgorithm,
};
use spki::SubjectPublicKeyInfoRef;

/// Whether `signature` is valid. `hash`: as Envoy calls it; `key`: a `SubjectPublicKeyInfo` in DER.
pub fn is_valid(hash: &str, key: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let Ok(info) = SubjectPublicKeyInfoRef::try_from(key) else { return false };
    let key = info.subject_public_key.raw_bytes();
    let algorithm: &dyn VerificationAlgorithm = match (info.algorithm.oid.to_string().as_str(), hash) {
        ("1.2.840.113549.1.1.1", "sha1") => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        ("1.2.840.113549.1.1.1", "sha256") => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        ("1.2.840.113549.1.1.1", "sha512") => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        ("1.2.840.10045.2.1", "sha256") => &ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.2.1", "sha1") => return is_valid_p256_sha1(key, text, signature),
        _ => return false,
    };
    UnparsedPublicKey::new(algorithm, key).verify(text, signature).is_ok()
}

/// ring does not have it.
fn is_valid_p256_sha1(key: &[u8], text: &[u8], signature: &[u8]) -> bool {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    use p256::ecdsa::{Signature, VerifyingKey};
    use sha1::Digest as _;

    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(key), Signature::from_der(signature)) else {
        return false;
    };
    key.verify_prehash(&sha1::Sha1::digest(text), &signature).is_ok()
}
