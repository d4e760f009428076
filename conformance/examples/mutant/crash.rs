//! How a student's program ends after an exception that is not caught. Serves the faults that end in a crash.

use std::io::Write;

/// Ends like a Python program with an uncaught exception: a stack trace on standard error, status 1.
pub(crate) fn traceback(exception: &str) -> ! {
    let trace = format!(
        "Traceback (most recent call last):\n  File \"tester.py\", line 177, in <module>\n    main()\n{exception}\n"
    );
    let _ = std::io::stderr().write_all(trace.as_bytes());
    std::process::exit(1)
}

/// Ends by a signal, without a message, like a C program after SIGPIPE or a bad pointer.
pub(crate) fn killed() -> ! {
    std::process::abort()
}
