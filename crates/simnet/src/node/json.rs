//! Writing JSON straight into a byte buffer: large answers never become a tree of values.

use std::io::Write;

use alloy_primitives::{B256, hex};

/// Appends plain text.
pub(crate) fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends a JSON string of any text.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing text to memory cannot fail");
}

/// Appends a decimal number.
pub(crate) fn number(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to memory cannot fail");
}

/// Appends `"0x…"` of bytes.
pub(crate) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"\"0x");
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    hex::encode_to_slice(bytes, &mut out[start..]).expect("two digits a byte");
    out.push(b'"');
}

/// Appends `"0x…"` of a number, without leading zeros.
pub(crate) fn quantity(out: &mut Vec<u8>, value: u64) {
    write!(out, "\"{value:#x}\"").expect("writing to memory cannot fail");
}

/// Appends `,"key":"0x…"`.
pub(crate) fn hash_field(out: &mut Vec<u8>, key: &str, value: &B256) {
    field(out, key);
    hex(out, value.as_slice());
}

/// Appends `,"key":"0x…"` of a number.
pub(crate) fn quantity_field(out: &mut Vec<u8>, key: &str, value: u64) {
    field(out, key);
    quantity(out, value);
}

/// Appends `,"key":` to an object that already has a field.
pub(crate) fn field(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    raw(out, key);
    out.extend_from_slice(b"\":");
}

/// Appends `[a,b,…]`, each item written by `write`.
pub(crate) fn list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    let mut separator: &[u8] = b"";
    for item in items {
        out.extend_from_slice(separator);
        write(out, item);
        separator = b",";
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pieces() {
        assert_eq!(written(|out| hex(out, &[0, 0x5f, 0xa0])), "\"0x005fa0\"");
        assert_eq!(written(|out| hex(out, &[])), "\"0x\"");
        assert_eq!(written(|out| quantity(out, 0)), "\"0x0\"");
        assert_eq!(written(|out| quantity(out, 450_000_000)), "\"0x1ad27480\"");
        assert_eq!(written(|out| string(out, "a \"b\"\n\\")), r#""a \"b\"\n\\""#);
        assert_eq!(written(|out| list(out, [1, 2], number)), "[1,2]");
        assert_eq!(written(|out| list(out, [0; 0], number)), "[]");
    }
}
