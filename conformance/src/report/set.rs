//! The reports of one run. They are opened before it, so that a wrong path stops the runner before it grades. Some follow
//! the run, and the others are written when it is over.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::github::SUMMARY_VARIABLE;
use super::human::Detail;
use super::jsonl::JsonLines;
use super::output::{Destination, Stream};
use super::{RunReport, github, render};
use crate::model::event::Listener;
use crate::model::requirement::Catalogue;
use crate::report::format::{ReportArg, ReportFormat};

/// Why a report cannot be opened or written.
#[derive(Debug, Error)]
pub enum ReportsError {
    /// More than one would go to standard output.
    #[error("--report: only one report can go to standard output, the others need =FILE")]
    SeveralOnStandardOutput,
    /// A file, or standard output, cannot be opened or written.
    #[error("--report {name}: {source}")]
    Destination {
        /// The file; for standard output `-` or its name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file for the summary of a GitHub job cannot be opened.
    #[error("{SUMMARY_VARIABLE} {}: {source}", path.display())]
    JobSummary {
        /// The file that the variable names.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The opened reports of one run.
#[derive(Debug, Default)]
pub struct Reports {
    at_end: Vec<(ReportFormat, Destination)>,
    live: Vec<(String, JsonLines)>,
    job_summary: Option<(PathBuf, File)>,
    /// How much the report for a person shows.
    detail: Detail,
}

impl Reports {
    /// Opens the reports; without any, the human report on standard output.
    ///
    /// # Errors
    /// Two would go to standard output, or a file cannot be opened.
    pub fn open(args: &[ReportArg]) -> Result<Self, ReportsError> {
        let default = [ReportArg { format: ReportFormat::Human, file: None }];
        let args = if args.is_empty() { &default[..] } else { args };
        if args.iter().filter(|arg| arg.file.is_none()).count() > 1 {
            return Err(ReportsError::SeveralOnStandardOutput);
        }
        let mut reports = Self::default();
        for arg in args {
            let name = arg.file.as_deref().unwrap_or(Path::new("-")).display().to_string();
            reports.add(arg).map_err(|source| ReportsError::Destination { name, source })?;
        }
        let job_summary = std::env::var_os(SUMMARY_VARIABLE).filter(|path| !path.is_empty());
        if let Some(path) = job_summary.map(PathBuf::from)
            && args.iter().any(|arg| arg.format == ReportFormat::Github)
        {
            let file = OpenOptions::new().append(true).create(true).open(&path);
            let file = file.map_err(|source| ReportsError::JobSummary { path: path.clone(), source })?;
            reports.job_summary = Some((path, file));
        }
        Ok(reports)
    }

    /// The same, with everything that the report for a person can show.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.detail = if verbose { Detail::Full } else { Detail::Brief };
        self
    }

    fn add(&mut self, arg: &ReportArg) -> io::Result<()> {
        let path = arg.file.as_deref();
        if arg.format == ReportFormat::Jsonl {
            let name = path.map_or("standard output".to_owned(), |path| path.display().to_string());
            self.live.push((name, JsonLines::new(Stream::open(path)?)));
        } else {
            self.at_end.push((arg.format, Destination::open(path)?));
        }
        Ok(())
    }

    /// The reports that follow the run.
    pub fn listeners(&mut self) -> impl Iterator<Item = &mut dyn Listener> {
        self.live.iter_mut().map(|(_, lines)| lines as &mut dyn Listener)
    }

    /// Writes every report of a run that is over.
    ///
    /// # Errors
    /// The first error. All other reports are written anyway.
    pub fn write(self, report: &RunReport, catalogue: &Catalogue) -> Result<(), ReportsError> {
        let live = self.live.into_iter().map(|(name, lines)| (name, lines.finish(report)));
        let at_end = self.at_end.into_iter().map(|(format, destination)| {
            let name = destination.name();
            let document = render(format, report, catalogue, destination.width(), self.detail);
            let written = document.and_then(|document| destination.write(&document));
            (name, written)
        });
        let job_summary = self.job_summary.into_iter().map(|(path, mut file)| {
            let written = github::summary(report, catalogue).and_then(|summary| file.write_all(&summary));
            (path.display().to_string(), written)
        });
        let mut first = Ok(());
        for (name, written) in live.chain(at_end).chain(job_summary) {
            first = first.and(written.map_err(|source| ReportsError::Destination { name, source }));
        }
        first
    }
}
