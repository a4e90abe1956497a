//! Histories produce the same rows as the live fold: as a whole, and in as many passes as there are days.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::HashSet;

use daybook_event_log::PageRange;

use super::*;
use crate::projection::change::{DecodedEvent, Interpreter};
use crate::projection::fingerprint::{Golden, golden};
use crate::projection::fold::Fold;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// The changes of a range of days and of all other streams.
fn changes(history: &Golden, pages: PageRange) -> Vec<DecodedChange> {
    let mut interpreter = Interpreter::default();
    let wanted = history.events.iter().filter(|event| pages.matches(&event.stream));
    wanted
        .map(|event| interpreter.decode_change(DecodedEvent::read(event), &history.decryptor).unwrap())
        .collect()
}

fn histories_of(history: &Golden, pages: PageRange, homes: Option<Homes>) -> Histories {
    let mut histories = homes.map(Histories::with_homes).unwrap_or_default();
    changes(history, pages).into_iter().for_each(|changes| histories.apply(changes));
    histories
}

/// Rows as text, in order.
fn texts<R: ReservationRow>(rows: impl Iterator<Item = R>) -> Vec<String> {
    let mut texts: Vec<String> = rows.map(|row| serde_json::to_string(&row).unwrap()).collect();
    texts.sort();
    texts
}

fn folded<R: ReservationRow>(history: &Golden) -> Vec<String> {
    let mut fold: Fold<R> = Fold::new(Reference::default());
    changes(history, PageRange::ALL).iter().for_each(|changes| fold.apply(&changes.change));
    texts(fold.rows.values().map(|row| R::clone(row)))
}

fn comes_to_the_same<R: ReservationRow>(history: &Golden) {
    let folded = folded::<R>(history);
    assert!(!folded.is_empty());
    assert_eq!(texts(histories_of(history, PageRange::ALL, None).rows::<R>()), folded);
}

#[test]
fn histories_produce_the_rows_of_the_fold() {
    for history in golden() {
        comes_to_the_same::<LegacyRow>(&history);
        comes_to_the_same::<DynamicRow>(&history);
    }
}

#[test]
fn later_passes_include_the_days_that_a_cut_left() {
    for history in golden() {
        let mut to_come = vec![PageRange::ALL];
        let (mut rows, mut closures, mut passes) = (Vec::new(), Vec::new(), 0);
        let mut homes = None;
        while let Some(pages) = to_come.pop() {
            let mut histories = histories_of(&history, pages, homes);
            homes = Some(histories.homes());
            let bytes = histories.bytes();
            let mut days = Vec::new();
            while let Some(day) = histories.drop_later_half() {
                days.push(day);
            }
            assert!(days.is_sorted_by(|earlier, later| earlier > later), "{days:?}");
            assert!(histories.bytes() < bytes || days.is_empty());
            to_come.extend(
                histories
                    .remainder()
                    .map(|remainder| remainder.ranges(usize::MAX, pages.until))
                    .unwrap_or_default(),
            );
            histories.leave_moved_out();
            rows.extend(texts(histories.rows::<LegacyRow>()));
            closures.extend(histories.closures().map(|row| row.id.clone()));
            passes += 1;
        }
        let on_pages = history.events.iter().filter(|event| event.stream.page_date().is_some());
        let pages: HashSet<&StreamName> = on_pages.map(|event| &event.stream).collect();
        assert_eq!(passes, pages.len(), "a pass for every page");
        rows.sort();
        assert_eq!(rows, folded::<LegacyRow>(&history), "every row in exactly one pass");
        let whole = histories_of(&history, PageRange::ALL, None);
        closures.sort();
        assert_eq!(closures, whole.closures().map(|row| row.id.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn a_forgotten_patient_is_erased_up_to_the_forgetting_and_later_data_is_shown() {
    for history in golden() {
        for event in 0..history.events.len() {
            let part =
                Golden { events: history.events[..=event].to_vec(), decryptor: history.decryptor.clone() };
            let rows = texts(histories_of(&part, PageRange::ALL, None).rows::<DynamicRow>());
            assert_eq!(rows, folded::<DynamicRow>(&part), "after event {event}");
        }
    }
}
