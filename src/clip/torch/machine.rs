//! The stack machine that executes pickles.

mod calls;

use std::collections::HashMap;

use super::error::Problem;
use super::names::lookup;
use super::value::{Id, Value};

/// Most values in one pickle. A ViT-L/14 with Adam's state has some 50,000.
const MAX_VALUES: usize = 1 << 19;
/// Most elements of all lists and dicts together: one list may be copied into many dicts.
const MAX_ELEMENTS: usize = 1 << 22;

fn damaged(problem: impl Into<String>) -> Problem {
    Problem::Damaged(problem.into())
}

/// The state of the machine: the program, its values, stack and memo.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Elements of all lists and dicts.
    elements: usize,
}

impl<'a> Machine<'a> {
    /// At the start of a program.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, values: vec![], stack: vec![], marks: vec![], memo: HashMap::new(), elements: 0 }
    }

    /// All values, the resulting one, and the length of the finished program in bytes.
    pub(super) fn finish(mut self) -> Result<(Vec<Value<'a>>, Id, usize), Problem> {
        let root = self.pop()?;
        Ok((self.values, root, self.at))
    }

    /// Executes one operation; `true` at the end of the pickle.
    pub(super) fn step(&mut self) -> Result<bool, Problem> {
        let code = self.array::<1>()?[0];
        match code {
            b'.' => return Ok(true),
            0x80 => drop(self.array::<1>()?), // protocol
            0x95 => drop(self.array::<8>()?), // frame
            b'N' => self.push(Value::Ignored)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => self
                .array()
                .map(|b| i64::from(i32::from_le_bytes(b)))
                .and_then(|n| self.push(Value::Int(n)))?,
            b'K' => self.array::<1>().and_then(|[n]| self.push(Value::Int(i64::from(n))))?,
            b'M' => self.array().map(u16::from_le_bytes).and_then(|n| self.push(Value::Int(i64::from(n))))?,
            b'G' => self.array().map(f64::from_be_bytes).and_then(|n| self.push(Value::Float(n)))?,
            0x8a => self.counted::<1>().map(integer).and_then(|n| self.push(n))?,
            0x8b => self.counted::<4>().map(integer).and_then(|n| self.push(n))?,
            b'U' | 0x8c => self.text::<1>()?,
            b'T' | b'X' => self.text::<4>()?,
            0x8d => self.text::<8>()?,
            b'C' => self.counted::<1>().and_then(|b| self.push(Value::Bytes(b)))?,
            b'B' => self.counted::<4>().and_then(|b| self.push(Value::Bytes(b)))?,
            b'(' => self.marks.push(self.stack.len()),
            b')' | b']' | 0x8f => self.push(Value::List(vec![]))?,
            b'}' => self.push(Value::Dict(vec![]))?,
            b't' | b'l' => self.pop_mark().and_then(|items| self.push(Value::List(items)))?,
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                self.pop_n(count).and_then(|items| self.push(Value::List(items)))?;
            }
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(pairs(&items)?))?;
            }
            b'a' => self.pop_n(1).and_then(|items| self.extend(&items))?,
            b'e' | 0x90 => self.pop_mark().and_then(|items| self.extend(&items))?,
            b's' => self.pop_n(2).and_then(|items| self.set(&items))?,
            b'u' => self.pop_mark().and_then(|items| self.set(&items))?,
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'q' => self.array::<1>().and_then(|[n]| self.memo_put(u32::from(n)))?,
            b'r' => self.array().map(u32::from_le_bytes).and_then(|n| self.memo_put(n))?,
            0x94 => self.memo_put(self.memo.len() as u32)?,
            b'h' => self.array::<1>().and_then(|[n]| self.memo_get(u32::from(n)))?,
            b'j' => self.array().map(u32::from_le_bytes).and_then(|n| self.memo_get(n))?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push_global(module, name)?;
            }
            0x93 => {
                let parts = self.pop_n(2)?;
                let [Value::Text(module), Value::Text(name)] = [self.value(parts[0]), self.value(parts[1])]
                else {
                    return Err(damaged("its pickle has a name that is not text"));
                };
                self.push_global(module, name)?;
            }
            b'Q' => self.storage()?,
            b'R' | 0x81 => self.call()?,
            b'b' => self.build()?,
            other => {
                return Err(Problem::Unsupported(format!(
                    "its pickle has the operation 0x{other:02x} at byte {}, which state dicts do not need",
                    self.at - 1
                )));
            }
        }
        Ok(false)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| damaged("its pickle is cut short"))?;
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let slice = self.slice(N)?;
        slice.try_into().map_err(|_| damaged("its pickle is cut short"))
    }

    /// Bytes preceded by their count as an `N`-byte integer.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], Problem> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        let length = usize::try_from(u64::from_le_bytes(wide));
        self.slice(length.map_err(|_| damaged("its pickle is cut short"))?)
    }

    fn text<const N: usize>(&mut self) -> Result<(), Problem> {
        let bytes = self.counted::<N>()?;
        // Strings of Python 2 and NumPy's raw bytes in disguise need not be UTF-8.
        self.push(std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text))
    }

    /// Text to the end of the line.
    fn line(&mut self) -> Result<&'a str, Problem> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take(1000).position(|&b| b == b'\n');
        let line = self.slice(length.ok_or_else(|| damaged("its pickle has an unterminated name"))? + 1)?;
        std::str::from_utf8(&line[..line.len() - 1])
            .map_err(|_| damaged("its pickle has a name that is not text"))
    }

    fn value(&self, id: Id) -> &Value<'a> {
        &self.values[id.0 as usize]
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), Problem> {
        if self.values.len() >= MAX_VALUES {
            return Err(Problem::Unsupported(format!("its pickle has more than {MAX_VALUES} values")));
        }
        self.stack.push(Id(self.values.len() as u32));
        self.values.push(value);
        Ok(())
    }

    /// Counts elements that are put into a list or a dict.
    fn hold(&mut self, count: usize) -> Result<(), Problem> {
        self.elements += count;
        match self.elements <= MAX_ELEMENTS {
            true => Ok(()),
            false => Err(Problem::Unsupported(format!("its pickle has more than {MAX_ELEMENTS} elements"))),
        }
    }

    fn top(&self) -> Result<Id, Problem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(<[Id]>::last);
        top.copied().ok_or_else(|| damaged("its pickle takes a value from an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, Problem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Pops the top `count` values, the lowest first.
    fn pop_n(&mut self, count: usize) -> Result<Vec<Id>, Problem> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        Ok(items)
    }

    /// Pops all values above the last mark, and the mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, Problem> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(|| damaged("its pickle lacks a mark"))?))
    }

    fn memo_put(&mut self, number: u32) -> Result<(), Problem> {
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn memo_get(&mut self, number: u32) -> Result<(), Problem> {
        let found = self.memo.get(&number).copied();
        self.stack.push(found.ok_or_else(|| {
            damaged(format!("its pickle reads memo entry {number}, which was never stored"))
        })?);
        Ok(())
    }

    /// Adds to the list on top.
    fn extend(&mut self, items: &[Id]) -> Result<(), Problem> {
        self.hold(items.len())?;
        let top = self.top()?;
        match &mut self.values[top.0 as usize] {
            Value::List(list) => list.extend(items),
            Value::Ignored => {}
            _ => return Err(damaged("its pickle appends to something other than a list")),
        }
        Ok(())
    }

    /// Adds keys and values to the dict on top.
    fn set(&mut self, items: &[Id]) -> Result<(), Problem> {
        let new = pairs(items)?;
        self.hold(new.len())?;
        let top = self.top()?;
        match &mut self.values[top.0 as usize] {
            Value::Dict(dict) => dict.extend(new),
            Value::Ignored => {}
            _ => return Err(damaged("its pickle sets a key of something other than a dict")),
        }
        Ok(())
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), Problem> {
        match lookup(module, name) {
            Some(global) => self.push(Value::Global(global)),
            None => Err(Problem::Refused(format!("{module}.{name}"))),
        }
    }
}

/// A little-endian integer in two's complement.
fn integer(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Bytes(bytes);
    }
    let is_negative = bytes.last().is_some_and(|&high| high >= 0x80);
    let mut wide = [if is_negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

/// Alternating keys and values as pairs.
fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, Problem> {
    let (pairs, rest) = items.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    } else {
        Err(damaged("its pickle has a key without a value"))
    }
}
