//! Network tester.
fn main() {}
