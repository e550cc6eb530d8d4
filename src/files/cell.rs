//! Cells of CSV files.

use std::borrow::Cow;

/// Text that no spreadsheet takes for a formula: names come from files and folders of anyone. One that begins as a formula
/// does gets an apostrophe in front, which spreadsheets do not show. Numbers are not to go through this.
pub fn inert(text: &str) -> Cow<'_, str> {
    // Spreadsheets skip spaces, and full-width forms count as their plain ones.
    let first = text.trim_start_matches([' ', '\u{a0}', '\u{feff}']).chars().next();
    match first {
        Some(
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}'
            | '\u{ff20}',
        ) => Cow::Owned(format!("'{text}")),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_as_a_formula_is_made_text() {
        for text in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u{ff1d}1", "=cmd|' /C calc'!A0"]
        {
            assert_eq!(inert(text), format!("'{text}"), "{text:?}");
        }
        for text in ["", "nut", "metal-nut", "a=b", "'=1", "3 = 4", "ünder"] {
            assert!(matches!(inert(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }
}
