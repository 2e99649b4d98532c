//! The Merkle tree of RFC 6962, section 2.1.
//!
//! Only the roots of complete tiles of 256 leaves are kept, which is a hash for every 256 facts; what is above them is computed,
//! and what is below comes from the facts themselves.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// Leaves in a tile, as in <https://c2sp.org/tlog-tiles>.
pub const TILE: u64 = 256;

/// The hash of a leaf: SHA-256 of a zero byte and the leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// The hash of a node: SHA-256 of a one byte and its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of the tree over these leaves, by their hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The greatest power of two below `size`.
fn split(size: u64) -> u64 {
    size.next_power_of_two() / 2
}

/// The complete tiles of a tree that grows, and all that stands above them.
#[derive(Debug, Clone, Default)]
pub struct Tiles {
    /// `levels[k][j]` is the root over the 2^k tiles that begin with tile `j * 2^k`.
    levels: Vec<Vec<Hash>>,
}

impl Tiles {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.levels.first().map_or(0, |tiles| tiles.len() as u64)
    }

    /// The leaves that they cover.
    pub fn leaves(&self) -> u64 {
        self.count() * TILE
    }

    /// The root of a tile.
    pub fn root(&self, tile: u64) -> Option<&Hash> {
        self.levels.first()?.get(tile as usize)
    }

    /// Adds the next tile, by its root.
    pub fn push(&mut self, root: Hash) {
        let mut node = root;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(node);
            match nodes.as_chunks::<2>() {
                (pairs, []) => {
                    let [left, right] = pairs.last().expect("one was pushed");
                    node = node_hash(left, right);
                }
                _ => return,
            }
        }
    }

    /// The root over complete, aligned tiles.
    fn aligned(&self, from: u64, leaves: u64) -> Option<Hash> {
        let tiles = leaves / TILE;
        let level = self.levels.get(tiles.trailing_zeros() as usize)?;
        level.get((from / leaves) as usize).copied()
    }
}

/// The leaves of those tiles that a root or a proof must look into.
pub type Leaves = HashMap<u64, Vec<Hash>>;

/// The tree, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// The complete tiles.
    pub tiles: &'a Tiles,
    /// The leaves of some tiles, by the tile's number: of [`needed_for_root`] and so on, from the tile's first leaf on.
    pub leaves: &'a Leaves,
}

/// A tree that was asked about leaves or tiles that it was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree does not know the leaves {from} to {to}")]
pub struct Unknown {
    /// The first of them.
    pub from: u64,
    /// The one behind the last.
    pub to: u64,
}

/// The tiles whose leaves must be known for the root of a tree of this size.
pub fn needed_for_root(size: u64) -> Vec<u64> {
    if size.is_multiple_of(TILE) { Vec::new() } else { vec![size / TILE] }
}

/// The tiles whose leaves must be known to prove that a leaf is in the tree of this size.
pub fn needed_for_inclusion(leaf: u64, size: u64) -> Vec<u64> {
    let mut tiles = needed_for_root(size);
    if !tiles.contains(&(leaf / TILE)) {
        tiles.push(leaf / TILE);
    }
    tiles
}

/// The tiles whose leaves must be known to prove that one tree grew into another.
pub fn needed_for_consistency(old_size: u64, size: u64) -> Vec<u64> {
    let mut tiles = needed_for_root(size);
    tiles.extend(needed_for_root(old_size).into_iter().filter(|tile| !needed_for_root(size).contains(tile)));
    tiles
}

impl Tree<'_> {
    /// The root of the tree over the first `size` leaves.
    pub fn root(&self, size: u64) -> Result<Hash, Unknown> {
        if size == 0 { Ok(empty_root()) } else { self.range(0, size) }
    }

    /// RFC 6962, section 2.1.1: the audit path of a leaf in the tree of this size, the sibling of the leaf first.
    pub fn inclusion(&self, leaf: u64, size: u64) -> Result<Vec<Hash>, Unknown> {
        let (mut from, mut to, mut path) = (0, size, Vec::new());
        while to - from > 1 {
            let middle = from + split(to - from);
            if leaf < middle {
                path.push(self.range(middle, to)?);
                to = middle;
            } else {
                path.push(self.range(from, middle)?);
                from = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// RFC 6962, section 2.1.2: the proof that the tree of `old_size` is the beginning of the one of `size`.
    pub fn consistency(&self, old_size: u64, size: u64) -> Result<Vec<Hash>, Unknown> {
        if old_size == 0 || old_size > size {
            return Err(Unknown { from: old_size, to: size });
        }
        let (mut from, mut to, mut old_is_whole, mut proof) = (0, size, true, Vec::new());
        while to != old_size {
            let middle = from + split(to - from);
            if old_size <= middle {
                proof.push(self.range(middle, to)?);
                to = middle;
            } else {
                proof.push(self.range(from, middle)?);
                (from, old_is_whole) = (middle, false);
            }
        }
        if !old_is_whole {
            proof.push(self.range(from, to)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// The root over the leaves from one on and up to before another.
    fn range(&self, from: u64, to: u64) -> Result<Hash, Unknown> {
        let leaves = to - from;
        if leaves >= TILE && leaves.is_power_of_two() && from.is_multiple_of(leaves) {
            if let Some(root) = self.tiles.aligned(from, leaves) {
                return Ok(root);
            }
        } else if leaves > TILE {
            let middle = from + split(leaves);
            return Ok(node_hash(&self.range(from, middle)?, &self.range(middle, to)?));
        }
        let known = self.leaves.get(&(from / TILE)).map(Vec::as_slice).unwrap_or_default();
        let first = (from % TILE) as usize;
        known.get(first..first + leaves as usize).map(root_of).ok_or(Unknown { from, to })
    }
}

/// A tree that grows leaf by leaf.
#[derive(Debug, Clone, Default)]
pub struct GrowingTree {
    tiles: Tiles,
    /// The leaves after the last complete tile.
    rest: Vec<Hash>,
}

impl GrowingTree {
    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.tiles.leaves() + self.rest.len() as u64
    }

    /// Its complete tiles.
    pub fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// Adds a leaf, by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.rest.push(leaf);
        if self.rest.len() as u64 == TILE {
            self.tiles.push(root_of(&self.rest));
            self.rest.clear();
        }
    }

    /// Its root.
    pub fn root(&self) -> Hash {
        let leaves: Leaves = needed_for_root(self.size()).into_iter().map(|tile| (tile, self.rest.clone())).collect();
        Tree { tiles: &self.tiles, leaves: &leaves }.root(self.size()).expect("it has what it needs")
    }
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    fn leaves(count: u64) -> Vec<Vec<u8>> {
        (0..count).map(|leaf| format!("leaf {leaf}").into_bytes()).collect()
    }

    /// The tiles of a tree, and the leaves of those that are asked for.
    fn known(leaves: &[Vec<u8>], needed: &[u64]) -> (Tiles, Leaves) {
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let mut tiles = Tiles::default();
        hashes.as_chunks::<{ TILE as usize }>().0.iter().for_each(|tile| tiles.push(root_of(tile)));
        let of_tile = |tile: &u64| (*tile, hashes.chunks(TILE as usize).nth(*tile as usize).expect("there is such a tile").to_vec());
        (tiles, needed.iter().map(of_tile).collect())
    }

    fn reference(leaves: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
        let mut tree = MemoryBackedTree::new();
        leaves.iter().for_each(|leaf| tree.push(leaf.clone()));
        tree
    }

    #[test]
    fn a_tree_without_leaves_has_the_root_that_the_rfc_says() {
        assert_eq!(fullhouse_schemas::hex::encode(&empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// The library keeps every node in memory; ours must come to the same bytes from tiles.
        #[test]
        fn roots_and_proofs_are_those_of_the_library(size in 1_u64..1_400, leaf in 0_u64..1_400, old_size in 1_u64..1_400) {
            let (leaf, old_size) = (leaf % size, 1 + old_size % size);
            let all = leaves(size);
            let expected = reference(&all);
            let (tiles, of_root) = known(&all, &needed_for_root(size));
            let root = Tree { tiles: &tiles, leaves: &of_root }.root(size);
            prop_assert_eq!(root, Ok((*expected.root().as_bytes()).into()));
            let mut growing = GrowingTree::default();
            all.iter().for_each(|leaf| growing.push(leaf_hash(leaf)));
            prop_assert_eq!((growing.size(), Ok(growing.root())), (size, root));
            let (_, of_inclusion) = known(&all, &needed_for_inclusion(leaf, size));
            let path = Tree { tiles: &tiles, leaves: &of_inclusion }.inclusion(leaf, size).expect("all that is needed is known");
            let proof = expected.prove_inclusion(leaf as usize);
            prop_assert_eq!(path.concat(), proof.as_bytes());
            let (_, of_consistency) = known(&all, &needed_for_consistency(old_size, size));
            let grown = Tree { tiles: &tiles, leaves: &of_consistency }.consistency(old_size, size).expect("all that is needed is known");
            let proof = expected.prove_consistency((size - old_size) as usize);
            prop_assert_eq!(grown.concat(), proof.as_bytes());
            let old = Tree { tiles: &tiles, leaves: &of_consistency }.root(old_size);
            prop_assert_eq!(old, Ok((*reference(&all[..old_size as usize]).root().as_bytes()).into()));
        }
    }
}
