//! Field sections (RFC 9204) without a dynamic table: this side offers none, so every section stands for itself, and none waits for
//! another stream.

mod decode;
mod encode;
mod fixed;
mod huffman;
pub(super) mod instructions;
mod integer;

pub(super) use decode::{Broken, decode};
pub(super) use encode::Section;
