//! The path that a capture states, in its own words.

use super::Captured;

impl Captured {
    /// Takes a path or URL that the capture states.
    pub(super) fn state_target(&mut self, text: &str) -> Result<(), String> {
        if text.contains("://") && !text.starts_with('/') {
            return self.add_url(text);
        }
        if text.starts_with('/') {
            text.clone_into(&mut self.target);
        } else if !text.is_empty() {
            self.has_unread_path = true;
        }
        Ok(())
    }

    /// Whether the path that the capture states could be read.
    ///
    /// # Errors
    /// It could not.
    pub fn check_path(&self) -> Result<(), String> {
        if self.target.is_empty() && self.has_unread_path {
            return Err("the capture states a path that is neither a URL nor begins with \"/\"; give --url".to_owned());
        }
        Ok(())
    }
}
