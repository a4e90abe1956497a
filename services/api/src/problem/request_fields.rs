//! Names the field of a request that a rejection concerns. A rejection itself does not know what the client calls it.

use super::{Code, Details, FieldFault, Format, Problem};

/// What a request calls the values that a decision is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFields {
    pub(crate) date: &'static str,
    /// The time that counts.
    pub(crate) time: &'static str,
    /// The half-day beside that time.
    pub(crate) period: &'static str,
    pub(crate) service: &'static str,
}

impl RequestFields {
    /// The names on most routes.
    const USUAL: Self =
        Self { date: "date", time: "timeSlotStart", period: "preferredTime", service: "serviceId" };

    /// The half-day is not that of the time.
    pub(crate) fn other_period(&self) -> Problem {
        Problem::contradiction(self.time, self.period)
    }

    fn of(&self, code: Code) -> Option<&'static str> {
        let fields = [
            (Code::DateInPast, self.date),
            (Code::DateTooFar, self.date),
            (Code::NoClinicHours, self.date),
            (Code::TimeInPast, self.time),
            (Code::OutsideClinicHours, self.time),
            (Code::UnknownService, self.service),
            (Code::ServiceInactive, self.service),
            (Code::ReasonRequired, "reason"),
        ];
        fields.into_iter().find(|(own, _)| *own == code).map(|(_, field)| field)
    }
}

impl Problem {
    /// The details of a problem that has none: the field that most routes name for its code.
    pub(super) fn usual_details(&self) -> Option<Details> {
        let field =
            RequestFields::USUAL.of(self.code).filter(|_| matches!(self.details, Details::Nothing {}));
        field.map(|field| Self::field(self.code, field).details)
    }

    /// Names the field that the problem concerns, if it has no details yet.
    pub(crate) fn in_fields(mut self, fields: &RequestFields) -> Self {
        if let (Details::Nothing {}, Some(field)) = (&self.details, fields.of(self.code)) {
            self.details = Self::field(self.code, field).details;
        }
        self
    }

    /// Two fields that say different things.
    pub(crate) fn contradiction(one: &'static str, other: &'static str) -> Self {
        Self::with_faults(FieldFault::contradiction(one, other).into())
    }
}

impl FieldFault {
    /// Two fields that say different things: nobody can tell which one is meant.
    pub(crate) fn contradiction(one: &'static str, other: &'static str) -> [Self; 2] {
        let fault = |field, other| Self::new(field, Code::InvalidField).with_format(Format::Agreeing(other));
        [fault(one, other), fault(other, one)]
    }
}
