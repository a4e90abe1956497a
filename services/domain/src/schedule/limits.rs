//! The bounds of a day schedule.

/// How many days ahead a booking can be made.
pub const MAX_DAYS_AHEAD: u64 = 366;

/// Maximum number of closures and of open bookings of the clinic on one day. Bookings of strangers do not count.
pub const MAX_DAY_ENTRIES: usize = 10_000;

/// Maximum number of open bookings of strangers on one day.
pub const MAX_STRANGER_DAY_ENTRIES: usize = 2_000;
