//! What a program computes with: plain values of sixteen bytes, and the errors that it raises.
//!
//! Knows nothing of how a value came about, nor of texts beyond their ids.

use crate::id::{FutureId, InstanceId, ListId, TextId};

/// A value of a program, as small as a Python object is not: copying one is all there is to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A local that no step has bound yet; using it raises `UnboundLocalError`.
    Unbound,
    /// Python's `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A text.
    Text(TextId),
    /// A task, or the future that `gather` returned.
    Handle(FutureId),
    /// A coroutine object, which can be started once.
    Coroutine(InstanceId),
    /// A call of the coroutine function: starting it makes a new coroutine each time.
    Call(InstanceId),
    /// A list, shared by everything that holds it.
    List(ListId),
    /// A list that nobody changes: what an exception group is made of.
    Tuple(ListId),
    /// A timeout that was entered.
    Timeout(u32),
    /// A task group that was entered.
    TaskGroup(u32),
    /// The handle of a callback.
    Callback(u32),
    /// What `add_done_callback` was given.
    Function(u32),
    /// An error that was caught, or that is an entry of a gather's results.
    Error(Error),
}

impl Value {
    /// The number that an integer is, and a `True` or `False`, which Python counts among them.
    pub fn as_int(self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(int),
            Value::Bool(bool) => Some(i64::from(bool)),
            _ => None,
        }
    }
}

/// An exception: its type and its only argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Error {
    /// Its class.
    pub ty: ErrorType,
    /// What it says; nothing when it was raised without an argument.
    pub message: Option<TextId>,
}

/// The class of an exception: an index into [`ErrorTypes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorType(pub u16);

macro_rules! builtin_errors {
    ($($constant:ident = $number:literal $name:literal: $parent:ident;)*) => {
        impl ErrorType {
            $(#[doc = concat!("Python's `", $name, "`.")] pub const $constant: ErrorType = ErrorType($number);)*
        }

        /// Name and parent of every class that Python itself has and a scenario may name.
        const BUILTIN: &[(&str, ErrorType)] = &[$(($name, ErrorType::$parent)),*];
    };
}

builtin_errors! {
    BASE_EXCEPTION = 0 "BaseException": BASE_EXCEPTION;
    CANCELLED_ERROR = 1 "CancelledError": BASE_EXCEPTION;
    EXCEPTION = 2 "Exception": BASE_EXCEPTION;
    ARITHMETIC_ERROR = 3 "ArithmeticError": EXCEPTION;
    ASSERTION_ERROR = 4 "AssertionError": EXCEPTION;
    ATTRIBUTE_ERROR = 5 "AttributeError": EXCEPTION;
    CONNECTION_ERROR = 6 "ConnectionError": OS_ERROR;
    CONNECTION_RESET_ERROR = 7 "ConnectionResetError": CONNECTION_ERROR;
    INDEX_ERROR = 8 "IndexError": LOOKUP_ERROR;
    INVALID_STATE_ERROR = 9 "InvalidStateError": EXCEPTION;
    KEY_ERROR = 10 "KeyError": LOOKUP_ERROR;
    LOOKUP_ERROR = 11 "LookupError": EXCEPTION;
    OS_ERROR = 12 "OSError": EXCEPTION;
    RECURSION_ERROR = 13 "RecursionError": RUNTIME_ERROR;
    RUNTIME_ERROR = 14 "RuntimeError": EXCEPTION;
    TIMEOUT_ERROR = 15 "TimeoutError": OS_ERROR;
    TYPE_ERROR = 16 "TypeError": EXCEPTION;
    UNBOUND_LOCAL_ERROR = 17 "UnboundLocalError": EXCEPTION;
    VALUE_ERROR = 18 "ValueError": EXCEPTION;
    OVERFLOW_ERROR = 19 "OverflowError": ARITHMETIC_ERROR;
    QUEUE_EMPTY = 20 "QueueEmpty": EXCEPTION;
    QUEUE_FULL = 21 "QueueFull": EXCEPTION;
    ASYNCIO_TIMEOUT_ERROR = 22 "TimeoutError": EXCEPTION;
    EXCEPTION_GROUP = 23 "ExceptionGroup": EXCEPTION;
    BASE_EXCEPTION_GROUP = 24 "BaseExceptionGroup": BASE_EXCEPTION;
    CONNECTION_REFUSED_ERROR = 25 "ConnectionRefusedError": CONNECTION_ERROR;
    BROKEN_BARRIER_ERROR = 26 "BrokenBarrierError": RUNTIME_ERROR;
    SYSTEM_EXIT = 27 "SystemExit": BASE_EXCEPTION;
    KEYBOARD_INTERRUPT = 28 "KeyboardInterrupt": BASE_EXCEPTION;
}

impl ErrorType {
    /// Whether errors of this class are made of others.
    pub fn is_group(self) -> bool {
        matches!(self, ErrorType::EXCEPTION_GROUP | ErrorType::BASE_EXCEPTION_GROUP)
    }

    /// Whether it is one of Python's own, and not one that a program declares.
    pub fn is_builtin(self) -> bool {
        usize::from(self.0) < BUILTIN.len()
    }

    /// Whether errors of this class end more than their task: asyncio lets them out of the loop, and out of `run()`.
    pub fn leaves_loop(self) -> bool {
        matches!(self, ErrorType::SYSTEM_EXIT | ErrorType::KEYBOARD_INTERRUPT)
    }
}

/// The classes that a program knows: Python's own, then the ones that its scenario declares.
///
/// ```
/// use atropos::program::{ErrorType, ErrorTypes};
/// let types = ErrorTypes::new(["PaymentError".to_owned()]);
/// let payment = types.find("PaymentError").unwrap();
/// assert!(types.is_a(payment, ErrorType::EXCEPTION));
/// assert!(!types.is_a(ErrorType::CANCELLED_ERROR, ErrorType::EXCEPTION));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorTypes {
    declared: Vec<String>,
}

impl ErrorTypes {
    /// Python's classes, and `declared` ones that derive from `Exception`.
    pub fn new(declared: impl IntoIterator<Item = String>) -> ErrorTypes {
        ErrorTypes { declared: declared.into_iter().collect() }
    }

    /// The class called `name`.
    pub fn find(&self, name: &str) -> Option<ErrorType> {
        self.names().position(|known| known == name).map(|at| ErrorType(at as u16))
    }

    /// Every name, Python's first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        BUILTIN.iter().map(|(name, _)| *name).chain(self.declared.iter().map(String::as_str))
    }

    /// The ones that the scenario declares.
    pub fn declared(&self) -> &[String] {
        &self.declared
    }

    /// How `ty` is called.
    pub fn name(&self, ty: ErrorType) -> &str {
        let at = usize::from(ty.0);
        BUILTIN.get(at).map_or_else(|| self.declared[at - BUILTIN.len()].as_str(), |(name, _)| name)
    }

    /// Whether `except parent` catches a `ty`. Up to 3.10 asyncio has a `TimeoutError` of its own, which is no `OSError`;
    /// a scenario that speaks of a `TimeoutError` means both.
    pub fn is_a(&self, mut ty: ErrorType, parent: ErrorType) -> bool {
        if ty == ErrorType::EXCEPTION_GROUP && parent == ErrorType::BASE_EXCEPTION_GROUP {
            return true;
        }
        if ty == ErrorType::ASYNCIO_TIMEOUT_ERROR && parent == ErrorType::TIMEOUT_ERROR {
            return true;
        }
        loop {
            if ty == parent {
                return true;
            }
            if ty == ErrorType::BASE_EXCEPTION {
                return false;
            }
            ty = BUILTIN.get(usize::from(ty.0)).map_or(ErrorType::EXCEPTION, |&(_, up)| up);
        }
    }
}

impl Error {
    /// An error without a message.
    pub const fn new(ty: ErrorType) -> Error {
        Error { ty, message: None }
    }

    /// A cancellation with the message that `cancel` was given.
    pub const fn cancelled(message: Option<TextId>) -> Error {
        Error { ty: ErrorType::CANCELLED_ERROR, message }
    }

    /// Whether this ends a task as cancelled rather than failed.
    pub fn is_cancelled(self) -> bool {
        self.ty == ErrorType::CANCELLED_ERROR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_classes_are_their_places() {
        let types = ErrorTypes::new([]);
        assert_eq!(types.find("BaseException"), Some(ErrorType::BASE_EXCEPTION));
        assert_eq!(types.find("OverflowError"), Some(ErrorType::OVERFLOW_ERROR));
        assert_eq!(types.name(ErrorType::VALUE_ERROR), "ValueError");
        assert!(types.is_a(ErrorType::CONNECTION_RESET_ERROR, ErrorType::OS_ERROR));
        assert!(types.is_a(ErrorType::INDEX_ERROR, ErrorType::LOOKUP_ERROR));
    }

    #[test]
    fn a_value_is_sixteen_bytes() {
        assert_eq!(size_of::<Value>(), 16);
    }
}
