//! What the documents allow a tester to do next, as two tables: one for a server, one for a client. Written from
//! spec/requirements.toml alone, and read as its summary. Each duty names the requirement that it rests on. What stands in
//! no row is left open by the documents, and then nothing is demanded. Pure.

/// What a server has received on one control connection: bytes of a Request, then of a Done (P3, Message Format).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Heard {
    /// No byte.
    Nothing,
    /// 1 or 2 right bytes of a Request.
    PartOfRequest,
    /// 1 or 2 bytes of a Request, one of them wrong: a server may refuse it now, or wait for the rest.
    PartOfWrongRequest,
    /// The 3 bytes of a Request, one of them wrong.
    WrongRequest(Field),
    /// A whole Request.
    Request,
    /// A Request and the first byte of Done.
    PartOfDone,
    /// A Request, and less than the whole of a message that is no Done.
    PartOfWrongDone,
    /// A Request, and a whole message that is no Done.
    WrongDone(Field),
    /// A Request and Done.
    Done,
    /// A Request, Done and further bytes.
    More,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Its version.
    Version,
    /// Its type.
    Type,
    /// The type of test in a Request.
    Test,
    /// All of it: bytes of another protocol.
    Foreign,
}

/// Bytes of a Request.
const REQUEST: usize = 3;

/// More bytes than this behind a wrong first byte are another protocol, not a Request with a mistake.
const MISTAKE: usize = 8;

impl Heard {
    /// Every state, as the tables of coverage list them.
    pub const ALL: [Self; 15] = [
        Self::Nothing,
        Self::PartOfRequest,
        Self::PartOfWrongRequest,
        Self::WrongRequest(Field::Version),
        Self::WrongRequest(Field::Type),
        Self::WrongRequest(Field::Test),
        Self::WrongRequest(Field::Foreign),
        Self::Request,
        Self::PartOfDone,
        Self::PartOfWrongDone,
        Self::WrongDone(Field::Version),
        Self::WrongDone(Field::Type),
        Self::WrongDone(Field::Foreign),
        Self::Done,
        Self::More,
    ];

    /// The state after these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Nothing;
        }
        let (request, rest) = bytes.split_at(bytes.len().min(REQUEST));
        let wrong = request.iter().enumerate().find_map(|(index, byte)| match (index, byte) {
            (0, 1) | (1, 1) | (2, 1..=4) => None,
            (0, _) => Some(Field::Version),
            (1, _) => Some(Field::Type),
            _ => Some(Field::Test),
        });
        match wrong {
            Some(Field::Version) if bytes.len() > MISTAKE => Self::WrongRequest(Field::Foreign),
            Some(_) if request.len() < REQUEST => Self::PartOfWrongRequest,
            Some(field) => Self::WrongRequest(field),
            None if request.len() < REQUEST => Self::PartOfRequest,
            None => Self::after_request(rest),
        }
    }

    fn after_request(rest: &[u8]) -> Self {
        match *rest {
            [] => Self::Request,
            [1] => Self::PartOfDone,
            [_] => Self::PartOfWrongDone,
            [1, 3] => Self::Done,
            [1, 3, ..] => Self::More,
            [version, ..] if version != 1 && rest.len() > MISTAKE => Self::WrongDone(Field::Foreign),
            // A server may read a message by its type before it refuses it.
            [_, kind, ..] if rest.len() < length_of(kind) => Self::PartOfWrongDone,
            [1, ..] => Self::WrongDone(Field::Type),
            [..] => Self::WrongDone(Field::Version),
        }
    }

    /// The state in words, for tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "no byte yet",
            Self::PartOfRequest => "a part of a Request",
            Self::PartOfWrongRequest => "a part of a wrong Request",
            Self::WrongRequest(Field::Version) => "a Request of a wrong version",
            Self::WrongRequest(Field::Type) => "a first message of a wrong type",
            Self::WrongRequest(Field::Test) => "a Request for an unknown test",
            Self::WrongRequest(Field::Foreign) => "bytes of another protocol",
            Self::Request => "a whole Request",
            Self::PartOfDone => "a part of Done",
            Self::PartOfWrongDone => "a part of a wrong Done",
            Self::WrongDone(Field::Version) => "a Done of a wrong version",
            Self::WrongDone(Field::Foreign) => "other bytes where Done is due",
            Self::WrongDone(_) => "another message where Done is due",
            Self::Done => "Request and Done",
            Self::More => "bytes behind Done",
        }
    }

    /// Whether a server may refuse this client at once, or wait for more: it is owed nothing, and holds nobody for sure.
    pub fn may_be_refused(self) -> bool {
        matches!(self, Self::PartOfWrongRequest | Self::PartOfWrongDone)
    }

    /// Whether a server has to wait for more bytes of this client.
    pub fn waits_for_more(self) -> bool {
        matches!(self, Self::Nothing | Self::PartOfRequest | Self::Request | Self::PartOfDone)
    }

    /// Whether a session in this state comes to its end without a further byte.
    pub fn ends_by_itself(self) -> bool {
        matches!(self, Self::WrongRequest(_) | Self::WrongDone(_) | Self::Done | Self::More)
    }
}

/// Bytes of the message with this type byte. A type that does not exist has as many as its header.
fn length_of(kind: u8) -> usize {
    match kind {
        1 => REQUEST,
        2 => 4,
        4 => 10,
        _ => 2,
    }
}

/// What a server has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Send Reply.
    Reply,
    /// Send Results.
    Results,
    /// Close, with no byte before it.
    Close,
}

/// One thing that a tester must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// What.
    pub message: Message,
    /// The requirement that it rests on.
    pub id: &'static str,
    /// The requirement of its bytes, where that is another one.
    pub content: &'static str,
}

const fn due(message: Message, id: &'static str, content: &'static str) -> Duty {
    Duty { message, id, content }
}

const REPLY: Duty = due(Message::Reply, "SRV-2", "SRV-2");
const RESULTS: Duty = due(Message::Results, "SRV-5", "SRV-5");
const CLOSE: Duty = due(Message::Close, "SRV-6", "SRV-6");

/// What a server must do for a client once it is that client's turn, in this order: with the client's side open, and after
/// the client has ended it. `None`: the documents do not say, so nothing is demanded of this connection any more.
type ServerRule = (Heard, Option<&'static [Duty]>, Option<&'static [Duty]>);

/// The table for a server.
#[rustfmt::skip]
pub const SERVER: [ServerRule; 15] = [
    (Heard::Nothing,                      Some(&[]),      Some(&[due(Message::Close, "ABR-1", "SRV-4")])),
    (Heard::PartOfRequest,                Some(&[]),      Some(&[due(Message::Close, "ABR-2", "ABR-2")])),
    (Heard::PartOfWrongRequest,           Some(&[]),      Some(&[due(Message::Close, "ABR-2", "ABR-2")])),
    (Heard::WrongRequest(Field::Version), Some(&[due(Message::Close, "INV-1", "INV-1")]), Some(&[due(Message::Close, "INV-1", "INV-1")])),
    (Heard::WrongRequest(Field::Type),    Some(&[due(Message::Close, "INV-2", "INV-2")]), Some(&[due(Message::Close, "INV-2", "INV-2")])),
    (Heard::WrongRequest(Field::Test),    Some(&[due(Message::Close, "INV-3", "INV-3")]), Some(&[due(Message::Close, "INV-3", "INV-3")])),
    (Heard::WrongRequest(Field::Foreign), Some(&[due(Message::Close, "INV-6", "INV-6")]), Some(&[due(Message::Close, "INV-6", "INV-6")])),
    // Whether a client that has left already is still answered is the server's own affair.
    (Heard::Request,                      Some(&[REPLY]), None),
    (Heard::PartOfDone,                   Some(&[REPLY]), None),
    // Nor do the documents say whether Reply comes before a refusal of what stands behind its Request.
    (Heard::PartOfWrongDone,              None,      None),
    (Heard::WrongDone(Field::Version),    None,      None),
    (Heard::WrongDone(Field::Type),       None,      None),
    (Heard::WrongDone(Field::Foreign),    None,      None),
    (Heard::Done,                         Some(&[REPLY, RESULTS, CLOSE]),
                                          Some(&[REPLY, due(Message::Results, "ABR-5", "SRV-5"), CLOSE])),
    (Heard::More,                         Some(&[REPLY, due(Message::Results, "INV-7", "INV-7"), due(Message::Close, "SRV-6", "INV-7")]),
                                          Some(&[REPLY, due(Message::Results, "INV-7", "INV-7"), due(Message::Close, "SRV-6", "INV-7")])),
];

/// The same after Reply has come: the server is in the test of this client.
#[rustfmt::skip]
pub const IN_TEST: [ServerRule; 8] = [
    (Heard::Request,                   Some(&[]), Some(&[due(Message::Close, "ABR-3", "ABR-3")])),
    (Heard::PartOfDone,                Some(&[]), Some(&[due(Message::Close, "ABR-3", "ABR-3")])),
    (Heard::PartOfWrongDone,           Some(&[]), Some(&[due(Message::Close, "ABR-3", "ABR-3")])),
    (Heard::WrongDone(Field::Version), Some(&[due(Message::Close, "INV-4", "INV-4")]), Some(&[due(Message::Close, "INV-4", "INV-4")])),
    (Heard::WrongDone(Field::Type),    Some(&[due(Message::Close, "INV-5", "INV-5")]), Some(&[due(Message::Close, "INV-5", "INV-5")])),
    (Heard::WrongDone(Field::Foreign), Some(&[due(Message::Close, "INV-5", "INV-5")]), Some(&[due(Message::Close, "INV-5", "INV-5")])),
    (Heard::Done,                      Some(&[RESULTS, CLOSE]), Some(&[due(Message::Results, "ABR-5", "SRV-5"), CLOSE])),
    (Heard::More,                      Some(&[due(Message::Results, "INV-7", "INV-7"), due(Message::Close, "SRV-6", "INV-7")]),
                                       Some(&[due(Message::Results, "INV-7", "INV-7"), due(Message::Close, "SRV-6", "INV-7")])),
];

/// The duties of a server towards one client; `None` where the documents do not say.
pub fn duties(heard: Heard, in_test: bool, ended: bool) -> Option<&'static [Duty]> {
    let table: &[ServerRule] = if in_test { &IN_TEST } else { &SERVER };
    let (_, open, closed) = table.iter().find(|(state, ..)| *state == heard)?;
    if ended { *closed } else { *open }
}

/// The requirement that a server breaks if it serves no more after this: a client in this state left or was refused.
pub fn aftermath(heard: Heard, reset: bool) -> &'static str {
    match heard {
        _ if reset => "ABR-4",
        Heard::Nothing => "ABR-1",
        Heard::PartOfRequest | Heard::PartOfWrongRequest => "ABR-2",
        Heard::Request | Heard::PartOfDone | Heard::PartOfWrongDone => "ABR-3",
        Heard::WrongRequest(Field::Version) => "INV-1",
        Heard::WrongRequest(Field::Type) => "INV-2",
        Heard::WrongRequest(Field::Test) => "INV-3",
        Heard::WrongRequest(Field::Foreign) => "INV-6",
        Heard::WrongDone(Field::Version) => "INV-4",
        Heard::WrongDone(_) => "INV-5",
        Heard::Done | Heard::More => "ABR-8",
    }
}

/// The requirement of the silence timeout of a client in this state; `None` where there is none.
pub fn silence(heard: Heard, in_test: bool) -> Option<&'static str> {
    match (heard, in_test) {
        (Heard::Nothing, _) => Some("TMO-1"),
        (Heard::PartOfRequest, _) => Some("TMO-2"),
        (Heard::Request, true) => Some("TMO-3"),
        (Heard::PartOfDone, true) => Some("TMO-4"),
        _ => None,
    }
}

/// What a client has been told by its server: bytes of Reply before the test, bytes of Results after Done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// No byte: its Request has come.
    Nothing,
    /// 1 to 3 right bytes of Reply.
    PartOfReply,
    /// A message where Reply is due that is none.
    WrongReply,
    /// A whole Reply: the test is on.
    Reply,
    /// Its Done has come, and it has been told 0 to 9 right bytes of Results.
    PartOfResults,
    /// A message where Results is due that is none.
    WrongResults,
    /// The whole Results.
    Results,
    /// Results and further bytes.
    More,
}

impl Told {
    /// Every state, as the tables of coverage list them.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::PartOfReply,
        Self::WrongReply,
        Self::Reply,
        Self::PartOfResults,
        Self::WrongResults,
        Self::Results,
        Self::More,
    ];

    /// The state after these bytes; `done`: how many had been told when Done came.
    pub fn of(bytes: &[u8], done: Option<usize>) -> Self {
        match done {
            None => match *bytes {
                [] => Self::Nothing,
                [1] | [1, 2] | [1, 2, _] => Self::PartOfReply,
                [1, 2, _, _] => Self::Reply,
                _ => Self::WrongReply,
            },
            Some(before) => match bytes[before.min(bytes.len())..] {
                [] | [1] => Self::PartOfResults,
                [1, 4, ref count @ ..] => match count.len() {
                    0..8 => Self::PartOfResults,
                    8 => Self::Results,
                    _ => Self::More,
                },
                _ => Self::WrongResults,
            },
        }
    }

    /// The state in words, for tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "no byte yet",
            Self::PartOfReply => "a part of Reply",
            Self::WrongReply => "a wrong Reply",
            Self::Reply => "a whole Reply",
            Self::PartOfResults => "Done has come, less than Results was sent",
            Self::WrongResults => "wrong Results",
            Self::Results => "whole Results",
            Self::More => "bytes behind Results",
        }
    }
}

/// How a client goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It waits for more, and sends nothing.
    Waits {
        /// The requirement that it breaks otherwise.
        id: &'static str,
    },
    /// It measures, and sends Done when its time is over.
    Measures,
    /// It ends with a message, a status other than 0, and no stack trace.
    Fails {
        /// The requirement.
        id: &'static str,
    },
    /// It reports, and ends with status 0.
    Succeeds {
        /// The requirement.
        id: &'static str,
    },
    /// The documents do not say.
    Open,
}

/// The table for a client: with the server's side open, and after the server has closed or reset.
#[rustfmt::skip]
pub const CLIENT: [(Told, Course, Course); 8] = [
    (Told::Nothing,       Course::Waits { id: "CLT-2" },    Course::Fails { id: "CLT-9" }),
    (Told::PartOfReply,   Course::Waits { id: "CLT-6" },    Course::Fails { id: "CLT-9" }),
    (Told::WrongReply,    Course::Fails { id: "CLT-8" },    Course::Fails { id: "CLT-8" }),
    // A client need not look at the control connection during its test.
    (Told::Reply,         Course::Measures,                 Course::Open),
    (Told::PartOfResults, Course::Waits { id: "CLT-5" },    Course::Fails { id: "CLT-9" }),
    (Told::WrongResults,  Course::Fails { id: "CLT-8" },    Course::Fails { id: "CLT-8" }),
    (Told::Results,       Course::Open,                     Course::Succeeds { id: "CLT-5" }),
    (Told::More,          Course::Open,                     Course::Succeeds { id: "CLT-11" }),
];

/// How a client goes on in this state.
pub fn course(told: Told, server_left: bool) -> Course {
    let row = CLIENT.iter().find(|(state, ..)| *state == told);
    row.map_or(Course::Open, |(_, open, left)| if server_left { *left } else { *open })
}

/// The requirement of an interrupt (SIGINT) of a server.
pub fn server_interrupt(idle: bool) -> &'static str {
    if idle { "SIG-1" } else { "SIG-2" }
}

/// The requirement of an interrupt of a client; `None` where the documents do not say.
pub fn client_interrupt(told: Told) -> Option<&'static str> {
    match told {
        Told::Nothing | Told::PartOfReply => Some("SIG-3"),
        Told::Reply => Some("SIG-4"),
        _ => None,
    }
}
