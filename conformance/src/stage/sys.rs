//! The few system calls that no safe crate offers, for `isolate` and `target`: the setup of a child between `fork` and
//! `exec`, handles on processes, and read-only mounts. The only unsafe code of this crate.
#![expect(
    unsafe_code,
    reason = "the system calls below have no safe wrapper; each block says why it is sound"
)]

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use nix::libc;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::sys::stat::{Mode, umask};

/// What a child does to itself after `fork` and before `exec`. Nothing by default.
#[derive(Default)]
pub(crate) struct ChildSetup {
    /// Leads a session and process group of its own, without a controlling terminal.
    pub(crate) new_session: bool,
    /// Dies by SIGKILL when the *thread* that spawned it ends (Linux; elsewhere it does not).
    pub(crate) dies_with_parent: bool,
    /// Signals at their defaults, umask 022, no descriptor beyond 0, 1 and 2.
    pub(crate) reset_inherited: bool,
    /// Limits to set: which, soft, hard.
    pub(crate) limits: Vec<(Resource, rlim_t, rlim_t)>,
    /// Drops every capability for good. Set-user-id programs cannot give one back (Linux).
    pub(crate) drop_privileges: bool,
    /// Executes this image, instead of the program of the `Command`.
    pub(crate) image: Option<Image>,
}

impl ChildSetup {
    /// Sets every child of `command` up this way. A step that fails is the error of `spawn`.
    ///
    /// # Errors
    /// No descriptors are left for the pipe that `dies_with_parent` needs.
    pub(crate) fn install(self, command: &mut Command) -> io::Result<()> {
        let watch = if self.dies_with_parent { Some(ParentWatch::new()?) } else { None };
        // SAFETY: the closure runs between fork and exec, where only async-signal-safe work is allowed. It makes
        // system calls on memory that was laid out before; it neither allocates nor frees nor takes a lock (an
        // io::Error that holds an errno owns nothing).
        unsafe { command.pre_exec(move || self.run(watch.as_ref())) };
        Ok(())
    }

    fn run(&self, watch: Option<&ParentWatch>) -> io::Result<()> {
        if self.new_session {
            nix::unistd::setsid()?;
        }
        if let Some(watch) = watch {
            watch.begin()?;
        }
        if self.reset_inherited {
            default_signals();
            umask(Mode::from_bits_truncate(0o022));
            close_others_at_exec();
        }
        for &(resource, soft, hard) in &self.limits {
            setrlimit(resource, soft, hard)?;
        }
        if self.drop_privileges {
            drop_privileges()?;
        }
        match &self.image {
            Some(image) => Err(image.execute()),
            None => Ok(()),
        }
    }
}

/// A program image for `execve`. Its strings are built before the fork.
///
/// `Command` uses `execvp`, which passes a file of unknown format to `/bin/sh`: a script without a shebang would seem
/// to start. `execve` fails with ENOEXEC.
pub(crate) struct Image {
    path: CString,
    argv: Strings,
    envp: Strings,
}

impl Image {
    /// An image of the file `path`, with its argument list (the name first) and its whole environment.
    ///
    /// # Errors
    /// `InvalidInput` when a string holds a NUL byte.
    pub(crate) fn new(path: &OsStr, args: &[OsString], env: &[(OsString, OsString)]) -> io::Result<Image> {
        let assignments = env.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
        Ok(Image {
            path: CString::new(path.as_bytes())?,
            argv: Strings::new(args.iter().map(|arg| arg.as_bytes().to_vec()))?,
            envp: Strings::new(assignments)?,
        })
    }

    /// Replaces the process. It returns only if that fails, with the error.
    fn execute(&self) -> io::Error {
        // SAFETY: the path and both null-terminated arrays of C strings live as long as `self`.
        unsafe { libc::execve(self.path.as_ptr(), self.argv.pointers.as_ptr(), self.envp.pointers.as_ptr()) };
        io::Error::last_os_error()
    }
}

/// C strings and the null-terminated array of pointers to them that `execve` takes.
struct Strings {
    _owned: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

// SAFETY: the pointers point into heap blocks that `_owned` owns and nobody changes; moving the struct to another
// thread moves neither the blocks nor the duty to free them.
unsafe impl Send for Strings {}
// SAFETY: there is no way to change one through a shared reference.
unsafe impl Sync for Strings {}

impl Strings {
    fn new(strings: impl Iterator<Item = Vec<u8>>) -> io::Result<Strings> {
        let owned = strings.map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let pointers = owned.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Ok(Strings { _owned: owned, pointers })
    }
}

/// Makes a child die with the thread that spawned it, even if that thread ends before the child has asked for it.
struct ParentWatch {
    #[cfg(target_os = "linux")]
    ends: (std::os::fd::OwnedFd, std::os::fd::OwnedFd),
}

#[cfg(target_os = "linux")]
impl ParentWatch {
    fn new() -> io::Result<ParentWatch> {
        Ok(ParentWatch { ends: nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)? })
    }

    /// In the child: asks for the signal, then checks that the parent still lives. The parent's end of the pipe shows
    /// it. `getppid` does not: it is 0 for the first process of a pid namespace.
    fn begin(&self) -> io::Result<()> {
        use std::os::fd::AsRawFd;

        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
        // SAFETY: closes this process's copy of a descriptor that nothing here uses afterwards: the process either
        // becomes another program or ends without running destructors.
        unsafe { libc::close(self.ends.1.as_raw_fd()) };
        let mut poll = libc::pollfd { fd: self.ends.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd, and the count says one.
        unsafe { libc::poll(&raw mut poll, 1, 0) };
        if poll.revents & libc::POLLHUP != 0 {
            Err(io::Error::from_raw_os_error(libc::ESRCH))
        } else {
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl ParentWatch {
    fn new() -> io::Result<ParentWatch> {
        Ok(ParentWatch {})
    }

    fn begin(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An ignored signal stays ignored after `exec`. Python, for example, then never raises KeyboardInterrupt. `Command`
/// itself clears the mask.
fn default_signals() {
    for number in 1..=64 {
        // SAFETY: sets a disposition and no handler. The numbers that cannot be set are refused without effect.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

/// Marks the descriptors instead of closing them: `Command` still reports a failed `exec` on one of them.
fn close_others_at_exec() {
    #[cfg(target_os = "linux")]
    {
        const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2;
        // SAFETY: changes a flag of descriptors, no memory.
        let refused =
            unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) };
        if refused == 0 {
            return;
        }
    }
    // Kernels before 5.11, and other systems. Descriptors above this are not expected.
    const HIGHEST: libc::c_int = 4096;
    for descriptor in 3..HIGHEST {
        // SAFETY: changes a flag of a descriptor, or fails with EBADF.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

#[cfg(target_os = "linux")]
fn drop_privileges() -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    const VERSION_3: u32 = 0x2008_0522;
    // Effective, permitted and inheritable, for capabilities 0 to 31 and 32 to 63.
    const NONE: [[u32; 3]; 2] = [[0; 3]; 2];

    nix::sys::prctl::set_no_new_privs()?;
    for capability in 0..64 {
        // The bounding set: what user 0 would get back at exec. The kernel has fewer than 64 and refuses the rest.
        // SAFETY: takes numbers, touches no memory.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability as libc::c_ulong, 0, 0, 0) };
    }
    // SAFETY: as above. Kernels without an ambient set have nothing to clear.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong, 0, 0, 0) };
    let header = Header { version: VERSION_3, pid: 0 };
    // SAFETY: header and data have the layout that version 3 states, and outlive the call.
    let refused = unsafe { libc::syscall(libc::SYS_capset, &raw const header, NONE.as_ptr()) };
    if refused == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
fn drop_privileges() -> io::Result<()> {
    Ok(())
}

/// Which process this is after [`fork`].
#[cfg(target_os = "linux")]
pub(crate) enum Forked {
    /// The new process. It leads a session of its own, and dies with the thread that made it.
    Child,
    /// The old process, with the id of the new one.
    Parent(nix::unistd::Pid),
}

/// Makes a copy of this process, which must have only one thread: other threads would be missing in the copy, and their
/// locks held for ever. It is cheaper than starting this executable again.
///
/// # Errors
/// More than one thread; no process available. A copy that fails in its setup ends with status `failed`.
#[cfg(target_os = "linux")]
pub(crate) fn fork(failed: u8) -> io::Result<Forked> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("more than one thread"));
    }
    let watch = ParentWatch::new()?;
    // SAFETY: there is this thread only, so the copy is whole.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => {
            // The end of the pipe must stay open until this process ends: a close would mean that it has ended.
            std::mem::forget(watch);
            Ok(Forked::Parent(child))
        }
        nix::unistd::ForkResult::Child => {
            if nix::unistd::setsid().map_err(io::Error::from).and_then(|_| watch.begin()).is_err() {
                std::process::exit(failed.into());
            }
            // This end of the pipe is closed already. A second close could hit another descriptor.
            std::mem::forget(watch);
            Ok(Forked::Child)
        }
    }
}

/// A handle on the process `pid`, readable once it has ended (Linux 5.3). It never refers to another process.
#[cfg(target_os = "linux")]
pub(crate) fn pidfd_open(pid: i32) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd;

    // SAFETY: takes numbers, touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and a descriptor fits a c_int.
    Ok(unsafe { std::os::fd::OwnedFd::from_raw_fd(descriptor as libc::c_int) })
}

/// Makes every mount of this mount namespace read-only, in one step (Linux 5.12).
#[cfg(target_os = "linux")]
pub(crate) fn remount_all_read_only() -> io::Result<()> {
    let attributes =
        libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is a C string, and the attributes have the size that is stated.
    let refused = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if refused == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
