//! Chance without a library: xoshiro256** seeded through splitmix64.

use crate::options::Fork;

/// A stream of chance; equal seeds and labels give equal streams on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: [u64; 4],
    label: u64,
    fork: Option<Fork>,
}

impl Rng {
    /// A stream of its own for each label.
    pub(crate) fn new(seed: u64, label: u64, fork: Option<Fork>) -> Rng {
        Rng { state: spread(seed, label), label, fork }
    }

    /// Tells the stream how late it is: from the moment of the fork on, chance is drawn from the fork's seed.
    pub(crate) fn at(&mut self, now_ms: i64) {
        if let Some(fork) = self.fork.filter(|fork| now_ms >= fork.at_ms) {
            self.state = spread(fork.seed, self.label ^ 0xf0f0);
            self.fork = None;
        }
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        let result = self.state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = self.state[1] << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// A number below `bound`, which is above zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both inside.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// How many of something with `rate_ppm` expected, in millionths.
    pub(crate) fn count(&mut self, rate_ppm: u64) -> u64 {
        rate_ppm / 1_000_000 + u64::from(self.below(1_000_000) < rate_ppm % 1_000_000)
    }

    /// Mostly small, now and then large: `low` times up to `2^doublings`, log-uniform.
    pub(crate) fn skewed(&mut self, low: i64, doublings: u32) -> i64 {
        let base = low << self.below(u64::from(doublings));
        self.between(base, base * 2)
    }
}

fn spread(seed: u64, label: u64) -> [u64; 4] {
    let mut state = seed ^ label.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    std::array::from_fn(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_keeps_the_past() {
        let fork = Fork { at_ms: 100, seed: 9 };
        let (mut plain, mut forked) = (Rng::new(1, 2, None), Rng::new(1, 2, Some(fork)));
        for now_ms in [0, 50, 99] {
            plain.at(now_ms);
            forked.at(now_ms);
            assert_eq!(plain.next(), forked.next());
        }
        plain.at(100);
        forked.at(100);
        assert_ne!(plain.next(), forked.next());
    }

    #[test]
    fn bounds_hold() {
        let mut rng = Rng::new(7, 7, None);
        let seen: Vec<i64> = (0..1_000).map(|_| rng.between(-3, 3)).collect();
        assert_eq!((seen.iter().min(), seen.iter().max()), (Some(&-3), Some(&3)));
        let total: u64 = (0..1_000).map(|_| rng.count(2_500_000)).sum();
        assert!((2_400..2_600).contains(&total), "{total}");
    }
}
