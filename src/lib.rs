//! Network tester.
