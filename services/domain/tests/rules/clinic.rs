//! A clinic with a zone, hours of its own and one day of bookings.

use chrono::NaiveDate;
use daybook_domain::catalog::{Catalog, CatalogCommand, Service, ServiceLimitSet, first_services};
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot, Hours};
use daybook_domain::requested_time::ParsedTime;
use daybook_domain::rules::{Day, DayCount, TimeSlot, day_count, time_slots};
use daybook_domain::schedule::{
    CloseTime, ClosedTime, DaySchedule, DecisionContext, Rejection, RequestReservation, ScheduleCommand,
    ScheduleEvent, decide,
};
use daybook_domain::time::{ClinicNow, DayOfWeek, Span};
use daybook_domain::{
    ClinicZone, ClockTime, ClosureId, HoursId, KeyId, PatientFingerprint, Period, ReservationId, RuleSet,
    Sealed, ServiceId, SubjectId,
};

/// 40 minutes.
pub(crate) const BOTOX: &str = "srv_wrinkle_botox";
/// 70 minutes.
pub(crate) const SKIN: &str = "srv_skin_care";

#[derive(Clone)]
pub(crate) struct Clinic {
    pub(crate) catalog: Catalog,
    pub(crate) hours: Hours,
    pub(crate) now: ClinicNow,
    pub(crate) schedule: DaySchedule,
}

pub(crate) fn time(text: &str) -> ClockTime {
    text.parse().unwrap()
}

pub(crate) fn span(start: &str, end: &str) -> Span {
    Span { start: time(start), end: time(end) }
}

pub(crate) fn service_id(id: &str) -> ServiceId {
    ServiceId::parse(id).unwrap()
}

/// A clinic slot with one seat and a start every half hour, of the half in which it starts.
pub(crate) fn slot(start: &str, end: &str) -> ClinicSlot {
    ClinicSlot {
        id: HoursId::parse(format!("from_{}", start.replace(':', "."))).unwrap(),
        period: Period::by_clock(time(start)),
        span: span(start, end),
        slot_interval: 30,
        max_concurrent: 1,
        service: None,
        effective_from: None,
        effective_until: None,
    }
}

impl Clinic {
    /// A day some days ahead, without hours.
    pub(crate) fn on(date: &str, zone: ClinicZone) -> Self {
        let date: NaiveDate = date.parse().unwrap();
        let mut catalog = Catalog::default();
        for command in first_services() {
            catalog.decide(command).unwrap().iter().for_each(|event| catalog.evolve(event));
        }
        let days_before = date - chrono::Days::new(5);
        let instant = days_before.and_hms_opt(12, 0, 0).unwrap().and_utc();
        let now = ClinicNow { instant, zone };
        Self { catalog, hours: Hours::default(), now, schedule: DaySchedule::empty(date) }
    }

    pub(crate) fn open(mut self, slots: impl IntoIterator<Item = ClinicSlot>) -> Self {
        let slots = slots.into_iter().collect();
        let day_of_week = DayOfWeek::from_date(self.schedule.date);
        let events = self.hours.decide(ClinicHoursSet { day_of_week, slots }).unwrap();
        events.iter().for_each(|event| self.hours.evolve(event));
        self
    }

    /// Limits a service to a number of bookings and of minutes per day.
    pub(crate) fn limit(mut self, service: &str, daily_limit: u32, daily_limit_minutes: Option<u32>) -> Self {
        let service = service_id(service);
        let limit =
            ServiceLimitSet { service, daily_limit, daily_limit_minutes, is_active: true, reason: None };
        let events = self.catalog.decide(CatalogCommand::SetServiceLimit(limit)).unwrap();
        events.iter().for_each(|event| self.catalog.evolve(event));
        self
    }

    pub(crate) fn at(mut self, instant: &str) -> Self {
        self.now.instant = instant.parse().unwrap();
        self
    }

    pub(crate) fn close(mut self, span: Span, service: Option<&str>) -> Self {
        let closure = ClosureId::parse(format!("c{}", self.schedule.len())).unwrap();
        let service = service.map(service_id);
        let time = ClosedTime::Span(span);
        let command =
            ScheduleCommand::CloseTime(CloseTime { closure, time, service, reason: None, fingerprint: None });
        self.execute(command).unwrap();
        self
    }

    pub(crate) fn service(&self, id: &str) -> &Service {
        self.catalog.get(&service_id(id)).unwrap()
    }

    fn decide(&self, command: ScheduleCommand) -> Result<Vec<ScheduleEvent>, Rejection> {
        let context =
            DecisionContext { catalog: &self.catalog, hours: &self.hours, now: self.now, retired: None };
        decide(&self.schedule, command, &context)
    }

    pub(crate) fn execute(&mut self, command: ScheduleCommand) -> Result<(), Rejection> {
        self.decide(command)?.iter().for_each(|event| self.schedule.evolve(event));
        Ok(())
    }

    fn request(&self, service: &str, parsed_time: ParsedTime, rules: RuleSet) -> ScheduleCommand {
        let number = self.schedule.len();
        ScheduleCommand::Request(RequestReservation {
            reservation: ReservationId::parse(format!("r{number}")).unwrap(),
            subject: SubjectId::from_bytes([number as u8; 16]),
            details: Sealed { key: KeyId(uuid::Uuid::nil()), ciphertext: "".into() },
            service: service_id(service),
            requested_time: None,
            parsed_time,
            rules,
            fingerprint: None,
            is_keyed: false,
            stated_period: None,
            patient: PatientFingerprint::from_bytes([number as u8; 16]),
            stranger: None,
        })
    }

    /// Whether a booking would be accepted.
    pub(crate) fn check(
        &self,
        service: &str,
        parsed_time: ParsedTime,
        rules: RuleSet,
    ) -> Result<(), Rejection> {
        self.decide(self.request(service, parsed_time, rules)).map(|_| ())
    }

    pub(crate) fn book(
        &mut self,
        service: &str,
        parsed_time: ParsedTime,
        rules: RuleSet,
    ) -> Result<(), Rejection> {
        self.execute(self.request(service, parsed_time, rules))
    }

    pub(crate) fn listed(&self, service: &str, rules: RuleSet) -> Vec<TimeSlot> {
        time_slots(&Day::new(&self.schedule, &self.hours, self.now), self.service(service), rules)
    }

    pub(crate) fn counted(&self, service: &str, rules: RuleSet) -> DayCount {
        day_count(&Day::new(&self.schedule, &self.hours, self.now), self.service(service), rules)
    }

    /// The starts that the list shows as free.
    pub(crate) fn offered(&self, service: &str, rules: RuleSet) -> Vec<String> {
        let slots = self.listed(service, rules).into_iter().filter(|slot| slot.refusal.is_none());
        slots.map(|slot| slot.start.to_string()).collect()
    }
}

pub(crate) fn at(start: &str) -> ParsedTime {
    ParsedTime::At(time(start))
}

pub(crate) const MORNING: ParsedTime = ParsedTime::Period(Period::Morning);
pub(crate) const AFTERNOON: ParsedTime = ParsedTime::Period(Period::Afternoon);
