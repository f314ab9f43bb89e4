//! Which upstream responses mean that it accepted an event.

/// The statuses that keep a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepOn(Vec<Statuses>);

/// An entry of the configured list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// A whole class: 2 is 200 to 299.
    Class(u16),
    /// One status.
    Single(u16),
}

/// The class of statuses that mean success (RFC 9110, section 15.3).
pub const SUCCESS: Statuses = Statuses::Class(2);

impl KeepOn {
    /// The set of these statuses. `None` unless it includes all successes, because otherwise an event could be
    /// processed twice.
    #[must_use]
    pub fn new(statuses: Vec<Statuses>) -> Option<Self> {
        statuses.contains(&SUCCESS).then_some(Self(statuses))
    }

    /// Whether a response with this status keeps the claim.
    #[must_use]
    pub fn includes(&self, status: u16) -> bool {
        self.0.iter().any(|statuses| statuses.includes(status))
    }
}

impl Default for KeepOn {
    fn default() -> Self {
        Self(vec![SUCCESS])
    }
}

impl Statuses {
    /// Reads `2xx` to `5xx`, or one status from 200 to 599.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let digits = word.strip_suffix("xx").unwrap_or(word);
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_plain)?;
        match (word.len(), digits.len(), number) {
            (3, 1, 2..=5) => Some(Self::Class(number)),
            (3, 3, 200..=599) => Some(Self::Single(number)),
            _ => None,
        }
    }

    /// Whether this status is included.
    #[must_use]
    pub fn includes(self, status: u16) -> bool {
        match self {
            Self::Class(class) => status / 100 == class,
            Self::Single(single) => status == single,
        }
    }

    /// Whether every status of `other` is included.
    #[must_use]
    pub fn includes_all(self, other: Self) -> bool {
        match other {
            Self::Class(_) => self == other,
            Self::Single(status) => self.includes(status),
        }
    }
}
