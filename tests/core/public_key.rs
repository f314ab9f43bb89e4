//! Public keys in every form, for every algorithm, and what must be refused. Faults of a key are reported when it is
//! read; a signature of any length and content gives a result, never a panic.
//!
//! "Published" data comes from the sender or an RFC; of long messages only the digest is kept. The rest was made with
//! OpenSSL over `MESSAGE`, with keys that were discarded.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hookwarden::verify::primitives::public_key::{PublicAlgorithm, PublicKey, PublicKeyError};

use crate::invariants::PUBLIC_ALGORITHMS;

const MESSAGE: &[u8] = br#"{"id":"evt_1"}"#;

/// RFC 8032, section 7.1, test 1, is also the key of RFC 8037, appendix A.
const ED25519_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
/// RFC 8037, appendix A.4.
const ED25519_MESSAGE: &[u8] = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const ED25519_SIGNATURE: &str =
    "hgyY0il/MGCjP0JzlnLWG1PPOt7+09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr/MuM0KAg==";

/// A key made for these tests: its `SubjectPublicKeyInfo`, its certificates of version 3 and 1, and its signature of
/// `MESSAGE` with SHA-256.
const P256_SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+JHLtdlXGLiib65YhKoUpjNS7U3sSTs69exFj6r9w+pmWTpWzBcTTL7IqfDo7Ltvr7v8Eg9DmIDMakwLSxf+YA==";
pub const P256_CERTIFICATE_V3: &str = "MIIBbjCCARWgAwIBAgIUZEqNBhepKK634WmiHKwnD5n9DGIwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCdjMwHhcNMjYxMTIxMjM0OTE2WhcNMjYxMTIyMjM0OTE2WjANMQswCQYDVQQDDAJ2MzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPiRy7XZVxi4om+uWISqFKYzUu1N7Ek7OvXsRY+q/cPqZlk6VswXE0y+yKnw6Oy7b6+7/BIPQ5iAzGpMC0sX/mCjUzBRMB0GA1UdDgQWBBRxMqxWnwtQ+wF6tQSmGiSQnHp8TjAfBgNVHSMEGDAWgBRxMqxWnwtQ+wF6tQSmGiSQnHp8TjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIFU4OFTjlQBJnlxS3GH6S6eIc2SIGYnJqSYVyvGru8acAiAmCN3SdncIjs7Ikx1SF0b9r3bOSLaftrp6jk0OHYEAyg==";
const P256_CERTIFICATE_V1: &str = "MIIBFDCBuwIUBsKjc0HxhjTru+rIrX8t+RmHcnUwCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCdjEwHhcNMjYxMTIxMjM0OTE2WhcNMjYxMTIyMjM0OTE2WjANMQswCQYDVQQDDAJ2MTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPiRy7XZVxi4om+uWISqFKYzUu1N7Ek7OvXsRY+q/cPqZlk6VswXE0y+yKnw6Oy7b6+7/BIPQ5iAzGpMC0sX/mAwCgYIKoZIzj0EAwIDSAAwRQIhAIxH9Fczg1rkxb9zdncvMTb+RCyQMCMCFf0ojD1x4UG6AiAZgPFy/crDs/hytwkG73FN+Szpgnzl7woc4G5itEqzJg==";
const P256_SIGNATURE: &str =
    "MEUCIQCx1RwNqvVtdfjpcOizsBpBSsLEt4F3Lk7Z3numLrU6lAIgf0EjTSl56G4nsE+8Km1CulLbX/GTD0jgRIUXgCD0AiQ=";

/// The order of P-256's base point (SP 800-186, section 3.2.1.3).
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// A key of 2048 bits made for these tests, and its signatures of `MESSAGE`. The exponent is 65537.
const RSA_MODULUS: &str = "x+++6i4Zgcm1Cbf3ZtT5dn3k2rowAdJi7HKHlI2t6uAG559e87losBO9YmuHtrTgg6oiIq5OH+16qxcGs2zIEpJ5xy1ybrUkaz+W7QIjhnhNg9m3r5nATd70RMuvMui8WM/qj3SF4HEk0O1brDVnlaDtPGZFtnypQWloj/mwspt4PkM+qdJDKctiYqTbeL7L/xp3u+CVFSGD44Yb61OXw5Ine4S95uskEqwSNnertpylbdzzXpT9BEUjq6JEs9VOevp0GTuO9eUgimUTS2hH0/2U//UBzDJgmeOBFvYV4etpFtkVe1qARXv48E5WBhrXgq09go+fiNJw+dKgpU+OsQ==";
const RSA_PKCS1_SHA1: &str = "UAOnXgQIpqqX+IpRqzcHyFCntvSenQomEsOr2k4xuFlKaz4lKCdZ5KMJTBF/exFhnmc9W21IJ+6x1OqojLEFMyWcTcBY2yTIJVyEZOwK2nNZa+lsFAFQQbndWvGrPb4GNpIedRtXbkGPJutVWIjXIvZFhM5823Zj9pEXiH2BRiNLXyrhJOtx8pq8CmBZMlILnp+jys+aqvPgutwLtraKHDawRNYbHHh68DoYDmo3y9djQ6q1ox5W1UkAzk+BKiEIP0d1oTBWDlhSbIuNCo8xyD1jpeO1GC+OaGaWqjfFQyxiD6/tDNt96VaIBtZXcGHTsvM2dkPmtj+1+S8jBZ+XzA==";
const RSA_PKCS1_SHA256: &str = "vOZ4zShFadOcERNeNDIEqdDZbaE18pMXwouqvV6QwkMViO8cSw+B5OsnSPd7g8Nt+ED6Zny5PUbFMAgPAMeaZ2C/GjuETK4uEAmF2IYEPDiMy7mPM+Hq6I4FQW4l9SwtRYAQ1zzHO+CnTDUSX6OUS+qclYNO4wOSVdBieXOPqpvzFFRAO+q1N7q3yDVEx3X20V76ECSRuENpLEOhQ9rccfAh0z+5WRiFyOzGx73eMzbGElaG5y41N3D2ydfDxk2AH2jL3j7ik4BspXWV3aBSRE4L7ort9IH2VTHUF59yoFL+t0PG6/bOxCFgEH/UX6VrdEGL2r9+7HRc4W7n1lRbzg==";
const RSA_PKCS1_SHA512: &str = "aGQWw6mDemempdrIp3ogQKKprgwGs6/P0F0Rl6IWWPuGfch0T/8CpVSNuBN5hzZy4UN5qxO6Nso1ROjQKzT/3iALCVmQPWdP1f1RjL5Ct1PC1blLq7QXfSrlWQI24cDy0dd0D+7nYzb3f4h04IWZZFxywZuQLDJYEnj4kyIhmIXtFhrEhchWGyvc8Tdw+7Y88ftxYNvuv8wxwAGzHf9PTUX+d3VIQGvJvuwnba3JdJ2HuVSSk1QXB9UbHS9ciNGJETEPrXrefT63GxE7DA3ScgLq8k7tOB5GeWf5rKk0nan5XCsj8IOvH5LtrLd6DpCX8gKXyuiU7mnG+q2DXA4vuA==";
const RSA_PSS_SHA256: &str = "NPESR1fzM+FSiW+H4EVUOBzHzO4uf5xWpBPdkmFW20Be33ODbypjsiL/zxZreOqFBXDph16gOIzsCCZqtQxqm4J27wlaf0zmX+y5hW3mKQMhy0jiK5CLxDN9a5S8nBH+Zjg/N4uPKwRR8uIw7+M5T4qlFQbQza5iEfxXvz20d9Tven42qlD19R8cTJYNOGgTF8V1LrJ+Cas1ofO8hBgVHtDuDPuYzaCs79kpgMf3yzyvnMf+oDMqPhblf6M5F5YKmaoZSJ1xwA1kWbq3iOOSJk5kQbwqof7zkZY6oOWUmHCktdZNWlDfvCL7L230z5zSLLByDvGTLT4+MflFaiOH3Q==";
const RSA_PSS_SHA512: &str = "vdKTvoa5JvBJjYGtAAymu6ii2GKcV5qACCbN6T1gACgCOEvh0CTZLoQTNYpsJSstBFYgvczXAm7ayqa5NXexYlN8dBha5oYcUHxkqFZS/0iRTc8UrjTo1psdruo2RrNjr/DMlu4moSO1dW9w8HdBzuGePDQuPEUuiYTJeYD/RQ82OT4QlciJRnqia3VHKxjF/9r931LRk8z/n1tfWnJOZ8/szPzIAfCFU22J9bbdx+j3UmJEAdiRSH7ys/PxeLnbfSoeCjEs2YE/Tyej9YTaCyR6MSYOodo0BXYRb0cJazEtPOt+jejgJtfndbY/TD7YMsG5zeLt6dYff4SQ3OjUxg==";
/// The same with a salt of 64 bytes, with a salt of 32, and with SHA-512 whose mask is made by SHA-256.
const RSA_PSS_SHA256_SALT_64: &str = "BIzJ5QxndDGE0ljPIIeu+eLcu3wi48kiz1OBn0+8h4YjPdzeF5911pjlpODae1QwY6WvdGyZ8PFS14Nz+9Tf8DFcAP6wDhUIHQndew8HcygKnLyZjmyO3UDrTorwqIpPngydVQU3BKJD4NNuO6nJecL3I+NwHL6Glvj72/kZX+tlTNSGcRZMGSf8gxUa2q+iujV0Afj+qeEzQnOoI08ruOsTn6tZ4PX1tezClsnLSvtsltsgDkxTAoVhqYW+Wwm3IQMQDugl0L6SUB/cKz6YIQoO0QhnvttXK2CatLsEL7HfQzaUGSoYh3m8cZRChJ4Ae4NWnmJ71PjS6AxBh1QAag==";
const RSA_PSS_SHA512_SALT_32: &str = "aCL/0TQarpQc2N4ytGa/HLJWg6SGCUTmMFsB0vrOyfhTagvejL5CWh3+2uBqumKIxbn6sfEMzpFQc1nXbcHyWkIfHayRhN+xv2PtQuZVSgGngwc3fEe8sywBOAuCupHSnDW8W6kyhEkNMZZjLtG+0VPfh7w0kUMuZhJMnzyocEHzPL8jh7IprDqHhLvdwIkP/p7a18Q9Gdlyi6TwQltvQd2jeh20l8Z8KyookI5IOUUPsf1XwwhGKe6EIyz41JUtul6T6+UIbQMFcFES8bd602xE1XRMjinewWd78xrTAjty5Fq4XQ6son6EAOO6Zys9VQMYvypi5o78Szv5+aupRA==";
const RSA_PSS_SHA512_MASK_SHA256: &str = "M3ug4lDW3X8VdekJ2wJeb15ziNJ4ALOWHIf9Ew5FRklGvlsWNopQM9/PLLI1NnkxD9sm6czkEvyCeJQmjK9v7/FFGwvUrzhv09Inf8PmLWpucY0W8FAwNY2+h9vRkaC+BBXDc8vJtYNHYoO9qNkxpFHXgpT0ZrYmc1fTBkiZCBmJ1OcZXnoduCnzq3P103yH73Yz6zpQjLyACvx54hY+c57p0aj20pVcSW1xSz2uohAr9K+OqUPwBT278HygLS5Bg7TVTZPlVGcjK51ZqHhoghumsim0VbR0fGQ4YnbN/C3SJgmssEiZpChs7GI6vrLZSY/GPEopHxJ2VZaFom9mZg==";
/// A number whose cube begins with the padding and digest of `MESSAGE`, padding cut short and followed by anything:
/// a lenient verifier accepts it as a signature under every key with the exponent 3 (CVE-2006-4339).
const FORGED_CUBE_ROOT: &str = "0032cbfd4a7adc7905583d767520f51640759176d37826f2ef63ae3dc7a840cde03110ab6d4b4ed348158f09f04c3bf18558a850ebff26cab441fa97ea3e5e5243fc2b2e0771028d4730405a328344bc0023b5659c27";

#[test]
fn published_signatures_verify() {
    struct Published {
        origin: &'static str,
        algorithm: PublicAlgorithm,
        key: &'static str,
        content: &'static str,
        signature: &'static str,
    }
    let published = [
        Published {
            origin: "sendgrid/sendgrid-python test/unit/test_eventwebhook.py; s is in the upper half",
            algorithm: PublicAlgorithm::EcdsaP256Sha256Der,
            key: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
            content: "d42fd42f9a2ff2ac684950bcd351d3cd6e0f60d4e944637cf97c2226bc224548",
            signature: "3045022061d056d1a3f98dcb906f5f2dcc5fdea7c8d74432b200d698c3959b11b4bba654022100c818970d6cccfae39ee56d09b86fa5b9001b3c8a8787cf4cd794e5b8bb4466d3",
        },
        Published {
            origin: "eBay/event-notification-nodejs-sdk test/test.json; the key as their API answers it, on one line",
            algorithm: PublicAlgorithm::EcdsaP256Sha1Der,
            key: "-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhhxXKtR+TOvtDbgTPCkSof02qgBB7IsYOyf76ilExJ/upAa/vKIKheOoCyOpcLmi4t0b4uepb7LLjmMr90FUg==-----END PUBLIC KEY-----",
            content: "a7041e6ae9824efd11db7766fc9be23175db0b51",
            signature: "30460221009fc5f216bb199670805027d739fd7ee218326ab364421ac0446808e29f2aeb7c022100857ac06713881b95e4a25489fda1a24cab2fe43db2c1e469dfa6c769c4136e70",
        },
        Published {
            origin: "transferwise/digital-signatures-examples, sandbox key",
            algorithm: PublicAlgorithm::RsaPkcs1Sha256,
            key: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwpb91cEYuyJNQepZAVfPZIlPZfNUefH+n6w9SW3fykqKu938cR7WadQv87oF2VuT+fDt7kqeRziTmPSUhqPUys/V2Q1rlfJuXbE+Gga37t7zwd0egQ+KyOEHQOpcTwKmtZ81ieGHynAQzsn1We3jwt760MsCPJ7GMT141ByQM+yW1Bx+4SG3IGjXWyqOWrcXsxAvIXkpUD/jK/L958CgnZEgz0BSEh0QxYLITnW1lLokSx/dTianWPFEhMC9BgijempgNXHNfcVirg1lPSygz7KqoKUN0oHqWLr2U1A+7kqrl6O2nx3CKs1bj1hToT1+p4kcMoHXA7kA+VBLUpEsVwIDAQAB",
            content: "1eb48075ae9ae953228e002358576e08e90e4440c2dbd985e7f0e024c72e5de5",
            signature: "c0a70a0985c0cf13608aeef19a80e6f78dcd5278bb473df740df0990403d75648679b8277689da6e04a3d7c6380b4f0eaf0566b9e1ac103dacd3433b0ed25571828e4b58b71b84cc571fa680cdda2fd763301910b6260d04551deb0acf23b654347bff4eb94a4a34cc73ee8916f52f27ba30637cfce5edc8e232d12c9a30305bcef24bc227ad3ed6963dc03c19bed67ffd64bddcbaf01a393d0efc33a66bb4c3e3f827be6d1134f9a82dd4bf4cb91b6c8ef121283b7c8d3ffb60fc13a58b4da78876f9def10e51651bf5b972ead8677cca17a2257fa2ca06c60176d11e7c465be40267b3cb29754afe78d937d2d83a62c159e68e38e40b25de49470aa289182d",
        },
        Published {
            origin: "RFC 9421, appendix B.2.1, test-key-rsa-pss",
            algorithm: PublicAlgorithm::RsaPssSha512,
            key: "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB",
            content: "c19198c34dd26182f35b7f42a496edfac982b2db17419469002d9318a047cdd313ab9f223737f28b3559ec8ba251bc7b88fd9600db3b7bf47e2bb5ef02422fe6",
            signature: "776a664ef99b9dc0f7c509bc13d655dbcdbc0634161a08b001ac396c092089b528a5e98b25c583cbf9646db1c0bdee1c440b71df522aefce94ee2b7efb0806c5bb51c5ff14771ef3159b1c9335da24c900ec2846e76792905c7290978daacad61f94bea31345943e1dcd5bb07bc0e14d28daf31c5b47f67670e19d09bcd1ef6ae0156873c7656306a273b0f2cc2102a13b80c67b35de8615b0139e98084f8ee9cd26299b1fc55ae8814bc0e0710b8d5296980bed97a5270a1f23633b951b95926ff40454f9cfe5399c0272c7d60facfbebfa778b3c9b4802c357d5e7f4884cbabd9a1868f0adfeec43d84d4f085356cb85dc4ee4dcadf02f2cb229d0f7c5f0f5",
        },
    ];
    for case in published {
        let (content, signature) = (unhex(case.content), unhex(case.signature));
        let key = key(case.key, case.algorithm);
        assert!(key.verifies(case.algorithm, &content, &signature), "{}", case.origin);
        assert!(!key.verifies(case.algorithm, &flipped(&content, 0), &signature), "other content: {}", case.origin);
        assert!(!key.verifies(case.algorithm, &content, &flipped(&signature, 40)), "other signature: {}", case.origin);
    }
}

#[test]
fn every_algorithm_verifies_its_own_signature_only() {
    for valid in valid() {
        for algorithm in PUBLIC_ALGORITHMS {
            // The two spellings of one ECDSA signature are two algorithms; the digests of SHA-1 and SHA-256 are two contents.
            let verified = valid.key().verifies(algorithm, &digest(algorithm, valid.message), &valid.signature);
            assert_eq!(verified, algorithm == valid.algorithm, "{:?} under {algorithm:?}", valid.algorithm);
        }
    }
}

#[test]
fn other_content_and_damaged_signatures_do_not_verify() {
    for valid in valid() {
        let key = valid.key();
        let content = valid.content();
        let step = (valid.signature.len() / 16).max(1);
        for position in (0..valid.signature.len()).step_by(step) {
            let damaged = flipped(&valid.signature, position);
            assert!(!key.verifies(valid.algorithm, &content, &damaged), "{:?}, byte {position}", valid.algorithm);
        }
        for position in 0..content.len() {
            let other = flipped(&content, position);
            assert!(!key.verifies(valid.algorithm, &other, &valid.signature), "{:?}, byte {position}", valid.algorithm);
        }
        for length in 0..valid.signature.len() {
            assert!(
                !key.verifies(valid.algorithm, &content, &valid.signature[..length]),
                "{:?}, {length}",
                valid.algorithm
            );
        }
        for longer in [[&valid.signature[..], &[0]].concat(), [&[0], &valid.signature[..]].concat()] {
            assert!(!key.verifies(valid.algorithm, &content, &longer), "{:?}, a byte more", valid.algorithm);
        }
    }
}

#[test]
fn a_digest_of_another_length_does_not_verify() {
    for valid in valid().into_iter().filter(|valid| valid.algorithm.hash().is_some()) {
        let digest = valid.content();
        for content in [&digest[..digest.len() - 1], &[&digest[..], &[0]].concat(), &[], valid.message] {
            assert!(!valid.key().verifies(valid.algorithm, content, &valid.signature), "{:?}", valid.algorithm);
        }
    }
}

#[test]
fn signatures_of_any_length_and_content_do_not_verify_and_do_not_panic() {
    let mut noise = Noise(1);
    for valid in valid() {
        let (key, content) = (valid.key(), valid.content());
        for length in (0..300).chain([511, 512, 513, 1024, 8192, 65_536, 1_000_000]) {
            for signature in [noise.bytes(length), vec![0; length], vec![0xff; length], vec![0x30; length]] {
                assert!(!key.verifies(valid.algorithm, &content, &signature), "{:?}, {length} bytes", valid.algorithm);
            }
        }
        // Nearly valid, so that it gets far.
        for _ in 0..200 {
            let mut signature = valid.signature.clone();
            for _ in 0..2 {
                let position = usize::from(noise.byte()) * 256 + usize::from(noise.byte());
                let length = signature.len();
                signature[position % length.min(12)] = noise.byte();
            }
            let same = signature == valid.signature;
            assert_eq!(
                key.verifies(valid.algorithm, &content, &signature),
                same,
                "{:?}: {signature:02x?}",
                valid.algorithm
            );
        }
    }
}

#[test]
fn ecdsa_accepts_either_half_of_s_and_no_other_number() {
    let content = digest(PublicAlgorithm::EcdsaP256Sha256Raw, MESSAGE);
    let key = key(P256_SPKI, PublicAlgorithm::EcdsaP256Sha256Raw);
    let raw = raw_signature();
    let (r, s) = raw.split_at(32);
    let order = unhex(P256_ORDER);
    let verifies = |r: &[u8], s: &[u8]| {
        let raw = key.verifies(PublicAlgorithm::EcdsaP256Sha256Raw, &content, &[r, s].concat());
        let der = der(0x30, &[&uint(r), &uint(s)]);
        assert_eq!(key.verifies(PublicAlgorithm::EcdsaP256Sha256Der, &content, &der), raw, "both spellings agree");
        raw
    };
    let (zero, one) = (small(0), small(1));
    assert!(verifies(r, s));
    assert!(verifies(r, &minus(&order, s)), "the other half of s");
    for (r, s) in [
        (s, r),
        (&zero, s),
        (r, &zero),
        (&zero, &zero),
        (&one, &one),
        (&order, s),
        (r, &order),
        (&order, &order),
        (&minus(&order, r), s),
        (&minus(&order, &one), &minus(&order, &one)),
        (&[0xff; 32], s),
        (r, &[0xff; 32]),
    ] {
        assert!(!verifies(r, s), "r {r:02x?}, s {s:02x?}");
    }
}

#[test]
fn ecdsa_in_der_has_only_one_valid_encoding() {
    let raw = raw_signature();
    let (r, s) = (uint(&raw[..32]), uint(&raw[32..]));
    let content = digest(PublicAlgorithm::EcdsaP256Sha256Der, MESSAGE);
    let key = key(P256_SPKI, PublicAlgorithm::EcdsaP256Sha256Der);
    let verifies = |signature: &[u8]| key.verifies(PublicAlgorithm::EcdsaP256Sha256Der, &content, signature);
    let body = [r.clone(), s.clone()].concat();
    let length = u8::try_from(body.len()).expect("it is short");
    let padded = |number: &[u8]| der(2, &[&[0], &number[2..]]);
    let long = |number: &[u8]| [&[2, 0x81], &number[1..]].concat();
    assert!(verifies(&der(0x30, &[&body])));
    let wrong = [
        ("nothing in it", der(0x30, &[])),
        ("one number", der(0x30, &[&r])),
        ("three numbers", der(0x30, &[&body, &s])),
        ("a byte behind it", [der(0x30, &[&body]), vec![0]].concat()),
        ("a byte in it behind s", der(0x30, &[&body, &[0]])),
        ("NULL behind s", der(0x30, &[&body, &[5, 0]])),
        ("a long length", [&[0x30, 0x81, length], &body[..]].concat()),
        ("a longer length", [&[0x30, 0x82, 0, length], &body[..]].concat()),
        ("no length", [&[0x30, 0x80], &body[..], &[0, 0]].concat()),
        ("a length of 4 GiB", [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &body[..]].concat()),
        ("a length too small", [&[0x30, length - 1], &body[..]].concat()),
        ("a length too large", [&[0x30, length + 1], &body[..]].concat()),
        ("a set", der(0x31, &[&body])),
        ("an octet string for r", der(0x30, &[&der(4, &[&r[2..]]), &s])),
        ("r with a zero more", der(0x30, &[&padded(&r), &s])),
        ("s with a zero more", der(0x30, &[&r, &padded(&s)])),
        ("r with a long length", der(0x30, &[&long(&r), &s])),
        ("s with a long length", der(0x30, &[&r, &long(&s)])),
        ("r without its sign byte", der(0x30, &[&der(2, &[&raw[..32]]), &s])),
        ("r of no bytes", der(0x30, &[&[2, 0], &s])),
        ("s of no bytes", der(0x30, &[&r, &[2, 0]])),
        ("r is 0", der(0x30, &[&[2, 1, 0], &s])),
        ("s is 0", der(0x30, &[&r, &[2, 1, 0]])),
        ("r is -1", der(0x30, &[&[2, 1, 0xff], &s])),
        ("both are 1", der(0x30, &[&[2, 1, 1], &[2, 1, 1]])),
        ("r of 33 bytes", der(0x30, &[&der(2, &[&[1], &raw[..32]]), &s])),
        ("s of 100 bytes", der(0x30, &[&r, &der(2, &[&[1; 100]])])),
    ];
    for (case, signature) in wrong {
        assert!(!verifies(&signature), "{case}");
    }
}

#[test]
fn ed25519_is_strict() {
    let key = key(ED25519_KEY, PublicAlgorithm::Ed25519);
    let signature = base64(ED25519_SIGNATURE);
    let verifies = |signature: &[u8]| key.verifies(PublicAlgorithm::Ed25519, ED25519_MESSAGE, signature);
    assert!(verifies(&signature));
    // s + L, the order of the base point (RFC 8032, section 5.1): the same to a verifier that reduces it.
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0;
    let mut larger = signature[..32].to_vec();
    for (s, order) in signature[32..].iter().zip(&order) {
        let sum = u16::from(*s) + u16::from(*order) + carry;
        larger.push(sum.to_le_bytes()[0]);
        carry = sum >> 8;
    }
    assert!(!verifies(&larger), "s is not reduced");
    for point in SMALL_ORDER {
        assert!(!verifies(&[&unhex(point)[..], &signature[32..]].concat()), "R of small order");
        assert!(!verifies(&[&unhex(point)[..], &[0; 32]].concat()), "R of small order, s 0");
    }
}

#[test]
fn weak_ed25519_keys_are_refused() {
    for point in SMALL_ORDER {
        assert_eq!(refusal(point, PublicAlgorithm::Ed25519), PublicKeyError::WeakPoint, "{point}");
    }
    // y = p + 3 and y = p + 4: points of full order, spelled without reducing y. One of the two may be no point.
    for first in ["f0", "f1"] {
        let point = format!("{first}{}7f", "ff".repeat(30));
        assert_eq!(refusal(&point, PublicAlgorithm::Ed25519), PublicKeyError::WeakPoint, "{point}");
    }
    assert_eq!(refusal(&format!("02{}", "00".repeat(31)), PublicAlgorithm::Ed25519), PublicKeyError::WeakPoint);
}

#[test]
fn rsa_accepts_only_its_own_padding() {
    let verifies = |algorithm, signature: &str| {
        key(&rsa_spki(), algorithm).verifies(algorithm, &digest(algorithm, MESSAGE), &base64(signature))
    };
    assert!(!verifies(PublicAlgorithm::RsaPssSha256, RSA_PSS_SHA256_SALT_64));
    assert!(!verifies(PublicAlgorithm::RsaPssSha512, RSA_PSS_SHA512_SALT_32));
    assert!(!verifies(PublicAlgorithm::RsaPssSha512, RSA_PSS_SHA512_MASK_SHA256));
}

#[test]
fn rsa_signatures_are_numbers_below_the_modulus_and_as_long_as_it() {
    let modulus = base64(RSA_MODULUS);
    let minus_one = {
        let mut number = modulus.clone();
        number[255] -= 1;
        number
    };
    let one = {
        let mut number = vec![0; 256];
        number[255] = 1;
        number
    };
    let signature = base64(RSA_PKCS1_SHA256);
    let plus_modulus = plus(&signature, &modulus);
    for algorithm in PUBLIC_ALGORITHMS.into_iter().filter(|algorithm| is_rsa(*algorithm)) {
        let key = key(&rsa_spki(), algorithm);
        for number in [&modulus, &minus_one, &one, &vec![0; 256], &vec![0xff; 256], &plus_modulus] {
            assert!(!key.verifies(algorithm, &digest(algorithm, MESSAGE), number), "{algorithm:?}");
        }
    }
}

#[test]
fn a_cube_root_of_the_padding_is_not_a_signature() {
    let forged = unhex(FORGED_CUBE_ROOT);
    let signature = [vec![0; 256 - forged.len()], forged].concat();
    let algorithm = PublicAlgorithm::RsaPkcs1Sha256;
    let key = key(&spki(&[RSA, NULL], &pkcs1(&base64(RSA_MODULUS), &[3])), algorithm);
    assert!(!key.verifies(algorithm, &digest(algorithm, MESSAGE), &signature));
}

#[test]
fn moduli_of_odd_sizes_do_not_panic() {
    let mut noise = Noise(7);
    for bits in [1024, 1025, 1031, 1032, 1033, 1034, 1040, 1041, 2041, 2047, 2048, 2049, 2056, 4095, 8191, 8192] {
        let modulus = modulus(bits, &mut noise);
        let text = spki(&[RSA, NULL], &pkcs1(&modulus, &[1, 0, 1]));
        for algorithm in PUBLIC_ALGORITHMS.into_iter().filter(|algorithm| is_rsa(*algorithm)) {
            let read = PublicKey::parse(&text, algorithm, 0);
            if algorithm == PublicAlgorithm::RsaPssSha512 && bits < 1034 {
                assert_eq!(read.map(drop), Err(PublicKeyError::TooSmall), "{bits} bits hold no such padding");
                continue;
            }
            let key = read.unwrap_or_else(|error| panic!("{bits} bits: {error}"));
            assert_eq!(format!("{key:?}"), format!("PublicKey(RSA, {bits} bits)"));
            for signature in
                [vec![0; modulus.len()], noise.bytes(modulus.len()), vec![0; modulus.len() - 1], modulus.clone()]
            {
                assert!(
                    !key.verifies(algorithm, &digest(algorithm, MESSAGE), &signature),
                    "{algorithm:?}, {bits} bits"
                );
            }
        }
    }
}

#[test]
fn rsa_keys_that_are_too_small_or_too_large_are_refused() {
    let mut noise = Noise(3);
    let mut refused = |bits, least| {
        let text = spki(&[RSA, NULL], &pkcs1(&modulus(bits, &mut noise), &[1, 0, 1]));
        PublicKey::parse(&text, PublicAlgorithm::RsaPkcs1Sha256, least).map(drop)
    };
    assert_eq!(refused(2048, 2048), Ok(()));
    assert_eq!(refused(2047, 2048), Err(PublicKeyError::TooSmall));
    assert_eq!(refused(2047, 1024), Ok(()));
    assert_eq!(refused(1023, 0), Err(PublicKeyError::TooSmall), "1024 is the minimum, whatever the caller allows");
    assert_eq!(refused(8192, 2048), Ok(()));
    assert_eq!(refused(8193, 2048), Err(PublicKeyError::TooLarge));
    assert_eq!(refused(8192, 100_000), Ok(()), "the minimum is capped at the maximum");
    assert_eq!(refused(100_000, 2048), Err(PublicKeyError::TooLarge));
}

#[test]
fn rsa_numbers_that_cannot_be_a_key_are_refused() {
    let algorithm = PublicAlgorithm::RsaPkcs1Sha256;
    let odd = base64(RSA_MODULUS);
    let even = {
        let mut number = odd.clone();
        number[255] &= 0xfe;
        number
    };
    let refused = |modulus: &[u8], exponent: &[u8]| {
        let der = PublicKey::parse(&spki(&[RSA, NULL], &pkcs1(modulus, exponent)), algorithm, 2048).map(drop);
        let jwk = format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, base64url(modulus), base64url(exponent));
        assert_eq!(PublicKey::parse(&jwk, algorithm, 2048).map(drop), der, "both forms agree");
        der
    };
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(refused(&odd, exponent), Ok(()), "{exponent:?}");
    }
    for exponent in [&[0][..], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1; 8], &[1; 9], &[1; 256], &odd] {
        assert_eq!(refused(&odd, exponent), Err(PublicKeyError::Exponent), "{exponent:?}");
    }
    assert_eq!(refused(&even, &[1, 0, 1]), Err(PublicKeyError::NotAKey), "an even modulus");
    assert_eq!(refused(&[0], &[1, 0, 1]), Err(PublicKeyError::TooSmall), "no modulus");
    let negative = der(0x30, &[&der(2, &[&odd]), &uint(&[1, 0, 1])]);
    assert_eq!(refusal(&spki(&[RSA, NULL], &negative), algorithm), PublicKeyError::NotAKey, "a negative modulus");
}

#[test]
fn every_form_of_a_key_is_read() {
    let point = base64(P256_SPKI)[26..].to_vec();
    let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let folded =
        P256_SPKI.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect::<Vec<_>>();
    let p256 = [
        P256_SPKI.to_owned(),
        P256_SPKI.trim_end_matches('=').to_owned(),
        format!("  {P256_SPKI}\n"),
        folded.join("\n"),
        hex::encode(base64(P256_SPKI)),
        pem("PUBLIC KEY", &folded.join("\n")),
        pem("PUBLIC KEY", &folded.join("\r\n")),
        pem("PUBLIC KEY", &folded.join("\\n")).replace('\n', "\\n"),
        format!("-----BEGIN PUBLIC KEY-----{P256_SPKI}-----END PUBLIC KEY-----"),
        pem("CERTIFICATE", P256_CERTIFICATE_V3),
        pem("CERTIFICATE", P256_CERTIFICATE_V1),
        pem("CERTIFICATE", P256_CERTIFICATE_V3) + &pem("CERTIFICATE", P256_CERTIFICATE_V1),
        hex::encode(&point),
        hex::encode_upper(&point),
        STANDARD.encode(&point),
        STANDARD_NO_PAD.encode(&point),
        hex::encode(&compressed),
        STANDARD.encode(&compressed),
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#),
        format!(
            r#" {{"alg":"ES256","crv":"P-256","kid":"1","kty":"EC","use":"sig","x":"{x}","y":"{y}","expired_at":null}} "#
        ),
    ];
    for text in p256 {
        let read = key(&text, PublicAlgorithm::EcdsaP256Sha256Der);
        let content = digest(PublicAlgorithm::EcdsaP256Sha256Der, MESSAGE);
        assert!(read.verifies(PublicAlgorithm::EcdsaP256Sha256Der, &content, &base64(P256_SIGNATURE)), "{text}");
        assert_eq!(format!("{read:?}"), "PublicKey(P-256, 256 bits)");
    }
    let bytes = unhex(ED25519_KEY);
    let x = base64url(&bytes);
    let ed25519 = [
        ED25519_KEY.to_owned(),
        ED25519_KEY.to_uppercase(),
        STANDARD.encode(&bytes),
        STANDARD_NO_PAD.encode(&bytes),
        format!("whpk_{}", STANDARD.encode(&bytes)),
        spki(&[ED25519], &bytes),
        pem("PUBLIC KEY", &spki(&[ED25519], &bytes)),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#),
        format!(r#"{{"kty":"OKP","alg":"EdDSA","use":"sig","crv":"Ed25519","x":"{x}"}}"#),
    ];
    for text in ed25519 {
        let read = key(&text, PublicAlgorithm::Ed25519);
        assert!(read.verifies(PublicAlgorithm::Ed25519, ED25519_MESSAGE, &base64(ED25519_SIGNATURE)), "{text}");
        assert_eq!(format!("{read:?}"), "PublicKey(Ed25519, 256 bits)");
    }
    let modulus = base64(RSA_MODULUS);
    let rsa = [
        rsa_spki(),
        pem("PUBLIC KEY", &rsa_spki()),
        pem("RSA PUBLIC KEY", &STANDARD.encode(pkcs1(&modulus, &[1, 0, 1]))),
        // Freshchat's label is wrong, and its line ends are blanks.
        pem("RSA PUBLIC KEY", &rsa_spki()).replace('\n', " "),
        format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, base64url(&modulus)),
        format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB","alg":"RS256","x5c":["MII"]}}"#, base64url(&modulus)),
    ];
    for text in rsa {
        let read = key(&text, PublicAlgorithm::RsaPkcs1Sha256);
        let content = digest(PublicAlgorithm::RsaPkcs1Sha256, MESSAGE);
        assert!(read.verifies(PublicAlgorithm::RsaPkcs1Sha256, &content, &base64(RSA_PKCS1_SHA256)), "{text}");
        assert_eq!(format!("{read:?}"), "PublicKey(RSA, 2048 bits)");
    }
}

#[test]
fn a_key_of_another_kind_is_an_error() {
    let point = base64url(&[7; 32]);
    let others = [
        ("P-384", spki(&[EC, &der(6, &[&[0x2b, 0x81, 4, 0, 0x22]])], &[4; 97])),
        ("secp256k1", spki(&[EC, &der(6, &[&[0x2b, 0x81, 4, 0, 0x0a]])], &[4; 65])),
        ("EC without a curve", spki(&[EC], &[4; 65])),
        ("X25519", spki(&[&[6, 3, 0x2b, 0x65, 0x6e]], &[9; 32])),
        ("Ed448", spki(&[&[6, 3, 0x2b, 0x65, 0x71]], &[9; 57])),
        ("X25519 in a JWK", format!(r#"{{"kty":"OKP","crv":"X25519","x":"{point}"}}"#)),
        ("P-384 in a JWK", format!(r#"{{"kty":"EC","crv":"P-384","x":"{point}","y":"{point}"}}"#)),
        ("another kty", format!(r#"{{"kty":"AKP","x":"{point}"}}"#)),
        ("a JWK for encryption", format!(r#"{{"kty":"OKP","use":"enc","crv":"Ed25519","x":"{point}"}}"#)),
        ("a JWK for another algorithm", format!(r#"{{"kty":"OKP","alg":"ES512","crv":"Ed25519","x":"{point}"}}"#)),
    ];
    for (kind, text) in &others {
        for algorithm in PUBLIC_ALGORITHMS {
            assert_eq!(refusal(text, algorithm), PublicKeyError::WrongKind, "{kind} for {algorithm:?}");
        }
    }
    for valid in valid() {
        for algorithm in PUBLIC_ALGORITHMS {
            let read = PublicKey::parse(&valid.text, algorithm, 2048).map(drop);
            let fits = is_rsa(algorithm) == is_rsa(valid.algorithm)
                && (algorithm == PublicAlgorithm::Ed25519) == (valid.algorithm == PublicAlgorithm::Ed25519);
            assert_eq!(
                read,
                if fits { Ok(()) } else { Err(PublicKeyError::WrongKind) },
                "{:?} {algorithm:?}",
                valid.algorithm
            );
        }
    }
    // A key that is restricted to PSS (RFC 4055, section 1.2) serves nothing else.
    let pss = spki(&[PSS], &pkcs1(&base64(RSA_MODULUS), &[1, 0, 1]));
    for algorithm in PUBLIC_ALGORITHMS {
        let is_pss = matches!(algorithm, PublicAlgorithm::RsaPssSha256 | PublicAlgorithm::RsaPssSha512);
        assert_eq!(PublicKey::parse(&pss, algorithm, 2048).map(drop).is_ok(), is_pss, "{algorithm:?}");
    }
}

#[test]
fn keys_with_pss_parameters_serve_only_the_algorithm_with_the_same_parameters() {
    let hash =
        |tail: u8, parameters: &[u8]| der(0x30, &[&[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, tail], parameters]);
    let sha1 = der(0x30, &[&[6, 5, 0x2b, 0x0e, 3, 2, 0x1a], NULL]);
    let (sha256, sha384, sha512) = (hash(1, NULL), hash(2, NULL), hash(3, NULL));
    let mgf1 = |hash: &[u8]| der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8], hash]);
    let other_mask = |hash: &[u8]| der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 9], hash]);
    let rule = |hash: &[u8], mask: &[u8], salt: u8| {
        der(0x30, &[&der(0xa0, &[hash]), &der(0xa1, &[mask]), &der(0xa2, &[&uint(&[salt])])])
    };
    let serves = |parameters: &[u8]| {
        let key = spki(&[PSS, parameters], &pkcs1(&base64(RSA_MODULUS), &[1, 0, 1]));
        let serves = |algorithm: &PublicAlgorithm| PublicKey::parse(&key, *algorithm, 2048).is_ok();
        PUBLIC_ALGORITHMS.into_iter().filter(serves).collect::<Vec<_>>()
    };
    let (small, large) = (vec![PublicAlgorithm::RsaPssSha256], vec![PublicAlgorithm::RsaPssSha512]);
    assert_eq!(serves(&rule(&sha256, &mgf1(&sha256), 32)), small);
    assert_eq!(serves(&rule(&sha512, &mgf1(&sha512), 64)), large);
    // The NULL behind a hash may be missing (RFC 4055, section 2.1).
    assert_eq!(serves(&rule(&hash(1, &[]), &mgf1(&hash(1, &[])), 32)), small);
    assert_eq!(serves(&rule(&hash(3, &[]), &mgf1(&sha512), 64)), large);
    let refused: [Vec<u8>; 20] = [
        // Hashes with parameters of their own, which none of them has.
        rule(&hash(1, &uint(&[1])), &mgf1(&sha256), 32),
        rule(&sha256, &mgf1(&hash(1, &uint(&[1]))), 32),
        rule(&hash(3, &uint(&[1])), &mgf1(&sha512), 64),
        rule(&sha512, &mgf1(&hash(3, &uint(&[1]))), 64),
        // Another salt, another hash under the mask, another mask.
        rule(&sha256, &mgf1(&sha256), 20),
        rule(&sha256, &mgf1(&sha256), 31),
        rule(&sha256, &mgf1(&sha256), 64),
        rule(&sha512, &mgf1(&sha512), 32),
        rule(&sha256, &mgf1(&sha512), 32),
        rule(&sha512, &mgf1(&sha256), 64),
        rule(&sha256, &mgf1(&sha1), 32),
        rule(&sha256, &other_mask(&sha256), 32),
        // Hashes that no algorithm here has; and all defaults, which are SHA-1 and a salt of 20.
        rule(&sha384, &mgf1(&sha384), 48),
        rule(&sha1, &mgf1(&sha1), 20),
        der(0x30, &[]),
        // Not all three, not in order, something behind, no sequence.
        der(0x30, &[&der(0xa0, &[&sha256]), &der(0xa1, &[&mgf1(&sha256)])]),
        der(0x30, &[&der(0xa1, &[&mgf1(&sha256)]), &der(0xa0, &[&sha256]), &der(0xa2, &[&uint(&[32])])]),
        der(0x30, &[&der(0xa0, &[&sha256]), &der(0xa1, &[&mgf1(&sha256)]), &der(0xa2, &[&uint(&[32])]), NULL]),
        der(0x31, &[&der(0xa0, &[&sha256]), &der(0xa1, &[&mgf1(&sha256)]), &der(0xa2, &[&uint(&[32])])]),
        NULL.to_vec(),
    ];
    for parameters in refused {
        assert_eq!(serves(&parameters), [], "{}", hex::encode(parameters));
    }
}

#[test]
fn private_keys_are_refused_as_such() {
    // Not real keys: only their structure matters.
    let pkcs8 = STANDARD.encode(der(0x30, &[&uint(&[0]), &der(0x30, &[ED25519]), &der(4, &[&[4, 32], &[7; 32]])]));
    let private = [
        pem("PRIVATE KEY", &pkcs8),
        pem("ENCRYPTED PRIVATE KEY", "AAAA"),
        pem("EC PRIVATE KEY", "AAAA"),
        pem("RSA PRIVATE KEY", "AAAA"),
        pem("OPENSSH PRIVATE KEY", "AAAA"),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        pkcs8,
        STANDARD.encode(der(0x30, &[&uint(&[0]), &uint(&base64(RSA_MODULUS)), &uint(&[1, 0, 1])])),
        STANDARD.encode(der(0x30, &[&uint(&[1]), &der(4, &[&[7; 32]])])),
        STANDARD.encode([7; 64]),
        "whsk_AAAA".to_owned(),
        r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA","d":"AAAA"}"#.to_owned(),
        r#"{"kty":"oct","k":"AAAA"}"#.to_owned(),
        r#"{"kty":"RSA","n":"AAAA","e":"AQAB","p":"AAAA"}"#.to_owned(),
    ];
    for text in private {
        for algorithm in PUBLIC_ALGORITHMS {
            assert_eq!(refusal(&text, algorithm), PublicKeyError::PrivateKey, "{text}");
        }
    }
}

#[test]
fn anything_but_a_key_is_refused() {
    let ed25519 = spki(&[ED25519], &unhex(ED25519_KEY));
    let x = base64url(&unhex(ED25519_KEY));
    let certificate = base64(P256_CERTIFICATE_V3);
    let texts = [
        String::new(),
        " \n".to_owned(),
        "whpk_".to_owned(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI".to_owned(),
        "not base64 §".to_owned(),
        STANDARD.encode([7; 31]),
        STANDARD.encode([7; 33]),
        STANDARD.encode([5; 65]),
        STANDARD.encode(&base64(&ed25519)[..43]),
        STANDARD.encode([base64(&ed25519), vec![0]].concat()),
        spki(&[ED25519], &[7; 31]),
        spki(&[ED25519, NULL], &unhex(ED25519_KEY)),
        spki(&[RSA], &pkcs1(&base64(RSA_MODULUS), &[1, 0, 1])),
        spki(&[RSA, NULL], &[pkcs1(&base64(RSA_MODULUS), &[1, 0, 1]), vec![0]].concat()),
        spki(&[EC, P256], &[]),
        spki(&[EC, P256], &[0]),
        spki(&[EC, P256], &[6; 65]),
        spki(&[EC, P256], &[5; 33]),
        // Certificates are read in their PEM only.
        P256_CERTIFICATE_V3.to_owned(),
        pem("PUBLIC KEY", P256_CERTIFICATE_V3),
        pem("CERTIFICATE", P256_SPKI),
        pem("CERTIFICATE", &STANDARD.encode(&certificate[..certificate.len() - 1])),
        pem("CERTIFICATE", &STANDARD.encode(der(0x30, &[&der(0x30, &[&uint(&[1])[..]; 4])]))),
        pem("CERTIFICATE REQUEST", P256_CERTIFICATE_V3),
        pem("PUBLIC KEY", ""),
        pem("PUBLIC KEY", &ed25519).replace("END PUBLIC", "END RSA PUBLIC"),
        pem("PUBLIC KEY", &ed25519).replace("-----END PUBLIC KEY-----", ""),
        pem("PUBLIC KEY", &ed25519) + "and more",
        "-----BEGIN ".to_owned(),
        "-----BEGIN PUBLIC KEY".to_owned(),
        "{".to_owned(),
        "{}".to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"kty":1}"#.to_owned(),
        r#"{"kty":"OKP","crv":"Ed25519"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"Ed25519","x":7}"#.to_owned(),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}="}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","x":"{x}"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}} {{}}"#),
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"AA{x}"}}"#),
    ];
    for text in &texts {
        for algorithm in PUBLIC_ALGORITHMS {
            // If its kind is recognisable, a damaged key may be reported as a key of the wrong kind.
            let refusal = refusal(text, algorithm);
            assert!(matches!(refusal, PublicKeyError::NotAKey | PublicKeyError::WrongKind), "{text}: {refusal:?}");
        }
        let all_told =
            PUBLIC_ALGORITHMS.into_iter().any(|algorithm| refusal(text, algorithm) == PublicKeyError::NotAKey);
        assert!(all_told, "{text}");
    }
    // The right bytes, divided elsewhere.
    let point = base64(P256_SPKI)[26..].to_vec();
    let divided = |at| {
        let (x, y) = (base64url(&point[1..at]), base64url(&point[at..]));
        PublicKey::parse(
            &format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#),
            PublicAlgorithm::EcdsaP256Sha256Raw,
            2048,
        )
        .map(drop)
    };
    assert_eq!(divided(33), Ok(()));
    assert_eq!((divided(32), divided(34)), (Err(PublicKeyError::NotAKey), Err(PublicKeyError::NotAKey)));
    let block = pem("PUBLIC KEY", &ed25519);
    assert_eq!(refusal(&(block.clone() + &block), PublicAlgorithm::Ed25519), PublicKeyError::SeveralKeys);
    // Only certificates are a chain.
    let certificate = pem("CERTIFICATE", P256_CERTIFICATE_V3);
    let key = pem("PUBLIC KEY", P256_SPKI);
    for several in [key.clone() + &certificate, certificate.clone() + &key] {
        assert_eq!(refusal(&several, PublicAlgorithm::EcdsaP256Sha256Der), PublicKeyError::SeveralKeys, "{several}");
    }
    let more = certificate + "and more";
    assert_eq!(refusal(&more, PublicAlgorithm::EcdsaP256Sha256Der), PublicKeyError::NotAKey);
    let off_curve = format!("04{}", "07".repeat(64));
    assert_eq!(refusal(&off_curve, PublicAlgorithm::EcdsaP256Sha256Raw), PublicKeyError::WeakPoint);
}

#[test]
fn damaged_keys_do_not_panic() {
    let mut noise = Noise(11);
    let forms = [rsa_spki(), P256_SPKI.to_owned(), spki(&[ED25519], &unhex(ED25519_KEY))];
    for (label, text) in
        forms.iter().map(|text| ("PUBLIC KEY", text.as_str())).chain([("CERTIFICATE", P256_CERTIFICATE_V3)])
    {
        let bytes = base64(text);
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] = noise.byte();
            for damaged in [&damaged[..], &bytes[..position]] {
                for algorithm in
                    [PublicAlgorithm::Ed25519, PublicAlgorithm::EcdsaP256Sha1Der, PublicAlgorithm::RsaPssSha512]
                {
                    let _ = PublicKey::parse(&pem(label, &STANDARD.encode(damaged)), algorithm, 2048);
                    let _ = PublicKey::parse(&STANDARD.encode(damaged), algorithm, 2048);
                }
            }
        }
    }
}

/// A valid signature of every algorithm.
struct Valid {
    algorithm: PublicAlgorithm,
    text: String,
    message: &'static [u8],
    signature: Vec<u8>,
}

impl Valid {
    fn key(&self) -> PublicKey {
        key(&self.text, self.algorithm)
    }

    fn content(&self) -> Vec<u8> {
        digest(self.algorithm, self.message)
    }
}

fn valid() -> Vec<Valid> {
    let made = |algorithm, text: &str, signature: &str| Valid {
        algorithm,
        text: text.to_owned(),
        message: MESSAGE,
        signature: base64(signature),
    };
    let rsa = rsa_spki();
    vec![
        Valid { message: ED25519_MESSAGE, ..made(PublicAlgorithm::Ed25519, ED25519_KEY, ED25519_SIGNATURE) },
        made(PublicAlgorithm::EcdsaP256Sha256Der, P256_SPKI, P256_SIGNATURE),
        Valid { signature: raw_signature(), ..made(PublicAlgorithm::EcdsaP256Sha256Raw, P256_SPKI, P256_SIGNATURE) },
        made(PublicAlgorithm::RsaPkcs1Sha1, &rsa, RSA_PKCS1_SHA1),
        made(PublicAlgorithm::RsaPkcs1Sha256, &rsa, RSA_PKCS1_SHA256),
        made(PublicAlgorithm::RsaPkcs1Sha512, &rsa, RSA_PKCS1_SHA512),
        made(PublicAlgorithm::RsaPssSha256, &rsa, RSA_PSS_SHA256),
        made(PublicAlgorithm::RsaPssSha512, &rsa, RSA_PSS_SHA512),
    ]
}

fn key(text: &str, algorithm: PublicAlgorithm) -> PublicKey {
    PublicKey::parse(text, algorithm, 2048).unwrap_or_else(|error| panic!("{text} {error}"))
}

fn refusal(text: &str, algorithm: PublicAlgorithm) -> PublicKeyError {
    match PublicKey::parse(text, algorithm, 2048) {
        Ok(key) => panic!("{text} was read as {key:?} for {algorithm:?}"),
        Err(error) => error,
    }
}

/// What a signature of `message` is over.
fn digest(algorithm: PublicAlgorithm, message: &[u8]) -> Vec<u8> {
    algorithm.hash().map_or_else(|| message.to_vec(), |hash| hash.digest(message))
}

fn is_rsa(algorithm: PublicAlgorithm) -> bool {
    format!("{algorithm:?}").starts_with("Rsa")
}

fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("it is base64")
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("it is hexadecimal")
}

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn flipped(bytes: &[u8], position: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[position] ^= 1;
    flipped
}

/// r and s of `P256_SIGNATURE`, whose r has a sign byte in DER and whose s has none.
fn raw_signature() -> Vec<u8> {
    let der = base64(P256_SIGNATURE);
    [&der[5..37], &der[39..]].concat()
}

/// Object identifiers and parameters, as they are written in an `AlgorithmIdentifier`.
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const PSS: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
const NULL: &[u8] = &[5, 0];

/// The points of small order on Curve25519 in Edwards form, and the other ways to write them.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

/// A value in DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).expect("it is short").to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count().min(3);
    let mut value = vec![tag];
    if body.len() >= 128 {
        value.push(0x80 | u8::try_from(4 - zeros).expect("at most 4"));
    }
    value.extend(&length[zeros..]);
    value.extend(body);
    value
}

/// A whole number in DER.
fn uint(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count().min(number.len() - 1);
    let sign: &[u8] = if number[zeros] >= 0x80 { &[0] } else { &[] };
    der(2, &[sign, &number[zeros..]])
}

/// The base64 of a `SubjectPublicKeyInfo`.
fn spki(algorithm: &[&[u8]], key: &[u8]) -> String {
    STANDARD.encode(der(0x30, &[&der(0x30, algorithm), &der(3, &[&[0], key])]))
}

fn pkcs1(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    der(0x30, &[&uint(modulus), &uint(exponent)])
}

fn rsa_spki() -> String {
    spki(&[RSA, NULL], &pkcs1(&base64(RSA_MODULUS), &[1, 0, 1]))
}

/// An odd number with that many bits. Its factors are unknown, and nothing is signed with it.
fn modulus(bits: usize, noise: &mut Noise) -> Vec<u8> {
    let mut number = noise.bytes(bits.div_ceil(8));
    let top = (bits - 1) % 8;
    number[0] = (number[0] & ((1 << top) - 1)) | (1 << top);
    *number.last_mut().expect("it has bytes") |= 1;
    number
}

/// A number of 32 bytes.
fn small(number: u8) -> Vec<u8> {
    [vec![0; 31], vec![number]].concat()
}

/// `a - b` of two big-endian numbers of 32 bytes.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    plus(&plus(a, &complement), &small(1))
}

/// `a + b` of two big-endian numbers of one length; what does not fit is lost.
fn plus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum: Vec<u8> = (a.iter().zip(b).rev())
        .map(|(a, b)| {
            carry += u16::from(*a) + u16::from(*b);
            let byte = carry.to_le_bytes()[0];
            carry >>= 8;
            byte
        })
        .collect();
    sum.reverse();
    sum
}

/// Bytes without a pattern, the same in every run.
struct Noise(u64);

impl Noise {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0.to_be_bytes()[0]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}
