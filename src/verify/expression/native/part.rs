//! What a value covers: which parts of the URL, how much of the body, and where its bytes could become its
//! neighbour's.

use crate::verify::expression::filter::Filter;
use crate::verify::expression::root::{Builtin, Root};
use crate::verify::expression::value::Expression;

/// Parts of the URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlParts {
    /// Scheme and host, as the configured `public_url` says them.
    pub host: bool,
    /// The path.
    pub path: bool,
    /// The whole query.
    pub query: bool,
    /// Individual parameters of the query.
    pub parameters: bool,
}

impl UrlParts {
    /// The union of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            host: self.host || other.host,
            path: self.path || other.path,
            query: self.query || other.query,
            parameters: self.parameters || other.parameters,
        }
    }

    /// Whether it covers no part.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether it is all of the URL.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.host && self.path && self.query
    }
}

impl Expression {
    /// The parts of the URL that it covers.
    #[must_use]
    pub fn url_parts(&self) -> UrlParts {
        let parts = |host, path, query| UrlParts { host, path, query, parameters: false };
        match &self.root {
            Root::Url(_) if self.filters.contains(&Filter::WithoutQuery) => parts(true, true, false),
            Root::Url(_) | Root::Builtin(Builtin::PlivoV3, _) => parts(true, true, true),
            Root::Target | Root::Builtin(Builtin::ContentfulPath | Builtin::Qsh, _) => parts(false, true, true),
            Root::Path => parts(false, true, false),
            Root::QueryFields => parts(false, false, true),
            Root::Query(_) => UrlParts { parameters: true, ..UrlParts::default() },
            _ => UrlParts::default(),
        }
    }

    /// Whether it covers the whole body: its bytes, a cryptographic digest of them, or every field of a
    /// form.
    #[must_use]
    pub fn covers_content(&self) -> bool {
        let fields = [Filter::Sorted, Filter::SortedQuery];
        self.is_raw_body()
            || self.covers_whole_body()
            || (self.root == Root::FormFields && self.filters.iter().any(|filter| fields.contains(filter)))
            || matches!(self.root, Root::Builtin(Builtin::PhpSerialize | Builtin::PlivoV3, _))
    }

    /// Whether the method is part of it.
    #[must_use]
    pub fn covers_method(&self) -> bool {
        matches!(self.root, Root::Method | Root::Builtin(Builtin::Qsh | Builtin::PlivoV3, _))
    }

    /// Whether the header that it reads, by itself or first of all, is this one, in lower case.
    #[must_use]
    pub fn reads_header(&self, name: &str) -> bool {
        matches!(&self.root, Root::Header(header) if header == name)
    }

    /// The hash of the body that it is, if it is one.
    #[must_use]
    pub fn body_hash(&self) -> Option<crate::verify::primitives::mac::HashAlgorithm> {
        match (&self.root, self.filters.first()) {
            (Root::Body, Some(Filter::Hash(hash))) => Some(*hash),
            _ => None,
        }
    }

    /// Whether its form does not determine where it ends, so that a byte could move to the value that follows.
    #[must_use]
    pub(super) fn ends_anywhere(&self) -> bool {
        let url = matches!(self.root, Root::Url(_) | Root::Target | Root::Path);
        self.has_open_end() || self.is_raw_body() || url
    }

    /// Whether it concatenates several values of the request.
    #[must_use]
    pub(super) fn concatenates(&self) -> bool {
        self.filters.iter().any(|filter| matches!(filter, Filter::Sorted | Filter::HeaderValues))
            || matches!(self.root, Root::Builtin(Builtin::PlivoV3, _))
    }

    /// Whether it is the secret's text.
    #[must_use]
    pub(super) fn is_the_secret(&self) -> bool {
        self.root == Root::Secret
    }
}
