//! The failures that are saved beside a scenario: `first.failures.toml` for `first.toml`. Whoever explores or tests the
//! scenario runs them first.
//!
//! Knows nothing of how they are told.

#[cfg(feature = "cli")]
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::choice::Token;
use crate::report::{self, Rerun, Strayed};
use crate::scenario::{SavedFailure, read_failures};
use crate::verdict::Identity;

use super::{File, Rejected, Replayed, Setting, Told};

/// How the name of a file of saved failures ends.
const ENDING: &str = "failures.toml";

/// Whether a file is no scenario, but the failures that are saved beside one.
pub(super) fn keeps_failures(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&format!(".{ENDING}")))
}

/// Files of saved failures in a folder and those below it that stand beside no scenario, so that nobody runs them.
pub fn without_scenario(folder: &Path) -> Vec<PathBuf> {
    let mut alone = Vec::new();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            alone.extend(without_scenario(&path));
        } else if keeps_failures(&path) && !path.with_extension("").with_extension("toml").exists() {
            alone.push(path);
        }
    }
    alone
}

/// A saved failure whose run was made again.
#[derive(Debug)]
pub struct Kept {
    /// As it was saved.
    pub saved: SavedFailure,
    /// What happens now.
    pub replayed: Replayed,
    command: String,
}

impl Kept {
    /// What is wrong with the run now: the failure that was saved, or else another one; nothing if it holds.
    pub fn told(&self) -> Option<&Told> {
        let told = &self.replayed.told;
        told.iter().find(|told| told.identity == self.saved.identity).or_else(|| told.first())
    }

    /// Which failure of a main the run still shows, so that nobody has to hear of it again: the one that was saved.
    pub fn shows(&self, setting: &Setting) -> Option<&Identity> {
        let own = &self.replayed.setting;
        let is_its = (&own.strategy, own.profile, own.runtime) == (&setting.strategy, setting.profile, setting.runtime);
        self.told().map(|told| &told.identity).filter(|identity| is_its && **identity == self.saved.identity)
    }

    /// What has become of it, and the story of what its run shows now if that fails, in ANSI colours or without.
    pub fn text(&self, color: bool) -> String {
        let mut out = report::rerun(&self.rerun(), color);
        if let Some(told) = self.told() {
            out.push('\n');
            out.push_str(&report::failure(&told.story(&self.replayed.program, false, &self.command), color));
        }
        out
    }

    /// The same as JSON Lines.
    pub fn json(&self) -> String {
        let mut out = report::json_rerun(&self.rerun());
        if let Some(told) = self.told() {
            out.push_str(&report::json_failure(&told.story(&self.replayed.program, false, &self.command)));
        }
        out
    }

    fn rerun(&self) -> Rerun<'_> {
        let Kept { saved: SavedFailure { identity, story, token, .. }, replayed, command } = self;
        Rerun {
            identity,
            strategy: token.strategy.as_deref(),
            story,
            strayed: replayed.strayed(token),
            fails: self.told().map(|told| &told.identity),
            command,
        }
    }
}

impl Replayed {
    /// How far the run is the one that the token was made of.
    pub fn strayed(&self, token: &Token) -> Strayed<'_> {
        Strayed { was_edited: self.was_edited, unplaced: &self.unplaced, choices: token.deviations.len() }
    }
}

impl File {
    /// Where failures of this scenario are saved, whether there are any or not.
    pub fn failures_path(&self) -> PathBuf {
        self.path.with_extension(ENDING)
    }

    /// The failures that are saved beside this scenario, in the order of their file; none if there is no such file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is none of saved failures.
    pub fn saved_failures(&self) -> Result<Vec<SavedFailure>, Rejected> {
        let path = self.failures_path();
        let text = failures_text(&path).map_err(|error| {
            let message = format!("expected a file of saved failures, but it cannot be read: {error}");
            Rejected::whole(&path, message, "correct it, or delete it: exploring finds failures again")
        })?;
        read_failures(&text).map_err(|diagnostics| Rejected { path, text, diagnostics })
    }

    /// Makes the run of a saved failure again. What the scenario wants to be found by now is no failure any more.
    ///
    /// # Errors
    ///
    /// If the file does not fit the failure's main any more.
    pub fn rerun(&self, saved: SavedFailure) -> Result<Kept, Rejected> {
        let mut replayed = self.replay(&saved.token).map_err(|rejected| {
            let why: Vec<String> = rejected.diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect();
            let message = format!("the run of a saved failure cannot be made any more: {}", why.join("; "));
            let help = format!("delete its [[failure]], which ends in `token = \"{}\"`", saved.token);
            Rejected::whole(&self.failures_path(), message, &help)
        })?;
        let runtime = replayed.setting.runtime.unwrap_or(self.runtime());
        let must_find = self.expectation(saved.token.strategy.as_deref(), runtime).must_find;
        if let Some(must_find) = must_find {
            replayed.told.retain(|told| !must_find.is_found(&replayed.program, &told.identity));
        }
        let mut kept = Kept { command: String::new(), saved, replayed };
        let what = kept.told().and_then(|told| told.name_if_not_first(&kept.replayed.program));
        kept.command = self.replay_command(&kept.saved.token, what);
        Ok(kept)
    }

    /// Saves failures beside the scenario, as one that is run first from now on; returns how many of them are new there.
    /// What is there already stays as it is, but for an older run of the same failure. The file is there as a whole
    /// or not at all, whatever happens meanwhile, and of two that save at once none takes away what the other saves.
    ///
    /// # Errors
    ///
    /// Why the file could not be written, in a sentence.
    #[cfg(feature = "cli")]
    pub fn save(&self, failures: &[SavedFailure]) -> Result<usize, String> {
        let path = self.failures_path();
        // Where files cannot be locked, nobody is expected to save twice at once.
        let lock = std::fs::File::open(&self.path).ok().filter(|file| file.lock().is_ok());
        let write = || -> Result<usize, std::io::Error> {
            let old = failures_text(&path)?;
            let scenario = self.path.file_name().unwrap_or_default().to_string_lossy();
            let (mut text, mut new) = (old.clone(), 0);
            for failure in failures {
                let longer = crate::scenario::add_failure(&text, failure, &scenario).map_err(|diagnostics| {
                    let why: Vec<String> = diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect();
                    std::io::Error::other(why.join("; "))
                })?;
                new += usize::from(longer != text);
                text = longer;
            }
            if text != old {
                replace(&path, &text)?;
            }
            Ok(new)
        };
        let written = write();
        drop(lock);
        written.map_err(|error| format!("failures could not be saved in {}: {}", path.display(), reason(&error)))
    }
}

impl File {
    /// Writes the scenario to another place, and is there from now on.
    ///
    /// # Errors
    ///
    /// Why that could not be done, in a sentence.
    #[cfg(feature = "cli")]
    pub fn write_to(&mut self, path: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{} could not be written: {}", path.display(), reason(&error));
        replace(path, &self.text).map_err(failed)?;
        self.path = path.to_owned();
        Ok(())
    }
}

/// What a file of saved failures says; nothing if there is none.
fn failures_text(path: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        result => result,
    }
}

/// Puts a file with this text in the place of the one that is there, if any, in one step.
#[cfg(feature = "cli")]
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // What is linked to is replaced, not the link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".atropos-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map(drop).map_err(|error| error.error)
}

/// Why, without the name of a file that is there for a moment only.
#[cfg(feature = "cli")]
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::Other => error.to_string(),
        std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        kind => kind.to_string(),
    }
}
