//! A set of numbers in the line: one bit each.

/// Numbers from 1 on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    words: Vec<u64>,
}

impl Numbers {
    pub fn insert(&mut self, number: u64) {
        let (word, bit) = place(number);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    pub fn contains(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|found| found & bit != 0)
    }

    /// Those of these words: number n is bit n % 64 of word n / 64.
    pub fn of_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The highest number; 0, when there is none.
    pub fn highest(&self) -> u64 {
        let last = self.words.iter().rposition(|&word| word != 0);
        last.map_or(0, |word| word as u64 * 64 + u64::from(self.words[word].ilog2()))
    }

    /// How many of the numbers after `after` and before `before` are in the set.
    pub fn count_between(&self, after: u64, before: u64) -> u64 {
        let (from, to) = (after + 1, before);
        if from >= to {
            return 0;
        }
        let (first, last) = ((from / 64) as usize, ((to - 1) / 64) as usize);
        let masked = |(word, bits): (usize, &u64)| {
            let low = if word == first { u64::MAX << (from % 64) } else { u64::MAX };
            let high = if word == last { u64::MAX >> (63 - (to - 1) % 64) } else { u64::MAX };
            u64::from((bits & low & high).count_ones())
        };
        self.words.iter().enumerate().skip(first).take(last + 1 - first).map(masked).sum()
    }
}

fn place(number: u64) -> (usize, u64) {
    ((number / 64) as usize, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_set(members in proptest::collection::btree_set(1..400u64, 0..60), after in 0..400u64, before in 0..400u64) {
            let mut numbers = Numbers::default();
            members.iter().for_each(|&number| numbers.insert(number));
            for number in 0..500 {
                prop_assert_eq!(numbers.contains(number), members.contains(&number));
            }
            let between = members.iter().filter(|&&number| after < number && number < before).count() as u64;
            prop_assert_eq!(numbers.count_between(after, before), between);
            prop_assert_eq!(numbers.count(), members.len() as u64);
            prop_assert_eq!(numbers.highest(), members.last().copied().unwrap_or(0));
            prop_assert_eq!(Numbers::of_words(numbers.words().to_vec()), numbers);
        }
    }
}
