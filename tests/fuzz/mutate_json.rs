//! Changes of values in a JSON text.

use serde_json::Value;

use super::{LONGEST, NUMBERS, Rng, WORDS};

/// Changes one value of a JSON text; `false` if it is none.
pub fn change(bytes: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Ok(mut whole) = serde_json::from_slice::<Value>(bytes) else { return false };
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(count(&whole));
        let other = nth(&mut whole, rng.below(at + 1)).clone();
        let place = nth(&mut whole, at);
        match (rng.below(8), &mut *place) {
            (0, Value::Object(fields)) if !fields.is_empty() => {
                let key = fields.keys().nth(rng.below(fields.len())).cloned().unwrap_or_default();
                let value = fields.remove(&key).unwrap_or_default();
                if rng.below(3) == 0 {
                    fields.insert(rng.pick(&WORDS).to_owned() + &key, value);
                }
            }
            (0, Value::Array(items)) if !items.is_empty() => drop(items.remove(rng.below(items.len()))),
            (1, Value::Array(items)) if !items.is_empty() => {
                let item = items[rng.below(items.len())].clone();
                let most = rng.pick(&[2, 2, 200]);
                let times = 1 + rng.below(most);
                items.extend(std::iter::repeat_n(item, times));
            }
            (1, Value::String(text)) => *text = text.repeat(rng.pick(&[0, 2, 50])),
            (2, Value::Number(number)) => {
                let value = number.as_f64().unwrap_or_default();
                *place = serde_json::json!(rng.pick(&[
                    -value,
                    value + 1.0,
                    value - 1.0,
                    value * 1e3,
                    value / 1e3
                ]));
            }
            (3, _) => *place = other,
            _ => *place = odd(rng),
        }
    }
    *bytes = whole.to_string().into_bytes();
    bytes.truncate(LONGEST);
    true
}

fn odd(rng: &mut Rng) -> Value {
    match rng.below(10) {
        0 => Value::Null,
        1 => (rng.below(2) == 0).into(),
        2 => rng.pick(&NUMBERS).into(),
        3 => (rng.pick(&NUMBERS) as i64).wrapping_neg().into(),
        4 => serde_json::json!(rng.pick(&[0.5, -0.5, 1e-320, 1e38, 4e38, 1e308, -1e308, 1.5, 1e9])),
        5 => serde_json::json!([]),
        6 => serde_json::json!({}),
        7 => (0..rng.pick(&[1, 5, 200])).fold(Value::Null, |inner, _| serde_json::json!([inner])),
        8 => "x".repeat(rng.pick(&[1, 100, 5000])).into(),
        _ => rng.pick(&WORDS).into(),
    }
}

/// Values in a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// One of them, counted from 0 in the order of the text.
fn nth(value: &mut Value, mut number: usize) -> &mut Value {
    if number == 0 {
        return value;
    }
    number -= 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for item in inner {
        let size = count(item);
        if number < size {
            return nth(item, number);
        }
        number -= size;
    }
    unreachable!("numbers are below the count")
}
