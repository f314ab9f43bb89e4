//! The answer to the caller, and what reaches the upstream.

/// The answer to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u32,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What reached the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    pub headers: Option<Vec<(String, Vec<u8>)>>,
    pub body: Vec<u8>,
    pub trailers: Option<Vec<(String, Vec<u8>)>>,
}

impl Upstream {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Every value of a header.
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        let headers = self.headers.iter().flatten();
        headers.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice()).collect()
    }
}
