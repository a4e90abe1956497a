//! Maps each endpoint and method to its handler.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Scope};

use crate::problem::{Code, Problem};
use crate::request::endpoint::Endpoint;
use crate::request::resource::{at, under};
use crate::{admin, health, public, staff};

/// Registers all routes.
pub(crate) fn configure(service: &mut ServiceConfig) {
    public_routes(service);
    staff_routes(service);
    admin_routes(service);
    #[cfg(feature = "migration")]
    crate::migration::configure(service);
    let get = web::get;
    service
        .service(at(Endpoint::Livez).route(get().to(health::livez)))
        .service(at(Endpoint::Readyz).route(get().to(health::readyz)))
        .service(at(Endpoint::Metrics).route(get().to(health::metrics)))
        .default_service(web::to(unknown_route));
}

fn public_routes(service: &mut ServiceConfig) {
    let (get, post) = (web::get, web::post);
    service
        .service(at(Endpoint::PublicReservations).route(post().to(public::post_reservation)))
        .service(at(Endpoint::PublicServices).route(get().to(public::list_services)))
        .service(at(Endpoint::TimeSlots).route(get().to(public::list_time_slots)))
        .service(at(Endpoint::Availability).route(get().to(public::show_availability)))
        .service(at(Endpoint::MonthStatus).route(get().to(public::show_month)))
        .service(
            at(Endpoint::Check)
                .route(get().to(public::check_reservations))
                .route(post().to(public::check_reservations)),
        );
}

fn staff_routes(service: &mut ServiceConfig) {
    service.service(reservations()).service(
        at(Endpoint::ManualClose)
            .route(web::get().to(staff::list_closures))
            .route(web::post().to(staff::close_time))
            .route(web::delete().to(staff::reopen_time)),
    );
}

/// A scope, because actix matches a path with a parameter by a regular expression. In a scope, only the id goes through the
/// expression, and the prefix is compared as a string.
fn reservations() -> Scope {
    web::scope(Endpoint::Reservations.template())
        .service(under("", Endpoint::Reservations).route(web::get().to(staff::list_reservations)))
        .service(
            under("/{id}", Endpoint::Reservation)
                .route(web::get().to(staff::get_reservation))
                .route(web::patch().to(staff::patch_reservation)),
        )
}

fn admin_routes(service: &mut ServiceConfig) {
    service
        .service(
            at(Endpoint::Services)
                .route(web::get().to(admin::list_services))
                .route(web::post().to(admin::define_service))
                .route(web::patch().to(admin::change_service))
                .route(web::delete().to(admin::deactivate_service))
                .route(web::put().to(admin::reorder_services)),
        )
        .service(
            at(Endpoint::ServiceLimits)
                .route(web::get().to(admin::list_service_limits))
                .route(web::put().to(admin::set_service_limit))
                .route(web::patch().to(admin::set_service_limit)),
        )
        .service(
            at(Endpoint::ClinicHours)
                .route(web::get().to(admin::show_clinic_hours))
                .route(web::put().to(admin::set_clinic_hours)),
        )
        .service(
            at(Endpoint::ReadModel)
                .route(web::get().to(admin::show_read_model))
                .route(web::post().to(admin::set_read_model)),
        )
        .service(
            at(Endpoint::RevokedTokens)
                .route(web::get().to(admin::list_revoked_tokens))
                .route(web::post().to(admin::revoke_tokens)),
        );
}

async fn unknown_route() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::RouteNotFound))
}

#[cfg(test)]
mod tests {
    use actix_web::{App, test};

    use super::*;

    #[actix_web::test]
    async fn only_exact_paths_match_the_reservation_routes() {
        let app = test::init_service(App::new().configure(configure)).await;
        for (path, expected) in [
            ("/api/reservations", Some(Endpoint::Reservations)),
            ("/api/reservations/x", Some(Endpoint::Reservation)),
            ("/api/reservations/", None),
            ("/api/reservations//x", None),
            ("/api/reservations/x/y", None),
            ("/api/reservationsx", None),
        ] {
            // No endpoint allows this method, so no handler runs.
            let request = test::TestRequest::delete().uri(path).to_request();
            let response = test::call_service(&app, request).await;
            assert_eq!(response.request().app_data::<Endpoint>().copied(), expected, "{path}");
        }
    }
}
