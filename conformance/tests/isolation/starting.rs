//! What cannot be started, and why.

use std::fs;

use conformance::stage::target::{Launch, StartError, Target};

use crate::running::Place;

pub(crate) fn what_cannot_be_started_is_told_apart(place: &Place) {
    place.enter();
    let shell = b"echo hello\n";
    let windows = b"#!/bin/sh\r\necho hello\r\n";
    place.file("plain.txt", shell, 0o644);
    place.file("no-shebang", shell, 0o755);
    place.file("windows", windows, 0o755);
    place.file("missing-interpreter", b"#!/no/such/python3 -u\nprint()\n", 0o755);
    place.file("empty", b"", 0o755);
    place.file("right", b"#!/bin/sh\nexit 0\n", 0o755);
    fs::create_dir(place.cwd.join("folder")).unwrap();
    let expected = [
        ("./absent", "./absent: no such program"),
        ("absent", "absent: no such program"),
        ("./plain.txt/below", "./plain.txt/below: no such program"),
        ("", ": no such program"),
        ("./folder", "./folder: is a directory, not a program"),
        ("./plain.txt", "./plain.txt: not executable (chmod +x makes it so)"),
        (
            "./no-shebang",
            "./no-shebang: neither a binary for this machine nor a script with a first line such as #!/usr/bin/env python3",
        ),
        (
            "./empty",
            "./empty: neither a binary for this machine nor a script with a first line such as #!/usr/bin/env python3",
        ),
        (
            "./windows",
            r#"./windows: its first line asks for the interpreter "/bin/sh\r", which does not exist"#,
        ),
        (
            "./missing-interpreter",
            r#"./missing-interpreter: its first line asks for the interpreter "/no/such/python3", which does not exist"#,
        ),
    ];
    for (program, message) in expected {
        assert_eq!(fault(&launch(place, program)).to_string(), message);
    }
    let nowhere = Launch { cwd: place.cwd.join("nowhere"), ..launch(place, "/bin/sh") };
    assert!(matches!(fault(&nowhere), StartError::WorkingDirectory { .. }));
    Target::start(&launch(place, "./right")).expect("started");
}

pub(crate) fn a_name_is_looked_for_in_the_path(place: &Place) {
    place.enter();
    let found = launch(place, "sh").resolve().unwrap();
    assert!(found.is_absolute() && found.ends_with("sh"), "{}", found.display());
    Target::start(&launch(place, "sh")).expect("started");
    // Not in the working directory, unless the name has a slash.
    place.file("own", b"#!/bin/sh\nexit 0\n", 0o755);
    assert!(matches!(fault(&launch(place, "own")), StartError::NotFound(name) if name.as_os_str() == "own"));
    Target::start(&launch(place, "./own")).expect("started");
}

fn launch(place: &Place, program: &str) -> Launch {
    Launch {
        program: program.into(),
        arg0: None,
        args: vec![],
        cwd: place.cwd.clone(),
        isolation: place.isolation,
        yields: false,
    }
}

fn fault(launch: &Launch) -> StartError {
    match Target::start(launch) {
        Ok(_) => panic!("{launch:?} was started"),
        Err(error) => error,
    }
}
