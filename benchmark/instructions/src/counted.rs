//! The function that callgrind is told of by name; scripts/lib/instructions.mjs has the same name.

use std::hint::black_box;

/// What happens in `work` is counted. Not generic, so that there is one function of this name, and never inlined.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    work();
    // No tail call: callgrind would see the end of `work` and not that of this function.
    black_box(());
}
