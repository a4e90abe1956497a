//! The network that a request came from: what limits on strangers count.
//!
//! `X-Forwarded-For` counts only if the peer is a trusted proxy, because everybody else can write whatever they like into it.
//! A client must never go uncounted because a header cannot be read.

mod forwarded_for;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};
use ipnet::IpNet;

/// Bits of an IPv6 address that name a subscriber's network. A subscriber changes the other 64 at will.
const IPV6_NETWORK_BITS: u32 = 64;

/// Bits of an IPv6 address that name a site, which may have 65,536 such networks.
const IPV6_SITE_BITS: u32 = 48;

/// The prefix under which IPv6 hosts see IPv4 addresses (RFC 6052).
const NAT64: u128 = 0x0064_ff9b << 96;

/// Time between two warnings of one kind about proxies.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// The proxies that may say on whose behalf they ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Box<[IpNet]>);

/// The text is not a list of addresses and networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "trusted proxies are addresses or networks, separated by commas, such as 10.0.0.5,192.168.0.0/16,fd00::/8"
)]
pub struct InvalidTrustedProxies;

impl FromStr for TrustedProxies {
    type Err = InvalidTrustedProxies;

    fn from_str(text: &str) -> Result<Self, InvalidTrustedProxies> {
        let parse = |part: &str| match part.parse::<IpAddr>() {
            Ok(address) => Ok(IpNet::from(address)),
            Err(_) => part.parse().map_err(|_| InvalidTrustedProxies),
        };
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Says so if a peer forwards requests without being trusted: then all its clients count as one. No address is logged.
fn warn_of_untrusted_proxy(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) {
    static LAST: LastWarning = LastWarning(Mutex::new(None));
    let is_forwarded = headers.contains_key(X_FORWARDED_FOR);
    if is_forwarded && !proxies.trusts(peer.to_canonical()) && LAST.is_due(Instant::now()) {
        tracing::warn!(
            "a request has X-Forwarded-For, but its peer is not a trusted proxy, so limits on strangers count the peer; if it \
             is your reverse proxy, name it with --trusted-proxies (DAYBOOK_TRUSTED_PROXIES)"
        );
    }
}

/// Says so if a trusted proxy appends something that is no address. The value is not logged.
fn warn_of_unreadable_address() {
    static LAST: LastWarning = LastWarning(Mutex::new(None));
    if LAST.is_due(Instant::now()) {
        tracing::warn!(
            "a trusted proxy appended something to X-Forwarded-For that is no IP address, so limits on strangers count all such \
             clients as one; make the proxy append the address of its client"
        );
    }
}

/// When a warning was last given.
struct LastWarning(Mutex<Option<Instant>>);

impl LastWarning {
    /// Whether to warn now: once a minute at most.
    fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= WARNING_PAUSE);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// An IPv4 address, or the /64 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// All clients whose trusted proxy does not say who they are. No client has this address: packets to it are discarded (RFC
    /// 6666).
    const UNREADABLE: Self = Self(IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0)));

    /// The network of the client; none if the server does not know the peer's address.
    pub(crate) fn find(request: &HttpRequest, proxies: &TrustedProxies) -> Option<Self> {
        let peer = request.peer_addr()?.ip();
        warn_of_untrusted_proxy(peer, request.headers(), proxies);
        Some(Self::behind(peer, request.headers(), proxies))
    }

    /// The address, or the first one of the /64, if it can stand for one client.
    pub(crate) const fn public_address(self) -> Option<IpAddr> {
        if self.is_public() { Some(self.0) } else { None }
    }

    /// The IPv6 site of the network; none for an IPv4 address.
    pub(crate) fn site(self) -> Option<Self> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(Self(prefix(address, IPV6_SITE_BITS))),
        }
    }

    /// Each proxy appends the address it was asked from, so the list is read from its end. The first address that is no
    /// trusted proxy is the client; what stands before it was written by the client.
    fn behind(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let mut client = peer.to_canonical();
        let mut forwarded = forwarded_for::addresses(headers);
        while proxies.trusts(client)
            && let Some(address) = forwarded.next()
        {
            let Ok(address) = address else {
                warn_of_unreadable_address();
                return Self::UNREADABLE;
            };
            client = address.to_canonical();
        }
        Self::from(client)
    }

    /// Whether the address can stand for one client. A private address may be a proxy that is not in the list of trusted ones,
    /// so it may stand for everybody.
    pub(crate) const fn is_public(self) -> bool {
        match self.0 {
            IpAddr::V4(address) => {
                !(address.is_loopback() || address.is_private() || address.is_link_local())
            }
            IpAddr::V6(address) => {
                !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
            }
        }
    }
}

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) if address.is_loopback() => address.into(),
            IpAddr::V6(address) => match u32::try_from(address.to_bits() ^ NAT64) {
                Ok(ipv4) => Ipv4Addr::from_bits(ipv4).into(),
                Err(_) => prefix(address, IPV6_NETWORK_BITS),
            },
        })
    }
}

fn prefix(address: Ipv6Addr, bits: u32) -> IpAddr {
    let rest = Ipv6Addr::BITS - bits;
    Ipv6Addr::from_bits(address.to_bits() >> rest << rest).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use actix_web::http::header::HeaderValue;

    use super::*;

    fn network(peer: &str, forwarded: &[&str], proxies: &str) -> ClientNetwork {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(list).unwrap());
        }
        ClientNetwork::behind(peer.parse().unwrap(), &headers, &proxies.parse().unwrap())
    }

    fn address(text: &str) -> ClientNetwork {
        ClientNetwork::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn only_a_trusted_proxy_can_name_another_client() {
        let proxies = "10.0.0.0/8, 127.0.0.1, fd00::/8";
        for (peer, forwarded, proxies, client) in [
            ("203.0.113.9", vec!["198.51.100.1"], proxies, "203.0.113.9"),
            ("203.0.113.9", vec!["198.51.100.1"], "", "203.0.113.9"),
            ("10.0.0.5", vec!["198.51.100.1"], proxies, "198.51.100.1"),
            ("10.0.0.5", vec![], proxies, "10.0.0.5"),
            // The client wrote the first address itself.
            ("10.0.0.5", vec!["192.0.2.1, 198.51.100.1, 10.9.9.9"], proxies, "198.51.100.1"),
            ("10.0.0.5", vec!["192.0.2.1", "198.51.100.1"], proxies, "198.51.100.1"),
            ("::ffff:10.0.0.5", vec!["::ffff:198.51.100.1"], proxies, "198.51.100.1"),
            ("10.0.0.5", vec!["scribble, 198.51.100.1:80"], proxies, "198.51.100.1"),
            ("fd00::5", vec!["64:ff9b::198.51.100.1"], proxies, "198.51.100.1"),
            ("fd00::5", vec!["2001:db8:1:2:3::4"], proxies, "2001:db8:1:2::"),
        ] {
            assert_eq!(network(peer, &forwarded, proxies), address(client), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn clients_that_a_trusted_proxy_does_not_name_are_counted_as_one() {
        for forwarded in ["198.51.100.1, scribble", "unknown", "203.0.113.9, unknown, 10.9.9.9"] {
            let unreadable = network("10.0.0.5", &[forwarded], "10.0.0.0/8");
            assert_eq!(unreadable, ClientNetwork::UNREADABLE, "{forwarded}");
            assert!(unreadable.public_address().is_some());
        }
        // A request by the proxy itself, such as a health check.
        assert_eq!(network("10.0.0.5", &[" , "], "10.0.0.0/8"), address("10.0.0.5"));
    }

    #[test]
    fn the_networks_of_one_ipv6_site_have_it_in_common() {
        assert_eq!(address("2001:db8:1:2::3").site(), address("2001:db8:1:ffff::9").site());
        assert_ne!(address("2001:db8:1:2::3").site(), address("2001:db8:2:2::3").site());
        assert_eq!(address("198.51.100.1").site(), None);
    }

    #[test]
    fn the_addresses_of_one_ipv6_subscriber_are_one_network() {
        assert_eq!(address("2001:db8:1:2::3"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::3"), address("2001:db8:1:3::3"));
        assert_ne!(address("198.51.100.1"), address("198.51.100.2"));
    }

    #[test]
    fn a_private_address_may_be_a_proxy() {
        for private in [
            "::1",
            "127.0.0.1",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "172.17.0.1",
            "192.168.1.9",
            "fd00::5",
            "fe80::1",
        ] {
            assert!(!address(private).is_public(), "{private}");
        }
        assert!(address("198.51.100.1").is_public() && address("2001:db8::1").is_public());
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_reported_once_a_minute() {
        let (last, start) = (LastWarning(Mutex::new(None)), Instant::now());
        let due = |seconds| last.is_due(start + Duration::from_secs(seconds));
        assert_eq!([0, 0, 59, 60, 61, 120].map(due), [true, false, false, true, false, true]);
    }

    #[test]
    fn a_list_of_proxies_with_anything_else_is_refused() {
        for wrong in ["proxy", "10.0.0.0/33", "10.0.0.1;10.0.0.2"] {
            assert_eq!(wrong.parse::<TrustedProxies>(), Err(InvalidTrustedProxies), "{wrong}");
        }
    }
}
