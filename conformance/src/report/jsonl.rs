//! The run as it happens, with a JSON object on each line, for programs that follow it. The lines are `$defs/event` of
//! spec/report.schema.json. The last one, `ended`, shows that nothing is missing.

use crate::words::escape;
use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::output::Stream;
use super::{RunReport, Tool};
use crate::model::event::{Event, Listener};
use crate::model::outcome::{CaseRecord, RequirementRecord, Summary};
use crate::model::problem::Problem;
use crate::model::tolerance::seconds;

/// Writes every event of a run when it happens.
#[derive(Debug)]
pub struct JsonLines {
    to: Stream,
    /// When the first line was written.
    began: Option<Instant>,
    /// The first failure to write, which `finish` returns.
    failed: Option<io::Error>,
}

/// A line: the time in seconds since the first line, and the event.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "at_s", with = "seconds")]
    at: Duration,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum What<'a> {
    Planned {
        schema: u32,
        tool: Tool,
        cases: Vec<&'a str>,
        not_run: Vec<NotRun<'a>>,
    },
    Started {
        id: &'a str,
    },
    Waiting {
        id: &'a str,
        what: &'a str,
        #[serde(rename = "at_most_s", with = "seconds")]
        at_most: Duration,
    },
    Resumed {
        id: &'a str,
    },
    Finished {
        case: &'a CaseRecord,
    },
    Again {
        id: &'a str,
    },
    Ended {
        summary: &'a Summary,
        requirements: &'a [RequirementRecord],
        problems: &'a [Problem],
    },
}

#[derive(Serialize)]
struct NotRun<'a> {
    id: &'a str,
    reason: &'a str,
}

impl JsonLines {
    /// Writes to an opened stream.
    pub fn new(to: Stream) -> Self {
        Self { to, began: None, failed: None }
    }

    /// Writes the last line. The error may be of an earlier line.
    pub fn finish(mut self, report: &RunReport) -> io::Result<()> {
        self.write(What::Ended {
            summary: &report.summary,
            requirements: &report.requirements,
            problems: &report.problems,
        });
        self.failed.map_or(Ok(()), Err)
    }

    fn write(&mut self, what: What<'_>) {
        if self.failed.is_some() {
            return;
        }
        let at = self.began.get_or_insert_with(Instant::now).elapsed();
        let written = escape::json(&Line { at, what }, false)
            .map_err(io::Error::from)
            .and_then(|line| self.to.write_line(&line));
        self.failed = written.err();
    }
}

impl Listener for JsonLines {
    fn on(&mut self, event: &Event<'_>) {
        self.write(match event {
            // The record of the case has it.
            Event::Happened { .. } => return,
            Event::Planned(plan) => What::Planned {
                schema: super::SCHEMA,
                tool: Tool::this(),
                cases: plan.cases.iter().map(|case| case.id.as_str()).collect(),
                not_run: (plan.dropped.iter())
                    .map(|dropped| NotRun { id: &dropped.case.id, reason: &dropped.reason })
                    .collect(),
            },
            Event::Started { id } => What::Started { id },
            Event::Waiting { id, what, at_most } => What::Waiting { id, what, at_most: *at_most },
            Event::Resumed { id } => What::Resumed { id },
            Event::Finished(case) => What::Finished { case },
            Event::Again { id } => What::Again { id },
        });
    }
}
