//! Slots and credits against models that cannot be wrong.
#![cfg(not(armature_loom))]

use std::collections::{HashMap, HashSet};

use armature_bridge::{Credit, SlotId, Slots};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Step {
    Insert,
    /// Of any id that was ever given out, so most are stale after a while.
    Remove(Index),
    RemoveNewest,
    Get(Index),
    /// An id that was never given out.
    Foreign(u32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Insert),
        3 => any::<Index>().prop_map(Step::Remove),
        1 => Just(Step::RemoveNewest),
        2 => any::<Index>().prop_map(Step::Get),
        1 => any::<(u32, u32)>().prop_map(|(slot, generation)| Step::Foreign(slot, generation)),
        1 => (0..6u32, 0..4u32).prop_map(|(slot, generation)| Step::Foreign(slot, generation)),
    ]
}

proptest! {
    #[test]
    fn slots_are_a_bounded_map_whose_keys_are_never_given_twice(
        io_loop in any::<u8>(),
        limit in 0..6usize,
        steps in vec(step(), 0..80),
    ) {
        let mut slots = Slots::new(io_loop, limit);
        let (generations, usage) = (slots.generations(), slots.usage());
        let mut alive = HashMap::<SlotId, usize>::new();
        let mut issued = Vec::<SlotId>::new();
        for step in steps {
            match step {
                Step::Insert => match slots.insert(issued.len()) {
                    Some(id) => {
                        prop_assert_eq!(id.io_loop(), io_loop);
                        prop_assert!(!issued.contains(&id), "{:?} is given twice", id);
                        prop_assert!(alive.len() < limit);
                        alive.insert(id, issued.len());
                        issued.push(id);
                    }
                    None => prop_assert_eq!(alive.len(), limit),
                },
                Step::Remove(_) | Step::Get(_) | Step::RemoveNewest if issued.is_empty() => {}
                Step::Remove(index) => {
                    let id = *index.get(&issued);
                    prop_assert_eq!(slots.remove(id), alive.remove(&id));
                    prop_assert_eq!(slots.remove(id), None);
                }
                Step::RemoveNewest => {
                    let id = issued[issued.len() - 1];
                    prop_assert_eq!(slots.remove(id), alive.remove(&id));
                }
                Step::Get(index) => {
                    let id = *index.get(&issued);
                    prop_assert_eq!(slots.get_mut(id).copied(), alive.get(&id).copied());
                }
                Step::Foreign(slot, generation) => {
                    let id = SlotId { slot, generation };
                    if !issued.contains(&id) {
                        prop_assert_eq!(slots.get_mut(id), None);
                        prop_assert_eq!(slots.remove(id), None);
                    }
                }
            }
            prop_assert_eq!((usage.used(), usage.limit()), (alive.len(), limit));
            prop_assert_eq!((slots.len(), slots.is_empty()), (alive.len(), alive.is_empty()));
            for id in &issued {
                prop_assert_eq!(generations.is_current(*id), alive.contains_key(id));
            }
            let mut visited = HashSet::new();
            slots.for_each(|value| assert!(visited.insert(*value)));
            prop_assert_eq!(visited, alive.values().copied().collect::<HashSet<_>>());
            let even: HashSet<_> = slots.filter(|value| *value % 2 == 0).into_iter().collect();
            prop_assert_eq!(even, alive.iter().filter(|(_, value)| **value % 2 == 0).map(|(id, _)| *id).collect());
        }
    }

    #[test]
    fn credit_is_what_was_granted_and_not_spent(
        window in any::<u32>(),
        steps in vec((any::<bool>(), prop_oneof![0..100u64, any::<u32>().prop_map(u64::from)]), 0..60),
    ) {
        let mut credit = Credit::new(window.into());
        let mut balance = i128::from(window);
        for (is_grant, bytes) in steps {
            if is_grant {
                credit.grant(bytes);
                balance += i128::from(bytes);
            } else {
                credit.spend(bytes);
                balance -= i128::from(bytes);
            }
            prop_assert_eq!(i128::from(credit.available()), balance.max(0));
        }
    }
}

#[test]
fn credit_does_not_overflow() {
    let mut credit = Credit::new(u64::MAX);
    credit.grant(u64::MAX);
    assert_eq!(credit.available(), u64::MAX);
    credit.spend(u64::MAX);
    credit.spend(1);
    assert_eq!(credit.available(), 0);
}

#[test]
fn thousands_of_requests_are_in_flight() {
    const COUNT: usize = 5_000;
    let mut slots = Slots::new(7, COUNT);
    let generations = slots.generations();
    let ids: Vec<SlotId> = (0..COUNT).map(|n| slots.insert(n).unwrap()).collect();
    assert_eq!(slots.insert(0), None);
    assert!(ids.iter().enumerate().all(|(n, id)| slots.get_mut(*id) == Some(&mut { n })));
    assert!(ids.iter().enumerate().all(|(n, id)| slots.remove(*id) == Some(n)));
    assert!(ids.iter().all(|id| !generations.is_current(*id)));
    assert!(slots.is_empty());
    let again: HashSet<SlotId> = (0..COUNT).map(|n| slots.insert(n).unwrap()).collect();
    assert_eq!(again.len(), COUNT);
    assert!(ids.iter().all(|id| !again.contains(id)));
}

#[test]
fn a_slot_that_nobody_has_used_is_not_current_beyond_what_exists() {
    let slots = Slots::<()>::new(0, 4);
    for slot in [0, 3, 1 << 20, 0xff_ffff] {
        assert!(!slots.generations().is_current(SlotId { slot, generation: 0 }));
    }
}
