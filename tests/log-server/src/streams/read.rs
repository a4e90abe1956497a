//! Handles Read, both for single reads and for subscriptions.
//!
//! A read fetches a page only when the client is ready for more replies, so it never holds more than one page. A read
//! never waits for new events. Only a subscription does.

use std::iter;
use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tonic::{Request, Status};

use super::filter::Filter;
use super::subscription::{AllCursor, Source, StreamCursor, Subscription};
use super::wire::{UuidForm, read_event, stream_identifier, stream_name};
use crate::faults::Operation;
use crate::node::Node;
use crate::protocol::streams::read_req::options::all_options::AllOption;
use crate::protocol::streams::read_req::options::stream_options::RevisionOption;
use crate::protocol::streams::read_req::options::uuid_option::Content as UuidContent;
use crate::protocol::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, ReadDirection, StreamOption, StreamOptions,
};
use crate::protocol::streams::read_req::{Options, options};
use crate::protocol::streams::read_resp::{Content, StreamNotFound};
use crate::protocol::streams::{ReadReq, ReadResp};
use crate::refusal::{invalid_position, malformed, stream_deleted};
use crate::store::{Position, Record, Store, StreamName, Tombstoned, Visible};

/// The number of records to fetch from the log at once.
const PAGE_RECORDS: usize = 256;

/// The page size of the real server, in revisions. It determines the first revision that a read of hidden events
/// reports.
const REVISIONS_A_PAGE: u64 = 32;

pub(super) type Replies = BoxStream<'static, Result<ReadResp, Status>>;

pub(super) async fn read(node: &Node, request: Request<ReadReq>) -> Result<Replies, Status> {
    let (headers, _, request) = request.into_parts();
    let options = request.options.ok_or_else(|| malformed("options are missing"))?;
    let form = uuid_form(&options);
    match options.count_option {
        Some(CountOption::Count(count)) => {
            node.admit_read(Operation::Read, &headers).await?;
            read_once(&node.store, options, count, form)
        }
        Some(CountOption::Subscription(_)) => {
            node.admit_read(Operation::Subscribe, &headers).await?;
            let source = source(&options, filter(options.filter_option.clone())?, &node.store)?;
            Ok(Subscription::new(node, source, form).replies())
        }
        None => Err(malformed("neither a count nor a subscription")),
    }
}

fn uuid_form(options: &Options) -> UuidForm {
    match options.uuid_option.as_ref().and_then(|option| option.content.as_ref()) {
        Some(UuidContent::String(_)) => UuidForm::Text,
        Some(UuidContent::Structured(_)) | None => UuidForm::Structured,
    }
}

fn filter(option: Option<FilterOption>) -> Result<Option<Filter>, Status> {
    match option {
        Some(FilterOption::Filter(options)) => Filter::from_wire(options).map(Some),
        Some(FilterOption::NoFilter(_)) => Ok(None),
        None => Err(malformed("neither a filter nor none")),
    }
}

fn source(options: &Options, filter: Option<Filter>, store: &Store) -> Result<Source, Status> {
    if options.read_direction() == ReadDirection::Backwards {
        return Err(malformed("a subscription cannot run backwards"));
    }
    match (&options.stream_option, filter) {
        (Some(StreamOption::All(all)), filter) => Ok(Source::All(AllCursor::new(start(all)?, filter, store))),
        (Some(StreamOption::Stream(stream)), None) => {
            let name = stream_name(stream.stream_identifier.clone())?;
            Ok(Source::Stream(StreamCursor::new(name, revision(stream)?, store)))
        }
        (Some(StreamOption::Stream(_)), Some(_)) => Err(malformed("one stream cannot be filtered")),
        (None, _) => Err(malformed("no stream")),
    }
}

/// The position at which a read begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start<T> {
    IfMissing,
    At(T),
    End,
}

fn start(all: &AllOptions) -> Result<Start<Position>, Status> {
    match all.all_option {
        Some(AllOption::Start(_)) => Ok(Start::IfMissing),
        Some(AllOption::End(_)) => Ok(Start::End),
        Some(AllOption::Position(options::Position { commit_position, prepare_position })) => {
            Ok(Start::At(Position { commit: commit_position, prepare: prepare_position }))
        }
        None => Err(malformed("no position")),
    }
}

fn revision(stream: &StreamOptions) -> Result<Start<u64>, Status> {
    match stream.revision_option {
        Some(RevisionOption::Start(_)) => Ok(Start::IfMissing),
        Some(RevisionOption::End(_)) => Ok(Start::End),
        Some(RevisionOption::Revision(revision)) => Ok(Start::At(revision)),
        None => Err(malformed("no revision")),
    }
}

fn read_once(store: &Store, options: Options, count: u64, form: UuidForm) -> Result<Replies, Status> {
    if count == 0 {
        return Err(malformed("a count of zero"));
    }
    let (direction, filter) = (options.read_direction(), filter(options.filter_option)?);
    let compatible = options.control_option.is_some_and(|control| control.compatibility >= 1);
    match (options.stream_option, filter) {
        (Some(StreamOption::All(all)), filter) => {
            read_all(store, start(&all)?, direction, count, filter, form)
        }
        (Some(StreamOption::Stream(stream)), None) => {
            let (name, from) = (stream_name(stream.stream_identifier.clone())?, revision(&stream)?);
            read_stream(store, name, from, direction, count, compatible, form)
        }
        (Some(StreamOption::Stream(_)), Some(_)) => Err(malformed("one stream cannot be filtered")),
        (None, _) => Err(malformed("no stream")),
    }
}

/// Reads all streams. A forward read starts with the record at the position. A backward read starts with the record
/// before it, as on the real server.
fn read_all(
    store: &Store,
    from: Start<Position>,
    direction: ReadDirection,
    count: u64,
    filter: Option<Filter>,
    form: UuidForm,
) -> Result<Replies, Status> {
    let index = match from {
        Start::IfMissing => 0,
        Start::At(position) => store.index_at(position).map_err(|_| invalid_position())?,
        Start::End => store.len(),
    };
    let store = store.clone();
    let pages: Box<dyn Iterator<Item = Vec<Arc<Record>>> + Send> = match direction {
        ReadDirection::Forwards => Box::new(
            (index..).step_by(PAGE_RECORDS).map(move |at| store.page(at..at.saturating_add(PAGE_RECORDS))),
        ),
        ReadDirection::Backwards => {
            Box::new(backwards(index).map(move |range| store.page(range)).map(reversed))
        }
    };
    let pages = pages.take_while(|page| !page.is_empty());
    let accepted = pages.flatten().filter(move |record| filter.as_ref().is_none_or(|f| f.accepts(record)));
    Ok(replies(limited(accepted, count).map(move |record| read_event(&record, form))))
}

/// Returns the pages below an index, from the last to the first.
fn backwards(index: usize) -> impl Iterator<Item = Range<usize>> {
    iter::successors(Some(index), |end| Some(end.saturating_sub(PAGE_RECORDS)))
        .map(|end| end.saturating_sub(PAGE_RECORDS)..end)
}

fn reversed<T>(mut page: Vec<T>) -> Vec<T> {
    page.reverse();
    page
}

fn read_stream(
    store: &Store,
    name: StreamName,
    from: Start<u64>,
    direction: ReadDirection,
    count: u64,
    compatible: bool,
    form: UuidForm,
) -> Result<Replies, Status> {
    let visible = match store.visible(&name) {
        Ok(Some(visible)) => visible,
        Ok(None) => {
            let missing = StreamNotFound { stream_identifier: Some(stream_identifier(&name)) };
            return Ok(replies(iter::once(Content::StreamNotFound(missing))));
        }
        Err(Tombstoned) => return Err(stream_deleted(&name)),
    };
    let (revisions, first) = match direction {
        ReadDirection::Forwards => forwards(visible, from, count),
        ReadDirection::Backwards => (backwards_from(visible, from, count), None),
    };
    let first = first.filter(|_| compatible).map(Content::FirstStreamPosition);
    let last = compatible.then_some(Content::LastStreamPosition(visible.last));
    let events = stream_records(store.clone(), name, revisions, direction);
    let events = events.map(move |record| read_event(&record, form));
    Ok(replies(first.into_iter().chain(events).chain(last)))
}

/// Returns the revisions to read. Also returns the stream's first revision if a client must learn that it differs
/// from the requested one.
fn forwards(visible: Visible, from: Start<u64>, count: u64) -> (Range<u64>, Option<u64>) {
    let wanted = match from {
        Start::IfMissing => 0,
        Start::At(revision) => revision,
        Start::End => visible.last,
    };
    let next = visible.last.saturating_add(1);
    let begin = wanted.max(visible.first).min(next);
    let first_page_ends = wanted.saturating_add(count.min(REVISIONS_A_PAGE)).min(next);
    let is_first_page_empty = first_page_ends <= begin;
    let first = (is_first_page_empty && begin != wanted).then_some(begin);
    (begin..begin.saturating_add(count).min(next), first)
}

fn backwards_from(visible: Visible, from: Start<u64>, count: u64) -> Range<u64> {
    let wanted = match from {
        Start::IfMissing => 0,
        Start::At(revision) => revision.min(visible.last),
        Start::End => visible.last,
    };
    let end = wanted.saturating_add(1);
    end.saturating_sub(count).max(visible.first).min(end)..end
}

fn stream_records(
    store: Store,
    name: StreamName,
    revisions: Range<u64>,
    direction: ReadDirection,
) -> impl Iterator<Item = Arc<Record>> + Send {
    let page = PAGE_RECORDS as u64;
    let pages = (revisions.end.saturating_sub(revisions.start)).div_ceil(page);
    (0..pages).flat_map(move |number| match direction {
        ReadDirection::Forwards => {
            let from = revisions.start + number * page;
            store.stream_page(&name, from..(from + page).min(revisions.end))
        }
        ReadDirection::Backwards => {
            let to = revisions.end - number * page;
            reversed(store.stream_page(&name, to.saturating_sub(page).max(revisions.start)..to))
        }
    })
}

fn limited<T>(records: impl Iterator<Item = T>, count: u64) -> impl Iterator<Item = T> {
    records.take(usize::try_from(count).unwrap_or(usize::MAX))
}

fn replies(contents: impl Iterator<Item = Content> + Send + 'static) -> Replies {
    stream::iter(contents.map(|content| Ok(ReadResp { content: Some(content) }))).boxed()
}
