//! The free seats of one row, as a set of bits, and the runs that they form.

/// Bit `length` is set when the row has a run of exactly so many free seats side by side; bit 63 stands for 63 and more.
pub(crate) type RunLengths = u64;

/// Longer runs share the last bit of [`RunLengths`].
const RUN_LENGTH_TOP: u32 = 63;

/// The rows that can seat `count` side by side.
pub(crate) fn fits(count: u32) -> RunLengths {
    !0 << count.min(RUN_LENGTH_TOP)
}

/// The rows that can do so without leaving a single free seat alone: the run is used up, or two or more stay free.
pub(crate) fn fits_tidily(count: u32) -> RunLengths {
    fits(count) & !(1 << (count + 1).min(RUN_LENGTH_TOP - 1))
}

/// The runs of set bits among the first `seats` bits, from left to right, as `(start, end)`.
pub(crate) fn runs(words: &[u64], seats: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = next_bit(words, seats, from, true)?;
        let end = next_bit(words, seats, start, false).unwrap_or(seats);
        from = end;
        Some((start, end))
    })
}

/// The first bit at or after `from` that has the value `set`.
fn next_bit(words: &[u64], seats: u32, from: u32, set: bool) -> Option<u32> {
    let mut at = from;
    while at < seats {
        let word = words[(at / 64) as usize];
        let wanted = (if set { word } else { !word }) >> (at % 64);
        if wanted != 0 {
            let found = at + wanted.trailing_zeros();
            return (found < seats).then_some(found);
        }
        at = (at / 64 + 1) * 64;
    }
    None
}

/// Which run lengths a row has.
pub(crate) fn run_lengths(words: &[u64], seats: u32) -> RunLengths {
    runs(words, seats).fold(0, |lengths, (start, end)| lengths | 1 << (end - start).min(RUN_LENGTH_TOP))
}
