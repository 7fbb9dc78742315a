//! What a program printed, and nothing else.
//!
//! Knows nothing of who printed it, or when.

use crate::program::Program;
use crate::trace::{Trace, What};

/// Every printed text as it is, each followed by a newline, as the program itself would have written them.
pub fn transcript(program: &Program, trace: &Trace) -> String {
    let mut out = String::new();
    for moment in trace.iter() {
        if let What::Printed { text, .. } = moment.what {
            out.push_str(trace.text(program, text));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TaskId;
    use crate::program::{Texts, Value, sample};
    use crate::trace::{Outcome, Recorder};

    #[test]
    fn has_the_programs_texts_and_the_runs_in_the_order_of_printing() {
        let mut program = sample::program(&[]);
        let [a, empty] = ["a\u{1b}\nb", ""].map(|text| sample::text(&mut program, text));
        let mut made = Texts::default();
        made.restart_above(&program.texts);
        let mut recorder = Recorder::default();
        for text in [made.intern("made"), empty, a] {
            recorder.record(What::Printed { task: TaskId::MAIN, text });
            recorder.record(What::Yielded { task: TaskId::MAIN });
        }
        let trace = recorder.trace(Outcome::Finished(Value::None), &made);
        assert_eq!(transcript(&program, &trace), "made\n\na\u{1b}\nb\n");
    }
}
