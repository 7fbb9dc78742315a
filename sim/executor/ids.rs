//! tokio's numbers of tasks in what the code under test says: it counts them all through the process, so the same run would
//! say another number each time. They become the names of the tasks.
//!
//! Knows nothing of where such a text comes from.

/// What stands around a number of a task in the texts of tokio's `JoinError`: before it, and after it.
const PLACES: [(&str, &[&str]); 2] = [("Id(", &[")"]), ("task ", &[" was cancelled", " panicked"])];

/// The same text with names, which are asked for by number.
pub(super) fn named(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, before, number, after)) = next(rest) {
        out.push_str(&rest[..at + before]);
        out.push_str(name(number).as_deref().unwrap_or("?"));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first number in a text: where what stands before it is, how long that is, the number, and the text after it.
fn next(text: &str) -> Option<(usize, usize, &str, &str)> {
    let found = PLACES.iter().filter_map(|(before, after)| {
        text.match_indices(before).find_map(|(at, _)| {
            let from = &text[at + before.len()..];
            let digits = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (number, rest) = from.split_at(digits);
            let is_one = digits > 0 && after.iter().any(|after| rest.starts_with(after));
            is_one.then_some((at, before.len(), number, rest))
        })
    });
    found.min_by_key(|(at, ..)| *at)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn numbers_become_names() {
        let told = |text| named(text, |number| (number == "17").then(|| "upload".to_owned()));
        assert_eq!(told("JoinError::Cancelled(Id(17))"), "JoinError::Cancelled(Id(upload))");
        assert_eq!(told("task 17 was cancelled; task 4 panicked"), "task upload was cancelled; task ? panicked");
        assert_eq!(told("Id(17)Id(17)"), "Id(upload)Id(upload)");
        for other in ["", "task 17 is done", "Id(", "Id()", "Id(x)", "Id(17", "task ", "an Id(é)"] {
            assert_eq!(told(other), other);
        }
    }
}
