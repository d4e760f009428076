//! Reads `/proc/self/mountinfo` (proc(5)): each mount point and its flags. Serves `disk`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::mount::MsFlags;

/// One mount of this mount namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The mount point.
    pub(super) point: PathBuf,
    /// The flags of the mount itself (not of its file system) that a remount has to repeat: flags from a namespace with
    /// more privilege cannot be removed.
    pub(super) flags: MsFlags,
}

/// All mounts, in the kernel's order: a mount that covers another comes after it.
pub(super) fn read() -> io::Result<Vec<Mount>> {
    Ok(fs::read("/proc/self/mountinfo")?.split(|&byte| byte == b'\n').filter_map(parse).collect())
}

/// Fields, separated by one space: id, parent, device, root, **mount point**, **options**, ...
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ').skip(4);
    let point = PathBuf::from(OsString::from_vec(unescape(fields.next()?)));
    let flag = |option: &[u8]| match option {
        b"ro" => MsFlags::MS_RDONLY,
        b"nosuid" => MsFlags::MS_NOSUID,
        b"nodev" => MsFlags::MS_NODEV,
        b"noexec" => MsFlags::MS_NOEXEC,
        b"noatime" => MsFlags::MS_NOATIME,
        b"nodiratime" => MsFlags::MS_NODIRATIME,
        b"relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    };
    let flags = fields.next()?.split(|&byte| byte == b',').map(flag).collect();
    Some(Mount { point, flags })
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..3).filter(|_| first == b'\\');
        match escaped.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &after[3..];
            }
            None => {
                plain.push(first);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain(
        "36 35 98:0 /mnt1 /mnt/parent rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
        "/mnt/parent",
        MsFlags::MS_NOATIME
    )]
    #[case::locked(
        "22 1 0:5 / /dev ro,nosuid,nodev,noexec,relatime - devtmpfs none rw",
        "/dev",
        MsFlags::MS_RDONLY
            | MsFlags::MS_NOSUID
            | MsFlags::MS_NODEV
            | MsFlags::MS_NOEXEC
            | MsFlags::MS_RELATIME
    )]
    #[case::escaped(
        r"22 1 0:5 / /a\040b\134c\011d rw,nodiratime - tmpfs none rw",
        "/a b\\c\td",
        MsFlags::MS_NODIRATIME
    )]
    #[case::not_quite_escaped(r"22 1 0:5 / /a\9 rw - tmpfs none rw", r"/a\9", MsFlags::empty())]
    fn a_line_gives_mount_point_and_flags(#[case] line: &str, #[case] point: &str, #[case] flags: MsFlags) {
        assert_eq!(parse(line.as_bytes()), Some(Mount { point: point.into(), flags }));
    }

    #[rstest]
    #[case::empty("")]
    #[case::cut_short("36 35 98:0 /mnt1 /mnt/parent")]
    fn a_line_cut_short_is_none(#[case] line: &str) {
        assert_eq!(parse(line.as_bytes()), None);
    }

    #[test]
    fn this_process_has_a_root_mount() {
        assert!(read().unwrap().iter().any(|mount| mount.point.as_os_str() == "/"));
    }
}
