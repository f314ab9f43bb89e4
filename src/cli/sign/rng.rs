//! Random ids, nonces and salts.

use hookwarden::verify::bytes::encoding;

use crate::cli::terminal::Failure;

/// The fewest characters of an id that make it unique.
const ENOUGH: usize = 8;
/// The characters of an id that is made longer to be unique.
const LONG: usize = 16;
/// The digits of a number that is made longer to be unique. It fits into 32 bits.
const LONG_NUMBER: usize = 9;

/// The system's random number generator, which was found to work.
pub struct Rng(());

impl Rng {
    pub fn new() -> Result<Self, Failure> {
        match getrandom::fill(&mut [0; 8]) {
            Ok(()) => Ok(Self(())),
            Err(error) => Err(Failure::Message(format!("the system provides no random bytes: {error}"))),
        }
    }

    /// Fills `bytes`. It worked a moment ago; an id or a salt that is zero would still make a right request.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        let _ = getrandom::fill(bytes);
    }

    /// So many random letters and digits.
    pub fn word(&mut self, len: usize) -> String {
        self.characters(len, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    }

    /// A UUID of version 4 (RFC 9562, section 5.4).
    pub fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        let [a, b, c, d, e, f, version, h, variant, j, k, l, m, n, o, p] = bytes;
        let hex = |bytes: &[u8]| String::from_utf8_lossy(&encoding::encode_hex(bytes)).into_owned();
        let parts: [&[u8]; 5] =
            [&[a, b, c, d], &[e, f], &[version & 0x0f | 0x40, h], &[variant & 0x3f | 0x80, j], &[k, l, m, n, o, p]];
        parts.map(hex).join("-")
    }

    /// An id of the form of `sample`: `msg_2Kx…` gives another `msg_…` of the same length and character classes. One that is
    /// too short to be unique, such as `evt_1` or `17`, becomes longer.
    pub fn id_like(&mut self, sample: &str) -> String {
        let hyphens: Vec<_> = sample.char_indices().filter(|(_, char)| *char == '-').map(|(at, _)| at).collect();
        if sample.len() == 36 && hyphens == [8, 13, 18, 23] {
            return self.uuid();
        }
        let (prefix, tail) = match sample.rfind('_').map(|at| sample.split_at(at.saturating_add(1))) {
            Some((prefix, tail)) if tail.len() >= ENOUGH => (prefix, tail),
            Some((prefix, _)) if prefix.is_ascii() => {
                return format!("{prefix}{}", self.characters(LONG, b"abcdefghijklmnopqrstuvwxyz0123456789"));
            }
            _ => ("", sample),
        };
        if tail.len() < ENOUGH && !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()) {
            let first = self.characters(1, b"123456789");
            return first + &self.characters(LONG_NUMBER.saturating_sub(1), b"0123456789");
        }
        let signs = tail.bytes().filter(u8::is_ascii_alphanumeric).count();
        if signs < ENOUGH || !tail.is_ascii() {
            return self.uuid();
        }
        let in_hex = |upper: bool| {
            tail.bytes().filter(u8::is_ascii_alphanumeric).all(|byte| {
                byte.is_ascii_digit()
                    || if upper { (b'A'..=b'F').contains(&byte) } else { (b'a'..=b'f').contains(&byte) }
            })
        };
        let is_number = tail.bytes().all(|byte| byte.is_ascii_digit());
        let mut id = prefix.to_owned();
        for (position, char) in tail.chars().enumerate() {
            let alphabet: &[u8] = match char {
                // A number keeps its length.
                '0'..='9' if is_number && position == 0 => b"123456789",
                _ if !char.is_ascii_alphanumeric() => {
                    id.push(char);
                    continue;
                }
                _ if !is_number && in_hex(false) => b"0123456789abcdef",
                _ if !is_number && in_hex(true) => b"0123456789ABCDEF",
                '0'..='9' => b"0123456789",
                'a'..='z' => b"abcdefghijklmnopqrstuvwxyz",
                _ => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            };
            id.push_str(&self.characters(1, alphabet));
        }
        id
    }

    fn characters(&mut self, len: usize, alphabet: &[u8]) -> String {
        let mut signs = String::with_capacity(len);
        while signs.len() < len {
            let mut byte = [0];
            self.fill(&mut byte);
            // Bytes at the end that the alphabet does not fill evenly are passed over.
            let position = usize::from(u8::from_ne_bytes(byte));
            let even = 256_usize.saturating_sub(256_usize.checked_rem(alphabet.len()).unwrap_or_default());
            if position >= even {
                continue;
            }
            let position = position.checked_rem(alphabet.len()).unwrap_or_default();
            signs.push(alphabet.get(position).copied().map_or('x', char::from));
        }
        signs
    }
}
