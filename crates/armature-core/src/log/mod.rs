//! Where log lines go. Each output has a thread of its own and one buffer of waiting bytes: whoever writes copies a line into it
//! and goes on, whatever becomes of the terminal, the pipe or the disk behind it. What does not fit is dropped and counted.
//!
//! An output belongs to the process: all logs that name it share it, and what they write stays in order.

mod aside;
mod destination;
mod file;
mod output;
mod registry;
mod thread;

pub use output::{LogSink, Notices, OutputStats};
pub use registry::flush;
pub(crate) use thread::complain;

use std::sync::Arc;

use crate::config::{LogOutput, Size};
use crate::error::Result;

impl LogSink {
    /// A way to `output`, which is opened unless somebody in the process has it open. Of what waits there, this log may
    /// add to less than `queue`; `notices` is the form in which it is told of lines that were dropped.
    ///
    /// # Errors
    /// `ARMATURE_IO` when a file cannot be opened, `ARMATURE_OPTION_INVALID` when it is open with other options.
    pub fn open(output: &LogOutput, queue: Size, notices: Notices) -> Result<Self> {
        registry::open(output).map(|shared| Self::new(shared, queue.bytes(), notices))
    }

    /// A way to `output` where somebody in the process has it open.
    pub fn find(output: &LogOutput) -> Option<Self> {
        registry::find(output).map(|shared| Self::new(shared, 0, Notices::None))
    }

    /// Whether both lead to the same output.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.shared(), other.shared())
    }
}
