//! The messages between the hosts: which there are, how long each travels, which comes first, and which never comes.
//!
//! turmoil's links are held for the whole run, so a message stays in its link until it is delivered from here; one that
//! is lost stays there for ever. What is known here of the messages in a link has the same order as the link.
//!
//! Knows nothing of what is in a message.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use turmoil::{Protocol, Segment};

use super::client::Client;
use super::time_of;
use crate::body::Recording;
use crate::choice::{Kind, Options, Question};
use crate::id::{HostId, TaskId};
use crate::program::Wires;
use crate::time::TICK;
use crate::trace::{Carries, Fate, Leg, Message, What};

/// All messages of a run.
pub(super) struct Messages {
    wires: Wires,
    recording: Recording,
    client: Rc<Client>,
    hosts: Vec<Known>,
    links: Vec<Link>,
    /// The connections that were opened: from where, to where, and the number of each.
    connections: BTreeMap<(SocketAddr, SocketAddr), u32>,
    opened: u32,
    sent: u32,
    lost: u32,
}

/// A host as far as messages care.
struct Known {
    address: IpAddr,
    port: Option<u16>,
    /// Since which tick it has been there; nothing while it is down.
    up_since: Option<u64>,
}

/// The messages in one of turmoil's links, in the order in which it has them.
struct Link {
    hosts: (HostId, HostId),
    flights: Vec<Flight>,
    is_partitioned: bool,
    is_held: bool,
}

/// A message that has been sent.
#[derive(Clone, Copy)]
struct Flight {
    message: Message,
    /// The port to which it goes.
    port: u16,
    at: At,
}

/// Where a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Under way, until this tick.
    Due(u64),
    /// Kept back.
    Held,
    /// It reaches its host in this tick.
    Delivered,
    /// It never arrives.
    Gone,
}

/// A message that a link has and nobody here has seen.
struct New {
    link: usize,
    from: SocketAddr,
    to: SocketAddr,
    carries: Carries,
}

impl Messages {
    /// No message yet. From here on no link of the simulation moves one by itself.
    pub(super) fn new(
        sim: &turmoil::Sim<'_>,
        names: &[String],
        ports: &[Option<u16>],
        wires: Wires,
        recording: Recording,
        client: Rc<Client>,
    ) -> Messages {
        let hosts: Vec<Known> = names
            .iter()
            .zip(ports)
            .map(|(name, &port)| Known { address: sim.lookup(name.as_str()), port, up_since: Some(0) })
            .collect();
        let id = |address: IpAddr| host_at(&hosts, address);
        let mut pairs = Vec::new();
        sim.links(|links| pairs.extend(links.map(|link| link.pair())));
        let mut links = Vec::new();
        for (a, b) in pairs {
            sim.hold(a, b);
            links.push(Link { hosts: (id(a), id(b)), flights: Vec::new(), is_partitioned: false, is_held: false });
        }
        let connections = BTreeMap::new();
        Messages { wires, recording, client, hosts, links, connections, opened: 0, sent: 0, lost: 0 }
    }

    /// Where a host is.
    pub(super) fn address(&self, host: HostId) -> IpAddr {
        self.hosts[host.index()].address
    }

    /// The longest way of a message, in ticks.
    pub(super) fn longest_latency(&self) -> u64 {
        let all = self.wires.links.iter().map(|(_, _, latency)| latency.1).chain([self.wires.latency.1]);
        all.max().map_or(1, |latency| latency.0.div_ceil(TICK.0))
    }

    /// When the next message is due; one that is held is not.
    pub(super) fn next(&self) -> Option<u64> {
        let flights = self.links.iter().flat_map(|link| &link.flights);
        flights.filter_map(|flight| if let At::Due(tick) = flight.at { Some(tick) } else { None }).min()
    }

    /// Lets arrive what is due; whether anything was.
    pub(super) fn deliver(&mut self, tick: u64, sim: &turmoil::Sim<'_>) -> bool {
        self.keep_back(tick);
        let mut any = false;
        for host in (0..self.hosts.len() as u32).map(HostId) {
            any |= self.deliver_to(host, tick);
        }
        if any {
            sim.links(|links| {
                for (link, known) in links.zip(&self.links) {
                    for (sent, flight) in link.zip(&known.flights) {
                        if flight.at == At::Delivered {
                            sent.deliver();
                        }
                    }
                }
            });
        }
        any
    }

    /// What is due on a link that holds everything is held.
    fn keep_back(&mut self, tick: u64) {
        for link in self.links.iter_mut().filter(|link| link.is_held) {
            for flight in &mut link.flights {
                if matches!(flight.at, At::Due(due) if due <= tick) {
                    flight.at = At::Held;
                    record(&self.recording, tick, flight.message, Fate::Held);
                }
            }
        }
    }

    /// Lets arrive what is due at one host.
    fn deliver_to(&mut self, host: HostId, tick: u64) -> bool {
        let is_due = |flight: &Flight| flight.message.to == host && matches!(flight.at, At::Due(due) if due <= tick);
        let due: Vec<(usize, usize)> = (0..self.links.len())
            .flat_map(|link| (0..self.links[link].flights.len()).map(move |flight| (link, flight)))
            .filter(|&(link, flight)| is_due(&self.links[link].flights[flight]))
            .collect();
        if due.is_empty() {
            return false;
        }
        let first = self.first(&due, tick);
        for (link, flight) in due {
            let Flight { message, port, .. } = self.links[link].flights[flight];
            let at = &mut self.links[link].flights[flight].at;
            if first.is_some_and(|first| message.connection != first) {
                *at = At::Due(tick + 1);
                continue;
            }
            let Known { port: open, up_since, .. } = self.hosts[host.index()];
            let fate = match up_since {
                None => Fate::HostDown,
                Some(since) if message.carries == Carries::Syn => {
                    // Who has just started listens only later in this tick.
                    let listens = since < tick && open.is_none_or(|open| open == port);
                    if listens { Fate::Delivered } else { Fate::Refused }
                }
                Some(_) => Fate::Delivered,
            };
            *at = if fate == Fate::HostDown { At::Gone } else { At::Delivered };
            record(&self.recording, tick, message, fate);
        }
        true
    }

    /// Which connection's messages arrive in this tick, if the others are to come later.
    fn first(&self, due: &[(usize, usize)], tick: u64) -> Option<u32> {
        let mut connections: Vec<u32> = Vec::new();
        for &(link, flight) in due {
            let connection = self.links[link].flights[flight].message.connection;
            if !connections.contains(&connection) {
                connections.push(connection);
            }
        }
        if connections.len() < 2 {
            return None;
        }
        let options = Options::Connections(&connections);
        let question = Question { kind: Kind::MessageOrder, subject: TaskId::MAIN, site: 0, options };
        let answer = self.recording.ask(time_of(tick), &question);
        (answer > 0).then(|| connections[answer as usize])
    }

    /// Takes note of what the hosts have sent in a tick; whether it was anything.
    pub(super) fn collect(&mut self, tick: u64, sim: &turmoil::Sim<'_>) -> bool {
        let mut new = Vec::new();
        let mut arrived: Vec<Message> = Vec::new();
        sim.links(|links| {
            for (at, (link, known)) in links.zip(&mut self.links).enumerate() {
                let delivered = known.flights.extract_if(.., |flight| flight.at == At::Delivered);
                arrived.extend(delivered.map(|flight| flight.message));
                for sent in link.skip(known.flights.len()) {
                    let (from, to) = sent.pair();
                    new.push(New { link: at, from, to, carries: carries(sent.protocol()) });
                }
            }
        });
        // A host takes one port after the other, so that is the order in which it opened its connections.
        let mut opened: Vec<(SocketAddr, SocketAddr)> =
            new.iter().filter(|new| new.carries == Carries::Syn).map(|new| (new.from, new.to)).collect();
        opened.sort();
        for pair in opened {
            self.opened += 1;
            self.connections.insert(pair, self.opened);
        }
        let any = !new.is_empty();
        for new in new {
            self.send(tick, &new, &arrived);
        }
        any
    }

    /// A message begins its way. `arrived` is what was delivered in this tick.
    fn send(&mut self, tick: u64, &New { link, from, to, carries }: &New, arrived: &[Message]) {
        let there = self.connections.get(&(from, to)).copied();
        let connection = there.or_else(|| self.connections.get(&(to, from)).copied()).unwrap_or(0);
        let message = Message {
            number: self.sent + 1,
            from: host_at(&self.hosts, from.ip()),
            to: host_at(&self.hosts, to.ip()),
            connection,
            carries,
        };
        if is_echo(message, arrived) {
            return self.links[link].flights.push(Flight { message, port: to.port(), at: At::Gone });
        }
        self.sent += 1;
        record(&self.recording, tick, message, Fate::Sent);
        let at = if self.links[link].is_partitioned {
            record(&self.recording, tick, message, Fate::CutOff);
            At::Gone
        } else {
            self.way(tick, message, leg(carries, there.is_some()))
        };
        self.links[link].flights.push(Flight { message, port: to.port(), at });
    }

    /// Asks whether a message is lost, and how long it travels.
    fn way(&mut self, tick: u64, message: Message, leg: Leg) -> At {
        let subject = self.client.owner(message.connection);
        let now = time_of(tick);
        if let Some(loss) = self.wires.loss.filter(|loss| self.lost < loss.up_to) {
            let options = Options::Fire { per_million: loss.per_million };
            let question = Question { kind: Kind::MessageLoss, subject, site: leg as u16, options };
            if self.recording.ask(now, &question) != 0 {
                self.lost += 1;
                record(&self.recording, tick, message, Fate::Lost);
                return At::Gone;
            }
        }
        let (least, most) = self.wires.latency(message.from, message.to);
        let (min, max) = (least.0.div_ceil(TICK.0).max(1), most.0.div_ceil(TICK.0).max(1));
        let mut latency = min;
        if min < max {
            let options = Options::Ticks { min, max };
            let question = Question { kind: Kind::MessageLatency, subject, site: leg as u16, options };
            latency += self.recording.ask(now, &question);
        }
        At::Due(tick + latency)
    }

    /// A partition begins, and all that is under way is lost; or it is over.
    pub(super) fn partition(&mut self, hosts: (HostId, HostId), begins: bool, tick: u64) {
        let recording = self.recording.clone();
        let link = self.link(hosts);
        link.is_partitioned = begins;
        for flight in link.flights.iter_mut().filter(|flight| begins && flight.at != At::Gone) {
            flight.at = At::Gone;
            record(&recording, tick, flight.message, Fate::CutOff);
        }
    }

    /// A link begins to hold its messages; or it releases them, and they arrive at once.
    pub(super) fn hold(&mut self, hosts: (HostId, HostId), begins: bool, tick: u64) {
        let link = self.link(hosts);
        link.is_held = begins;
        for flight in link.flights.iter_mut().filter(|flight| flight.at == At::Held) {
            flight.at = At::Due(tick);
        }
    }

    fn link(&mut self, (a, b): (HostId, HostId)) -> &mut Link {
        let found = self.links.iter_mut().find(|link| link.hosts == (a, b) || link.hosts == (b, a));
        found.expect("between any two hosts there is a link")
    }

    /// From here on what reaches the host is lost.
    pub(super) fn crash(&mut self, host: HostId) {
        self.hosts[host.index()].up_since = None;
    }

    /// The host is there again.
    pub(super) fn bounce(&mut self, host: HostId, tick: u64) {
        self.hosts[host.index()].up_since = Some(tick);
    }
}

fn host_at(hosts: &[Known], address: IpAddr) -> HostId {
    let at = hosts.iter().position(|host| host.address == address);
    HostId(at.expect("turmoil has no other hosts") as u32)
}

/// Whether turmoil answers a FIN with a RST, because that side of the connection was closed before. TCP has no such message:
/// it acknowledges.
fn is_echo(message: Message, arrived: &[Message]) -> bool {
    let same = |other: &&Message| (other.connection, other.to) == (message.connection, message.from);
    let mut before = arrived.iter().filter(same);
    message.carries == Carries::Rst
        && before.clone().any(|other| other.carries == Carries::Fin)
        && before.all(|other| other.carries == Carries::Fin)
}

fn record(recording: &Recording, tick: u64, message: Message, fate: Fate) {
    recording.record(time_of(tick), What::Carried { message, fate });
}

fn carries(protocol: &Protocol) -> Carries {
    match protocol {
        Protocol::Tcp(Segment::Syn(_)) => Carries::Syn,
        Protocol::Tcp(Segment::Data(..)) => Carries::Data,
        Protocol::Tcp(Segment::Fin(_)) => Carries::Fin,
        Protocol::Tcp(Segment::Rst) => Carries::Rst,
        Protocol::Udp(_) => Carries::Datagram,
    }
}

/// Which part of a connection's life it is, sent by whoever has opened it or by the other side.
fn leg(carries: Carries, by_opener: bool) -> Leg {
    match (carries, by_opener) {
        (Carries::Syn, _) => Leg::Connect,
        (Carries::Data, true) => Leg::Request,
        (Carries::Data, false) => Leg::Answer,
        (Carries::Fin, true) => Leg::Close,
        (Carries::Fin, false) => Leg::EndOfAnswer,
        (Carries::Rst, _) => Leg::Reset,
        (Carries::Datagram, _) => Leg::Datagram,
    }
}
