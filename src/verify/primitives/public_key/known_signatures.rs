//! Signatures that are known to be valid, for testing a host. Made with OpenSSL; the private keys were not kept.

use crate::verify::bytes::encoding;
use crate::verify::primitives::mac::HashAlgorithm;
use crate::verify::primitives::public_key::algorithm::PublicAlgorithm;
use crate::verify::primitives::public_key::host::{Question, SignatureHost};
use crate::verify::primitives::public_key::key::PublicKey;
use crate::verify::primitives::public_key::rsa;

/// What is signed.
const TEXT: &[u8] = b"hookwarden asks whether the host verifies signatures";
/// What is not.
const OTHER_TEXT: &[u8] = b"hookwarden asks whether the host verifies signatures.";

/// RSA, 2048 bits.
const RSA: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlJfIt8edb40evaxP3Cv3TnIx9pjws0aW3tJiFahTIny/c4ONrhWT1QMF\
    CCFrm+KIooaLAqP9vZFwH2DqF0jojXxlJSRLHi+Kui3/zFlQZDHVxrIibGcUVS09qYJWAKJTGfCuj/DPfrJF6UPOLUKHMOVtr9Xh\
    E1Qjm10oy5x7GLT7shfosSQA12X1vDPBpMsydyqVSz6v2uzHJj0apdyT2d4g6HolBB+2KGuMK7MoIlO4dIW+Ym34QWnY34EwvQfM\
    jgehqu/psFShc3PhJhXud6w20TyuBH07svGaWlYBVypese38olaT5QxPhq0zRJSPrIlFEonIAvjc6rys5SHtEwIDAQAB";
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC3GEhj1yjniny0DL9RDmr0PVZKF39YMQsL4xX0I2c3rDeo7ltT7q5lNslRBl5FE+\
    iyhcUJEQwxiz62GXThA9Jw==";

/// A valid signature over the text, one for each algorithm that hosts are asked about.
pub const KNOWN: [KnownSignature; 5] = [
    KnownSignature {
        algorithm: PublicAlgorithm::RsaPkcs1Sha1,
        key: RSA,
        signature: "MQbrYtj9PXKtUZ40tzN+KdfjimI3FXikET5PxdXVZDq76oTYd1cukdm70/1lJyLGlmsXfyCxw6Ehphg8aV5PjiCHMJevRZV8PYGa\
    8IzupVDmUnwF/ewUtWJSqzyT6kMCqivY8kfNs49g3YJps/QAlsSwmsGnnYP+74zu5z/M0efkU2CylwVY/gYhamik66eXYtI56f3a\
    f3mVYdhMY191tNc6mNZO30dUQQW5ujGkPobiVOfvyyHZo2z8b8THPv416sy6PN/nOIBrXFMVHE21mgeAGiuFj4Do5U+fcaQvr71K\
    PSAac3Z90t5bu/26Wo3+YaRTd228jksCOWxa5iQcKA==",
    },
    KnownSignature {
        algorithm: PublicAlgorithm::RsaPkcs1Sha256,
        key: RSA,
        signature: "C1aAJthVA70my5PJxQrETo3XHPe/Vn7mWxxJIknfIxk5K8AULfBJNRm5CwYN4VO3hL+K33CoEoSEIYSBEWiGnKpOrYoRQTscfF7I\
    ojMI/wXPxdIcshv0p9YyFm2yssKikUBZr9aifZqHkh3QhQvqCE1lZaGIDdenhNSpMfGSCoDVTt+qYNZHYLJpYYZMD8/MlRvoz2O/\
    cp5adiRBErxcrahl6ybVTxJkbROZcNMyR+M8VYffBgXlC7exmv7ShYZVM+emRNeJcgUKrgFAiPgg2PPL2n91QpoKEeznCVbGC30N\
    oV9p23uF1baVzUAYzRNLypAb4SrVJ3ekh1+wpynMPg==",
    },
    KnownSignature {
        algorithm: PublicAlgorithm::RsaPkcs1Sha512,
        key: RSA,
        signature: "N3txsEVdXhG0eZ5IXkfVaWt6Yn03QLO+3AXsmHmTylskYQf2pormtNqvdx5lRGXnQkOICn0R+MAzMoraeZODoojaZwJ4ue5aSE0v\
    yxuo/yPKuswvZ6MknSrgsxGIb/izfNeqi8huNAsRYdqjHbCwdsbZ2Z6rlexCsybg8lozxbx/phv622jLxHVG9hEjkkhdAq+VYc3b\
    JblUlgZwr1MfI+TNrwTju/5kKbtNcvuYzV3w+k0yjcD+wKzpDAll+hfvxShnYX0R9m8DQWPeNzy5hJ838zB0vMA9YVUdULxSswHS\
    pmtoc8somzyY1BJo7Bsaw5xQBr2WbKvKNYYzvf8J8A==",
    },
    KnownSignature {
        algorithm: PublicAlgorithm::EcdsaP256Sha1Der,
        key: P256,
        signature: "MEUCIAs7SHThDsgrfzVALNEA0qGZ3S5Y2ZGMS+ODIpp57RauAiEAtaJto2rB0A+2vhqAmy6aRzGpJmtYn4S2OWojWHTizcs=",
    },
    KnownSignature {
        algorithm: PublicAlgorithm::EcdsaP256Sha256Der,
        key: P256,
        signature: "MEQCIFIGOrTj284cSFCcKwnIcg5NeZJ+ijEeV0iYhPCpYP1lAiAODEBXVCNEUopJV+ed9RuXWm+qB8hs6pSdJ8IFgzYWFw==",
    },
];

/// A signature, in base64, and its key.
pub struct KnownSignature {
    algorithm: PublicAlgorithm,
    key: &'static str,
    signature: &'static str,
}

impl KnownSignature {
    /// Whether a host verifies it, and nothing else in its place. `false` too if our own code does not verify it.
    pub fn is_verified_by(&self, host: &dyn SignatureHost) -> bool {
        self.answers(host).is_some_and(|rightly| rightly)
    }

    fn answers(&self, host: &dyn SignatureHost) -> Option<bool> {
        let key = PublicKey::parse(self.key, self.algorithm, rsa::FLOOR_BITS).ok()?;
        let signature = encoding::decode_base64(self.signature.as_bytes())?;
        let hash = self.algorithm.hash()?;
        let ask = |text: &[u8], signature: &[u8], hash| {
            let question = key.question(self.algorithm, text, signature)?;
            host.verify_signature(&Question { hash, ..question })
        };
        let mut changed = signature.clone();
        *changed.last_mut()? ^= 1;
        if !key.verifies(self.algorithm, &hash.digest(TEXT), &signature) || !ask(TEXT, &signature, hash)? {
            return Some(false);
        }
        if ask(OTHER_TEXT, &signature, hash)? || ask(TEXT, &changed, hash)? {
            return Some(false);
        }
        for other in [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
            if other != hash && ask(TEXT, &signature, other)? {
                return Some(false);
            }
        }
        Some(true)
    }
}
