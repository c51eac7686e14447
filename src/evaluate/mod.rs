//! `beeline evaluate mdrp`: plays public instances of the Meal Delivery Routing Problem (Reyes et al. 2018) in simulated time
//! through the functions of [`crate::domain::matching`] that the live server uses, and reports the published measures.
//!
//! Knows nothing of actors, stores or sockets. A malformed instance is an error that names file and line.

mod cells;
mod day;
mod instance;
mod measures;
mod overlay;
mod play;
mod report;
mod solution;

pub use instance::Instance;
pub use instance::InstanceError;
pub use measures::Measures;
pub use report::Report;

use measures::Tally;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// [`crate::domain::matching::decide`].
    Optimal,
    /// [`crate::domain::matching::nearest`].
    Nearest,
}

/// What to play and how.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Instances, or folders of instances.
    pub folders: Vec<PathBuf>,
    /// Who decides.
    pub policy: Policy,
    /// Only each restaurant's mean preparation is known until an order is ready.
    pub only_means: bool,
    /// Share of offers declined at once, 0 to 1.
    pub decline: f64,
    /// Share of offers left to lapse, 0 to 1.
    pub timeout: f64,
    /// Seed of both.
    pub seed: u64,
    /// Each H3 cell decides for its own orders.
    pub cells: bool,
    /// Drivers farther than this many metres from the pickup are not asked; `None`: no bound.
    pub match_radius_m: Option<f64>,
    /// Write the library's solution files under this folder, one folder an instance.
    pub write_solution: Option<PathBuf>,
}

impl EvaluateOptions {
    /// Plain play of these folders.
    #[must_use]
    pub fn of(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            policy: Policy::Optimal,
            only_means: false,
            decline: 0.0,
            timeout: 0.0,
            seed: 1,
            cells: false,
            match_radius_m: None,
            write_solution: None,
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// An instance is malformed.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// A folder holds none.
    #[error("{0}: neither an instance (a folder with orders.txt) nor a folder of instances")]
    NoInstance(PathBuf),
    /// A folder or file cannot be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// Plays all instances. `progress` hears the name of each before it is played.
pub fn run(options: &EvaluateOptions, mut progress: impl FnMut(&str)) -> Result<Report, EvaluateError> {
    let mut rows = Vec::new();
    let mut all = Tally::default();
    for folder in instances(&options.folders)? {
        let instance = Instance::read(&folder)?;
        progress(&instance.name);
        let played = play::play(&instance, options);
        if let Some(target) = &options.write_solution {
            let target = target.join(&instance.name);
            solution::write(&target, &played.day).map_err(|error| EvaluateError::Io(target, error))?;
        }
        let mut tally = Tally::default();
        tally.add(&instance, &played);
        all.merge(&tally);
        rows.push(tally.measures(&instance.name));
    }
    Ok(Report::new(options, rows, all.measures("all")))
}

/// The folders that hold instances, each named folder's own in the sequence of their names.
fn instances(folders: &[PathBuf]) -> Result<Vec<PathBuf>, EvaluateError> {
    let mut found = Vec::new();
    for folder in folders {
        if Instance::is_at(folder) {
            found.push(folder.clone());
            continue;
        }
        let inside = list(folder).map_err(|error| EvaluateError::Io(folder.clone(), error))?;
        if inside.is_empty() {
            return Err(EvaluateError::NoInstance(folder.clone()));
        }
        found.extend(inside);
    }
    Ok(found)
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inside = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if Instance::is_at(&path) {
            inside.push(path);
        }
    }
    inside.sort();
    Ok(inside)
}

#[cfg(test)]
mod tests;
