//! `[[host]]` and `[network]`: who answers requests, and what is between the hosts.
//!
//! Knows nothing of the step that sends the requests.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::id::HostId;
use crate::program::{
    Answer, Begins, CLIENT, Failure, Fault, Host, Network, Outage, Pattern, Reply, TooMany, Url, Wires,
};
use crate::time::{Nanos, TICK, duration};

use super::inject::read_chance;
use super::reader::{Quoted, Reader, Span, Table, Value, no_length, unknown};

/// How many hosts a file may have.
const HOSTS_MAX: usize = 100;

/// How many faults a file may have.
const FAULTS_MAX: usize = 1000;

/// The longest latency, delay or range of times.
const LONGEST: Nanos = Nanos::from_secs(3600);

/// Reads both; nothing if the file has no network.
pub(super) fn read(reader: &mut Reader, table: &Table) -> Option<Network> {
    let mut names = BTreeMap::from([(CLIENT.to_owned(), (HostId::CLIENT, 0..0))]);
    let values = table.get("host").and_then(|value| reader.array(value)).unwrap_or_default();
    if let Some(value) = values.get(HOSTS_MAX) {
        let message = format!("expected at most {HOSTS_MAX} hosts, but found {}", values.len());
        reader.errors.push(Diagnostic::at(value.span(), message, "one too many"));
    }
    let hosts: Vec<_> = values.iter().filter_map(|value| read_host(reader, value, &mut names)).collect();
    let Some(value) = table.get("network") else {
        return (!hosts.is_empty()).then(|| Network { hosts, wires: Wires::default() });
    };
    let inner = reader.table(value)?;
    if values.is_empty() {
        let message = "expected a [[host]] beside [network], but found none";
        return reader.error(Diagnostic::at(inner.span, message, "a network of whom?"));
    }
    let wires = read_wires(reader, &inner, &names);
    Some(Network { hosts, wires })
}

type Names = BTreeMap<String, (HostId, Span)>;

fn read_host(reader: &mut Reader, value: &Value, names: &mut Names) -> Option<Host> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["name", "port", "status", "delay", "paths", "too_many"]);
    let name = reader.required(&table, "name", "URLs call it so: name = \"shop\"");
    let name = name.and_then(|value| reader.text(value)).and_then(|name| read_name(reader, name, names));
    let port = table.get("port").map_or(Some(80), |value| reader.integer(value, 1, 65535));
    let status = table.get("status").map_or(Some(200), |value| reader.integer(value, 100, 599));
    let delay = table.get("delay").map_or(Some((Nanos(0), Nanos(0))), |value| read_range(reader, value, Nanos(0)));
    let other = Answer { path: Pattern::new("*"), does: Reply::Status(status? as u16), delay: delay? };
    let mut answers = Vec::new();
    if let Some(paths) = table.get("paths").and_then(|value| reader.table(value)) {
        for (path, value) in paths.in_order() {
            let text = path.get_ref().as_ref();
            if Url::parse(&format!("http://{CLIENT}{text}")).is_err() || !text.starts_with('/') {
                let message = format!("expected a path such as \"/items\" or \"/items/*\", but found `{text}`");
                reader.errors.push(Diagnostic::at(path.span(), message, "not a path"));
            }
            answers.extend(read_answer(reader, Pattern::new(text), value, &other));
        }
    }
    answers.push(other);
    let too_many = match table.get("too_many") {
        Some(value) => Some(read_too_many(reader, value)?),
        None => None,
    };
    Some(Host { name: name?, port: port? as u16, answers, too_many })
}

fn read_name(reader: &mut Reader, name: Quoted, names: &mut Names) -> Option<String> {
    let Quoted { text, span, .. } = name;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(is_plain) {
        let message = format!("expected the name of a host, but found `{text}`");
        let error = Diagnostic::at(span, message, "not the name of a host");
        return reader.error(error.help("a name begins with a letter, and goes on with letters, digits, `-` and `.`"));
    }
    if text == CLIENT {
        let message = format!("expected a name of its own, but found `{CLIENT}`");
        return reader.error(Diagnostic::at(span, message, "the host on which the tasks run"));
    }
    let number = HostId(names.len() as u32);
    if let Some((_, first)) = names.get(&text) {
        let message = format!("expected every host once, but found `{text}` twice");
        return reader.error(Diagnostic::at(span, message, "the second").other(first.clone(), "the first"));
    }
    names.insert(text.clone(), (number, span));
    Some(text)
}

/// `404`, `"close"`, `"reset"`, or `{ status = 404, delay = "1s" }`.
fn read_answer(reader: &mut Reader, path: Pattern, value: &Value, other: &Answer) -> Option<Answer> {
    let words = [("close", Reply::Close), ("reset", Reply::Reset)];
    match value.get_ref() {
        DeValue::Table(_) => {
            let table = reader.table(value)?;
            reader.only_keys(&table, &["status", "delay", "does"]);
            let does = match (table.get("status"), table.get("does")) {
                (Some(status), None) => Reply::Status(reader.integer(status, 100, 599)? as u16),
                (None, Some(does)) => reader.word(does, "reply", &words)?,
                (None, None) => other.does,
                (Some(_), Some(does)) => {
                    let message = "expected `status` or `does`, but found both";
                    let error = Diagnostic::at(does.span(), message, "answers nothing");
                    return reader.error(error.other(table.key_span("status"), "an answer"));
                }
            };
            let delay = match table.get("delay") {
                Some(value) => read_range(reader, value, Nanos(0))?,
                None => other.delay,
            };
            Some(Answer { path, does, delay })
        }
        DeValue::Integer(_) => {
            let status = reader.integer(value, 100, 599)? as u16;
            Some(Answer { path, does: Reply::Status(status), delay: other.delay })
        }
        _ => Some(Answer { path, does: reader.word(value, "reply", &words)?, delay: other.delay }),
    }
}

fn read_too_many(reader: &mut Reader, value: &Value) -> Option<TooMany> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["after", "retry_after"]);
    let after = reader.required(&table, "after", "so many requests are answered: after = 2");
    let after = after.and_then(|value| reader.integer(value, 0, i64::from(u32::MAX)));
    let retry = reader.required(&table, "retry_after", "it says how long to wait: retry_after = \"30s\"")?;
    let length = reader.duration(retry)?;
    let seconds = u32::try_from(length.0 / 1_000_000_000).ok().filter(|_| length.0.is_multiple_of(1_000_000_000));
    let Some(retry_after) = seconds.filter(|&secs| secs < u32::MAX) else {
        let message = format!("expected whole seconds, as HTTP's Retry-After has them, but found {length}");
        return reader.error(Diagnostic::at(retry.span(), message, "not whole seconds"));
    };
    Some(TooMany { after: after? as u32, retry_after })
}

/// A length or a range of lengths that a network can do: in whole ticks, rounded up.
fn read_range(reader: &mut Reader, value: &Value, least: Nanos) -> Option<(Nanos, Nanos)> {
    let text = match value.get_ref() {
        DeValue::String(_) => reader.text(value)?,
        _ => {
            let instead = reader.in_seconds(value);
            return reader.mismatch("a duration such as \"5ms\" or \"5ms..50ms\"", value, instead);
        }
    };
    match duration::parse_range(&text.text) {
        Ok((from, to)) if from < least => {
            let message = format!("expected at least {least}, but found {from}{}", if from == to { "" } else { ".." });
            let error = Diagnostic::at(text.span, message, "too short");
            reader.error(error.help("messages travel in whole milliseconds: a tick of the simulated network"))
        }
        Ok((_, to)) if LONGEST < to => {
            let message = format!("expected at most {LONGEST}, but found {to}");
            reader.error(Diagnostic::at(text.span, message, "too long"))
        }
        Ok(range) => Some(range),
        Err(problem) => reader.error(no_length(&text, problem)),
    }
}

fn read_wires(reader: &mut Reader, table: &Table, names: &Names) -> Wires {
    reader.only_keys(table, &["latency", "links", "loss", "faults"]);
    let mut wires = Wires::default();
    if let Some(latency) = table.get("latency").and_then(|value| read_range(reader, value, TICK)) {
        wires.latency = latency;
    }
    let links = table.get("links").and_then(|value| reader.array(value)).unwrap_or_default();
    let mut spans: Vec<Span> = Vec::new();
    for value in links {
        let Some((a, b, latency)) = read_link(reader, value, names) else { continue };
        let is_same = |(from, to, _): &(HostId, HostId, _)| (*from, *to) == (a, b) || (*from, *to) == (b, a);
        if let Some(first) = wires.links.iter().position(is_same) {
            let message = "expected every link once, but found one twice";
            let error = Diagnostic::at(value.span(), message, "the second");
            reader.errors.push(error.other(spans[first].clone(), "the first"));
        }
        wires.links.push((a, b, latency));
        spans.push(value.span());
    }
    wires.loss = table.get("loss").and_then(|value| read_loss(reader, value));
    let faults = table.get("faults").and_then(|value| reader.array(value)).unwrap_or_default();
    if let Some(value) = faults.get(FAULTS_MAX) {
        let message = format!("expected at most {FAULTS_MAX} faults, but found {}", faults.len());
        reader.errors.push(Diagnostic::at(value.span(), message, "one too many"));
    }
    wires.outages = read_faults(reader, faults, names);
    wires
}

fn read_link(reader: &mut Reader, value: &Value, names: &Names) -> Option<(HostId, HostId, (Nanos, Nanos))> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["between", "latency"]);
    let between = reader.required(&table, "between", "it says which link: between = [\"client\", \"shop\"]");
    let pair = between.and_then(|value| read_pair(reader, value, names));
    let latency = reader.required(&table, "latency", "it is what the link has of its own");
    let latency = latency.and_then(|value| read_range(reader, value, TICK));
    let (a, b) = pair?;
    Some((a, b, latency?))
}

/// Two different hosts.
fn read_pair(reader: &mut Reader, value: &Value, names: &Names) -> Option<(HostId, HostId)> {
    let array = reader.array(value)?;
    let [a, b] = array else {
        let message = format!("expected the two hosts of a link, but found {}", array.len());
        return reader.error(Diagnostic::at(value.span(), message, "not two hosts"));
    };
    let (a, b) = (read_known(reader, a, names)?, read_known(reader, b, names)?);
    if a == b {
        let message = "expected two different hosts, but found one twice";
        return reader.error(Diagnostic::at(value.span(), message, "no link leads from a host to itself"));
    }
    Some((a, b))
}

fn read_known(reader: &mut Reader, value: &Value, names: &Names) -> Option<HostId> {
    let name = reader.text(value)?;
    match names.get(&name.text) {
        Some((host, _)) => Some(*host),
        None => reader.error(unknown(name.span, "host", &name.text, names.keys().map(String::as_str))),
    }
}

/// `"1%"`, or `{ chance = "1%", up_to = 2 }`.
fn read_loss(reader: &mut Reader, value: &Value) -> Option<Failure> {
    let DeValue::Table(_) = value.get_ref() else {
        return Some(Failure { per_million: read_chance(reader, value)?, up_to: 1 });
    };
    let table = reader.table(value)?;
    reader.only_keys(&table, &["chance", "up_to"]);
    let chance = reader.required(&table, "chance", "how often a message is lost: chance = \"1%\"");
    let per_million = chance.and_then(|value| read_chance(reader, value));
    let up_to = table.get("up_to").map_or(Some(1), |value| reader.integer(value, 1, 1000));
    Some(Failure { per_million: per_million?, up_to: up_to? as u32 })
}

/// What fails, and what ends what failed before.
const VERBS: [&str; 6] = ["partition", "repair", "hold", "release", "crash", "bounce"];

fn read_faults(reader: &mut Reader, values: &[Value], names: &Names) -> Vec<Outage> {
    let mut outages: Vec<(Outage, Span)> = Vec::new();
    for value in values {
        let Some((verb, what, table)) = read_fault(reader, value, names) else { continue };
        if matches!(verb, "repair" | "release" | "bounce") {
            end(reader, verb, what, &table, &mut outages);
        } else if let Some(outage) = read_outage(reader, what, &table) {
            outages.push((outage, value.span()));
        }
    }
    for (at, (second, span)) in outages.iter().enumerate() {
        if let Some((_, first)) = outages[..at].iter().find(|(first, _)| overlap(first, second)) {
            let message = "expected one fault at a time on a link or a host, but found two that overlap";
            let error = Diagnostic::at(span.clone(), message, "the second").other(first.clone(), "the first");
            reader.errors.push(error.help("let the first be over before the second begins: for = \"…\""));
        }
    }
    outages.into_iter().map(|(outage, _)| outage).collect()
}

/// The verb of an entry, and what it is about.
fn read_fault<'a>(
    reader: &mut Reader,
    value: &'a Value<'a>,
    names: &Names,
) -> Option<(&'static str, Fault, Table<'a>)> {
    let table = reader.table(value)?;
    let mut verbs = VERBS.into_iter().filter_map(|verb| Some((verb, table.get(verb)?)));
    let Some((verb, whom)) = verbs.next() else {
        let message = "expected a fault, but found none";
        let error = Diagnostic::at(table.span, message, "what fails?");
        return reader.error(error.help("write { partition = [\"client\", \"shop\"], at = \"1s\", for = \"500ms\" }"));
    };
    if let Some((other, second)) = verbs.next() {
        let message = format!("expected one fault, but found two: `{verb}` and `{other}`");
        return reader.error(Diagnostic::at(second.span(), message, "the second").other(whom.span(), "the first"));
    }
    let is_end = matches!(verb, "repair" | "release" | "bounce");
    let keys: &[&str] = if is_end { &[verb, "at"] } else { &[verb, "at", "within", "for"] };
    reader.only_keys(&table, keys);
    let what = match verb {
        "partition" | "repair" => {
            let (a, b) = read_pair(reader, whom, names)?;
            Fault::Partition(a, b)
        }
        "hold" | "release" => {
            let (a, b) = read_pair(reader, whom, names)?;
            Fault::Hold(a, b)
        }
        _ => match read_known(reader, whom, names)? {
            HostId::CLIENT => {
                let message = format!("expected a host that answers, but found `{CLIENT}`, on which the tasks run");
                let error = Diagnostic::at(whom.span(), message, "cannot crash");
                return reader.error(error.help("to stop tasks anywhere, write [[inject]] with cancel = \"*\""));
            }
            host => Fault::Crash(host),
        },
    };
    Some((verb, what, table))
}

fn read_outage(reader: &mut Reader, what: Fault, table: &Table) -> Option<Outage> {
    let begins = match (table.get("at"), table.get("within")) {
        (Some(at), None) => Begins::At(reader.duration(at)?),
        (None, Some(within)) => {
            let (from, to) = read_range(reader, within, Nanos(0))?;
            Begins::Within(from, to)
        }
        (Some(at), Some(within)) => {
            let message = "expected `at` or `within`, but found both";
            let error = Diagnostic::at(within.span(), message, "at any time of these, or never");
            return reader.error(error.other(at.span(), "at this time"));
        }
        (None, None) => {
            let help = "at = \"1s\" is a time; within = \"0s..2s\" lets a search choose one, or none";
            let message = "expected `at` or `within`, but found neither";
            return reader.error(Diagnostic::at(table.span.clone(), message, "when?").help(help));
        }
    };
    let lasts = match table.get("for") {
        Some(value) => Some(reader.duration(value)?),
        None => None,
    };
    Some(Outage { what, begins, lasts })
}

/// `repair`, `release` and `bounce` end the last fault of their kind that has no end yet.
fn end(reader: &mut Reader, verb: &str, what: Fault, table: &Table, outages: &mut [(Outage, Span)]) {
    let at = reader.required(table, "at", "it says when the fault is over").and_then(|value| reader.duration(value));
    let Some(at) = at else { return };
    let open = outages.iter_mut().rev().find(|(outage, _)| is_same(outage.what, what) && outage.lasts.is_none());
    match open {
        Some((outage, _)) if matches!(outage.begins, Begins::At(begins) if begins < at) => {
            if let Begins::At(begins) = outage.begins {
                outage.lasts = Some(Nanos(at.0 - begins.0));
            }
        }
        Some((_, first)) => {
            let message = format!("expected `{verb}` after a fault `at` an earlier time, but found none");
            let error =
                Diagnostic::at(table.span.clone(), message, "ends nothing").other(first.clone(), "not this one");
            reader.errors.push(error.help("a fault `within` a range says with `for` how long it lasts"));
        }
        None => {
            let message = format!("expected something to {verb}, but found nothing");
            let label = "ends nothing";
            reader.errors.push(
                Diagnostic::at(table.span.clone(), message, label)
                    .help("it stands behind the fault that it ends, which has no `for`"),
            );
        }
    }
}

/// Whether two faults are of one kind and strike the same.
fn is_same(a: Fault, b: Fault) -> bool {
    a.verbs() == b.verbs() && strikes_same(a, b)
}

/// Whether two faults strike the same link, or the same host.
fn strikes_same(a: Fault, b: Fault) -> bool {
    match (a, b) {
        (Fault::Crash(a), Fault::Crash(b)) => a == b,
        (Fault::Partition(a, b) | Fault::Hold(a, b), Fault::Partition(c, d) | Fault::Hold(c, d)) => {
            (a, b) == (c, d) || (a, b) == (d, c)
        }
        _ => false,
    }
}

/// Whether both may be there at one time.
fn overlap(a: &Outage, b: &Outage) -> bool {
    let time = |outage: &Outage| {
        let (from, to) = match outage.begins {
            Begins::At(at) => (at.0, at.0),
            Begins::Within(from, to) => (from.0, to.0),
        };
        (from, outage.lasts.map_or(u64::MAX, |lasts| to.saturating_add(lasts.0)))
    };
    let ((a_from, a_to), (b_from, b_to)) = (time(a), time(b));
    strikes_same(a.what, b.what) && a_from < b_to && b_from < a_to
}

/// What is wrong with a URL that is known before the run.
pub(super) fn check_url(network: Option<&Network>, text: &str, place: impl FnOnce() -> Span) -> Option<Diagnostic> {
    let hosts = network.map(|network| network.hosts.as_slice()).unwrap_or_default();
    match Url::parse(text) {
        Err(message) => {
            Some(Diagnostic::at(place(), format!("{message}, but found `{text}`"), "not a URL that can be asked for"))
        }
        Ok(url) if hosts.is_empty() => {
            let message = format!("expected a [[host]] called `{}`, but the file has no host", url.host);
            Some(
                Diagnostic::at(place(), message, "nobody is there")
                    .help("a host answers with status 200 if it says nothing else: [[host]] with a name"),
            )
        }
        Ok(url) if hosts.iter().all(|host| host.name != url.host) => {
            Some(unknown(place(), "host", url.host, hosts.iter().map(|host| host.name.as_str())))
        }
        Ok(_) => None,
    }
}
