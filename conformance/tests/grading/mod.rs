//! A whole grading: the reference fulfils everything at the documents' own times, the runner's own roles do too, and
//! the report names the cause of a failure. For changes to a whole report.

mod causes;
mod dead_programs;
mod reference;
mod scripted;
mod sharing;
