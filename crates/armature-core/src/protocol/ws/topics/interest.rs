//! Which loops something is for.

/// Numbers of loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest([u64; 4]);

impl Interest {
    pub(super) fn insert(&mut self, io_loop: u8) {
        self.0[usize::from(io_loop / 64)] |= 1 << (io_loop % 64);
    }

    /// Each of them, the lowest first.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some((word as u32 * 64 + bit) as u8)
            })
        })
    }
}

impl FromIterator<u8> for Interest {
    fn from_iter<I: IntoIterator<Item = u8>>(loops: I) -> Self {
        let mut interest = Self::default();
        loops.into_iter().for_each(|io_loop| interest.insert(io_loop));
        interest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_what_was_put_in() {
        for loops in [&[][..], &[0], &[63, 64], &[0, 1, 127, 128, 255]] {
            assert_eq!(loops.iter().copied().collect::<Interest>().iter().collect::<Vec<_>>(), loops);
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(all.iter().copied().collect::<Interest>().iter().collect::<Vec<_>>(), all);
    }
}
