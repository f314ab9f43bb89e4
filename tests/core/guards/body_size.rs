//! How long a body may be.

use hookwarden::guard::body_size::BodySize;
use hookwarden::verify::{Denial, Request, borrowed};

use super::headers;

fn size(declared: Option<&str>, limit: Option<u64>) -> BodySize {
    let headers = headers(&declared.map(|length| ("content-length", length)).into_iter().collect::<Vec<_>>());
    BodySize::declared_by(Request::new(&borrowed(&headers)), limit).expect("the declared length is within the limit")
}

#[test]
fn a_body_may_grow_to_its_limit_and_to_its_declared_length_and_no_further() {
    for (declared, limit, longest, beyond) in [
        (None, Some(10), 10, Denial::BodyTooLarge),
        (Some("10"), None, 10, Denial::ContentLengthMismatch),
        (Some("8"), Some(10), 8, Denial::ContentLengthMismatch),
        (Some("10"), Some(10), 10, Denial::BodyTooLarge),
        (Some("0"), Some(0), 0, Denial::BodyTooLarge),
    ] {
        let size = size(declared, limit);
        for so_far in 0..=longest {
            assert_eq!(size.admits(so_far), Ok(()), "{so_far} of {size:?}");
        }
        assert_eq!(size.admits(longest + 1), Err(beyond), "{size:?}");
        assert_eq!(size.ends_at(longest + 1), Err(beyond), "{size:?}");
        assert_eq!(size.ends_at(longest), Ok(()), "{size:?}");
    }
    assert_eq!(size(None, None).admits(u64::MAX), Ok(()), "nobody limits it");
}

#[test]
fn a_body_that_ends_early_is_refused_only_if_its_length_was_declared() {
    assert_eq!(size(Some("10"), None).ends_at(9), Err(Denial::ContentLengthMismatch));
    assert_eq!(size(None, Some(10)).ends_at(9), Ok(()));
    assert_eq!(size(None, None).ends_at(0), Ok(()));
}

#[test]
fn only_a_limit_without_a_declared_length_needs_the_body() {
    for (declared, limit, settled) in
        [(None, None, true), (Some("5"), None, true), (Some("5"), Some(10), true), (None, Some(10), false)]
    {
        assert_eq!(size(declared, limit).is_settled(), settled, "{declared:?}, limit {limit:?}");
    }
}
