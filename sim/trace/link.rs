//! What happens between the hosts of a network, as a trace has it.
//!
//! Knows nothing of sockets, or of why anything is sent.

use crate::id::HostId;

/// A message on its way from one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The how manieth of the run, from 1.
    pub number: u32,
    /// Whose it is.
    pub from: HostId,
    /// To whom it goes.
    pub to: HostId,
    /// On which connection, from 1; 0 for what belongs to none. Connections are counted by the host that opens them, and
    /// a request has the number of its connection.
    pub connection: u32,
    /// What is in it.
    pub carries: Carries,
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Carries {
    /// The wish to connect: TCP's SYN.
    Syn = 0,
    /// Bytes of a connection.
    Data = 1,
    /// That no more bytes come: TCP's FIN.
    Fin = 2,
    /// That the connection is gone: TCP's RST.
    Rst = 3,
    /// A datagram of UDP.
    Datagram = 4,
}

/// Which part of a connection's life a message is: the site of what is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Leg {
    /// The wish to connect.
    Connect = 0,
    /// Bytes from whoever has connected.
    Request = 1,
    /// Bytes from the other side.
    Answer = 2,
    /// Whoever has connected says no more.
    Close = 3,
    /// The other side says no more.
    EndOfAnswer = 4,
    /// The connection is gone.
    Reset = 5,
    /// No message: the time that the host takes to answer.
    Handling = 6,
    /// A datagram.
    Datagram = 7,
}

impl Leg {
    /// Every leg, in the order of its number.
    pub const ALL: [Leg; 8] = [
        Leg::Connect,
        Leg::Request,
        Leg::Answer,
        Leg::Close,
        Leg::EndOfAnswer,
        Leg::Reset,
        Leg::Handling,
        Leg::Datagram,
    ];

    /// Its name in reports and tokens.
    pub fn name(self) -> &'static str {
        match self {
            Leg::Connect => "connect",
            Leg::Request => "request",
            Leg::Answer => "answer",
            Leg::Close => "close",
            Leg::EndOfAnswer => "end of answer",
            Leg::Reset => "reset",
            Leg::Handling => "handling",
            Leg::Datagram => "datagram",
        }
    }

    /// The name of the leg with this number.
    pub fn name_of(site: u16) -> &'static str {
        Leg::ALL.get(usize::from(site)).map_or("message", |leg| leg.name())
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fate {
    /// It leaves its host.
    Sent = 0,
    /// It reaches the other one.
    Delivered = 1,
    /// The link keeps it back.
    Held = 2,
    /// It is lost by chance.
    Lost = 3,
    /// It is lost because the link is partitioned.
    CutOff = 4,
    /// It reaches a host that is down.
    HostDown = 5,
    /// It wants to connect where nobody listens.
    Refused = 6,
}

/// What a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Serves {
    /// The request is there, and its handler runs.
    Arrived,
    /// The handler has answered with this status.
    Answered(u16),
    /// The handler was dropped before it had an answer: whoever asked is gone, or the host is.
    Dropped,
    /// The host closes the connection without an answer.
    Closed,
    /// The host resets the connection.
    Reset,
}

impl Carries {
    /// Everything, in the order of its number.
    pub const ALL: [Carries; 5] = [Carries::Syn, Carries::Data, Carries::Fin, Carries::Rst, Carries::Datagram];

    /// Its name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Carries::Syn => "SYN",
            Carries::Data => "data",
            Carries::Fin => "FIN",
            Carries::Rst => "RST",
            Carries::Datagram => "datagram",
        }
    }
}

impl Fate {
    /// Every fate, in the order of its number.
    pub const ALL: [Fate; 7] =
        [Fate::Sent, Fate::Delivered, Fate::Held, Fate::Lost, Fate::CutOff, Fate::HostDown, Fate::Refused];

    /// Its name in machine-readable traces.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Sent => "sent",
            Fate::Delivered => "delivered",
            Fate::Held => "held",
            Fate::Lost => "lost",
            Fate::CutOff => "cut-off",
            Fate::HostDown => "host-down",
            Fate::Refused => "refused",
        }
    }
}

impl Message {
    /// Packed: the hosts and what it carries, in 24 bits with its fate.
    pub(super) fn pack(self, fate: Fate) -> u32 {
        self.from.0 | self.to.0 << 9 | (self.carries as u32) << 18 | (fate as u32) << 21
    }

    /// The same backwards.
    pub(super) fn unpack(bits: u32, connection: u32, number: u32) -> (Message, Fate) {
        let carries = Carries::ALL[(bits >> 18 & 7) as usize];
        let message = Message { number, from: HostId(bits & 511), to: HostId(bits >> 9 & 511), connection, carries };
        (message, Fate::ALL[(bits >> 21) as usize])
    }

    /// The most hosts that an event has room for.
    pub const HOSTS_MAX: usize = 512;
}

impl Serves {
    pub(super) fn pack(self) -> u32 {
        match self {
            Serves::Arrived => 0,
            Serves::Dropped => 1,
            Serves::Closed => 2,
            Serves::Reset => 3,
            Serves::Answered(status) => 4 + u32::from(status),
        }
    }

    pub(super) fn unpack(bits: u32) -> Serves {
        match bits {
            0 => Serves::Arrived,
            1 => Serves::Dropped,
            2 => Serves::Closed,
            3 => Serves::Reset,
            status => Serves::Answered((status - 4) as u16),
        }
    }
}
