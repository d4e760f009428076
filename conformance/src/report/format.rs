//! The values of `--report`: a format, and a file.

use std::path::PathBuf;

use clap::ValueEnum;
use thiserror::Error;

/// `--report`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportArg {
    /// The format.
    pub format: ReportFormat,
    /// The file; `None` for standard output.
    pub file: Option<PathBuf>,
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a person
    Human,
    /// For a program: one document when the run is over
    Json,
    /// For a program: a line for each event as it happens
    Jsonl,
    /// For the test viewers of CI systems
    Junit,
    /// For a harness of the Test Anything Protocol, version 14
    Tap,
    /// For GitHub Actions: annotations, and a summary in the file that GITHUB_STEP_SUMMARY names
    Github,
    /// For Gradescope: results.json, a point for each requirement that counts
    Gradescope,
    /// For a browser: one page that needs nothing else
    Html,
}

impl ReportFormat {
    /// The extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Human => "txt",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Junit => "junit.xml",
            Self::Tap => "tap",
            Self::Github => "github.txt",
            Self::Gradescope => "gradescope.json",
            Self::Html => "html",
        }
    }
}

/// Why a text names no report.
#[derive(Debug, Error)]
pub enum ReportArgError {
    /// Nothing follows the equals sign.
    #[error("no file behind =")]
    NoFile,
    /// No such format.
    #[error("{format} is none of {}", known.join(", "))]
    NoFormat {
        /// What was asked for.
        format: String,
        /// All formats.
        known: Vec<String>,
    },
}

impl std::str::FromStr for ReportArg {
    type Err = ReportArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (format, file) = match text.split_once('=') {
            Some((_, "")) => return Err(ReportArgError::NoFile),
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = ReportFormat::from_str(format, false).map_err(|_| {
            let known = ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let known = known.map(|value| value.get_name().to_owned()).collect();
            ReportArgError::NoFormat { format: format.to_owned(), known }
        })?;
        Ok(Self { format, file })
    }
}
