//! The contract of the event log, run on every adapter, and the additional guarantees of the Postgres adapter and the
//! vault.
//!
//! Each behaviour is written once, against the port only. To add an adapter, write a function in `adapters` and add its
//! name at the end of this file. An adapter that fails one of these tests is not an event log.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod event_log {
    pub(crate) mod adapters;
    pub(crate) mod contract;
    mod eventstore;
    mod model;
    mod portable;
    mod postgres;
    pub(crate) mod sample;
    mod vault;
}

/// Generates a test for each behaviour and each adapter.
macro_rules! contract {
    ($($adapter:ident),+ $(,)?) => { $(behaviours! { $adapter:
        append:
            an_append_is_read_back_as_it_was_written,
            a_stream_that_exists_is_not_started_again,
            a_revision_other_than_the_last_conflicts,
            an_append_conflicts_if_a_stream_it_depends_on_has_moved,
            the_same_append_again_is_answered_as_the_first_time,
            the_same_append_at_the_same_moment_is_answered_alike,
            other_ids_at_the_same_place_conflict,
            a_refused_append_leaves_nothing,
            a_reader_never_sees_half_an_append,
            of_concurrent_writers_one_wins_each_revision,
            a_conflict_fails_only_its_own_append,
            what_makes_no_sense_is_refused,
            what_is_too_large_is_refused_and_what_is_just_not_is_taken;
        read:
            an_empty_log_reads_as_empty,
            a_stream_is_read_from_a_revision_on,
            long_streams_are_read_to_their_end,
            all_is_read_after_a_position_in_order,
            a_filter_passes_its_families_only,
            reading_all_passes_the_pages_of_a_range_and_all_other_streams,
            reading_all_ends_at_the_head_of_its_call,
            what_is_after_a_position_is_counted_up_to_a_limit;
        follow:
            a_follower_sees_what_was_there_and_what_comes,
            a_follower_starts_after_its_position,
            a_filtered_follower_is_not_held_up_by_what_it_does_not_see,
            a_follower_catches_up_over_many_pages,
            followers_under_eight_writers_see_every_event_once_in_order;
    })+ };
}

macro_rules! behaviours {
    ($adapter:ident: $($part:ident: $($behaviour:ident),+;)+) => {
        mod $adapter { $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let opened = crate::event_log::adapters::$adapter().await;
                crate::event_log::contract::$part::$behaviour(opened.log()).await;
            }
        )+)+ }
    };
}

contract!(memory, postgres, eventstore);
