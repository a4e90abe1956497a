//! The rules of a clinic's reservation book.
//!
//! Everything here is a pure function of its arguments: no I/O, no async, no clock, no randomness. Time, ids and
//! sealed patients' details come in as inputs, so that every rule can be tested by calling it, and so that the
//! same rule can judge a booking and draw up the list of free slots.
//!
//! Where to look: [`book`] is a clinic day, [`catalog`] the services, [`hours`] when the clinic is open, [`routing`]
//! which read model answers whom, [`rules`] what makes a booking possible, [`wish`] how free text becomes a time.

pub mod catalog;
pub mod event;
pub mod hours;
pub mod id;
pub mod phone;
pub mod privacy;
pub mod requested_time;
pub mod routing;
pub mod rules;
pub mod schedule;
pub mod sealed;
pub mod time;
pub mod vocabulary;

pub use event::Event;
pub use id::{Actor, ClosureId, HoursId, ReservationId, ServiceId, SubjectId};
pub use sealed::{KeyId, Sealed};
pub use time::{ClinicZone, ClockTime, Minutes, Period};
pub use vocabulary::{Gender, LegacyService, ReadModel, Status, TreatmentType};
