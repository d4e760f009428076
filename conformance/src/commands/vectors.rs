//! The golden messages of fixtures/messages, for people who write a tester in another language: every valid message
//! with its fields, every invalid one with its fault, as a table or as JSON.

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use rust_embed::Embed;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::commands::cli::VectorFormat;
use crate::model::exit::Exit;
use crate::model::refusal::write_line;

/// The four messages in the order of a session, and who sends each (P3, Communication Protocol).
const MESSAGES: [(&str, &str); 4] =
    [("Request", "client"), ("Reply", "server"), ("Done", "client"), ("Results", "server")];

#[derive(Embed)]
#[folder = "../fixtures"]
#[include = "messages/*.toml"]
struct Files;

/// Prints the vectors on standard output.
pub fn print(format: VectorFormat) -> Exit {
    match printed(format) {
        Ok(()) => Exit::Holds,
        Err(error) => {
            write_line(format_args!("conformance: {error}"));
            Exit::NotCarriedOut
        }
    }
}

#[derive(Debug, Error)]
enum VectorError {
    #[error("fixtures/{file}: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

fn printed(format: VectorFormat) -> Result<(), VectorError> {
    let messages = messages()?;
    let document = match format {
        VectorFormat::Text => as_text(&messages),
        VectorFormat::Json => as_json(&messages)?,
    };
    match io::stdout().lock().write_all(document.as_bytes()) {
        // A reader such as `head` may close the pipe early. That is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// All vectors of one message.
#[derive(Debug, Serialize)]
struct Message {
    message: &'static str,
    from: &'static str,
    size_bytes: usize,
    valid: Vec<Vector>,
    invalid: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    message: String,
    vector: Vec<Vector>,
}

/// One message as bytes, and either its fields or its fault.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    /// Pairs of hex digits with spaces between them.
    hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Fields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u8,
    message_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_port: Option<u16>,
    /// Decimal digits: many readers of JSON lose numbers above 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    udp_packets_received: Option<String>,
}

/// What is wrong, with the offset of the first wrong byte.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Fault {
    /// A field's value; `allowed` are the lowest and the highest one.
    NotAllowed { offset: usize, field: String, value: u64, allowed: [u64; 2] },
    /// Bytes are missing at the end.
    Truncated { offset: usize, missing: usize },
    /// Bytes follow the end.
    Trailing { offset: usize, extra: usize },
}

fn messages() -> Result<Vec<Message>, VectorError> {
    let mut messages: Vec<_> = (MESSAGES.iter())
        .map(|&(message, from)| Message {
            message,
            from,
            size_bytes: 0,
            valid: Vec::new(),
            invalid: Vec::new(),
        })
        .collect();
    let mut names: Vec<_> = Files::iter().collect();
    names.sort();
    for name in names {
        let unreadable = |reason: String| VectorError::Unreadable { file: name.to_string(), reason };
        let data = Files::get(&name).map(|file| file.data).unwrap_or_default();
        let file: File = toml::from_slice(&data).map_err(|error| unreadable(error.to_string()))?;
        let known = messages.iter_mut().find(|message| message.message == file.message);
        let message = known.ok_or_else(|| unreadable(format!("`{}` is no message", file.message)))?;
        for vector in file.vector {
            match (&vector.fields, &vector.fault) {
                (Some(_), None) => {
                    message.size_bytes = vector.length();
                    message.valid.push(vector);
                }
                (None, Some(_)) => message.invalid.push(vector),
                _ => {
                    return Err(unreadable(format!("{} needs either `fields` or `fault`", vector.name)));
                }
            }
        }
    }
    Ok(messages)
}

impl Vector {
    fn length(&self) -> usize {
        self.hex.split_whitespace().count()
    }

    /// The fields or the fault as text.
    fn meaning(&self) -> String {
        match (&self.fields, &self.fault) {
            (Some(fields), _) => fields.to_string(),
            (None, Some(fault)) => fault.to_string(),
            (None, None) => String::new(),
        }
    }
}

impl std::fmt::Display for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {}, message_type {}", self.version, self.message_type)?;
        if let Some(test_type) = self.test_type {
            write!(f, ", test_type {test_type}")?;
        }
        if let Some(test_port) = self.test_port {
            write!(f, ", test_port {test_port}")?;
        }
        match &self.udp_packets_received {
            Some(count) => write!(f, ", udp_packets_received {count}"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAllowed { offset, field, value, allowed: [low, high] } => {
                write!(f, "byte {offset}: {field} is {value}, allowed: {low}")?;
                if low == high { Ok(()) } else { write!(f, " to {high}") }
            }
            Self::Truncated { offset, missing } => write!(f, "byte {offset}: ended, {missing} too few"),
            Self::Trailing { offset, extra } => write!(f, "byte {offset}: not ended, {extra} too many"),
        }
    }
}

fn as_text(messages: &[Message]) -> String {
    let mut text =
        "Messages of the control protocol. Bytes in hex and counted from 0; numbers of several bytes are \
                    big-endian.\n"
            .to_owned();
    for Message { message, from, size_bytes, valid, invalid } in messages {
        text += &format!("\n{message}, {size_bytes} bytes from the {from}\n");
        for (heading, vectors) in [("valid", valid), ("invalid", invalid)] {
            text += &format!("  {heading}\n");
            let width = |of: fn(&Vector) -> &str| vectors.iter().map(|one| of(one).len()).max().unwrap_or(0);
            let (names, bytes) = (width(|vector| &vector.name), width(|vector| &vector.hex));
            for vector in vectors {
                let Vector { name, hex, .. } = vector;
                text += &format!("    {name:names$}  {hex:bytes$}  {}\n", vector.meaning());
            }
        }
    }
    text
}

fn as_json(messages: &[Message]) -> io::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u32,
        messages: &'a [Message],
    }
    Ok(serde_json::to_string_pretty(&Document { schema: SCHEMA, messages })? + "\n")
}

/// The version of the JSON document.
const SCHEMA: u32 = 1;
