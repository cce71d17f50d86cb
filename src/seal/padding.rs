//! Sizes that say little: many lengths share one.

/// The smallest padded size at or above 1 KiB moves in steps of this.
const STEP: usize = 64;
/// Up to here in steps of [`STEP`], above by Padmé.
const STEPPED: usize = 1024;

/// The size to which `length` bytes are padded: a multiple of 64 up to 1 KiB, above
/// that Padmé (Nikitin et al., PURBs, 2019), which adds at most 12 % and reveals
/// O(log log length) bits.
pub(super) fn padded(length: usize) -> usize {
    if length <= STEPPED {
        return length.max(1).next_multiple_of(STEP);
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    length.next_multiple_of(1 << (exponent - kept))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sizes_are_those_of_the_documented_table() {
        let table = [
            (0, 64),
            (1, 64),
            (64, 64),
            (65, 128),
            (1023, 1024),
            (1024, 1024),
            (1025, 1088),
            (2048, 2048),
            (2049, 2176),
            (4097, 4352),
            (8193, 8704),
            (16385, 17408),
            (32769, 34816),
            (65536, 65536),
            (65537, 67584),
            (65548, 67584),
        ];
        for (length, size) in table {
            assert_eq!(padded(length), size, "{length}");
        }
    }

    #[test]
    fn every_length_fits_costs_little_and_shares_its_size() {
        let mut sizes = BTreeSet::new();
        for length in 0..=66_000 {
            let size = padded(length);
            assert!(size >= length);
            assert!(length <= 1024 || (size - length) * 100 < length * 12, "{length} to {size}");
            assert_eq!(padded(size), size, "padding twice changes nothing");
            sizes.insert(size);
        }
        assert_eq!(sizes.len(), 113);
    }
}
