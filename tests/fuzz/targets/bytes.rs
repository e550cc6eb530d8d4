//! Checksums and lengths of the formats.

/// CRC-32 as PNG and zip have it.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}

/// Bytes in zlib's format, not compressed: what is changed in them is changed in the data.
pub fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(65_535);
    let last = blocks.len().saturating_sub(1);
    for (number, block) in blocks.enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(number == last));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A chunk of a PNG.
pub fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [kind, body].concat();
    [&(body.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
}

/// Makes the checksums of a PNG's chunks right.
pub fn repair_png(bytes: &mut Vec<u8>) {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(named) = at.checked_add(8 + length).and_then(|end| bytes.get(at + 4..end)) else { return };
        let crc = crc32(named).to_be_bytes();
        let end = at + 8 + length;
        if bytes.len() < end + 4 {
            bytes.resize(end + 4, 0);
        }
        bytes[end..end + 4].copy_from_slice(&crc);
        at = end + 4;
    }
}

/// Makes the checksums of a zip archive's stored entries right, in its directory and before each entry.
pub fn repair_zip(bytes: &mut Vec<u8>) {
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    };
    let half =
        |bytes: &[u8], at: usize| bytes.get(at..at + 2).map(|b| usize::from(b[0]) | usize::from(b[1]) << 8);
    let entries: Vec<usize> =
        (0..bytes.len().saturating_sub(46)).filter(|&at| bytes[at..].starts_with(b"PK\x01\x02")).collect();
    for at in entries {
        let (Some(size), Some(local)) = (word(bytes, at + 20), word(bytes, at + 42)) else { continue };
        let lengths = half(bytes, local.saturating_add(26)).zip(half(bytes, local.saturating_add(28)));
        let Some((name, extra)) = lengths else { continue };
        let start = local + 30 + name + extra;
        let Some(data) = start.checked_add(size).and_then(|end| bytes.get(start..end)) else { continue };
        let crc = crc32(data).to_le_bytes();
        bytes[at + 16..at + 20].copy_from_slice(&crc);
        bytes[local + 14..local + 18].copy_from_slice(&crc);
    }
}

/// Makes the length of a safetensors header right: it ends where its braces do.
pub fn repair_safetensors(bytes: &mut Vec<u8>) {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in bytes.iter().enumerate().skip(8) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted && depth == 1 => {
                let length = (at + 1 - 8) as u64;
                bytes[..8].copy_from_slice(&length.to_le_bytes());
                return;
            }
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
}

/// The same for a file of NumPy: its header ends at the first line feed.
pub fn repair_npy(bytes: &mut Vec<u8>) {
    let (place, start) = match bytes.get(6) {
        Some(1) => (8..10, 10),
        _ => (8..12, 12),
    };
    let Some(end) = bytes.iter().skip(start).position(|byte| *byte == b'\n') else { return };
    let length = (end as u32 + 1).to_le_bytes();
    let width = place.len();
    if let Some(field) = bytes.get_mut(place) {
        field.copy_from_slice(&length[..width]);
    }
}

/// Several files as one input.
pub fn joined(files: &[&[u8]]) -> Vec<u8> {
    files.join(&SEPARATOR[..])
}

/// The files of an input.
pub fn split(input: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        files.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    files.push(rest);
    files
}

const SEPARATOR: &[u8; 6] = b"\n%%%%\n";
