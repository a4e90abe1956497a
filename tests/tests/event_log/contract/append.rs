//! Appending: optimistic concurrency, atomicity, idempotency, and size limits.

use std::sync::Arc;

use bytes::Bytes;
use daybook_event_log::port::{DependentAppend, InvalidAppend, MAX_APPEND_BYTES, MAX_APPEND_EVENTS};
use daybook_event_log::{AppendError, EventLog, Expected, NewEvent, Revision};
use futures_util::future::join_all;

use crate::event_log::sample::*;

type Log = Arc<dyn EventLog>;

fn assert_conflict(result: Result<impl std::fmt::Debug, AppendError>, wanted: Expected, end: Option<u64>) {
    match result {
        Err(AppendError::RevisionConflict { expected, actual }) => {
            assert_eq!((expected, actual.map(Revision::get)), (wanted, end));
        }
        other => panic!("no conflict: {other:?}"),
    }
}

pub(crate) async fn an_append_is_read_back_as_it_was_written(log: Log) {
    let mut new = events(3);
    new[1].payload = Bytes::from_static("{\"b\":1, \"a\" : [1,2],\"korean\":\"피부케어\"}".as_bytes());
    let appended = log.append(&page(0), Expected::NoStream, new.clone()).await.unwrap();
    let read = read_stream(&*log, &page(0)).await;
    assert_eq!(read.len(), 3);
    for (event, new) in read.iter().zip(&new) {
        assert_eq!((event.id, &*event.event_type, &event.stream), (new.id, HAPPENED.as_str(), &page(0)));
        assert_eq!((&event.payload, &event.metadata), (&new.payload, &new.metadata), "not byte for byte");
    }
    assert_in_order(&read);
    assert_eq!((read[2].position, read[2].revision), (appended.position, appended.revision));
    assert_eq!(appended.revision, revision(2));
    assert_eq!(log.head().await.unwrap(), appended.position);
}

pub(crate) async fn a_stream_that_exists_is_not_started_again(log: Log) {
    append(&*log, &page(0), &events(2)).await;
    let again = log.append(&page(0), Expected::NoStream, events(1)).await;
    assert_conflict(again, Expected::NoStream, Some(1));
}

pub(crate) async fn a_revision_other_than_the_last_conflicts(log: Log) {
    let missing = Expected::Exact(revision(0));
    assert_conflict(log.append(&page(0), missing, events(1)).await, missing, None);
    append(&*log, &page(0), &events(3)).await;
    for wrong in [0, 1, 3, 100] {
        let wrong = Expected::Exact(revision(wrong));
        assert_conflict(log.append(&page(0), wrong, events(1)).await, wrong, Some(2));
    }
    let right = log.append(&page(0), Expected::Exact(revision(2)), events(1)).await.unwrap();
    assert_eq!(right.revision, revision(3));
}

pub(crate) async fn an_append_conflicts_if_a_stream_it_depends_on_has_moved(log: Log) {
    let append_if = async |events: &[NewEvent], expected, other_end| {
        let others = vec![(page(1), other_end)];
        let append = DependentAppend::alone(&page(0), expected, events.to_vec());
        log.append_if(DependentAppend { others, ..append }).await
    };
    let first = events(1);
    let appended = append_if(&first, Expected::NoStream, Expected::NoStream).await.unwrap();
    append(&*log, &page(1), &events(2)).await;
    let again = append_if(&first, Expected::NoStream, Expected::NoStream).await.unwrap();
    assert_eq!(again, appended, "what is recorded stays recorded");
    let late = append_if(&events(1), Expected::Exact(revision(0)), Expected::NoStream).await;
    if log.checks_other_streams() {
        assert_conflict(late, Expected::NoStream, Some(1));
        let next = append_if(&events(1), Expected::Exact(revision(0)), Expected::Exact(revision(1))).await;
        assert_eq!(next.unwrap().revision, revision(1));
    } else {
        assert_eq!(late.unwrap().revision, revision(1), "this log looks at one stream only");
    }
}

pub(crate) async fn the_same_append_again_is_answered_as_the_first_time(log: Log) {
    let (first, second) = (events(2), events(2));
    let first_time = log.append(&page(0), Expected::NoStream, first.clone()).await.unwrap();
    let after = Expected::Exact(first_time.revision);
    let second_time = log.append(&page(0), after, second.clone()).await.unwrap();
    append(&*log, &page(1), &events(1)).await;
    for _ in 0..2 {
        assert_eq!(log.append(&page(0), Expected::NoStream, first.clone()).await.unwrap(), first_time);
        assert_eq!(log.append(&page(0), after, second.clone()).await.unwrap(), second_time);
    }
    assert_eq!(read_all(&*log).await.len(), 5);
}

pub(crate) async fn the_same_append_at_the_same_moment_is_answered_alike(log: Log) {
    append(&*log, &page(0), &events(1)).await;
    let (page_of_all, new) = (page(0), events(3));
    let attempts = (0..16).map(|_| log.append(&page_of_all, Expected::Exact(revision(0)), new.clone()));
    let answers: Vec<_> = within(join_all(attempts)).await.into_iter().map(Result::unwrap).collect();
    assert!(
        answers.iter().all(|answer| *answer == answers[0] && answer.revision == revision(3)),
        "{answers:?}"
    );
    assert_eq!(read_stream(&*log, &page(0)).await.len(), 4);
}

pub(crate) async fn other_ids_at_the_same_place_conflict(log: Log) {
    let stored = events(3);
    log.append(&page(0), Expected::NoStream, stored.clone()).await.unwrap();
    let [first, second, third] = [&stored[0], &stored[1], &stored[2]].map(NewEvent::clone);
    let partly = [
        vec![first.clone(), event(), third.clone()],
        vec![event(), second.clone(), third.clone()],
        vec![second.clone(), first.clone(), third.clone()],
        vec![first.clone(), second.clone(), third.clone(), event()],
        vec![third, second],
    ];
    for attempt in partly {
        assert_conflict(log.append(&page(0), Expected::NoStream, attempt).await, Expected::NoStream, Some(2));
    }
    let elsewhere = log.append(&page(0), Expected::Exact(revision(0)), vec![first]).await;
    assert_conflict(elsewhere, Expected::Exact(revision(0)), Some(2));
    assert_eq!(recorded_ids(&read_all(&*log).await), ids(&stored));
}

pub(crate) async fn a_refused_append_leaves_nothing(log: Log) {
    let stored = events(1);
    let appended = append(&*log, &page(0), &stored).await;
    log.append(&page(0), Expected::Exact(revision(7)), events(5)).await.unwrap_err();
    let mut broken = events(5);
    broken[4].payload = Bytes::from_static(b"{");
    log.append(&page(0), Expected::Exact(revision(0)), broken).await.unwrap_err();
    assert_eq!(recorded_ids(&read_all(&*log).await), ids(&stored));
    assert_eq!(log.head().await.unwrap(), appended.position);
}

pub(crate) async fn a_reader_never_sees_half_an_append(log: Log) {
    let writer = tokio::spawn({
        let log = Arc::clone(&log);
        async move {
            let mut expected = Expected::NoStream;
            for _ in 0..100 {
                expected = Expected::Exact(log.append(&page(0), expected, events(7)).await.unwrap().revision);
            }
        }
    });
    let mut seen = 0;
    let reading = async {
        while seen < 700 {
            seen = read_stream(&*log, &page(0)).await.len();
            assert_eq!(seen % 7, 0, "half an append was seen");
        }
    };
    within(reading).await;
    writer.await.unwrap();
}

pub(crate) async fn of_concurrent_writers_one_wins_each_revision(log: Log) {
    let (contended, mut winners) = (page(0), Vec::new());
    for round in 0..20 {
        let last = (round > 0).then(|| revision(round - 1));
        let contenders = events(16);
        let attempts =
            contenders.iter().map(|event| log.append(&contended, Expected::after(last), vec![event.clone()]));
        let answers = within(join_all(attempts)).await;
        let won: Vec<_> = contenders.iter().zip(answers).filter(|(_, answer)| answer.is_ok()).collect();
        assert_eq!(won.len(), 1, "round {round}");
        winners.push(won[0].0.id);
    }
    assert_eq!(recorded_ids(&read_stream(&*log, &contended).await), winners);
}

pub(crate) async fn a_conflict_fails_only_its_own_append(log: Log) {
    append(&*log, &page(0), &events(2)).await;
    let attempts = (0..40).map(|number| {
        let log = Arc::clone(&log);
        // Every second writer expects the crowded page to be empty. The others have their own pages.
        let day = if number % 2 == 0 { 0 } else { number };
        async move { log.append(&page(day), Expected::NoStream, events(2)).await }
    });
    let answers = within(join_all(attempts)).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match number % 2 {
            0 => assert_conflict(answer, Expected::NoStream, Some(1)),
            _ => assert_eq!(answer.unwrap().revision, revision(1)),
        }
    }
    assert_eq!(read_all(&*log).await.len(), 2 + 20 * 2);
}

pub(crate) async fn what_makes_no_sense_is_refused(log: Log) {
    let twice = vec![event(); 2];
    let text = NewEvent { payload: Bytes::from_static(b"no JSON"), ..event() };
    let padded = NewEvent { payload: Bytes::from_static(b"{}\n"), ..event() };
    let not_text = NewEvent { metadata: Bytes::from_static(b"\"\xff\""), ..event() };
    let many = InvalidAppend::TooManyEvents { events: MAX_APPEND_EVENTS + 1, limit: MAX_APPEND_EVENTS };
    let cases = [
        (vec![], InvalidAppend::Empty),
        (twice, InvalidAppend::DuplicateIds),
        (vec![text], InvalidAppend::NotJson),
        (vec![padded], InvalidAppend::NotJson),
        (vec![not_text], InvalidAppend::NotJson),
        (events(MAX_APPEND_EVENTS + 1), many),
    ];
    for (new, reason) in cases {
        match log.append(&page(0), Expected::NoStream, new).await {
            Err(AppendError::Invalid(found)) => assert_eq!(found, reason),
            other => panic!("{reason}: {other:?}"),
        }
    }
    assert_eq!(read_all(&*log).await, []);
}

pub(crate) async fn what_is_too_large_is_refused_and_what_is_just_not_is_taken(log: Log) {
    let metadata = event().metadata.len();
    let large = event_of_bytes(MAX_APPEND_BYTES - metadata);
    let larger = event_of_bytes(MAX_APPEND_BYTES - metadata + 1);
    match log.append(&page(0), Expected::NoStream, vec![larger]).await {
        Err(AppendError::TooLarge { bytes, limit }) => {
            assert_eq!((bytes, limit), (MAX_APPEND_BYTES + 1, MAX_APPEND_BYTES));
        }
        other => panic!("taken: {other:?}"),
    }
    log.append(&page(0), Expected::NoStream, vec![large.clone()]).await.unwrap();
    let read = read_stream(&*log, &page(0)).await;
    assert!(read.len() == 1 && read[0].payload == large.payload);
    log.append(&page(0), Expected::Exact(revision(0)), events(MAX_APPEND_EVENTS)).await.unwrap();
}
