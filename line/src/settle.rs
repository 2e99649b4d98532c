//! What becomes of a batch of calls: a pure function of the calls and of what the store knows, the same for every store.

use std::collections::HashMap;

use fullhouse_domain::{ShowId, Subject};

/// One call, without the one who waits for it.
#[derive(Debug)]
pub(crate) struct Request {
    pub show: ShowId,
    pub subject: Subject,
    pub wish: Wish,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To have a number, and another one than this.
    Join { instead_of: Option<u64> },
    /// Not to have this number any more.
    Leave { number: u64 },
}

/// A person before a show.
pub(crate) type Person<'a> = (&'a ShowId, &'a Subject);

impl Request {
    pub fn person(&self) -> Person<'_> {
        (&self.show, &self.subject)
    }
}

/// What the store knows of the people and shows of a batch.
#[derive(Debug, Default)]
pub(crate) struct Known<'a> {
    /// The last number that was given; a show without one may be absent.
    pub last: HashMap<&'a ShowId, u64>,
    /// The number of each person who has one.
    pub numbers: HashMap<Person<'a>, u64>,
}

/// A number that is given for the first time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub show: &'a ShowId,
    pub number: u64,
    /// Nobody, when it was given up within the same batch.
    pub subject: Option<&'a Subject>,
}

/// What is to be written, and what is to be answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled<'a> {
    /// The number that each request ends with: of a join the one its person has, of a leave the one it names.
    pub answers: Vec<u64>,
    /// Places in the store that are nobody's any more. They must be emptied before the new ones are written, because one person
    /// can be in both.
    pub given_up: Vec<(&'a ShowId, u64)>,
    /// Places that are new, for each show in the order of numbers.
    pub new: Vec<Place<'a>>,
}

/// Settles the requests one after the other. Settling them again after they were committed gives each join the same number.
pub(crate) fn settle<'a>(requests: impl IntoIterator<Item = &'a Request>, mut known: Known<'a>) -> Settled<'a> {
    let mut settled = Settled::default();
    for request in requests {
        let person = request.person();
        let current = known.numbers.get(&person).copied();
        let answer = match request.wish {
            Wish::Join { instead_of } => match current {
                Some(number) if instead_of != Some(number) => number,
                Some(_) | None => {
                    settled.give_up(request, current);
                    let last = known.last.entry(&request.show).or_default();
                    *last += 1;
                    known.numbers.insert(person, *last);
                    settled.new.push(Place { show: &request.show, number: *last, subject: Some(&request.subject) });
                    *last
                }
            },
            Wish::Leave { number } => {
                if current == Some(number) {
                    settled.give_up(request, current);
                    known.numbers.remove(&person);
                }
                number
            }
        };
        settled.answers.push(answer);
    }
    settled
}

impl<'a> Settled<'a> {
    fn give_up(&mut self, request: &'a Request, number: Option<u64>) {
        let Some(number) = number else { return };
        match self.new.iter_mut().rfind(|place| (place.show, place.number) == (&request.show, number)) {
            Some(place) => place.subject = None,
            None => self.given_up.push((&request.show, number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show() -> ShowId {
        ShowId::parse("local-a").expect("plain")
    }

    fn request(who: &str, wish: Wish) -> Request {
        Request { show: show(), subject: Subject::parse(who).expect("visible"), wish }
    }

    fn joins(who: &str) -> Request {
        request(who, Wish::Join { instead_of: None })
    }

    fn joins_instead_of(who: &str, number: u64) -> Request {
        request(who, Wish::Join { instead_of: Some(number) })
    }

    fn leaves(who: &str, number: u64) -> Request {
        request(who, Wish::Leave { number })
    }

    /// Settles requests in a line of five, of whom Ann has number 2 and Bob has number 5: answers, numbers given up, new numbers.
    #[track_caller]
    fn check(requests: &[Request], answers: &[u64], given_up: &[u64], new: &[(u64, Option<&str>)]) {
        let (show, ann, bob) = (show(), Subject::parse("ann").expect("visible"), Subject::parse("bob").expect("visible"));
        let known = Known { last: [(&show, 5)].into(), numbers: [((&show, &ann), 2), ((&show, &bob), 5)].into() };
        let settled = settle(requests, known);
        assert_eq!(settled.answers, answers);
        assert_eq!(settled.given_up.iter().map(|(_, number)| *number).collect::<Vec<_>>(), given_up);
        let found: Vec<_> = settled.new.iter().map(|place| (place.number, place.subject.map(Subject::as_str))).collect();
        assert_eq!(found, new);
    }

    #[test]
    fn whoever_has_a_number_keeps_it_and_others_get_the_next() {
        check(
            &[joins("ann"), joins("cid"), joins("bob"), joins("cid"), joins("dan")],
            &[2, 6, 5, 6, 7],
            &[],
            &[(6, Some("cid")), (7, Some("dan"))],
        );
    }

    #[test]
    fn a_number_that_is_used_up_is_exchanged_once() {
        check(&[joins_instead_of("ann", 2), joins_instead_of("ann", 2), joins("ann")], &[6, 6, 6], &[2], &[(6, Some("ann"))]);
        check(&[joins_instead_of("ann", 5), joins_instead_of("cid", 2)], &[2, 6], &[], &[(6, Some("cid"))]);
    }

    #[test]
    fn a_new_number_that_is_given_up_at_once_stays_given() {
        check(&[joins("cid"), leaves("cid", 6), joins("cid")], &[6, 6, 7], &[], &[(6, None), (7, Some("cid"))]);
        check(&[joins("cid"), joins_instead_of("cid", 6), joins("dan")], &[6, 7, 8], &[], &[(6, None), (7, Some("cid")), (8, Some("dan"))]);
    }

    #[test]
    fn only_its_owner_gives_up_a_number() {
        check(&[leaves("ann", 5), leaves("cid", 2), leaves("ann", 0)], &[5, 2, 0], &[], &[]);
        check(&[leaves("ann", 2), leaves("ann", 2), joins("ann")], &[2, 2, 6], &[2], &[(6, Some("ann"))]);
    }

    #[test]
    fn a_batch_settled_again_gives_each_join_the_same_number() {
        let requests = [joins("cid"), joins_instead_of("ann", 2), leaves("bob", 5), joins("bob"), joins("cid")];
        let (show, ann, bob) = (show(), Subject::parse("ann").expect("visible"), Subject::parse("bob").expect("visible"));
        let known = Known { last: [(&show, 5)].into(), numbers: [((&show, &ann), 2), ((&show, &bob), 5)].into() };
        let first = settle(&requests, known);
        assert_eq!(first.answers, [6, 7, 5, 8, 6]);
        let numbers = first.new.iter().filter_map(|place| Some(((place.show, place.subject?), place.number))).collect();
        let second = settle(&requests, Known { last: [(&show, 8)].into(), numbers });
        assert_eq!(second, Settled { answers: first.answers, ..Settled::default() }, "nothing is left to do");
    }

    #[test]
    fn each_show_counts_for_itself() {
        let mut other = joins("ann");
        other.show = ShowId::parse("local-b").expect("plain");
        check(&[other, joins("cid")], &[1, 6], &[], &[(1, Some("ann")), (6, Some("cid"))]);
    }
}
