//! The order of those who come before a sale: drawn with a seed whose SHA-256 is published beforehand, so that anybody can
//! check it afterwards.
//!
//! The seed alone does not fix the order: it is mixed with a digest of everybody who came. So whoever knows the seed beforehand
//! can't choose a name that comes first, since the last one to join changes the order of all. (Commit and reveal; the idea is old,
//! see <https://en.wikipedia.org/wiki/Commitment_scheme>.)
//!
//! 1. `member = first 16 bytes of SHA-256("fullhouse member" ‖ 0 ‖ show ‖ 0 ‖ subject)`
//! 2. `members_sha256 = SHA-256(all members, ascending, one after the other)`
//! 3. `key = SHA-256(seed ‖ members_sha256)`
//! 4. The order is ascending by `SHA-256(key ‖ member)`.

use fullhouse_domain::{MemberHash, ShowId, Subject};
use sha2::{Digest, Sha256};

/// What stands for a person in a draw. Whoever knows a subject can find it in the order; nobody else learns it.
pub fn member_hash(show: &ShowId, subject: &Subject) -> MemberHash {
    let digest = Sha256::new()
        .chain_update("fullhouse member")
        .chain_update([0])
        .chain_update(show.as_str())
        .chain_update([0])
        .chain_update(subject.as_str())
        .finalize();
    let mut hash = MemberHash::default();
    let length = hash.len();
    hash.copy_from_slice(&digest[..length]);
    hash
}

/// A digest of everybody in a draw, in whatever order they are given.
pub fn members_sha256(members: &[MemberHash]) -> [u8; 32] {
    let mut sorted = members.to_vec();
    sorted.sort_unstable();
    sorted.iter().fold(Sha256::new(), |hash, member| hash.chain_update(member)).finalize().into()
}

/// The order in which they are served.
pub fn order(seed: &[u8; 32], members: &[MemberHash]) -> Vec<MemberHash> {
    let key: [u8; 32] = Sha256::new().chain_update(seed).chain_update(members_sha256(members)).finalize().into();
    let mut drawn: Vec<([u8; 32], MemberHash)> =
        members.iter().map(|member| (Sha256::new().chain_update(key).chain_update(member).finalize().into(), *member)).collect();
    drawn.sort_unstable();
    drawn.into_iter().map(|(_, member)| member).collect()
}

/// What is published of a seed.
pub fn seed_sha256(seed: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(seed).into()
}

/// What is wrong with a draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfair {
    /// The seed is another one than was promised.
    #[error("the seed is not the one whose SHA-256 was published when the show was scheduled")]
    AnotherSeed,
    /// Somebody is in it twice.
    #[error("somebody stands in the order twice")]
    Twice,
    /// The order does not follow from the seed and the members.
    #[error("the order does not follow from the seed and the members: place {place} is somebody else's")]
    AnotherOrder {
        /// The first place that differs, counted from 1.
        place: usize,
    },
}

/// Checks a draw against the digest that was published beforehand.
pub fn verify(published: &[u8; 32], seed: &[u8; 32], drawn: &[MemberHash]) -> Result<(), Unfair> {
    if seed_sha256(seed) != *published {
        return Err(Unfair::AnotherSeed);
    }
    let mut sorted = drawn.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Unfair::Twice);
    }
    let right = order(seed, drawn);
    match right.iter().zip(drawn).position(|(right, found)| right != found) {
        Some(place) => Err(Unfair::AnotherOrder { place: place + 1 }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: u32) -> Vec<MemberHash> {
        let show = ShowId::parse("local-a").expect("plain");
        (0..count).map(|number| member_hash(&show, &Subject::parse(&format!("p{number}")).expect("visible"))).collect()
    }

    #[test]
    fn the_order_depends_on_the_seed_and_on_everybody_and_on_nothing_else() {
        let mut people = members(100);
        let drawn = order(&[1; 32], &people);
        people.reverse();
        assert_eq!(order(&[1; 32], &people), drawn, "not on the order of joining");
        assert_ne!(order(&[2; 32], &people), drawn);
        let one_more: Vec<MemberHash> = order(&[1; 32], &members(101)).into_iter().filter(|member| people.contains(member)).collect();
        assert_ne!(one_more, drawn, "one who joins changes the order of the others");
    }

    #[test]
    fn a_draw_that_was_tampered_with_is_noticed() {
        let (seed, people) = ([7; 32], members(50));
        let (published, drawn) = (seed_sha256(&seed), order(&seed, &people));
        assert_eq!(verify(&published, &seed, &drawn), Ok(()));
        assert_eq!(verify(&published, &[8; 32], &drawn), Err(Unfair::AnotherSeed));
        let mut swapped = drawn.clone();
        swapped.swap(3, 40);
        assert_eq!(verify(&published, &seed, &swapped), Err(Unfair::AnotherOrder { place: 4 }));
        let without_one = [&drawn[..10], &drawn[11..]].concat();
        assert!(matches!(verify(&published, &seed, &without_one), Err(Unfair::AnotherOrder { .. })));
        let twice = [drawn.as_slice(), &drawn[..1]].concat();
        assert_eq!(verify(&published, &seed, &twice), Err(Unfair::Twice));
    }

    #[test]
    fn every_place_is_as_likely_for_everybody() {
        // The mean place of one person over many seeds; its standard deviation is 28.9 / √400 = 1.4.
        let people = members(100);
        let places = (0..400u32).map(|seed| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&seed.to_be_bytes());
            order(&bytes, &people).iter().position(|member| *member == people[0]).expect("he is in it") as f64
        });
        let mean = places.sum::<f64>() / 400.0;
        assert!((mean - 49.5).abs() < 6.0, "{mean}");
    }
}
