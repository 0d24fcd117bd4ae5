//! Descriptors that the process has inherited, by number: `listen: { fd: 3 }`.
#![cfg_attr(unix, allow(unsafe_code))]

use armature_core::config::{Listen, ListenAddress};

/// Takes over the descriptors that `listen` names. One that is not open stays as it is; listening on it says so.
pub fn adopt(listen: &mut [Listen]) {
    for listen in listen {
        if let ListenAddress::Inherited(descriptor) = &mut listen.address {
            take(descriptor);
        }
    }
}

#[cfg(unix)]
fn take(descriptor: &mut armature_core::config::Descriptor) {
    use std::os::fd::BorrowedFd;

    let Ok(number) = i32::try_from(descriptor.number()) else { return };
    // SAFETY: the number is not -1, and is used for no more than the call that duplicates it; for one that is not open that
    // call fails. The duplicate is ours, whoever owns the original, which stays open.
    let duplicate = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned();
    if let Ok(duplicate) = duplicate {
        descriptor.adopt(duplicate);
    }
}

/// Other systems know sockets by no such numbers.
#[cfg(not(unix))]
fn take(_: &mut armature_core::config::Descriptor) {}
