//! The words of a case: what [`Problem::label`](super::Problem::label) prints, read back.

/// The words of a case after its family's name, each taken by the family that reads them.
///
/// `m=77` is a number, `+bias` a flag, `f16` a word of a list.
#[derive(Debug, Clone)]
pub struct CaseText {
    words: Vec<String>,
}

/// Largest number that a case may name: sizes beyond it fit no device.
const LARGEST: usize = 1 << 31;

impl CaseText {
    /// Splits a case into its family's name and the rest.
    pub fn split(text: &str) -> (&str, Self) {
        let mut words = text.split_whitespace();
        let family = words.next().unwrap_or_default();
        (family, Self { words: words.map(str::to_owned).collect() })
    }

    /// Puts `key=value` in place of the word of that key.
    ///
    /// # Errors
    /// A message when no word has the key.
    pub fn replace(&mut self, key: &str, value: &str) -> Result<(), String> {
        let word = self.words.iter_mut().find(|w| w.split_once('=').is_some_and(|(k, _)| k == key));
        *word.ok_or_else(|| format!("no '{key}=' in this case"))? = format!("{key}={value}");
        Ok(())
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
        size(&value).ok_or_else(|| format!("'{key}={value}': not a whole number from 1 to {LARGEST}"))
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
                return Ok(pair);
            }
        }
        Err("a size such as '24x24' is missing".to_owned())
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

    /// Checks that every word was taken.
    ///
    /// # Errors
    /// A message that names the first word that nobody knows.
    pub fn finish(self) -> Result<(), String> {
        self.words.first().map_or(Ok(()), |word| Err(format!("'{word}' is not known here")))
    }
}

fn size(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| (1..=LARGEST).contains(n))
}
