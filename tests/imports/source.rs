//! What a Rust file declares and names: its items, modules, `use` lines and paths, with test code marked.
//!
//! This is no compiler: it splits the text into tokens, leaves out comments and literals, and follows braces.

/// Where something stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Inline modules around it, outermost first.
    pub module: Vec<String>,
    /// Below a `#[cfg(test)]`.
    pub test: bool,
}

/// One name that a `use` line brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub place: Place,
    pub path: Vec<String>,
    /// What it is called here; `None` for a glob.
    pub name: Option<String>,
    /// `pub use`, with any restriction.
    pub exported: bool,
}

/// Everything of a file that the tests ask about.
#[derive(Debug, Default)]
pub struct Source {
    pub uses: Vec<Use>,
    /// Paths of two segments and more outside of `use` lines.
    pub paths: Vec<(Place, Vec<String>)>,
    /// Items of modules: types, functions, constants, macros.
    pub items: Vec<(Place, String)>,
    /// Modules, declared or inline.
    pub modules: Vec<(Place, String)>,
}

impl Source {
    pub fn parse(text: &str) -> Self {
        let mut source = Self::default();
        source.walk(&tokens(text), &Place { module: Vec::new(), test: false });
        source
    }

    /// Reads the tokens of one module.
    fn walk(&mut self, tokens: &[String], place: &Place) {
        let at = |i: usize| tokens.get(i).map_or("", String::as_str);
        let (mut i, mut depth, mut exported) = (0, 0, false);
        while i < tokens.len() {
            match at(i) {
                // Elsewhere, as in a macro's own language, it begins no attribute.
                "#" if at(i + 1) == "[" || at(i + 1) == "!" && at(i + 2) == "[" => {
                    let open = i + 1 + usize::from(at(i + 1) == "!");
                    let end = closing(tokens, open);
                    i = end + 1;
                    if tokens[open + 1..end.min(tokens.len())].concat() == "cfg(test)" {
                        let end = end_of_item(tokens, i);
                        self.walk(&tokens[i..end], &Place { test: true, ..place.clone() });
                        i = end;
                    }
                    continue;
                }
                "pub" => {
                    i = if at(i + 1) == "(" { closing(tokens, i + 1) } else { i } + 1;
                    exported = true;
                    continue;
                }
                "use" => {
                    let end = (i..tokens.len()).find(|&j| tokens[j] == ";").unwrap_or(tokens.len());
                    self.use_tree(&tokens[i + 1..end], &[], exported, place);
                    i = end;
                }
                "mod" if is_name(at(i + 1)) && matches!(at(i + 2), ";" | "{") => {
                    self.modules.push((place.clone(), tokens[i + 1].clone()));
                    if at(i + 2) == "{" {
                        let end = closing(tokens, i + 2);
                        let mut inner = place.clone();
                        inner.module.push(tokens[i + 1].clone());
                        self.walk(&tokens[i + 3..end.min(tokens.len())], &inner);
                        i = end;
                    }
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static"
                    if depth == 0 && is_name(at(i + 1)) && !matches!(at(i + 1), "fn" | "unsafe" | "mut") =>
                {
                    self.items.push((place.clone(), tokens[i + 1].clone()));
                }
                "macro_rules" => self.items.push((place.clone(), at(i + 2).to_owned())),
                "{" => depth += 1,
                "}" => depth -= 1,
                name if is_name(name) && at(i + 1) == "::" && (i == 0 || at(i - 1) != "::") => {
                    let mut path = vec![name.to_owned()];
                    while at(i + 1) == "::" && is_name(at(i + 2)) {
                        path.push(tokens[i + 2].clone());
                        i += 2;
                    }
                    if path.len() > 1 {
                        self.paths.push((place.clone(), path));
                    }
                }
                _ => {}
            }
            exported = false;
            i += 1;
        }
    }

    fn use_tree(&mut self, tree: &[String], prefix: &[String], exported: bool, place: &Place) {
        let mut path = prefix.to_vec();
        let mut i = 0;
        while i < tree.len() {
            match tree[i].as_str() {
                "::" => {}
                "{" => {
                    let end = closing(tree, i);
                    for branch in branches(&tree[i + 1..end.min(tree.len())]) {
                        self.use_tree(branch, &path, exported, place);
                    }
                    return;
                }
                "*" => {
                    return self.uses.push(Use { place: place.clone(), path, name: None, exported });
                }
                "as" => {
                    let name = tree.get(i + 1).cloned();
                    return self.uses.push(Use { place: place.clone(), path, name, exported });
                }
                "self" if !path.is_empty() => {}
                segment => path.push(segment.to_owned()),
            }
            i += 1;
        }
        if let Some(name) = path.last().cloned() {
            self.uses.push(Use { place: place.clone(), path, name: Some(name), exported });
        }
    }
}

/// The parts of a group between its commas.
fn branches(group: &[String]) -> Vec<&[String]> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0);
    for (i, token) in group.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                found.push(&group[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    found
}

/// The bracket that closes the one at `open`, or the end.
fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len()
}

/// Behind the item at `start`: after its first `;` or block that is in no other bracket.
fn end_of_item(tokens: &[String], start: usize) -> usize {
    let mut i = start;
    while i < tokens.len() {
        match tokens[i].as_str() {
            ";" => return i + 1,
            "{" => return (closing(tokens, i) + 1).min(tokens.len()),
            "(" | "[" => i = closing(tokens, i),
            _ => {}
        }
        i += 1;
    }
    tokens.len()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single characters; no comments, literals or lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let from = |i: usize, wanted: &[char]| chars.get(i..).is_some_and(|rest| rest.starts_with(wanted));
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = at(i);
        if from(i, &['/', '/']) {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if from(i, &['/', '*']) {
            let mut depth = 0;
            while i < chars.len() {
                let step = if from(i, &['/', '*']) {
                    1
                } else if from(i, &['*', '/']) {
                    -1
                } else {
                    0
                };
                depth += step;
                i += if step == 0 { 1 } else { 2 };
                if depth == 0 {
                    break;
                }
            }
        } else if c == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += 1 + usize::from(at(i) == '\\');
            }
            i += 1;
        } else if c == '\'' {
            if at(i + 1) == '\\' {
                i += 3; // the quote, the backslash and what it escapes
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            } else if at(i + 2) == '\'' {
                i += 3;
            } else {
                i += 1;
                while word(at(i)) {
                    i += 1;
                }
            }
        } else if word(c) {
            let start = i;
            while word(at(i)) {
                i += 1;
            }
            let name: String = chars[start..i].iter().collect();
            // A raw string: r"…", r#"…"#, and the same of bytes.
            let hashes = (i..).take_while(|&j| at(j) == '#').count();
            if matches!(name.as_str(), "r" | "br") && at(i + hashes) == '"' {
                let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                i += hashes + 1;
                while i < chars.len() && !from(i, &end) {
                    i += 1;
                }
                i += end.len();
            } else {
                found.push(name);
            }
        } else if from(i, &[':', ':']) {
            found.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            i += 1;
        }
    }
    found
}
