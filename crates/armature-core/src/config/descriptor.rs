//! A listening socket that somebody else has bound: the parent of the process, such as systemd.

use std::sync::Arc;

use crate::platform::OwnedDescriptor;

/// The number of an inherited descriptor, and the descriptor once it has been taken over. Taking one over is not safe in
/// Rust's sense - a number says nothing of who owns it - so it is left to whoever embeds the engine.
#[derive(Clone, Debug)]
pub struct Descriptor {
    number: u32,
    socket: Option<Arc<OwnedDescriptor>>,
}

impl Descriptor {
    /// Descriptor `number`, not taken over yet.
    pub fn new(number: u32) -> Self {
        Self { number, socket: None }
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Takes it over: `socket` is a duplicate of it, or itself.
    pub fn adopt(&mut self, socket: OwnedDescriptor) {
        self.socket = Some(Arc::new(socket));
    }

    /// The descriptor, when it has been taken over.
    pub(crate) fn socket(&self) -> Option<&OwnedDescriptor> {
        self.socket.as_deref()
    }
}

/// The number is what was configured.
impl PartialEq for Descriptor {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Descriptor {}
