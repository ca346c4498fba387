//! Stands between this process and the kernel. The C functions by which files change are defined here and so take the
//! place of the C library's, for SQLite and for Rust's standard library alike. What concerns a [`disk::Disk`] goes
//! through it; all else is passed on.
#![allow(
    unsafe_code,
    reason = "a C function is replaced in no other way; nothing else of this test is unsafe"
)]

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{c_char, c_int, c_long, c_void, mode_t, off_t, size_t, ssize_t};

use crate::disk::{self, Inode};

// Each function has the contract of the C function of its name: what a pointer points to may be read for the length
// given, and a path ends with a zero.

/// In C the last argument is optional; where it is left out, what is found in its place has no effect.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: passed on as it came.
    let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) } as c_int;
    if flags & libc::O_CREAT != 0
        && let Some(inode) = inode(fd)
    {
        // SAFETY: by the contract.
        disk::opened(unsafe { as_path(path) }, inode);
    }
    fd
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the contract is the same.
    unsafe { open(path, flags | libc::O_LARGEFILE, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: passed on as it came.
    let outcome = unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) };
    if outcome == 0 {
        // SAFETY: by the contract.
        disk::folder_made(unsafe { as_path(path) });
    }
    outcome as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: passed on as it came.
    let real = || unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) };
    // SAFETY: by the contract.
    disk::remove(unsafe { as_path(path) }, real) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, data: *mut c_void, length: size_t) -> ssize_t {
    // SAFETY: passed on as it came.
    let real = || unsafe { libc::syscall(libc::SYS_read, fd, data, length) };
    answer(inode(fd).map_or_else(|| Ok(real()), |inode| disk::read(inode, real))) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pread64(fd: c_int, data: *mut c_void, length: size_t, offset: off_t) -> ssize_t {
    // SAFETY: passed on as it came.
    let real = || unsafe { libc::syscall(libc::SYS_pread64, fd, data, length, offset) };
    answer(inode(fd).map_or_else(|| Ok(real()), |inode| disk::read(inode, real))) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pread(fd: c_int, data: *mut c_void, length: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the contract is the same.
    unsafe { pread64(fd, data, length, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, data: *const c_void, length: size_t) -> ssize_t {
    // SAFETY: passed on as it came, or shorter.
    let real = |length: usize| unsafe { libc::syscall(libc::SYS_write, fd, data, length) };
    // SAFETY: has no pointers.
    let offset = || unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) }.cast_unsigned();
    // SAFETY: by the contract.
    let bytes = unsafe { as_bytes(data, length) };
    answer(inode(fd).map_or_else(|| Ok(real(length)), |inode| disk::write(inode, offset, bytes, real))) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    // SAFETY: passed on as it came, or shorter.
    let real = |length: usize| unsafe { libc::syscall(libc::SYS_pwrite64, fd, data, length, offset) };
    // SAFETY: by the contract.
    let bytes = unsafe { as_bytes(data, length) };
    let offset = || offset.cast_unsigned();
    answer(inode(fd).map_or_else(|| Ok(real(length)), |inode| disk::write(inode, offset, bytes, real))) as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, data: *const c_void, length: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the contract is the same.
    unsafe { pwrite64(fd, data, length, offset) }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    // SAFETY: has no pointers.
    let real = || unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) };
    let length = length.cast_unsigned();
    answer(inode(fd).map_or_else(|| Ok(real()), |inode| disk::resize(inode, length, real))) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    ftruncate64(fd, length)
}

/// Only recorded: no test here needs the real thing, and that is slow.
#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    let overwrite = |bytes: &[u8]| {
        // SAFETY: the pointer and the length are a slice's.
        unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes.as_ptr(), bytes.len(), 0) };
    };
    answer(inode(fd).map_or(Ok(0), |inode| disk::sync(inode, overwrite))) as c_int
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    fsync(fd)
}

/// What a C function returns: the kernel's own answer, or −1 with `errno` set.
fn answer(outcome: Result<c_long, c_int>) -> c_long {
    outcome.unwrap_or_else(|error| {
        // SAFETY: the pointer is to this thread's own number.
        unsafe { *libc::__errno_location() = error };
        -1
    })
}

/// `None` for what is no open file. Keeps `errno`.
fn inode(fd: c_int) -> Option<Inode> {
    if fd <= libc::STDERR_FILENO {
        return None;
    }
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the pointer is to a place of the right size, which is read only if it was filled.
    let stat = unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init())? };
    Some((stat.st_dev, stat.st_ino))
}

/// # Safety
/// `length` bytes must be readable at `data`, and outlive what is returned.
unsafe fn as_bytes<'d>(data: *const c_void, length: usize) -> &'d [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: by the contract.
    unsafe { std::slice::from_raw_parts(data.cast(), length) }
}

/// # Safety
/// `path` must end with a zero, and outlive what is returned.
unsafe fn as_path<'p>(path: *const c_char) -> &'p Path {
    // SAFETY: by the contract.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()))
}
