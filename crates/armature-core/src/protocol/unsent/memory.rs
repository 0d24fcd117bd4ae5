//! The memory that content keeps while it waits.

use bytes::Bytes;

/// Content that is larger has come alone.
const SHARED: usize = 128 * 1024;

/// Bytes of memory that `piece` keeps, which is what is left of `whole` bytes. What others have as well is theirs.
pub(in crate::protocol) fn kept(piece: &Bytes, whole: usize) -> usize {
    if piece.is_unique() { whole.max(piece.len()) } else { piece.len() }
}

/// Has `piece`, which is going to wait, keep no more memory than its own: what it is a part of may have been others' as well. Then
/// as [`shrink`].
pub(in crate::protocol) fn own(piece: &mut Bytes, whole: &mut usize) {
    if piece.len() < SHARED && !piece.is_unique() {
        *piece = Bytes::copy_from_slice(piece);
        *whole = piece.len();
    }
    shrink(piece, whole);
}

/// Has `piece`, of which no more than half is left of `whole` bytes, keep no memory for the rest: whoever stops shortly before the
/// end does not keep all of it.
pub(in crate::protocol) fn shrink(piece: &mut Bytes, whole: &mut usize) {
    if piece.len() <= *whole / 2 && piece.is_unique() {
        *piece = Bytes::copy_from_slice(piece);
        *whole = piece.len();
    }
}
