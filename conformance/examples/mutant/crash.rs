//! How a program of the course dies when nobody caught the exception. It serves the faults that end in a crash.

use std::io::Write;

/// Dies as a Python program does of an exception that nobody caught: a stack trace on standard error, status 1.
pub(crate) fn traceback(exception: &str) -> ! {
    let trace = format!(
        "Traceback (most recent call last):\n  File \"tester.py\", line 177, in <module>\n    main()\n{exception}\n"
    );
    let _ = std::io::stderr().write_all(trace.as_bytes());
    std::process::exit(1)
}

/// Dies of a signal, without a word, as a C program does of SIGPIPE or of a bad pointer.
pub(crate) fn killed() -> ! {
    std::process::abort()
}
