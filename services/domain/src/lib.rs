//! The business rules of a clinic's reservations.
//!
//! Everything here is a pure function of its arguments: no I/O, no async, no clock, no randomness. Time, ids and sealed
//! details of patients are inputs. So a test can call every rule directly, and the same rule decides a booking and
//! produces the list of free slots.
//!
//! Where to look: [`schedule`] is a clinic day, [`catalog`] the services, [`hours`] the opening hours, [`rules`] the
//! conditions for a booking, [`requested_time`] the parser for free-text times, [`value`] the allowed values of every
//! field, [`routing`] the choice of the view that answers a read.

pub mod access;
pub mod catalog;
pub mod event;
pub mod hours;
pub mod id;
pub mod idempotency;
pub mod phone;
pub mod privacy;
pub mod requested_time;
pub mod routing;
pub mod rules;
pub mod schedule;
pub mod sealed;
pub mod time;
pub mod value;
pub mod vocabulary;

pub use event::{Event, Impossible};
pub use id::{
    Actor, ClosureId, HoursId, NetworkFingerprint, PatientFingerprint, RequestFingerprint, ReservationId,
    ServiceId, SubjectId,
};
pub use sealed::{KeyId, Sealed};
pub use time::{ClinicZone, ClockTime, Minutes, Period};
pub use vocabulary::{Gender, LegacyService, ReadModel, RuleSet, Status, TreatmentType};
