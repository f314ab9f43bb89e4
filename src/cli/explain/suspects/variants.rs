//! Other orders and spellings of the same pieces.

/// Every order of the pieces.
pub fn orders<T: Copy>(pieces: &[T], found: &mut dyn FnMut(&[T])) {
    fn complete<T: Copy>(left: &[T], chosen: &mut Vec<T>, found: &mut dyn FnMut(&[T])) {
        if left.is_empty() {
            found(chosen);
        }
        for (at, piece) in left.iter().enumerate() {
            let mut rest = left.to_vec();
            rest.remove(at);
            chosen.push(*piece);
            complete(&rest, chosen, found);
            chosen.pop();
        }
    }
    complete(pieces, &mut Vec::new(), found);
}

/// The text with the digits of its percent escapes in another case.
pub fn with_escape_digits(text: &str, case: fn(&char) -> char) -> String {
    let mut digits = 0_u8;
    text.chars()
        .map(|char| {
            let is_digit = digits > 0;
            digits = if char == '%' { 2 } else { digits.saturating_sub(1) };
            if is_digit { case(&char) } else { char }
        })
        .collect()
}
