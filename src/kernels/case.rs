//! Parsing of a case's label, as [`Problem::label`](super::Problem::label) prints it.

/// The words of a label after the kernel's name; a word that is read is removed.
///
/// `m=77` is a number, `+bias` a flag, `f16` a word of a list.
#[derive(Debug, Clone)]
pub struct CaseText {
    words: Vec<String>,
    /// All sizes read so far, multiplied.
    product: u128,
}

/// Largest number that a case may name: sizes beyond it fit no device.
const LARGEST: usize = 1 << 31;
/// Largest product of all sizes: no buffer is longer than it, and no device holds as much.
const LARGEST_PRODUCT: u128 = 1 << 48;

impl CaseText {
    /// Splits a label into the kernel's name and the rest.
    pub fn split(text: &str) -> (&str, Self) {
        let mut words = text.split_whitespace();
        let family = words.next().unwrap_or_default();
        (family, Self { words: words.map(str::to_owned).collect(), product: 1 })
    }

    /// Replaces the value of `key=`.
    ///
    /// # Errors
    /// A message when no word has the key.
    pub fn replace(&mut self, key: &str, value: &str) -> Result<(), String> {
        let word = self.words.iter_mut().find(|w| w.split_once('=').is_some_and(|(k, _)| k == key));
        *word.ok_or_else(|| format!("no '{key}=' in this case"))? = format!("{key}={value}");
        Ok(())
    }

    /// The keys of all `key=value` words, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.words.iter().filter_map(|w| Some(w.split_once('=')?.0))
    }

    /// The words that are left, as text.
    pub fn rest(&self) -> String {
        self.words.join(" ")
    }

    /// Whether there is a number or pair of this name.
    pub fn has(&self, key: &str) -> bool {
        self.words.iter().any(|w| w.split_once('=').is_some_and(|(k, _)| k == key))
    }

    /// The words after `key=`.
    ///
    /// # Errors
    /// A message when it is missing.
    pub(super) fn value(&mut self, key: &str) -> Result<String, String> {
        let at = self.words.iter().position(|w| w.split_once('=').is_some_and(|(k, _)| k == key));
        let word = self.words.remove(at.ok_or_else(|| format!("'{key}=N' is missing"))?);
        Ok(word[key.len() + 1..].to_owned())
    }

    /// The size `key=N`, at least 1.
    ///
    /// # Errors
    /// A message when it is missing or not such a number.
    pub fn size(&mut self, key: &str) -> Result<usize, String> {
        let value = self.value(key)?;
        let size =
            size(&value).ok_or_else(|| format!("'{key}={value}': not a whole number from 1 to {LARGEST}"))?;
        self.count(size)?;
        Ok(size)
    }

    /// The integer `key=N`, which may be 0 and is not a factor of a size: a stride or an offset.
    ///
    /// # Errors
    /// A message when it is missing or not such a number.
    pub fn integer(&mut self, key: &str) -> Result<usize, String> {
        let value = self.value(key)?;
        let parsed = value.parse().ok().filter(|n| (0..=LARGEST).contains(n));
        parsed.ok_or_else(|| format!("'{key}={value}': not a whole number from 0 to {LARGEST}"))
    }

    /// The float `key=X`.
    ///
    /// # Errors
    /// A message when it is missing or not a finite number.
    pub fn float(&mut self, key: &str) -> Result<f32, String> {
        let value = self.value(key)?;
        let parsed: Option<f32> = value.parse().ok().filter(|x: &f32| x.is_finite());
        parsed.ok_or_else(|| format!("'{key}={value}': not a number"))
    }

    /// The pair `AxB` that is the first of its form left.
    ///
    /// # Errors
    /// A message when there is none.
    pub fn pair(&mut self) -> Result<(usize, usize), String> {
        for at in 0..self.words.len() {
            let parsed = self.words[at].split_once('x').and_then(|(a, b)| Some((size(a)?, size(b)?)));
            if let Some(pair) = parsed {
                self.words.remove(at);
                self.count(pair.0)?;
                self.count(pair.1)?;
                return Ok(pair);
            }
        }
        Err("a size such as '24x24' is missing".to_owned())
    }

    /// Counts a size, so that no product of sizes overflows later.
    fn count(&mut self, size: usize) -> Result<(), String> {
        self.product = self.product.saturating_mul(size as u128);
        let fits = self.product <= LARGEST_PRODUCT;
        fits.then_some(()).ok_or_else(|| "its sizes multiply to more than any device can hold".to_owned())
    }

    /// Whether the word is there.
    pub fn flag(&mut self, word: &str) -> bool {
        let at = self.words.iter().position(|w| w == word);
        at.map(|at| self.words.remove(at)).is_some()
    }

    /// Which one of these words is there.
    ///
    /// # Errors
    /// A message when none is.
    pub fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Result<T, String> {
        let found = choices.iter().find(|(word, _)| self.flag(word));
        let names = || choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(|(_, value)| *value).ok_or_else(|| format!("one of {} is missing", names()))
    }

    /// Checks that every word was read.
    ///
    /// # Errors
    /// A message that names the first word that was not.
    pub fn finish(self) -> Result<(), String> {
        self.words.first().map_or(Ok(()), |word| Err(format!("'{word}' is not known here")))
    }
}

fn size(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=LARGEST).contains(n))
}
