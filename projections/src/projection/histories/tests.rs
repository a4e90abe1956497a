//! What is gathered comes to the rows that are kept up live: as a whole, and in as many passes as there are pages.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::HashSet;

use daybook_event_log::PageRange;

use super::*;
use crate::projection::change::{Decoded, Interpreter};
use crate::projection::fingerprint::{Golden, golden};
use crate::projection::fold::Fold;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// What the events of a range of pages mean, and all others.
fn told(history: &Golden, pages: PageRange) -> Vec<DecodedChange> {
    let mut interpreter = Interpreter::default();
    let wanted = history.events.iter().filter(|event| pages.matches(&event.stream));
    wanted.map(|event| interpreter.tell(Decoded::read(event), &history.opener).unwrap()).collect()
}

fn gathered(history: &Golden, pages: PageRange) -> Histories {
    let mut histories = Histories::default();
    told(history, pages).into_iter().for_each(|told| histories.take_in(told));
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
    told(history, PageRange::ALL).iter().for_each(|told| fold.apply(&told.effect));
    texts(fold.rows.values().map(|row| R::clone(row)))
}

fn comes_to_the_same<R: ReservationRow>(history: &Golden) {
    let folded = folded::<R>(history);
    assert!(folded.len() > 3);
    assert_eq!(texts(gathered(history, PageRange::ALL).rows::<R>()), folded);
}

#[test]
fn what_is_gathered_comes_to_the_rows_that_are_folded() {
    for history in golden() {
        comes_to_the_same::<LegacyRow>(&history);
        comes_to_the_same::<DynamicRow>(&history);
    }
}

#[test]
fn what_a_cut_leaves_is_gathered_by_the_passes_that_follow() {
    for history in golden() {
        let mut to_come = vec![PageRange::ALL];
        let (mut rows, mut closures, mut passes) = (Vec::new(), Vec::new(), 0);
        while let Some(pages) = to_come.pop() {
            let mut histories = gathered(&history, pages);
            let bytes = histories.bytes();
            let mut days = Vec::new();
            while let Some(day) = histories.cut() {
                days.push(day);
            }
            assert!(days.is_sorted_by(|earlier, later| earlier > later), "{days:?}");
            assert!(histories.bytes() < bytes || days.is_empty());
            to_come.extend(
                histories.rest().map(|rest| rest.ranges(usize::MAX, pages.until)).unwrap_or_default(),
            );
            rows.extend(texts(histories.rows::<LegacyRow>()));
            closures.extend(histories.closures().map(|row| row.id.clone()));
            passes += 1;
        }
        let on_pages = history.events.iter().filter(|event| event.stream.page_date().is_some());
        let pages: HashSet<&StreamName> = on_pages.map(|event| &event.stream).collect();
        assert_eq!(passes, pages.len(), "a pass for every page");
        rows.sort();
        assert_eq!(rows, folded::<LegacyRow>(&history), "every row in exactly one pass");
        let whole = gathered(&history, PageRange::ALL);
        closures.sort();
        assert_eq!(closures, whole.closures().map(|row| row.id.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn a_patient_who_was_forgotten_is_erased_where_that_happened_and_what_came_later_is_shown() {
    for history in golden() {
        for event in 0..history.events.len() {
            let part = Golden { events: history.events[..=event].to_vec(), opener: history.opener.clone() };
            let rows = texts(gathered(&part, PageRange::ALL).rows::<DynamicRow>());
            assert_eq!(rows, folded::<DynamicRow>(&part), "after event {event}");
        }
    }
}
