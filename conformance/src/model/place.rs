//! Where cases run, and the addresses and the name that each network of its own has: fixtures write them, the stage
//! arranges them, reports say them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The address, other than the loopback's, that each namespace has (RFC 5737, TEST-NET-1).
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Its sibling for version 6, where the machine has that (RFC 3849).
pub const ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// A host name that means [`ADDRESS`] in each namespace, if its stage could arrange it (RFC 6761: `.test`
/// means nothing anywhere else).
pub const HOST_NAME: &str = "peer.test";

/// Where the cases run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Each in namespaces of its own (Linux), all side by side.
    Namespace,
    /// On the host itself, one after the other.
    Host,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isolation::Namespace => "namespace",
            Isolation::Host => "host",
        })
    }
}
