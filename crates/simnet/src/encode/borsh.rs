//! Borsh by the types of a layout file.

use std::collections::HashMap;

use serde::Deserialize;

/// A value of a field.
#[derive(Clone, Debug)]
pub enum Value {
    /// Any integer; the layout says how wide.
    Int(i128),
    /// A public key.
    Key([u8; 32]),
    /// A symbol in a byte array, zero padded.
    Symbol(&'static str),
    /// A boolean.
    Bool(bool),
    /// A variant of a fieldless enum, by name.
    Variant(&'static str),
    /// An option.
    Maybe(Option<Box<Value>>),
    /// Fields of a struct by name; those left out are nothing.
    Fields(Vec<(&'static str, Value)>),
}

impl Value {
    /// An option of anything that is there.
    pub fn some(value: Value) -> Value {
        Value::Maybe(Some(Box::new(value)))
    }

    /// An option of an integer.
    pub fn maybe_int(number: Option<i128>) -> Value {
        Value::Maybe(number.map(|number| Box::new(Value::Int(number))))
    }
}

/// A type of a layout file.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Unsigned(u32),
    Signed(u32),
    Key,
    Bool,
    Bytes(usize),
    Maybe(Box<Kind>),
    /// A list, which the world leaves empty.
    Many,
    Enum(Vec<String>),
    Struct(Vec<(String, Kind)>),
}

/// A named type as a layout file writes it.
#[derive(Deserialize)]
pub(super) struct TypeFile {
    #[serde(default)]
    variants: Vec<String>,
    #[serde(default)]
    fields: Vec<FieldFile>,
}

/// A field as a layout file writes it.
#[derive(Deserialize)]
pub(super) struct FieldFile {
    pub(super) name: String,
    pub(super) r#type: serde_json::Value,
}

impl Kind {
    /// Reads a type.
    pub(super) fn read(kind: &serde_json::Value, types: &HashMap<String, TypeFile>) -> Kind {
        if let Some(name) = kind.as_str() {
            return match (name, name.split_at(1)) {
                ("pubkey", _) => Kind::Key,
                ("bool", _) => Kind::Bool,
                (_, ("u", bits)) => Kind::Unsigned(bits.parse().expect("a width in bits")),
                (_, ("i", bits)) => Kind::Signed(bits.parse().expect("a width in bits")),
                _ => panic!("unknown type {name}"),
            };
        }
        if let Some(inner) = kind.get("option") {
            return Kind::Maybe(Box::new(Kind::read(inner, types)));
        }
        if let Some(name) = kind.get("defined").and_then(|name| name.as_str()) {
            let named = types.get(name).unwrap_or_else(|| panic!("unknown type {name}"));
            return match named.variants.is_empty() {
                true => Kind::Struct(named.fields.iter().map(|field| (field.name.clone(), Kind::read(&field.r#type, types))).collect()),
                false => Kind::Enum(named.variants.clone()),
            };
        }
        if kind.get("vec").is_some() {
            return Kind::Many;
        }
        let array = kind.get("array").unwrap_or_else(|| panic!("unknown type {kind}"));
        let width = if array.get(0).is_some_and(|element| element == "u64") { 8 } else { 1 };
        let length = array.get(1).and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("unknown type {kind}"));
        Kind::Bytes(width * length as usize)
    }

    /// Appends the value; `None` where the kind cannot hold it.
    pub(super) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Option<()> {
        match (self, value) {
            (Kind::Unsigned(bits), Value::Int(number)) => {
                (*number >= 0 && (*bits >= 127 || *number < 1 << bits)).then_some(())?;
                out.extend_from_slice(&number.to_le_bytes()[..*bits as usize / 8]);
            }
            (Kind::Signed(bits), Value::Int(number)) => {
                let half = 1_i128 << (bits - 1).min(126);
                (*bits == 128 || (-half..half).contains(number)).then_some(())?;
                out.extend_from_slice(&number.to_le_bytes()[..*bits as usize / 8]);
            }
            (Kind::Key, Value::Key(key)) => out.extend_from_slice(key),
            (Kind::Bool, Value::Bool(flag)) => out.push(u8::from(*flag)),
            (Kind::Bytes(length), Value::Symbol(symbol)) => {
                let padding = length.checked_sub(symbol.len())?;
                out.extend_from_slice(symbol.as_bytes());
                out.extend(std::iter::repeat_n(0, padding));
            }
            (Kind::Enum(variants), Value::Variant(name)) => out.push(variants.iter().position(|variant| variant == name)? as u8),
            (Kind::Maybe(_), Value::Maybe(None)) => out.push(0),
            (Kind::Maybe(kind), Value::Maybe(Some(value))) => {
                out.push(1);
                kind.write(value, out)?;
            }
            (Kind::Struct(fields), Value::Fields(values)) => write_fields(fields, values, out)?,
            _ => return None,
        }
        Some(())
    }

    /// Appends nothing: zeros, no option, the first variant.
    fn write_nothing(&self, out: &mut Vec<u8>) {
        match self {
            Kind::Unsigned(bits) | Kind::Signed(bits) => out.extend(std::iter::repeat_n(0, *bits as usize / 8)),
            Kind::Key => out.extend([0; 32]),
            Kind::Bool | Kind::Maybe(_) | Kind::Enum(_) => out.push(0),
            Kind::Bytes(length) => out.extend(std::iter::repeat_n(0, *length)),
            Kind::Many => out.extend([0; 4]),
            Kind::Struct(fields) => fields.iter().for_each(|(_, kind)| kind.write_nothing(out)),
        }
    }
}

/// Appends the fields in the order of the layout; those without a value are nothing. `None` where a value does not fit or
/// names no field.
pub(super) fn write_fields(fields: &[(String, Kind)], values: &[(&str, Value)], out: &mut Vec<u8>) -> Option<()> {
    let is_field = |(name, _): &(&str, Value)| fields.iter().any(|(field, _)| field == name);
    values.iter().all(is_field).then_some(())?;
    for (name, kind) in fields {
        match values.iter().find(|(given, _)| given == name) {
            Some((_, value)) => kind.write(value, out)?,
            None => kind.write_nothing(out),
        }
    }
    Some(())
}
