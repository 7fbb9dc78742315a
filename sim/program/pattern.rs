//! Names with stars: how a file speaks of several tasks at once.
//!
//! Knows nothing of what is named.

/// A name in which every `*` stands for any text.
///
/// ```
/// use atropos::program::Pattern;
/// assert!(Pattern::new("worker *").matches("worker 12"));
/// assert!(Pattern::new("*").matches(""));
/// assert!(!Pattern::new("work*er").matches("worker 12"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// The pattern that is written like this.
    pub fn new(text: impl Into<String>) -> Pattern {
        Pattern { text: text.into() }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it fits a name. Takes time in proportion to the two lengths multiplied, at most.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.text.split('*');
        let first = parts.next().unwrap_or("");
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            // The first place leaves the most for what follows.
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_stand_for_anything() {
        let check = |pattern: &str, name: &str, fits: bool| {
            assert_eq!(Pattern::new(pattern).matches(name), fits, "{pattern} {name}");
        };
        check("main", "main", true);
        check("main", "main 2", false);
        check("", "", true);
        check("", "a", false);
        check("a*", "a", true);
        check("*a", "ba", true);
        check("*a", "ab", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("a*a", "a", false);
        check("**", "", true);
        check("é*", "été", true);
    }
}
