//! `conformance reproduce CASE`: writes a Python 3 script that plays a case against a tester on this machine. The script
//! needs only the standard library, and users may edit it.

mod python;
mod steps;

use std::path::Path;

use crate::commands::cli::ReproduceArgs;
use crate::grading::choice;
use crate::model::case::{Case, Role};
use crate::model::exit::Exit;
use crate::model::place::{ADDRESS, HOST_NAME};
use crate::model::refusal::{Refusal, write_line};
use crate::model::requirement::Catalogue;
use crate::model::tolerance::Tolerances;
use crate::report::output::Destination;
use crate::report::{Document, Tool};
use crate::words::page::command_line;
use crate::words::trace;

/// The part of the script that is the same for every case.
const PLAYER: &str = include_str!("reproduce/player.py");

/// A script, and a line for each step that it leaves out.
#[derive(Debug)]
pub struct Script {
    /// The whole text.
    pub text: String,
    /// Which steps are left out, and why.
    pub left_out: Vec<String>,
}

/// Writes the script, and on standard error what it leaves out.
pub fn write(args: &ReproduceArgs) -> Exit {
    try_write(args).map_or_else(Refusal::report, |()| Exit::Holds)
}

fn try_write(args: &ReproduceArgs) -> Result<(), Refusal> {
    let catalogue = choice::catalogue()?;
    let tolerances = args.times.tolerances();
    let cases = choice::all(&args.fixtures, &catalogue, &tolerances)?;
    let case = choice::one(cases, &args.case)?;
    let file = args.output.as_deref();
    let destination = Destination::open(file).map_err(|error| {
        Refusal::usage(format!("--output {}: {error}", file.unwrap_or(Path::new("-")).display()))
    })?;
    let name = file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let script = script(&case, &catalogue, &tolerances, name.as_deref().unwrap_or("reproduce.py"));
    destination
        .write(&Document::Bytes(script.text.into_bytes()))
        .map_err(|error| Refusal::not_carried_out(format!("--output: {error}")))?;
    for line in &script.left_out {
        write_line(format_args!("conformance: {}: the script leaves out {line}", case.id));
    }
    Ok(())
}

/// The script of a case, in a file called `name`.
pub fn script(case: &Case, catalogue: &Catalogue, tolerances: &Tolerances, name: &str) -> Script {
    let steps::Steps { lines, mut left_out } = steps::steps(case);
    let args: Vec<String> = case.args.iter().map(|arg| of_this_machine(arg, &mut left_out)).collect();
    let sends_random = lines.iter().any(|line| line.contains("random*"));
    let has_session = lines.iter().any(|line| line.contains("*session("));
    let mut text = head(case, catalogue, name, &args);
    text.push_str(
        "\nimport os\nimport pty\nimport random\nimport re\nimport select\nimport shlex\nimport signal\n",
    );
    text.push_str(
        "import socket\nimport struct\nimport subprocess\nimport sys\nimport threading\nimport time\n\n",
    );
    let mut setting = |name: &str, value: String, comment: &str| {
        text.push_str(&format!("{:<30}# {comment}\n", format!("{name} = {value}")));
    };
    setting("ROLE", python::string(&case.role.to_string()), "what your program is started as");
    setting("HOST", python::string("127.0.0.1"), "where your server is");
    setting("PORT", crate::play::CONTROL_PORT.to_string(), "the control port");
    setting(
        "LISTEN",
        if case.listen { "True" } else { "False" }.to_owned(),
        "whether this script plays a server",
    );
    setting("PATIENCE", steps::seconds(tolerances.patience), "what \"promptly\" means, in seconds");
    setting("STARTUP", steps::seconds(tolerances.startup), "until your program listens or connects");
    if sends_random {
        left_out.push("the very bytes of random*: Python makes others of the same seed".to_owned());
    }
    setting("SEED", "0".to_owned(), "of whatever is random");
    text.push_str(&format!("ARGS = {}\n", python::list(args.iter().map(String::as_str))));
    if has_session {
        text.push_str(SESSION);
    }
    text.push_str(LEGEND);
    for line in &lines {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str("]\n\n# What this script leaves out of the case, and why.\nLEFT_OUT = [\n");
    for line in &left_out {
        text.push_str(&format!("    {},\n", python::string(line)));
    }
    text.push_str("]\n\n# What the stack traces of the common languages look like.\nTRACES = [\n");
    for pattern in trace::patterns() {
        // The script searches each line. Python allows (?m) only at the very start.
        text.push_str(&format!("    {},\n", python::string(&pattern.replace("(?m)", ""))));
    }
    text.push_str("]\n\n");
    text.push_str(PLAYER);
    Script { text, left_out }
}

/// The comment before the list.
const LEGEND: &str = "
# What is done, and what has to come back, in this order. Times are in seconds. In the bytes, ?? is any, PP PP the port
# that your server announces, HI LO that of this script, NN*8 the count of test datagrams (NN%75: three quarters of it),
# 00*8 a byte that comes so often; | parts the segments of a send.
STEPS = [
";

/// A whole valid session, as the script writes it.
const SESSION: &str = r#"

def session(test_type, within):
    """A whole valid session on a connection of its own: Request, Reply, Done, Results."""
    return [
        dict(connect="session"),
        dict(send="01 01 " + test_type, on="session"),                   # Request
        dict(expect="01 02 PP PP", within=within, on="session"),         # Reply
        dict(send="01 03", on="session"),                                # Done
        dict(expect="01 04 ??*8", within=PATIENCE, on="session"),       # Results
        dict(close=True, on="session"),
    ]

"#;

/// Replaces the host name and the address of the runner's network by those of this machine.
fn of_this_machine(arg: &str, left_out: &mut Vec<String>) -> String {
    if arg.contains(HOST_NAME) {
        left_out
            .push(format!("the host name {HOST_NAME}, which only conformance's own network has: localhost"));
        return arg.replace(HOST_NAME, "localhost");
    }
    arg.replace(&ADDRESS.to_string(), "{external}")
}

fn head(case: &Case, catalogue: &Catalogue, name: &str, args: &[String]) -> String {
    let call = command_line(args);
    let mut lines = vec![format!("{}: {}", case.id, case.summary), String::new()];
    for entry in case.requirements.iter().filter_map(|id| catalogue.find(id)) {
        let text = format!("{} ({}): {} [{}]", entry.id, entry.level, entry.text, entry.source);
        lines.extend(textwrap::wrap(&text, 110).into_iter().map(std::borrow::Cow::into_owned));
    }
    lines.push(String::new());
    match case.role {
        Role::Server => {
            lines.push(format!("    python3 {name}                 where your server runs already"))
        }
        Role::Client => {
            lines.push(format!("    python3 {name}                 waits for you to start your client"))
        }
        Role::Command => {}
    }
    lines.push(format!("    python3 {name} -- ./tester     starts your program itself:"));
    lines.push(format!("        ./tester {call}"));
    lines.retain({
        let mut before = false;
        move |line: &String| {
            let keep = !(line.is_empty() && before);
            before = line.is_empty();
            keep
        }
    });
    lines.push(String::new());
    lines.push(
        "It says what it does and what comes. Exit status: 0 as expected, 1 not, 2 it was called wrongly, 3 not \
         sure: this machine is too busy."
            .to_owned(),
    );
    lines.push(
        "Python 3.6 or later on Linux or macOS, and nothing else. Edit the steps as you like.".to_owned(),
    );
    let Tool { name: tool, version } = Tool::this();
    lines.push(format!("Written by {tool} {version}."));
    let text = python::within_docstring(&lines.join("\n"));
    format!("#!/usr/bin/env python3\n\"\"\"{text}\n\"\"\"\n")
}

#[cfg(test)]
mod tests;
