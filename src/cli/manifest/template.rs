//! Fills in what is between at-signs in a template.

/// Replaces each `@NAME@`. One that is alone in its line stands for lines, which get its indentation; for none,
/// its line goes.
pub fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let alone = values.iter().find(|(name, _)| line.trim() == format!("@{name}@"));
        match alone {
            Some((_, value)) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                for inner in value.lines() {
                    let indent = if inner.is_empty() { "" } else { indent };
                    text.push_str(&format!("{indent}{inner}\n"));
                }
            }
            None => {
                let filled = values
                    .iter()
                    .fold(line.to_owned(), |line, (name, value)| line.replace(&format!("@{name}@"), value));
                text.push_str(&filled);
                text.push('\n');
            }
        }
    }
    text
}
