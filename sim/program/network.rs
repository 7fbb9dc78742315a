//! The simulated network of a program: its hosts and how they answer, its links, and what may go wrong with either.
//!
//! Knows nothing of sockets, or of who moves the messages.

use crate::id::HostId;
use crate::time::{Nanos, TICK};

use super::{Failure, Pattern};

/// Everything that a program talks to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// The hosts that answer; the first of them is host 1, because 0 is [the tasks' own](HostId::CLIENT).
    pub hosts: Vec<Host>,
    /// What is between them.
    pub wires: Wires,
}

/// A host that answers HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// What URLs call it.
    pub name: String,
    /// Where it listens.
    pub port: u16,
    /// What it does with a request: the first of these whose path fits; the last fits every path.
    pub answers: Vec<Answer>,
    /// When it has had enough.
    pub too_many: Option<TooMany>,
}

/// What a host does with some requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Those whose path is like this.
    pub path: Pattern,
    /// What it does.
    pub does: Reply,
    /// How long it takes: at least, and at most.
    pub delay: (Nanos, Nanos),
}

/// What a host does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It answers with this status.
    Status(u16),
    /// It closes the connection without an answer.
    Close,
    /// It resets the connection without reading the request.
    Reset,
}

/// After so many requests a host answers 429, until `retry_after` has passed since the first 429; then it counts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many it answers.
    pub after: u32,
    /// What it says in `Retry-After`, in seconds.
    pub retry_after: u32,
}

/// What is between hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Wires {
    /// How long a message travels where `links` says nothing: at least, and at most.
    pub latency: (Nanos, Nanos),
    /// Links with a latency of their own.
    pub links: Vec<(HostId, HostId, (Nanos, Nanos))>,
    /// How often a message is lost, and how many may be.
    pub loss: Option<Failure>,
    /// What fails, in the order of the file.
    pub outages: Vec<Outage>,
}

/// A fault of a link or of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What fails, and how.
    pub what: Fault,
    /// When it begins.
    pub begins: Begins,
    /// After how long it is over; never, if this is nothing.
    pub lasts: Option<Nanos>,
}

/// When an [`Outage`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// At this time, in every run.
    At(Nanos),
    /// At any time from the one to the other, or never: that is [asked](crate::choice::Kind::Outage).
    Within(Nanos, Nanos),
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The link between two hosts loses every message, also those under way.
    Partition(HostId, HostId),
    /// The link keeps every message back, until it is released.
    Hold(HostId, HostId),
    /// The host's software is gone: its connections close, and what reaches it is lost. It comes back as new.
    Crash(HostId),
}

impl HostId {
    /// The host on which the tasks run.
    pub const CLIENT: HostId = HostId(0);
}

impl Default for Wires {
    /// One tick from host to host, and nothing goes wrong.
    fn default() -> Wires {
        Wires { latency: (TICK, TICK), links: Vec::new(), loss: None, outages: Vec::new() }
    }
}

/// The name of the host on which the tasks run.
pub const CLIENT: &str = "client";

impl Network {
    /// The host called `name`.
    pub fn find(&self, name: &str) -> Option<HostId> {
        let at = self.hosts.iter().position(|host| host.name == name);
        at.map(|at| HostId(at as u32 + 1))
    }

    /// An outage as the file writes it: `partition client and shop`.
    pub fn outage(&self, outage: usize) -> String {
        let Some(Outage { what, .. }) = self.wires.outages.get(outage) else { return format!("outage {outage}") };
        let verb = what.verbs().0;
        match *what {
            Fault::Partition(a, b) | Fault::Hold(a, b) => format!("{verb} {} and {}", self.name(a), self.name(b)),
            Fault::Crash(host) => format!("{verb} {}", self.name(host)),
        }
    }

    /// What a host is called.
    pub fn name(&self, host: HostId) -> &str {
        match host.0.checked_sub(1) {
            Some(at) => &self.hosts[at as usize].name,
            None => CLIENT,
        }
    }
}

impl Wires {
    /// How long a message travels between two hosts.
    pub fn latency(&self, a: HostId, b: HostId) -> (Nanos, Nanos) {
        let own = self.links.iter().find(|(from, to, _)| (*from, *to) == (a, b) || (*from, *to) == (b, a));
        own.map_or(self.latency, |(_, _, latency)| *latency)
    }
}

impl Fault {
    /// The verb of the file, and the one that ends it.
    pub fn verbs(self) -> (&'static str, &'static str) {
        match self {
            Fault::Partition(..) => ("partition", "repair"),
            Fault::Hold(..) => ("hold", "release"),
            Fault::Crash(_) => ("crash", "bounce"),
        }
    }
}

/// Where a request goes: `http://shop:8080/items?page=2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// The host's name.
    pub host: &'a str,
    /// The port; 80 if it is not said.
    pub port: u16,
    /// Everything behind it, with its `/`.
    pub path: &'a str,
}

impl<'a> Url<'a> {
    /// Reads a URL.
    ///
    /// ```
    /// use atropos::program::Url;
    /// let url = Url::parse("http://shop:8080/items").unwrap();
    /// assert_eq!((url.host, url.port, url.path), ("shop", 8080, "/items"));
    /// assert_eq!(Url::parse("http://shop").unwrap().path, "/");
    /// assert!(Url::parse("shop/items").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// What was expected instead.
    pub fn parse(text: &'a str) -> Result<Url<'a>, &'static str> {
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err("expected `http://`: the simulated hosts have no certificates"),
            _ => return Err("expected a URL such as http://shop/items"),
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|&port| port > 0)),
            None => (authority, Some(80)),
        };
        let port = port.ok_or("expected a port from 1 to 65535 behind the host")?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if host.is_empty() || !host.chars().all(is_plain) {
            return Err("expected the name of a host behind `http://`");
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err("expected a path without spaces, `#` and characters beyond ASCII");
        }
        Ok(Url { host, port, path: if path.is_empty() { "/" } else { path } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_none_say_why() {
        let check = |text: &str, part: &str| {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("", "such as http://shop/items");
        check("shop", "such as http://shop/items");
        check("ftp://shop/", "such as http://shop/items");
        check("https://shop/", "no certificates");
        check("http://", "name of a host");
        check("http://:80/", "name of a host");
        check("http://sh op/", "name of a host");
        check("http://shop:0/", "a port");
        check("http://shop:65536/", "a port");
        check("http://shop:x/", "a port");
        check("http://shop/a b", "without spaces");
        check("http://shop/ü", "without spaces");
    }
}
