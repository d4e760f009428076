//! What a person gets who grades a tester: the reference holds everything at the documents' own times, the runner's own
//! roles hold it as well, and the report names the cause of a failure. It is for whoever trusts a whole report.

mod causes;
mod reference;
mod scripted;
