//! Which addresses an agent may connect to. Checked on the resolved address of the connection, so
//! that a name cannot lead elsewhere later (DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// The kind of an address, as seen from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// On the public internet.
    Public,
    /// In a private network.
    Private,
    /// This machine, its link, or a data centre's internal services: never reached.
    Never,
}

/// Classifies an address by its number alone (IANA special-purpose registries, RFC 6890).
pub fn place(address: IpAddr) -> AddressKind {
    match address.to_canonical() {
        IpAddr::V4(v4) => place4(v4),
        IpAddr::V6(v6) => place6(v6),
    }
}

fn place4(address: Ipv4Addr) -> AddressKind {
    let [a, b, c, _] = address.octets();
    let never = address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || a == 0
        || a >= 240
        // Alibaba's metadata service, inside the carrier-grade NAT range.
        || address.octets() == [100, 100, 100, 200]
        // Oracle's, inside the IETF protocol range.
        || (a, b, c) == (192, 0, 0)
        || address.is_documentation()
        || (a == 198 && (b & 0xfe) == 18);
    let private = address.is_private() || (a == 100 && (b & 0xc0) == 64);
    match (never, private) {
        (true, _) => AddressKind::Never,
        (false, true) => AddressKind::Private,
        (false, false) => AddressKind::Public,
    }
}

fn place6(address: Ipv6Addr) -> AddressKind {
    let first = address.segments()[0];
    // IPv6 addresses that embed an IPv4 address are classified as that one (RFC 6052, 3056).
    let embedded = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some((high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let number = (u32::from(high) << 16) | u32::from(low);
        return place4(Ipv4Addr::from_bits(number));
    }
    let metadata = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let never = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || (first & 0xffc0) == 0xfe80
        || address == metadata
        || first == 0x2001 && address.segments()[1] == 0;
    match (
        never,
        (first & 0xfe00) == 0xfc00 || (first & 0xffc0) == 0xfec0,
    ) {
        (true, _) => AddressKind::Never,
        (false, true) => AddressKind::Private,
        (false, false) => AddressKind::Public,
    }
}

/// Whether it is an address of this machine: only those can be bound.
pub fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether an agent may connect to this address. Hosts in private networks require an address set
/// by an administrator: a name's owner decides where it leads.
pub fn may_reach(address: IpAddr, daemon: &[IpAddr]) -> bool {
    let is_daemon = daemon
        .iter()
        .any(|one| one.to_canonical() == address.to_canonical());
    match place(address) {
        _ if is_daemon || is_own(address) => false,
        AddressKind::Public => true,
        AddressKind::Private | AddressKind::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_its_link_and_metadata_are_never_reached_in_any_spelling() {
        for text in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "ff02::1",
            "::7f00:1",
        ] {
            let address = text.parse().expect("an address");
            assert_eq!(place(address), AddressKind::Never, "{text}");
            assert!(!may_reach(address, &[]), "{text}");
        }
    }

    #[test]
    fn a_network_of_ones_own_is_not_reached_by_name() {
        for text in [
            "10.1.2.3",
            "192.168.1.1",
            "172.20.0.1",
            "100.64.0.1",
            "fd12::1",
            "64:ff9b::a00:1",
        ] {
            let address = text.parse().expect("an address");
            assert_eq!(place(address), AddressKind::Private, "{text}");
            assert!(!may_reach(address, &[]), "{text}");
        }
        let public = "93.184.216.34".parse().expect("an address");
        assert!(may_reach(public, &[]));
        assert!(!may_reach(public, &[public]), "the daemon is there");
        let mapped = "::ffff:93.184.216.34".parse().expect("an address");
        assert!(
            !may_reach(mapped, &[public]),
            "the same in another spelling"
        );
    }
}
