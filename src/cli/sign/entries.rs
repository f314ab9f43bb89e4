//! The value at a signature's place while it is put together: one tag, or a list with other entries beside it.

use hookwarden::verify::scheme::signature::Location;

/// The entries, in order. The tag is not there yet.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    location: &'a Location,
    list: Vec<Entry>,
    joint: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Tag,
    Other(Vec<u8>),
}

impl<'a> Entries<'a> {
    /// Takes from `present`, what is there now, the order of the entries and those that begin with one of
    /// `known`; all others are another signature's.
    pub fn begin(location: &'a Location, present: Option<&[u8]>, known: &[&str]) -> Self {
        let mut joint = location.separator.map(String::from).unwrap_or_default();
        let mut list = Vec::new();
        if let (Some(separator), Some(present)) = (location.separator, present) {
            // Of several complete lists the first shows the order.
            let set = match location.sets {
                Some(sets) => present.split(|byte| char::from(*byte) == sets).next().unwrap_or_default(),
                None => present,
            };
            let blank_follows = set.windows(2).any(|pair| matches!(pair, [a, b' '] if char::from(*a) == separator));
            if separator != ' ' && location.sets != Some(' ') && blank_follows {
                joint.push(' ');
            }
            for (position, entry) in
                set.split(|byte| char::from(*byte) == separator).map(<[u8]>::trim_ascii).enumerate()
            {
                let is_known = known.iter().any(|prefix| entry.starts_with(prefix.as_bytes()));
                if is_known || (position == 0 && location.after_first) {
                    list.push(Entry::Other(entry.to_vec()));
                } else if !list.contains(&Entry::Tag) && entry.starts_with(location.prefix.as_bytes()) {
                    list.push(Entry::Tag);
                }
            }
        }
        if !list.contains(&Entry::Tag) {
            list.push(Entry::Tag);
        }
        Self { location, list, joint }
    }

    /// The entries as a scheme reads them, a stand-in for the tag among them.
    pub fn texts(&self) -> Vec<Vec<u8>> {
        let prefix = self.location.prefix.as_bytes();
        self.list
            .iter()
            .map(|entry| match entry {
                Entry::Tag => prefix.to_vec(),
                Entry::Other(text) => text.clone(),
            })
            .collect()
    }

    /// Sets the entry that begins with `prefix`.
    pub fn set(&mut self, prefix: &str, value: &[u8]) {
        let text = [prefix.as_bytes(), value].concat();
        let present = self.list.iter_mut().find_map(|entry| match entry {
            Entry::Other(text) if text.starts_with(prefix.as_bytes()) => Some(text),
            _ => None,
        });
        match present {
            Some(present) => *present = text,
            None => self.insert_before_tag(text),
        }
    }

    /// Whether the tag is at this place, until something else has to.
    pub fn is_tag(&self, number: usize) -> bool {
        self.list.get(number) == Some(&Entry::Tag)
    }

    /// Sets the entry at this place, with empty ones before it where there are too few. The tag gives way.
    pub fn set_at(&mut self, number: usize, value: &[u8]) {
        while self.list.iter().position(|entry| *entry == Entry::Tag).is_some_and(|tag| tag <= number) {
            self.insert_before_tag(Vec::new());
        }
        if let Some(entry) = self.list.get_mut(number) {
            *entry = Entry::Other(value.to_vec());
        }
    }

    /// The whole value.
    pub fn with_tag(&self, tag: &[u8]) -> Vec<u8> {
        let tag = [self.location.prefix.as_bytes(), &self.location.encoding.encode(tag)].concat();
        if self.location.separator.is_none() {
            return tag;
        }
        let texts: Vec<_> = self
            .list
            .iter()
            .map(|entry| match entry {
                Entry::Tag => tag.clone(),
                Entry::Other(text) => text.clone(),
            })
            .collect();
        texts.join(self.joint.as_bytes())
    }

    fn insert_before_tag(&mut self, text: Vec<u8>) {
        let tag = self.list.iter().position(|entry| *entry == Entry::Tag).unwrap_or(self.list.len());
        self.list.insert(tag, Entry::Other(text));
    }
}
