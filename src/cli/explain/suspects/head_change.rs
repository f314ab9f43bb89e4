//! What a change does to the head. Only what differs is kept: a head may have a thousand lines, and be changed at each.

use std::borrow::Cow;

use hookwarden::verify::HeaderLine;

/// A change to the head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HeadChange {
    /// Another head.
    Whole(Vec<HeaderLine>),
    /// Another name of the line at a position.
    Name(usize, String),
    /// Another value of the line at a position.
    Value(usize, Vec<u8>),
    /// This line in place of all of its name.
    Only(HeaderLine),
}

impl HeadChange {
    /// The head with the change.
    pub fn applied<'a>(&'a self, head: &'a [HeaderLine]) -> Cow<'a, [HeaderLine]> {
        let mut changed = match self {
            HeadChange::Whole(other) => return Cow::Borrowed(other),
            HeadChange::Only((name, _)) => {
                head.iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).cloned().collect()
            }
            HeadChange::Name(..) | HeadChange::Value(..) => head.to_vec(),
        };
        match self {
            HeadChange::Whole(_) => {}
            HeadChange::Name(at, name) => {
                if let Some((own, _)) = changed.get_mut(*at) {
                    name.clone_into(own);
                }
            }
            HeadChange::Value(at, value) => {
                if let Some((_, own)) = changed.get_mut(*at) {
                    value.clone_into(own);
                }
            }
            HeadChange::Only(line) => changed.push(line.clone()),
        }
        Cow::Owned(changed)
    }
}
