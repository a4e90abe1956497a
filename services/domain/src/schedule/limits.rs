//! The bounds of a day schedule.

/// How many days ahead a booking can be made.
pub const MAX_DAYS_AHEAD: u64 = 366;

/// Maximum number of bookings and closures on one day.
pub const MAX_DAY_ENTRIES: usize = 10_000;
