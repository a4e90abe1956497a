//! The six services of a new clinic: the values of the old enum, as listed in `docs/legacy-system.md`.

use super::command::{CatalogCommand, ServiceDraft};
use super::event::ServiceLimitSet;
use crate::id::ServiceId;
use crate::time::Minutes;
use crate::vocabulary::LegacyService;

/// Bookings per day of each service; the default of the old system.
const DAILY_LIMIT: u32 = 10;

/// Id, enum value, Korean name, English name, duration and buffer in minutes.
const SERVICES: [(&str, LegacyService, &str, &str, Minutes, Minutes); 6] = [
    ("srv_wrinkle_botox", LegacyService::WrinkleBotox, "주름/보톡스", "Wrinkles / Botox", 30, 10),
    ("srv_volume_lifting", LegacyService::VolumeLifting, "볼륨/리프팅", "Volume / Lifting", 45, 15),
    ("srv_skin_care", LegacyService::SkinCare, "피부케어", "Skin care", 60, 10),
    ("srv_removal_procedure", LegacyService::RemovalProcedure, "제거시술", "Removal", 40, 10),
    ("srv_body_care", LegacyService::BodyCare, "바디케어", "Body care", 50, 10),
    ("srv_other_consultation", LegacyService::OtherConsultation, "기타 상담", "Other consultation", 20, 5),
];

/// Returns the commands that fill an empty catalog: six services in order, then their limits.
pub fn first_services() -> Vec<CatalogCommand> {
    let ids =
        || SERVICES.iter().filter_map(|service| ServiceId::parse(service.0).ok().map(|id| (id, service)));
    let define = ids().map(|(service, &(_, legacy, name, name_en, duration, buffer))| {
        CatalogCommand::DefineService(ServiceDraft {
            service,
            code: legacy.as_str().into(),
            legacy: Some(legacy),
            name: name.into(),
            name_en: Some(name_en.into()),
            description: None,
            category: None,
            duration,
            buffer,
            base_price: None,
        })
    });
    let limit = ids().map(|(service, _)| {
        CatalogCommand::SetServiceLimit(ServiceLimitSet {
            service,
            daily_limit: DAILY_LIMIT,
            daily_limit_minutes: None,
            is_active: true,
            reason: None,
        })
    });
    define.chain(limit).collect()
}
