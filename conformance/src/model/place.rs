//! Where cases run, and the addresses and the host name in the network of each case.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The address, other than the loopback's, that each namespace has (RFC 5737, TEST-NET-1).
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The same for IPv6, if the machine has it (RFC 3849).
pub const ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// A host name for [`ADDRESS`] in each namespace, if the stage could set it up. RFC 6761 reserves `.test`.
pub const HOST_NAME: &str = "peer.test";

/// Where the cases run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Each case in namespaces of its own (Linux), all at the same time.
    Namespace,
    /// On the host itself, one after the other.
    Host,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::Host => "host",
        })
    }
}
