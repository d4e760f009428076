//! Wrong messages, and right ones in pieces.

use crate::explore::rules::Heard;

/// Wrong bytes of a Request: of its version, its type and its test.
pub(super) const WRONG: [&[u8]; 3] = [
    &[0x00, 0x02, 0xff, 0x10, 0x81, 0x03, 0x31],
    &[0x00, 0x02, 0x03, 0x04, 0x05, 0xff, 0x81],
    &[0x00, 0x05, 0xff, 0x06, 0x81, 0x80, 0x31],
];

/// `bytes` in segments that end at these places.
pub(super) fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut segments = Vec::new();
    let mut from = 0;
    for at in cuts.iter().copied().chain([bytes.len()]) {
        if at > from && at <= bytes.len() {
            segments.push(bytes[from..at].to_vec());
            from = at;
        }
    }
    segments
}

/// Messages where Done is due. Those of the protocol are whole, for a server that reads a message by its type.
pub(super) fn wrong_dones() -> Vec<Vec<u8>> {
    let mut messages =
        vec![vec![1, 1, 1], vec![1, 1, 4], vec![1, 2, 0x16, 0x2f], vec![1, 4, 0, 0, 0, 0, 0, 0, 0, 0]];
    messages.extend([0x00, 0x05, 0xff, 0x83, 0x30].map(|kind| vec![1, kind]));
    messages.extend([0x00, 0x02, 0xff, 0x81].map(|version| vec![version, 3]));
    debug_assert!(
        messages.iter().all(|message| {
            matches!(Heard::of(&[&[1, 1, 1], &message[..]].concat()), Heard::WrongDone(_))
        })
    );
    messages
}

pub(super) fn wrong_replies() -> Vec<Vec<u8>> {
    let mut messages = vec![vec![1, 1, 1, 1], vec![1, 3, 0x16, 0x2f], vec![1, 4, 0, 0, 0, 0, 0, 0, 0, 0]];
    messages.extend([0x00, 0x05, 0xff, 0x82].map(|kind| vec![1, kind, 0x16, 0x2f]));
    messages.extend([0x00, 0x02, 0xff].map(|version| vec![version, 2, 0x16, 0x2f]));
    messages
}

pub(super) fn wrong_results() -> Vec<Vec<u8>> {
    let kinds = [0x00, 0x01, 0x02, 0x03, 0x05, 0xff].map(|kind| (1, kind));
    let versions = [0x00, 0x02, 0xff].map(|version| (version, 4));
    kinds
        .into_iter()
        .chain(versions)
        .map(|(version, kind)| [&[version, kind][..], &[0; 8]].concat())
        .collect()
}
