//! Names and addresses of this machine.

use std::net::IpAddr;

/// Whether a host, perhaps with the brackets of an IPv6 address, is this machine itself.
pub fn is_loopback(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
