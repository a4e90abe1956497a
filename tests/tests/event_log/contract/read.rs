//! Reading: a single stream, or a snapshot of all streams.

use std::sync::Arc;

use daybook_event_log::{Category, EventLog, Expected, Filter, PageRange, Position, StreamName};
use futures_util::StreamExt;

use crate::event_log::sample::*;

type Log = Arc<dyn EventLog>;

pub(crate) async fn an_empty_log_reads_as_empty(log: Log) {
    assert_eq!(log.head().await.unwrap(), Position::START);
    assert_eq!(read_all(&*log).await, []);
    assert_eq!(read_stream(&*log, &page(0)).await, []);
    append(&*log, &page(0), &events(1)).await;
    assert_eq!(read_stream(&*log, &page(1)).await, [], "a stream that does not exist");
}

pub(crate) async fn a_stream_is_read_from_a_revision_on(log: Log) {
    let new = events(5);
    append(&*log, &page(0), &new[..2]).await;
    append(&*log, &page(1), &events(1)).await;
    append(&*log, &page(0), &new[2..]).await;
    for from in 0..=6 {
        let read = collect(log.read_stream(&page(0), revision(from)).await).await;
        let rest: Vec<_> = new.iter().skip(from as usize).cloned().collect();
        assert_eq!(recorded_ids(&read), ids(&rest), "from {from}");
    }
}

pub(crate) async fn long_streams_are_read_to_their_end(log: Log) {
    let new = events(3000);
    let mut expected = Expected::NoStream;
    for part in new.chunks(1000) {
        expected = Expected::Exact(log.append(&page(0), expected, part.to_vec()).await.unwrap().revision);
    }
    let read = read_stream(&*log, &page(0)).await;
    assert_eq!(recorded_ids(&read), ids(&new));
    assert_in_order(&read);
    assert_eq!(recorded_ids(&read_all(&*log).await), ids(&new));
}

pub(crate) async fn all_is_read_after_a_position_in_order(log: Log) {
    let mut written = Vec::new();
    for number in 0..30 {
        let new = events(1 + number % 3);
        append(&*log, &page(number as u64 % 4), &new).await;
        written.extend(new);
    }
    let all = read_all(&*log).await;
    assert_eq!(recorded_ids(&all), ids(&written));
    assert_in_order(&all);
    for (index, event) in all.iter().enumerate() {
        let rest = collect(log.read_all(event.position, &Filter::all()).await).await;
        assert_eq!(rest, all[index + 1..], "after {}", event.position);
    }
    assert_eq!(log.head().await.unwrap(), all.last().unwrap().position);
}

pub(crate) async fn a_filter_passes_its_families_only(log: Log) {
    let streams = [
        page(0),
        StreamName::catalog(),
        StreamName::hours(),
        page(1),
        StreamName::routing(),
        StreamName::privacy(),
    ];
    for stream in &streams {
        append(&*log, stream, &events(2)).await;
    }
    let filters = [
        (vec![Category::Daybook], vec![&streams[0], &streams[3]]),
        (vec![Category::Privacy, Category::Catalog], vec![&streams[1], &streams[5]]),
        (Category::ALL.to_vec(), streams.iter().collect()),
        (vec![], vec![]),
    ];
    for (categories, wanted) in filters {
        let read =
            collect(log.read_all(Position::START, &Filter::categories(categories.clone())).await).await;
        let names: Vec<_> = read.iter().map(|event| &event.stream).collect();
        let twice: Vec<_> = wanted.into_iter().flat_map(|stream| [stream; 2]).collect();
        assert_eq!(names, twice, "{categories:?}");
        assert_in_order(&read);
    }
}

pub(crate) async fn reading_all_passes_the_pages_of_a_range_and_all_other_streams(log: Log) {
    let streams = [page(0), StreamName::privacy(), page(2), StreamName::catalog(), page(1), page(3)];
    for stream in &streams {
        append(&*log, stream, &events(1)).await;
    }
    let day = |number| page(number).page_date();
    let others = Filter::all().with_pages(PageRange { after: day(3), until: day(3) });
    for (filter, wanted) in [
        (Filter::all().with_pages(PageRange { after: day(0), until: day(2) }), vec![1, 2, 3, 4]),
        (Filter::all().with_pages(PageRange { after: None, until: day(1) }), vec![0, 1, 3, 4]),
        (Filter::all().with_pages(PageRange { after: day(1), until: None }), vec![1, 2, 3, 5]),
        (
            Filter::categories([Category::Daybook]).with_pages(PageRange { after: day(2), until: None }),
            vec![5],
        ),
        (others, vec![1, 3]),
    ] {
        let read = collect(log.read_all(Position::START, &filter).await).await;
        let names: Vec<_> = read.iter().map(|event| &event.stream).collect();
        let wanted: Vec<_> = wanted.into_iter().map(|number: usize| &streams[number]).collect();
        assert_eq!(names, wanted, "{filter:?}");
    }
}

pub(crate) async fn reading_all_ends_at_the_head_of_its_call(log: Log) {
    let before = events(20);
    append(&*log, &page(0), &before).await;
    let mut reading = log.read_all(Position::START, &Filter::all()).await.unwrap();
    let first = reading.next().await.unwrap().unwrap();
    append(&*log, &page(1), &events(20)).await;
    let rest = collect(Ok(reading)).await;
    assert_eq!((first.id, recorded_ids(&rest)), (before[0].id, ids(&before[1..])));
}

pub(crate) async fn what_is_after_a_position_is_counted_up_to_a_limit(log: Log) {
    assert_eq!(log.count_after(Position::START, 10).await.unwrap(), 0);
    append(&*log, &page(0), &events(3)).await;
    append(&*log, &StreamName::routing(), &events(2)).await;
    let all = read_all(&*log).await;
    for (number, event) in all.iter().enumerate() {
        let after = 4 - number as u32;
        assert_eq!(log.count_after(event.position, 10).await.unwrap(), after, "{event:?}");
        assert_eq!(log.count_after(event.position, 2).await.unwrap(), after.min(2), "{event:?}");
    }
    assert_eq!(log.count_after(Position::START, 5).await.unwrap(), 5);
    assert_eq!(log.count_after(Position::START, 0).await.unwrap(), 0);
}
