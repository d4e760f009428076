//! The disk of the target: everything is read-only, except a few folders whose changes go to memory. Serves
//! `isolate::prepare_inside`. The mounts end with the namespace. The real disk never changes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};

use super::{DISK_BYTES, InsideReport, IsolationError, mountinfo};
use crate::model::place::{ADDRESS, HOST_NAME};
use crate::stage::sys;

/// Folders for temporary files, which any program may write to. Programs may also be started from there, so their
/// contents stay.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// Where the memory is mounted. An overlay hides it later.
const SCRATCH: &str = "/tmp";
/// POSIX shared memory: empty at first, as after a boot.
const SHARED_MEMORY: &str = "/dev/shm";
/// The kernel's own trees. They are not on the disk.
const KERNEL_TREES: [&str; 3] = ["/proc", "/sys", "/dev"];
/// The most files: an empty one costs the kernel about 1 KiB that the size limit does not count.
const FILES: u32 = 16 * 1024;

pub(super) fn arrange(
    cwd: &Path,
    writable: &[&Path],
    report: &mut InsideReport,
) -> Result<(), IsolationError> {
    // From here on no mount reaches another mount namespace.
    mount_flags("/", MsFlags::MS_REC | MsFlags::MS_PRIVATE)
        .map_err(IsolationError::refused("make mounts private"))?;
    // Opened before anything is mounted: a handle keeps its folder even when a mount covers it.
    let mounts = mountinfo::read().map_err(IsolationError::refused("read the mounts"))?;
    let mut layers = Layer::writable(cwd, writable);
    layers.extend(Layer::covered(&layers, &mounts));
    // Outer ones first, so that they do not hide the inner ones.
    layers.sort_by_key(|layer| layer.path.components().count());

    read_only(&mounts)?;
    own_proc(report);
    own_terminals(report);

    let scratch = Scratch::mount().map_err(IsolationError::refused("mount a tmpfs"))?;
    for (number, layer) in layers.iter().enumerate() {
        let path = layer.path.display();
        match (&layer.kind, layer.put(&scratch, number)) {
            (Kind::Writable { .. }, Ok(())) => report.writable.push(layer.path.clone()),
            (Kind::Writable { .. }, Err(error)) => {
                report.refused.push(format!("{path} stays read-only: {error}"))
            }
            (Kind::Covered, Ok(())) => {}
            (Kind::Covered, Err(error)) => report.refused.push(format!("{path} is hidden: {error}")),
        }
    }
    match scratch.folder("shm", 0o1777).and_then(|shm| bind(&shm, Path::new(SHARED_MEMORY))) {
        Ok(()) => report.writable.push(PathBuf::from(SHARED_MEMORY)),
        Err(error) => report.refused.push(format!("{SHARED_MEMORY} stays read-only: {error}")),
    }
    match own_hosts(&scratch) {
        Ok(()) => report.host_name = true,
        Err(error) => report.refused.push(format!("{HOST_NAME} does not resolve: {error}")),
    }
    // By its name: the old working directory is still the folder below the overlay.
    std::env::set_current_dir(cwd).map_err(IsolationError::refused("enter the working directory"))
}

/// A new `/proc`, so that it shows the same pids as system calls. The kernel refuses it where parts of the old one are
/// covered (in many containers). It is read-only: user 0 of the host is user 0 here too, and could write to `/proc/sys`
/// without any capability.
fn own_proc(report: &mut InsideReport) {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>) {
        Ok(()) => report.own_proc = true,
        Err(error) => report.refused.push(format!("/proc stays the host's: {error}")),
    }
}

/// Makes all mounts read-only, also the kernel's trees.
fn read_only(mounts: &[mountinfo::Mount]) -> Result<(), IsolationError> {
    match sys::remount_all_read_only() {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            read_only_one_by_one(mounts).map_err(IsolationError::refused("make the disk read-only"))
        }
        Err(error) => Err(IsolationError::Refused { step: "make the disk read-only", source: error }),
    }
}

/// For kernels before 5.12.
fn read_only_one_by_one(mounts: &[mountinfo::Mount]) -> Result<(), Errno> {
    for mount in mounts {
        let flags = mount.flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        match mount_flags(&mount.point, flags) {
            // Hidden below another mount, or not accessible to us: the target cannot reach it either.
            Ok(()) | Err(Errno::ENOENT | Errno::EINVAL | Errno::EACCES | Errno::ENOTDIR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes own pseudo-terminals, so that a target cannot write to the terminals of the user.
fn own_terminals(report: &mut InsideReport) {
    let made = || -> io::Result<()> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        mount(
            Some("devpts"),
            "/dev/pts",
            Some("devpts"),
            flags,
            Some("newinstance,ptmxmode=0666,mode=0620"),
        )?;
        // In a container this is often a link to that file already.
        let link = fs::symlink_metadata("/dev/ptmx").is_ok_and(|metadata| metadata.is_symlink());
        if link { Ok(()) } else { bind(Path::new("/dev/pts/ptmx"), Path::new("/dev/ptmx")) }
    };
    match made() {
        Ok(()) => report.own_terminals = true,
        Err(error) => report.refused.push(format!("the pseudo-terminals stay the host's: {error}")),
    }
}

/// Adds a name to `/etc/hosts`.
fn own_hosts(scratch: &Scratch) -> io::Result<()> {
    let hosts = Path::new("/etc/hosts");
    let mut text = fs::read_to_string(hosts)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{ADDRESS} {HOST_NAME}\n"));
    let file = scratch.path().join("hosts");
    fs::write(&file, text)?;
    fs::set_permissions(&file, Permissions::from_mode(0o644))?;
    bind(&file, hosts)
}

/// A mount in the target's tree.
struct Layer {
    path: PathBuf,
    /// A handle on what is there now.
    real: File,
    kind: Kind,
}

enum Kind {
    /// A folder that becomes writable. The folder itself gets this mode.
    Writable { mode: u32 },
    /// A mount inside such a folder: the overlay alone would not show it.
    Covered,
}

impl Layer {
    /// The folders that exist, each once.
    fn writable(cwd: &Path, more: &[&Path]) -> Vec<Layer> {
        let temporary = TEMPORARY.iter().map(|path| (Path::new(path), 0o1777));
        // Everyone may write: the target runs as the caller, who may not own the folder.
        let asked = [cwd].into_iter().chain(more.iter().copied()).map(|path| (path, 0o777));
        let mut layers: Vec<Layer> = Vec::new();
        for (path, mode) in temporary.chain(asked) {
            let Ok(path) = path.canonicalize() else { continue };
            let kernel = KERNEL_TREES.iter().any(|tree| path.starts_with(tree));
            // A process that already has `/` as its root would not see a mount on it.
            if kernel || path == Path::new("/") || layers.iter().any(|layer| layer.path == path) {
                continue;
            }
            if let Ok(real) = handle(&path) {
                layers.push(Layer { path, real, kind: Kind::Writable { mode } });
            }
        }
        layers
    }

    fn covered(writable: &[Layer], mounts: &[mountinfo::Mount]) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        for mountinfo::Mount { point, .. } in mounts {
            let inside = writable.iter().any(|layer| point.starts_with(&layer.path));
            let known = writable.iter().chain(&layers).any(|layer| layer.path == *point);
            if let (true, false, Ok(real)) = (inside, known, handle(point)) {
                layers.push(Layer { path: point.clone(), real, kind: Kind::Covered });
            }
        }
        layers
    }

    fn put(&self, scratch: &Scratch, number: usize) -> io::Result<()> {
        match self.kind {
            Kind::Covered => bind_tree(&handle_path(&self.real), &self.path),
            Kind::Writable { mode } => {
                let upper = scratch.folder(&format!("upper{number}"), mode)?;
                let work = scratch.folder(&format!("work{number}"), 0o700)?;
                match self.overlay(&upper, &work) {
                    Err(_) if self.is_temporary() => self.replace(&upper),
                    other => other,
                }
            }
        }
    }

    /// The old contents stay visible. Changes go to `upper`.
    fn overlay(&self, upper: &Path, work: &Path) -> io::Result<()> {
        // A handle instead of a path: a path may contain the commas and colons that separate the options. A user
        // namespace may set only the "user" attributes, hence `userxattr`.
        let options = format!(
            "lowerdir={},upperdir={},workdir={},userxattr",
            handle_path(&self.real).display(),
            upper.display(),
            work.display()
        );
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        Ok(mount(Some("overlay"), &self.path, Some("overlay"), flags, Some(options.as_str()))?)
    }

    fn is_temporary(&self) -> bool {
        TEMPORARY.iter().any(|path| Path::new(path) == self.path)
    }

    /// Without overlays (before Linux 5.11): an empty folder, with each entry of the real one as a bind mount.
    fn replace(&self, empty: &Path) -> io::Result<()> {
        for entry in fs::read_dir(handle_path(&self.real))? {
            let entry = entry?;
            let (kind, place) = (entry.file_type()?, empty.join(entry.file_name()));
            if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path())?, &place)?;
            } else if kind.is_dir() {
                fs::create_dir(&place)?;
                bind_tree(&entry.path(), &place)?;
            } else if kind.is_file() {
                File::create(&place)?;
                bind(&entry.path(), &place)?;
            }
            // Sockets and pipes are left out: their programs run outside this namespace.
        }
        bind_tree(empty, &self.path)
    }
}

/// The memory that holds all changes.
struct Scratch(File);

impl Scratch {
    fn mount() -> io::Result<Scratch> {
        let options = format!("size={DISK_BYTES},nr_inodes={FILES},mode=0755");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), SCRATCH, Some("tmpfs"), flags, Some(options.as_str()))?;
        handle(Path::new(SCRATCH)).map(Scratch)
    }

    fn path(&self) -> PathBuf {
        handle_path(&self.0)
    }

    fn folder(&self, name: &str, mode: u32) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(path)
    }
}

fn handle(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)
}

/// A path to the file of the handle, even if a mount covers it.
fn handle_path(handle: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

fn bind(from: &Path, onto: &Path) -> io::Result<()> {
    Ok(mount(Some(from), onto, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

fn bind_tree(from: &Path, onto: &Path) -> io::Result<()> {
    Ok(mount(Some(from), onto, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?)
}

fn mount_flags(onto: impl AsRef<Path>, flags: MsFlags) -> Result<(), Errno> {
    mount(None::<&str>, onto.as_ref(), None::<&str>, flags, None::<&str>)
}
