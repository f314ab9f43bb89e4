//! Where randomness comes from.

/// Fills a slice with unpredictable bytes.
pub type Rng<'a> = &'a mut dyn FnMut(&mut [u8]);
