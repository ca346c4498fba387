//! Addresses that settings are made of.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::topic::Allowed;
use super::value::{Given, Item, Value};

/// Scheme, host and port of a web address, in the form in which browsers send it in `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    authority: String,
}

impl Origin {
    /// Puts one together. `authority` is a host, and its port unless that is the scheme's own. `None` if it holds
    /// anything that a host and a port do not.
    #[must_use]
    pub fn new(https: bool, authority: &str) -> Option<Self> {
        let lower = authority.to_ascii_lowercase();
        let default_port = if https { ":443" } else { ":80" };
        let authority = lower.strip_suffix(default_port).unwrap_or(&lower);
        let (host, port) = split_port(authority);
        let host_is_plain = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host_name(host),
        };
        let port_is_one = port.is_none_or(|port| port.parse::<u16>().is_ok());
        (host_is_plain && port_is_one).then(|| Self {
            https,
            authority: authority.to_owned(),
        })
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host, and port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        split_port(&self.authority)
            .0
            .trim_start_matches('[')
            .trim_end_matches(']')
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host_name(host: &str) -> bool {
    (1..=253).contains(&host.len())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (scheme, rest) = text.split_once("://").ok_or(())?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(()),
        };
        Self::new(https, rest).ok_or(())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

impl Value for Origin {
    fn read(given: &Given<'_>, _: &Allowed) -> Option<Self> {
        let text = given.text()?;
        text.strip_suffix('/').unwrap_or(text).parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

/// A network in CIDR form, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(ipnet::IpNet);

impl Network {
    /// Whether an address is in it; an IPv4 address that comes mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(address.into())),
            Err(_) => text.parse().map(Self).map_err(|_| ()),
        }
    }
}

impl Item for Network {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        let origin = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
        assert_eq!(
            origin("HTTPS://Fieldbook.Example:443"),
            Ok("https://fieldbook.example".into())
        );
        assert_eq!(origin("http://127.0.0.1:8080"), Ok("http://127.0.0.1:8080".into()));
        assert_eq!(origin("http://[::1]:8080"), Ok("http://[::1]:8080".into()));
        for wrong in [
            "fieldbook.example",
            "ftp://a",
            "https://a/b",
            "https://",
            "https://a:99999",
            "https://a b",
            "null",
        ] {
            assert_eq!(origin(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_network_knows_mapped_addresses() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        let one: Network = "::1".parse().unwrap();
        assert!(one.contains("::1".parse().unwrap()));
    }
}
