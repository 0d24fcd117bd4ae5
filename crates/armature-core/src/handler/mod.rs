//! Handlers that answer from Rust: files of a folder, the same answer for all, another protocol.

mod files;
mod fixed;
mod upgrade;

pub use files::{Dotfiles, FileReaders, FileSender, FileStats, Files, FilesOptions, NamedFile, Symlinks};
pub use fixed::Fixed;
pub use upgrade::{UpgradeHandler, upgrade};
