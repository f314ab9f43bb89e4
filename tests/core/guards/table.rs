use hookwarden::guard::memory::NotWritten;
use hookwarden::guard::table::{Digest, Table, digest, short};

use super::Dice;
use super::memory::Shared;

/// Bytes of a full page.
const FULL_PAGE: usize = 1 + 48 * 24;

impl Dice {
    fn digest(&mut self) -> Digest {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&self.next().to_le_bytes());
        digest[8..].copy_from_slice(&self.next().to_le_bytes());
        digest
    }
}

/// A digest whose page is `page` in a table of any number of pages above that.
fn digest_on(page: u64, number: u64) -> Digest {
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&page.to_le_bytes());
    digest[8..].copy_from_slice(&number.to_le_bytes());
    digest
}

/// Inserts if there is room, and returns whether there was.
fn insert(table: &Table, memory: &Shared, digest: &Digest, number: u64) -> bool {
    let inserted = table.update(memory, digest, |page| {
        let has_room = page.has_room_beside(page.len());
        if has_room {
            page.set(digest, number);
        }
        has_room
    });
    inserted.unwrap()
}

#[test]
fn an_entry_is_found_until_it_is_removed() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 1000).unwrap();
    let mut dice = Dice(7);
    let entries: Vec<_> = (0..500).map(|_| (dice.digest(), dice.next())).collect();
    for (digest, number) in &entries {
        assert_eq!(table.find(&memory, digest), None);
        assert!(insert(&table, &memory, digest, *number));
    }
    for (digest, number) in &entries {
        assert_eq!(table.find(&memory, digest), Some(*number));
        table.update(&memory, digest, |page| page.set(digest, !number)).unwrap();
        assert_eq!(table.find(&memory, digest), Some(!number), "updated, not added");
    }
    assert_eq!(memory.entries("t"), 500);
    for (digest, _) in &entries {
        assert_eq!(table.update(&memory, digest, |page| page.retain(|own, _| own != digest)), Ok(1));
        assert_eq!(table.find(&memory, digest), None);
    }
    assert_eq!(memory.entries("t"), 0);
}

#[test]
fn digests_that_differ_in_their_last_bit_are_two() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 10).unwrap();
    for bit in 0..128_u32 {
        let mut neighbour = [0; 16];
        neighbour[bit as usize / 8] = 1 << (bit % 8);
        insert(&table, &memory, &[0; 16], 1);
        assert_eq!(table.find(&memory, &neighbour), None, "bit {bit}");
    }
}

#[test]
fn opening_a_table_writes_its_directory_only() {
    let memory = Shared::default();
    Table::open(&memory, "t", 10_000_000).unwrap();
    assert_eq!(memory.dump(), [("t".to_owned(), [&[1], &625_000_u32.to_le_bytes()[..]].concat())]);
    memory.take_cost();
    Table::open(&memory, "t", 10_000_000).unwrap();
    assert_eq!(memory.take_cost(), (1, 0), "it is there");
}

#[test]
fn an_access_reads_one_page_and_writes_it_only_if_it_changed() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 1000).unwrap();
    let digest = digest_on(3, 1);
    insert(&table, &memory, &digest, 1);
    memory.take_cost();
    insert(&table, &memory, &digest_on(3, 2), 2);
    assert_eq!(memory.take_cost(), (1, 1));
    assert_eq!(table.update(&memory, &digest, |page| page.find(&digest)), Ok(Some(1)));
    assert_eq!(memory.take_cost(), (1, 0), "looked at");
    assert_eq!(table.update(&memory, &digest, |page| page.retain(|_, _| true)), Ok(0));
    assert_eq!(memory.take_cost(), (1, 0), "nothing removed");
    assert_eq!(table.find(&memory, &digest), Some(1));
    assert_eq!(memory.take_cost(), (1, 0));
    assert_eq!(table.find(&memory, &digest_on(4, 1)), None);
    assert_eq!(memory.take_cost(), (1, 0), "a page that is not there");
    insert(&table, &memory, &digest_on(4, 1), 1);
    assert_eq!(memory.take_cost(), (2, 2), "created, then updated");
}

#[test]
fn up_to_48_entries_are_one_page_and_exact() {
    for entries in [1, 2, 10, 47, 48] {
        let memory = Shared::default();
        let table = Table::open(&memory, "t", entries).unwrap();
        let mut dice = Dice(8);
        let inserted = (0..100).filter(|_| insert(&table, &memory, &dice.digest(), 0)).count();
        assert_eq!(inserted, entries as usize);
        assert_eq!(memory.pages("t").len(), 1);
    }
}

#[test]
fn the_configured_number_of_entries_fits_into_pages_of_limited_size() {
    for entries in [49, 63, 64, 65, 100, 1000, 9999, 100_000] {
        let memory = Shared::default();
        let table = Table::open(&memory, "t", entries).unwrap();
        let mut dice = Dice(9);
        for n in 0..entries {
            assert!(insert(&table, &memory, &dice.digest(), 0), "{n} of {entries}");
        }
        let pages = memory.pages("t");
        assert!(pages.len() <= entries.div_ceil(16) as usize, "{} pages for {entries}", pages.len());
        assert!(pages.iter().all(|page| page.len() <= FULL_PAGE));
    }
}

#[test]
fn a_page_holds_48_entries_and_a_table_at_most_three_times_its_configured_size() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 160).unwrap();
    for page in 0..10 {
        for n in 0..100 {
            assert_eq!(insert(&table, &memory, &digest_on(page, n), 0), n < 48, "entry {n} of page {page}");
        }
    }
    assert_eq!(memory.entries("t"), 3 * 160);
    assert!(memory.pages("t").iter().all(|page| page.len() == FULL_PAGE));
}

#[test]
fn entries_survive_any_change_of_the_configured_number() {
    for sizes in [[100, 100_000, 10], [10, 100_000, 1], [100_000, 1, 100], [48, 49, 48]] {
        let memory = Shared::default();
        let mut dice = Dice(10);
        let mut all = Vec::new();
        for entries in sizes {
            let table = Table::open(&memory, "t", entries).unwrap();
            let new: Vec<_> = (0..entries.min(200)).map(|_| dice.digest()).collect();
            let inserted = new.iter().filter(|digest| insert(&table, &memory, digest, 7)).copied();
            all.extend(inserted.collect::<Vec<_>>());
            let found = all.iter().filter(|digest| table.find(&memory, digest) == Some(7)).count();
            assert_eq!(found, all.len(), "{entries} of {sizes:?}");
        }
        assert!(all.len() > 48, "{} in {sizes:?}", all.len());
    }
}

#[test]
fn a_table_follows_its_configured_size_up_and_down() {
    let memory = Shared::default();
    let mut dice = Dice(11);
    let mut fill = |table: &Table, tries| (0..tries).filter(|_| insert(table, &memory, &dice.digest(), 0)).count();
    let table = Table::open(&memory, "t", 10).unwrap();
    assert_eq!(fill(&table, 20), 10);
    let table = Table::open(&memory, "t", 3000).unwrap();
    assert_eq!(fill(&table, 4000), 2990, "one page still, so that it is exact");
    let table = Table::open(&memory, "t", 20).unwrap();
    assert_eq!(fill(&table, 100), 0, "already over its new limit");
}

#[test]
fn the_smallest_number_is_removed_and_the_first_of_equals() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 10).unwrap();
    for (n, number) in [(0, 9), (1, 5), (2, 7), (3, 5)] {
        insert(&table, &memory, &digest_on(0, n), number);
    }
    for expected in [1, 3, 2, 0] {
        table.update(&memory, &[0; 16], |page| page.remove_smallest()).unwrap();
        assert_eq!(table.find(&memory, &digest_on(0, expected)), None, "{expected} went");
    }
    assert_eq!(table.update(&memory, &[0; 16], |page| page.is_empty()), Ok(true));
    table.update(&memory, &[0; 16], |page| page.remove_smallest()).unwrap();
}

#[test]
fn other_data_is_not_read_as_a_table() {
    for directory in [&b"\x02\x01\0\0\0"[..], b"\x01", b"\x01\x01\0\0", b"\x01\x01\0\0\0\0", b"x"] {
        let memory = Shared::default();
        memory.put("t", directory);
        assert_eq!(Table::open(&memory, "t", 10), Err(NotWritten::Failed), "{directory:?}");
    }
    for page in [&b"\x02"[..], b"\0", &[1; 24], &[1; 26]] {
        let memory = Shared::default();
        let table = Table::open(&memory, "t", 10).unwrap();
        memory.put("t.0", page);
        assert_eq!(table.find(&memory, &[0; 16]), None, "{page:?}");
        assert_eq!(table.update(&memory, &[0; 16], |page| page.set(&[0; 16], 1)), Err(NotWritten::Failed), "{page:?}");
        assert_eq!(memory.pages("t"), [page], "left as it is");
    }
}

#[test]
fn a_host_that_refuses_causes_an_error_and_no_panic() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 10).unwrap();
    memory.refuse(true);
    assert_eq!(Table::open(&memory, "u", 10), Err(NotWritten::Failed));
    assert_eq!(table.update(&memory, &[0; 16], |_| ()), Err(NotWritten::Failed));
    assert_eq!(table.find(&memory, &[0; 16]), None);
}

#[test]
fn a_contended_change_restarts_from_the_new_value() {
    let memory = Shared::default();
    let table = Table::open(&memory, "t", 10).unwrap();
    insert(&table, &memory, &digest_on(0, 0), 0);
    memory.contend(5);
    let mut calls = 0;
    table
        .update(&memory, &digest_on(0, 1), |page| {
            calls += 1;
            page.set(&digest_on(0, 1), calls);
        })
        .unwrap();
    assert_eq!(table.find(&memory, &digest_on(0, 1)), Some(6));
    assert_eq!(memory.entries("t"), 2);
}

#[test]
fn threads_that_share_a_page_lose_nothing_even_while_it_is_created() {
    // A new table each round, because the creation of a page is the critical moment.
    for round in 0..50_u64 {
        let memory = Shared::default();
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let memory = &memory;
                scope.spawn(move || {
                    let table = Table::open(memory, "t", 160).unwrap();
                    for n in 0..6 {
                        assert!(insert(&table, memory, &digest_on(round % 10, thread * 6 + n), n));
                    }
                });
            }
        });
        let table = Table::open(&memory, "t", 160).unwrap();
        for n in 0..48 {
            assert_eq!(table.find(&memory, &digest_on(round % 10, n)), Some(n % 6), "round {round}");
        }
        assert!(!insert(&table, &memory, &digest_on(round % 10, 48), 0), "and the page is full");
    }
}

#[test]
fn a_byte_cannot_move_from_one_part_of_a_digest_into_the_next() {
    let parts: &[&[&[u8]]] = &[
        &[],
        &[b""],
        &[b"", b""],
        &[b"ab"],
        &[b"a", b"b"],
        &[b"", b"ab"],
        &[b"ab", b""],
        &[b"a", b"", b"b"],
        &[b"b", b"a"],
    ];
    let digests: std::collections::BTreeSet<_> = parts.iter().map(|parts| digest(parts)).collect();
    assert_eq!(digests.len(), parts.len());
    assert_eq!(short(&digest(&[b"a"])), digest(&[b"a"])[..16]);
}
