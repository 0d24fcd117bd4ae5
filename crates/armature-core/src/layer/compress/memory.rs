//! Memory of brotli encoders. Each body has one, which takes a megabyte in a few large pieces: from the allocator these are pages
//! that the kernel has to clear each time, which costs as much as half of the compressing. So what one leaves the next one
//! takes.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::{size_of, take};

use brotli::enc::BrotliAlloc;
use brotli::{Allocator, SliceWrapper, SliceWrapperMut};

/// Smaller pieces are no trouble for an allocator.
const LARGE: usize = 32 * 1024;
/// Bytes that a thread keeps: those of one encoder at the default level.
const MOST: usize = 2 * 1024 * 1024;

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Pieces that nobody has, the oldest first.
#[derive(Default)]
struct Kept {
    /// Vectors with their bytes.
    pieces: VecDeque<(usize, Box<dyn Any>)>,
    bytes: usize,
}

impl Kept {
    /// One with room for `len`, and not much more.
    fn take<T: 'static>(&mut self, len: usize) -> Option<Vec<T>> {
        let fits = |piece: &Vec<T>| (len..=len.saturating_mul(2)).contains(&piece.capacity());
        let at = self.pieces.iter().position(|(_, piece)| piece.downcast_ref().is_some_and(fits))?;
        let (bytes, piece) = self.pieces.remove(at)?;
        self.bytes -= bytes;
        piece.downcast().ok().map(|piece| *piece)
    }

    fn give<T: 'static>(&mut self, piece: Vec<T>) {
        let bytes = piece.capacity() * size_of::<T>();
        if !(LARGE..=MOST).contains(&bytes) {
            return;
        }
        while self.bytes + bytes > MOST {
            let Some((oldest, _)) = self.pieces.pop_front() else { break };
            self.bytes -= oldest;
        }
        self.bytes += bytes;
        self.pieces.push_back((bytes, Box::new(piece)));
    }
}

/// Gives encoders what earlier ones of the thread had.
pub(super) struct Memory;

impl<T: Clone + Default + 'static> Allocator<T> for Memory {
    type AllocatedMemory = Piece<T>;

    fn alloc_cell(&mut self, len: usize) -> Piece<T> {
        let kept = if len * size_of::<T>() < LARGE {
            None
        } else {
            KEPT.try_with(|kept| kept.borrow_mut().take(len)).ok().flatten()
        };
        let Some(mut piece) = kept else { return Piece(vec![T::default(); len]) };
        // As fresh memory is: nothing of another body is in it.
        piece.clear();
        piece.resize(len, T::default());
        Piece(piece)
    }

    fn free_cell(&mut self, piece: Piece<T>) {
        drop(piece);
    }
}

impl BrotliAlloc for Memory {}

/// A piece of memory, kept when it is dropped.
#[derive(Default)]
pub(super) struct Piece<T: 'static>(Vec<T>);

impl<T: 'static> SliceWrapper<T> for Piece<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: 'static> SliceWrapperMut<T> for Piece<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: 'static> Drop for Piece<T> {
    fn drop(&mut self) {
        let piece = take(&mut self.0);
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|kept| kept.borrow_mut().give(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> usize {
        KEPT.with(|kept| kept.borrow().bytes)
    }

    #[test]
    fn what_one_leaves_the_next_one_takes_cleared() {
        let mut piece: Piece<u32> = Memory.alloc_cell(LARGE);
        piece.slice_mut().fill(7);
        let place = piece.slice().as_ptr();
        Memory.free_cell(piece);
        assert_eq!(kept(), 4 * LARGE);
        // Of another type, or too large for what is wanted.
        let others: (Piece<u8>, Piece<u32>) = (Memory.alloc_cell(LARGE), Memory.alloc_cell(LARGE / 4));
        assert_eq!(kept(), 4 * LARGE);
        let again: Piece<u32> = Memory.alloc_cell(LARGE - 1);
        assert_eq!((again.slice().as_ptr(), again.len(), kept()), (place, LARGE - 1, 0));
        assert!(again.slice().iter().all(|n| *n == 0));
        drop(others);
    }

    #[test]
    fn a_thread_keeps_no_more_than_one_encoder_has() {
        let pieces: Vec<Piece<u8>> = (0..100).map(|_| Memory.alloc_cell(LARGE)).collect();
        drop(pieces);
        assert_eq!(kept(), MOST);
        let huge: Piece<u8> = Memory.alloc_cell(MOST + 1);
        let small: Piece<u8> = Memory.alloc_cell(LARGE - 1);
        drop((huge, small));
        assert_eq!(kept(), MOST);
    }
}
