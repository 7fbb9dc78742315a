//! A run as one word: what deviates in it from the ordinary run, by names that survive an edit of the scenario.
//!
//! A [`Log`](super::Log) holds every answer of a run and fits that program alone. A [`Token`] holds only the answers that
//! are not the ordinary ones, each as who was asked, where, for which time, and the name of what was chosen.
//!
//! The word is `a1-`, where 1 is the version, and then base64 in the alphabet that needs no quotes in a shell. Inside are
//! the length of what follows, the fields in their order (integers as LEB128, texts with their length before them), and a
//! CRC-32, which notices every change of up to 32 bits in a row, and so of any one character.
//!
//! Knows nothing of programs, of how their parts are named, or of finding a name again.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;

use super::Kind;

/// Everything that is needed to make a run again, together with the scenario file.
///
/// ```
/// use atropos::choice::{Deviation, Kind, Token};
///
/// let token = Token {
///     scenario_hash: Token::hash("about = \"…\""),
///     strategy: Some("cancel-each-task".to_owned()),
///     profile: None,
///     deviations: vec![Deviation {
///         kind: Kind::TimerOrder,
///         subject: "event loop".to_owned(),
///         site: "1s".to_owned(),
///         visit: 1,
///         chosen: "worker 3".to_owned(),
///     }],
/// };
/// let word = token.to_string();
/// assert!(word.starts_with("a1-"));
/// assert_eq!(word.parse(), Ok(token));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Token {
    /// [`Token::hash`] of the scenario file, so that a replay can say that the file was edited since.
    pub scenario_hash: u64,
    /// The strategy that is main; nothing for the scenario's own main.
    pub strategy: Option<String>,
    /// The Python to behave like, or the runtime to run on, instead of the scenario's.
    pub profile: Option<String>,
    /// The answers that are not the ordinary ones, in the order of the questions.
    pub deviations: Vec<Deviation>,
}

/// One answer that is not the ordinary one, by names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deviation {
    /// Which freedom.
    pub kind: Kind,
    /// Whose.
    pub subject: String,
    /// Where in its code, or when.
    pub site: String,
    /// Which time of those at this site; how they are counted is up to whoever gives the names.
    pub visit: u32,
    /// What is chosen.
    pub chosen: String,
}

/// Why a word is no token of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// It does not begin as a token does.
    NoToken,
    /// Another version wrote it.
    Version(u32),
    /// Its end is missing.
    CutOff,
    /// It was changed.
    Damaged,
    /// It is longer than [`Token::LENGTH_MAX`].
    TooLong,
}

/// The version that is written and read.
const VERSION: u32 = 1;

impl Token {
    /// No longer word is read.
    pub const LENGTH_MAX: usize = 16 << 20;

    /// The hash of a scenario file's text: XXH3, 64 bits.
    pub fn hash(text: &str) -> u64 {
        twox_hash::XxHash3_64::oneshot(text.as_bytes())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.scenario_hash.to_le_bytes());
        write_optional(self.strategy.as_deref(), out);
        write_optional(self.profile.as_deref(), out);
        for Deviation { kind, subject, site, visit, chosen } in &self.deviations {
            out.push(*kind as u8);
            write_text(subject, out);
            write_text(site, out);
            write_number(u64::from(*visit), out);
            write_text(chosen, out);
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Token> {
        let scenario_hash = u64::from_le_bytes(*bytes.split_off(..8)?.as_array()?);
        let (strategy, profile) = (read_optional(bytes)?, read_optional(bytes)?);
        let mut deviations = Vec::new();
        while let Some(&kind) = bytes.split_off_first() {
            deviations.push(Deviation {
                kind: Kind::from_number(kind)?,
                subject: read_text(bytes)?,
                site: read_text(bytes)?,
                visit: u32::try_from(read_number(bytes)?).ok()?,
                chosen: read_text(bytes)?,
            });
        }
        Some(Token { scenario_hash, strategy, profile, deviations })
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = Vec::new();
        self.write(&mut fields);
        let mut bytes = Vec::with_capacity(fields.len() + 9);
        write_number(fields.len() as u64, &mut bytes);
        bytes.append(&mut fields);
        let sum = crc_32(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        write!(f, "a{VERSION}-{}", BASE64URL_NOPAD.encode(&bytes))
    }
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(word: &str) -> Result<Token, BadToken> {
        let (head, rest) = word.split_once('-').ok_or(BadToken::NoToken)?;
        let number = head.strip_prefix('a').filter(|number| is_plain(number));
        let version = number.and_then(|number| number.parse().ok()).ok_or(BadToken::NoToken)?;
        if version != VERSION {
            return Err(BadToken::Version(version));
        }
        if word.len() > Token::LENGTH_MAX {
            return Err(BadToken::TooLong);
        }
        BASE64URL_NOPAD.decode(rest.as_bytes()).ok().and_then(|bytes| checked(&bytes)).ok_or_else(|| diagnose(rest))
    }
}

/// Whether a number has no sign and no zeros before it, so that there is one way to write it.
fn is_plain(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'))
}

/// The token in these bytes, if nothing of them was changed.
fn checked(bytes: &[u8]) -> Option<Token> {
    let (mut fields, sum) = bytes.split_last_chunk::<4>()?;
    if crc_32(fields) != u32::from_le_bytes(*sum) {
        return None;
    }
    let length = read_number(&mut fields)?;
    if length == fields.len() as u64 { Token::read(&mut fields) } else { None }
}

/// What is wrong with what follows the version: too little of it, or something else.
fn diagnose(rest: &str) -> BadToken {
    let quads = &rest.as_bytes()[..rest.len() / 4 * 4];
    let Ok(bytes) = BASE64URL_NOPAD.decode(quads) else { return BadToken::Damaged };
    let mut fields = bytes.as_slice();
    let there = rest.len() as u64 * 3 / 4;
    match read_number(&mut fields) {
        Some(length) if length.saturating_add((bytes.len() - fields.len()) as u64 + 4) <= there => BadToken::Damaged,
        _ => BadToken::CutOff,
    }
}

impl fmt::Display for BadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = "a token begins with `a1-`";
        match self {
            BadToken::NoToken => write!(f, "expected a token, but found something else: {tokens}"),
            BadToken::Version(version) if *version > VERSION => {
                write!(f, "expected a token of version {VERSION}, but found version {version}: a newer Atropos made it")
            }
            BadToken::Version(version) => {
                write!(f, "expected a token of version {VERSION}, but found version {version}, which never was")
            }
            BadToken::CutOff => f.write_str("expected a whole token, but its end is missing: copy all of the line"),
            BadToken::Damaged => f.write_str("expected a token as it was printed, but it was changed: copy it again"),
            BadToken::TooLong => {
                write!(f, "expected a token of at most {} characters, but it is longer", Token::LENGTH_MAX)
            }
        }
    }
}

impl std::error::Error for BadToken {}

/// LEB128: seven bits a byte, the lowest first, and the high bit on all but the last.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        let part = u64::from(byte & 0x7f);
        if part > u64::MAX >> shift {
            return None;
        }
        number |= part << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn read_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(read_number(bytes)?).ok()?;
    let text = bytes.split_off(..length)?;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

fn write_optional(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        write_text(text, out);
    }
}

fn read_optional(bytes: &mut &[u8]) -> Option<Option<String>> {
    match bytes.split_off_first()? {
        0 => Some(None),
        1 => read_text(bytes).map(Some),
        _ => None,
    }
}

/// CRC-32 as zip and Ethernet have it, bit by bit: a token is short.
fn crc_32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Token {
        let timer = Deviation {
            kind: Kind::TimerOrder,
            subject: "event loop".to_owned(),
            site: "1s".to_owned(),
            visit: 300,
            chosen: "wörker 3".to_owned(),
        };
        let cut = Deviation { kind: Kind::Cut, subject: String::new(), ..timer.clone() };
        let strategy = Some("cancel-each-task".to_owned());
        Token {
            scenario_hash: Token::hash("x"),
            strategy,
            profile: Some("3.9".to_owned()),
            deviations: vec![timer, cut],
        }
    }

    /// Tokens stand in files that people commit, so they mean the same for ever.
    #[test]
    fn a_token_is_written_as_it_always_was() {
        let word = "a1-SxHNsoBkbPDqARBjYW5jZWwtZWFjaC10YXNrAQMzLjkACmV2ZW50IGxvb3ACMXOsAgl3w7Zya2VyIDMEAAIxc6wCCXfDtnJrZXIgM9lR9Rs";
        assert_eq!(two().to_string(), word);
        assert_eq!(word.parse(), Ok(two()));
        assert_eq!(crc_32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32");
    }

    #[test]
    fn a_change_of_any_one_character_is_noticed() {
        let word = two().to_string();
        assert!(word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{word}");
        for at in 0..word.len() {
            for other in (0..128).map(char::from).filter(|other| !word[at..].starts_with(*other)).chain(['é', '日']) {
                let changed = format!("{}{other}{}", &word[..at], &word[at + 1..]);
                assert!(changed.parse::<Token>().is_err(), "{changed}");
                let longer = format!("{}{other}{}", &word[..at], &word[at..]);
                assert!(longer.parse::<Token>().is_err(), "{longer}");
            }
            assert_eq!(word[..at].parse::<Token>(), Err(if at < 3 { BadToken::NoToken } else { BadToken::CutOff }));
        }
    }

    #[test]
    fn what_is_no_token_says_what_to_do() {
        let check = |word: &str, expected: BadToken| assert_eq!(word.parse::<Token>(), Err(expected), "{word}");
        for word in ["", "a", "a1", "-", "a-b", "ax-AAAA", "b1-AAAA", "--help", "first.toml", "a99999999999-A", "a+1-A"]
        {
            check(word, BadToken::NoToken);
        }
        check("a2-AAAA", BadToken::Version(2));
        check("a0-AAAA", BadToken::Version(0));
        check("a1-", BadToken::CutOff);
        check("a1-AAAA", BadToken::CutOff);
        check("a1-AAAAAAAAAAAAAAAA", BadToken::Damaged);
        check(&format!("a1-{}", "A".repeat(Token::LENGTH_MAX)), BadToken::TooLong);
        assert!(BadToken::Version(2).to_string().ends_with("a newer Atropos made it"));
    }

    /// The sum is right, and what it covers is nonsense.
    #[test]
    fn a_token_that_somebody_made_up_is_damaged() {
        let made_up = |fields: &[u8]| {
            let mut bytes = vec![fields.len() as u8];
            bytes.extend_from_slice(fields);
            bytes.extend_from_slice(&crc_32(&bytes).to_le_bytes());
            format!("a1-{}", BASE64URL_NOPAD.encode(&bytes)).parse::<Token>()
        };
        assert!(made_up(&[0; 10]).is_ok());
        let huge = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        let fields: [&[u8]; 7] = [
            &[],
            &[0; 9],
            &[0, 0, 0, 0, 0, 0, 0, 0, 2, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 200, 0, 0, 0],
            &[&[0; 11], huge.as_slice()].concat(),
            &[&[0; 13], huge.as_slice(), &[0]].concat(),
        ];
        for fields in fields {
            assert_eq!(made_up(fields), Err(BadToken::Damaged), "{fields:?}");
        }
    }
}
