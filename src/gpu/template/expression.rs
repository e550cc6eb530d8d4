//! Defines, and integer expressions of them.

/// A value that a shader variant is compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Define {
    /// Emitted as `const NAME: u32`; usable in `#if`, `#for` and `${}`.
    Number(u32),
    /// For `#if` only.
    Flag(bool),
    /// Emitted as `alias NAME = type;`.
    Type(&'static str),
    /// Replaces `$NAME` with these words.
    Text(&'static str),
}

/// Defines and loop variables by name; later ones hide earlier ones.
pub(super) type Scope<'a> = Vec<(&'a str, Define)>;

/// The value of a name.
pub(super) fn lookup(scope: &Scope<'_>, name: &str) -> Option<Define> {
    scope.iter().rev().find(|(n, _)| *n == name).map(|(_, d)| *d)
}

/// Evaluates an integer expression of `+ - * / %`, parentheses, numbers and names.
pub(super) fn evaluate(text: &str, scope: &Scope<'_>) -> Result<i64, String> {
    let mut parser = Parser { rest: text, scope };
    let value = parser.sum()?;
    if parser.rest.trim().is_empty() {
        Ok(value)
    } else {
        Err(format!("cannot read '{text}' as an expression"))
    }
}

struct Parser<'a> {
    rest: &'a str,
    scope: &'a Scope<'a>,
}

impl Parser<'_> {
    fn sum(&mut self) -> Result<i64, String> {
        let mut value = self.product()?;
        while let Some(op) = self.operator(&['+', '-']) {
            let right = self.product()?;
            value = if op == '+' { value + right } else { value - right };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<i64, String> {
        let mut value = self.atom()?;
        while let Some(op) = self.operator(&['*', '/', '%']) {
            let right = self.atom()?;
            value = match op {
                '*' => value * right,
                '/' => value.checked_div(right).ok_or("division by zero")?,
                _ => value.checked_rem(right).ok_or("division by zero")?,
            };
        }
        Ok(value)
    }

    fn operator(&mut self, accepted: &[char]) -> Option<char> {
        self.rest = self.rest.trim_start();
        let op = self.rest.chars().next().filter(|c| accepted.contains(c))?;
        self.rest = &self.rest[1..];
        Some(op)
    }

    fn atom(&mut self) -> Result<i64, String> {
        self.rest = self.rest.trim_start();
        if let Some(inner) = self.rest.strip_prefix('(') {
            self.rest = inner;
            let value = self.sum()?;
            self.operator(&[')']).ok_or("'(' without ')'")?;
            return Ok(value);
        }
        let length =
            self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        if let Ok(number) = word.parse() {
            return Ok(number);
        }
        match lookup(self.scope, word) {
            Some(Define::Number(n)) => Ok(i64::from(n)),
            _ => Err(format!("'{word}' is not a number")),
        }
    }
}
