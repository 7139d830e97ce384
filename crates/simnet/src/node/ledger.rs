//! A chain of which only a part is visible yet: the head moves up, the tail can be replaced.

use std::fmt::Debug;

use super::NodeError;

/// What a ledger must know of a block.
pub(crate) trait Linked {
    /// Type of a block's hash.
    type Hash: PartialEq + Debug;

    /// Block number or slot.
    fn height(&self) -> u64;
    /// The block's hash.
    fn hash(&self) -> &Self::Hash;
    /// The hash of the block before.
    fn parent(&self) -> &Self::Hash;
    /// Height of the block before, as the block itself tells it.
    fn parent_height(&self) -> Option<u64>;
}

/// Blocks with a visible head and a final height. Positions are indexes into the ascending list of blocks.
#[derive(Debug)]
pub(crate) struct Ledger<B> {
    blocks: Vec<B>,
    head: usize,
    finality: Finality,
}

#[derive(Clone, Copy, Debug)]
enum Finality {
    /// So many heights below the head.
    Depth(u64),
    /// As told; never above the head.
    Height(u64),
}

impl<B: Linked> Ledger<B> {
    /// A ledger whose last block is the head; blocks `final_depth` below it are final.
    pub(crate) fn new(blocks: Vec<B>, final_depth: u64) -> Result<Ledger<B>, NodeError> {
        let head = blocks.len().checked_sub(1).ok_or(NodeError::EmptyChain)?;
        check_links(&blocks)?;
        Ok(Ledger { blocks, head, finality: Finality::Depth(final_depth) })
    }

    /// All blocks, hidden ones included.
    pub(crate) fn all(&self) -> &[B] {
        &self.blocks
    }

    /// The lowest block.
    pub(crate) fn first(&self) -> &B {
        &self.blocks[0]
    }

    /// The highest visible block.
    pub(crate) fn head(&self) -> &B {
        &self.blocks[self.head]
    }

    /// Position of the highest visible block.
    pub(crate) fn head_position(&self) -> usize {
        self.head
    }

    /// Position of the highest final block; the lowest block is always final.
    pub(crate) fn final_position(&self) -> usize {
        let height = match self.finality {
            Finality::Depth(depth) => self.head().height().saturating_sub(depth),
            Finality::Height(height) => height,
        };
        self.at_or_below(height).unwrap_or(0).min(self.head)
    }

    /// The highest final block.
    pub(crate) fn finalized(&self) -> &B {
        &self.blocks[self.final_position()]
    }

    /// The visible block at a height, with its position.
    pub(crate) fn get(&self, height: u64) -> Option<(usize, &B)> {
        let position = self.blocks.binary_search_by_key(&height, Linked::height).ok()?;
        (position <= self.head).then(|| (position, &self.blocks[position]))
    }

    /// Visible blocks of an inclusive range of heights.
    pub(crate) fn range(&self, from: u64, to: u64) -> &[B] {
        let visible = &self.blocks[..=self.head];
        let start = visible.partition_point(|block| block.height() < from);
        let end = visible.partition_point(|block| block.height() <= to);
        &visible[start.min(end)..end]
    }

    /// Makes the chain visible up to `height` (to the block below it where the height is empty) and hides the rest.
    pub(crate) fn set_head(&mut self, height: u64) -> Result<(), NodeError> {
        self.check_inside(height)?;
        self.head = self.at_or_below(height).expect("the first block is at or below it");
        Ok(())
    }

    /// Makes `count` more blocks visible, as far as there are any; the new head's height.
    pub(crate) fn advance(&mut self, count: usize) -> u64 {
        self.head = self.head.saturating_add(count).min(self.blocks.len() - 1);
        self.head().height()
    }

    /// Makes everything up to `height` final.
    pub(crate) fn set_finalized(&mut self, height: u64) -> Result<(), NodeError> {
        self.check_inside(height)?;
        self.finality = Finality::Height(height);
        Ok(())
    }

    /// Puts `tail` in the place of everything from its first height on. A head inside the replaced part moves to the new
    /// tail's end.
    pub(crate) fn replace_tail(&mut self, tail: Vec<B>) -> Result<(), NodeError> {
        let from = tail.first().ok_or(NodeError::EmptyChain)?.height();
        let kept = self.blocks.partition_point(|block| block.height() < from);
        let below = kept.checked_sub(1).map(|position| &self.blocks[position]);
        let below = below.ok_or_else(|| self.outside(from))?;
        check_link(below, &tail[0])?;
        check_links(&tail)?;
        self.blocks.truncate(kept);
        self.blocks.extend(tail);
        if kept <= self.head {
            self.head = self.blocks.len() - 1;
        }
        Ok(())
    }

    fn at_or_below(&self, height: u64) -> Option<usize> {
        self.blocks.partition_point(|block| block.height() <= height).checked_sub(1)
    }

    fn check_inside(&self, height: u64) -> Result<(), NodeError> {
        let last = &self.blocks[self.blocks.len() - 1];
        let inside = self.first().height() <= height && height <= last.height();
        if inside { Ok(()) } else { Err(self.outside(height)) }
    }

    fn outside(&self, height: u64) -> NodeError {
        NodeError::Outside { height, first: self.first().height(), last: self.blocks[self.blocks.len() - 1].height() }
    }
}

fn check_links<B: Linked>(blocks: &[B]) -> Result<(), NodeError> {
    blocks.windows(2).try_for_each(|pair| check_link(&pair[0], &pair[1]))
}

fn check_link<B: Linked>(below: &B, block: &B) -> Result<(), NodeError> {
    let problem = if block.height() <= below.height() {
        "heights must ascend"
    } else if block.parent_height() != Some(below.height()) {
        "its parent is at another height"
    } else if block.parent() != below.hash() {
        "its parent has another hash"
    } else {
        return Ok(());
    };
    Err(NodeError::BrokenChain { height: block.height(), below: below.height(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Height, hash, parent's height and hash.
    #[derive(Clone, Debug)]
    struct Block(u64, char, u64, char);

    impl Linked for Block {
        type Hash = char;

        fn height(&self) -> u64 {
            self.0
        }
        fn hash(&self) -> &char {
            &self.1
        }
        fn parent(&self) -> &char {
            &self.3
        }
        fn parent_height(&self) -> Option<u64> {
            Some(self.2)
        }
    }

    fn ledger() -> Ledger<Block> {
        let blocks = vec![Block(10, 'a', 9, '-'), Block(11, 'b', 10, 'a'), Block(13, 'c', 11, 'b'), Block(14, 'd', 13, 'c')];
        Ledger::new(blocks, 2).unwrap()
    }

    fn heights(blocks: &[Block]) -> Vec<u64> {
        blocks.iter().map(Linked::height).collect()
    }

    #[test]
    fn only_what_is_below_the_head_is_seen() {
        let mut ledger = ledger();
        assert_eq!((ledger.head().height(), ledger.finalized().height()), (14, 11));
        ledger.set_head(12).unwrap();
        assert_eq!((ledger.head().height(), ledger.finalized().height()), (11, 10));
        assert!(ledger.get(13).is_none() && ledger.get(12).is_none() && ledger.get(11).is_some());
        assert_eq!(heights(ledger.range(0, 99)), [10, 11]);
        assert_eq!(heights(ledger.range(99, 0)), [0; 0]);
        assert_eq!(ledger.advance(1), 13);
        assert_eq!(ledger.advance(9), 14);
        ledger.set_finalized(13).unwrap();
        assert_eq!(ledger.finalized().height(), 13);
        ledger.set_head(11).unwrap();
        assert_eq!(ledger.finalized().height(), 11);
        assert_eq!(ledger.set_head(15).unwrap_err().to_string(), "height 15 is outside the chain (10 to 14)");
        assert!(ledger.set_finalized(9).is_err());
    }

    #[test]
    fn a_tail_is_replaced() {
        let mut ledger = ledger();
        ledger.replace_tail(vec![Block(12, 'e', 11, 'b'), Block(13, 'f', 12, 'e')]).unwrap();
        assert_eq!(heights(ledger.all()), [10, 11, 12, 13]);
        assert_eq!(ledger.head().hash(), &'f');
        ledger.set_head(11).unwrap();
        ledger.replace_tail(vec![Block(12, 'g', 11, 'b')]).unwrap();
        assert_eq!(ledger.head().height(), 11);
        assert_eq!(heights(ledger.all()), [10, 11, 12]);
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let mut ledger = ledger();
        let cases = [
            (vec![], "a chain without blocks cannot be served"),
            (vec![Block(13, 'x', 11, 'z')], "block 13 does not follow block 11: its parent has another hash"),
            (vec![Block(13, 'x', 12, 'b')], "block 13 does not follow block 11: its parent is at another height"),
            (vec![Block(13, 'x', 11, 'b'), Block(13, 'y', 13, 'x')], "block 13 does not follow block 13: heights must ascend"),
            (vec![Block(10, 'x', 9, '-')], "height 10 is outside the chain (10 to 14)"),
        ];
        for (tail, want) in cases {
            assert_eq!(ledger.replace_tail(tail).unwrap_err().to_string(), want);
        }
        assert_eq!(heights(ledger.all()), [10, 11, 13, 14]);
        assert!(Ledger::<Block>::new(vec![], 0).is_err());
    }
}
