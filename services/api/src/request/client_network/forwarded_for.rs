//! Reads `X-Forwarded-For` from its end, element by element. What a client wrote into it must not hide what a proxy appended.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};

/// The elements, last first; an error for one that is no address. Empty elements are left out, as in every list of HTTP.
pub(super) fn addresses(headers: &HeaderMap) -> impl Iterator<Item = Result<IpAddr, Unreadable>> {
    let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).collect();
    let elements = lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()).map(address)
}

/// An element that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Reads an address as proxies write it: with or without a port, brackets, a zone and quotes.
fn address(element: &[u8]) -> Result<IpAddr, Unreadable> {
    let text = str::from_utf8(element).map_err(|_| Unreadable)?;
    let text = unquoted(text).trim_ascii();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(Unreadable)?;
            if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
                return Err(Unreadable);
            }
            without_zone(address).parse::<Ipv6Addr>().map(IpAddr::from)
        }
        None => without_zone(without_port(text)).parse(),
    };
    address.map_err(|_| Unreadable)
}

fn unquoted(text: &str) -> &str {
    let within = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// An IPv4 address has a port after its only colon.
fn without_port(text: &str) -> &str {
    match text.split_once(':') {
        Some((address, port)) if is_port(port) && address.contains('.') => address,
        Some(_) | None => text,
    }
}

fn without_zone(text: &str) -> &str {
    text.split_once('%').map_or(text, |(address, _)| address)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (element, address) in [
            ("203.0.113.80", "203.0.113.80"),
            (" \t203.0.113.80 ", "203.0.113.80"),
            ("203.0.113.80:4711", "203.0.113.80"),
            ("\"203.0.113.80\"", "203.0.113.80"),
            ("\"203.0.113.80:4711\"", "203.0.113.80"),
            ("'203.0.113.80'", "203.0.113.80"),
            ("::ffff:203.0.113.80", "::ffff:203.0.113.80"),
            ("[::ffff:203.0.113.80]:443", "::ffff:203.0.113.80"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
        ] {
            assert_eq!(
                super::address(element.trim_ascii().as_bytes()),
                Ok(address.parse().unwrap()),
                "{element}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_unreadable() {
        for element in [
            "unknown",
            "unix:",
            "_hidden",
            "clinic.example",
            "203.0.113",
            "203.0.113.080",
            "203.0.113.256",
            "203.0.113.80:port",
            "203.0.113.80:99999",
            "203.0.113.80 198.51.100.1",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[203.0.113.80]",
            "2001:db8::1]:443",
            "\"203.0.113.80",
            "é",
        ] {
            assert_eq!(address(element.as_bytes()), Err(Unreadable), "{element}");
        }
        assert_eq!(address(b"\xff"), Err(Unreadable));
    }

    #[test]
    fn the_list_is_read_from_its_end_and_each_element_on_its_own() {
        let last: Result<IpAddr, Unreadable> = Ok("203.0.113.78".parse().unwrap());
        let proxied: [&[&[u8]]; 8] = [
            &[b"\xff, 203.0.113.78"],
            &["é, 203.0.113.78".as_bytes()],
            &[b"unknown,203.0.113.78:80"],
            &[b"198.51.100.1", b"203.0.113.78"],
            &[b"\xff", b"203.0.113.78"],
            &[b"203.0.113.78,"],
            &[b"203.0.113.78 , ,"],
            &[b"198.51.100.1, 203.0.113.78", b""],
        ];
        for lines in proxied {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
            }
            assert_eq!(addresses(&headers).next(), Some(last), "{lines:?}");
        }
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("203.0.113.78, \"unknown\""));
        assert_eq!(addresses(&headers).collect::<Vec<_>>(), [Err(Unreadable), last]);
    }
}
