//! A conversation as a capture file for Wireshark. The packets are made from the transcript and not captured. That works
//! everywhere, needs no privilege, and the file has nothing but the conversation. Their data and times are those of the
//! transcript. Sequence numbers, windows and acknowledgements are made up to fit.

mod flow;
mod packets;

use crate::words::escape;
use std::borrow::Cow;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

// Of the crates for pcapng, this one writes options (comments) and has a stable release that builds with our Rust.
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

use super::{RunReport, plain};
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::Catalogue;
use crate::words::ladder;
use packets::Packet;

/// Times are in units of 10^-9 s. The crate writes no others.
const NANOSECONDS: u8 = 9;

/// The longest comment in bytes. The length of an option has 16 bits (pcapng, section 3.5).
const MOST_COMMENT: usize = 32_000;

/// The case's conversation as a pcapng file. Its time zero is `began`. `None` if there was no connection. `run` may be
/// without cases.
pub fn render(
    case: &CaseRecord,
    run: &RunReport,
    catalogue: &Catalogue,
    began: SystemTime,
) -> io::Result<Option<Vec<u8>>> {
    let mut packets = packets::packets(case);
    let Some(last) = packets.len().checked_sub(1) else { return Ok(None) };
    if let Some((place, words)) = fault(case, &packets) {
        packets[place.min(last)].notes.insert(0, words);
    }
    packets[0].notes.insert(0, verdict(case));

    let section = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![
            SectionHeaderOption::Comment(comment(&about(case, run, catalogue))),
            SectionHeaderOption::UserApplication(comment(&format!("{} {}", run.tool.name, run.tool.version))),
        ],
        ..SectionHeaderBlock::default()
    };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), section).map_err(io::Error::other)?;
    let interface = InterfaceDescriptionBlock {
        // The packets have no link layer.
        linktype: DataLink::RAW,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed("conversation")),
            InterfaceDescriptionOption::IfDescription(Cow::Borrowed(
                "made from the transcript, not captured",
            )),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ],
    };
    writer.write_pcapng_block(interface).map_err(io::Error::other)?;
    let zero = began.duration_since(UNIX_EPOCH).unwrap_or_default();
    for packet in &packets {
        writer.write_pcapng_block(block(packet, zero)?).map_err(io::Error::other)?;
    }
    Ok(Some(writer.into_inner()))
}

fn block(packet: &Packet, zero: Duration) -> io::Result<EnhancedPacketBlock<'static>> {
    let (bytes, length) = packet.segment.to_packet()?;
    let notes = packet.notes.iter();
    Ok(EnhancedPacketBlock {
        interface_id: 0,
        timestamp: zero + packet.at,
        original_len: u32::try_from(length).map_err(io::Error::other)?,
        data: Cow::Owned(bytes),
        options: notes.map(|note| EnhancedPacketOption::Comment(comment(note))).collect(),
    })
}

fn comment(text: &str) -> Cow<'static, str> {
    let mut end = text.len().min(MOST_COMMENT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(text[..end].to_owned())
}

/// The case and its verdict, on one line.
fn verdict(case: &CaseRecord) -> String {
    let ids = plain::ids(if case.charged.is_empty() { &case.requirements } else { &case.charged });
    let outcome = match case.outcome {
        Outcome::Pass => return format!("{}: pass ({ids})", case.id),
        other => other,
    };
    format!("{}: {outcome} ({ids}): {}", case.id, plain::message(case))
}

/// The fault in words, with the index of its packet. An index after the last packet means the last.
fn fault(case: &CaseRecord, packets: &[Packet]) -> Option<(usize, String)> {
    let finding = case.finding.as_ref()?;
    let shown = ladder::wrong_entry(case);
    let place = match shown {
        Some(entry) => packets.iter().position(|packet| packet.entry >= entry).unwrap_or(packets.len()),
        None => packets.len(),
    };
    let cause = case.cause.as_ref();
    let cause =
        cause.map_or(String::new(), |cause| format!("\nLikely cause: {}", escape::line(&cause.title)));
    let words = format!(
        "FAULT ({}){}\nexpected: {}\ncame: {}{cause}",
        plain::ids(&case.charged),
        if shown.is_some() { "" } else { ", after this packet" },
        escape::line(&finding.fault.expected()),
        escape::line(&finding.fault.actual()),
    );
    Some((place, words))
}

/// Everything about the case, for the head of the file.
fn about(case: &CaseRecord, run: &RunReport, catalogue: &Catalogue) -> String {
    let mut lines = vec![verdict(case), case.summary.clone()];
    for id in if case.charged.is_empty() { &case.requirements } else { &case.charged } {
        if let Some(entry) = catalogue.find(id) {
            lines.push(format!("{} ({}): {} [{}]", entry.id, entry.level, entry.text, entry.source));
        }
    }
    lines.push(format!("Graded: {}; {}.", plain::target(run), ladder::legend(case)));
    lines.push(format!("Once more: {}", plain::command_for(case, run)));
    lines.push(
        "The packets are made from the runner's transcript: data and times are as its sockets saw them, sequence \
         numbers and acknowledgements are made up to fit."
            .to_owned(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests;
