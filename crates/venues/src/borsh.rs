//! Borsh values taken from bytes one after another. What the layout does not allow is an error, never a guess.
//!
//! [`borsh_struct!`] declares a struct that is read field by field; in tests it also tells its fields, so that they can be
//! compared with the venue's layout file.

use std::fmt;

/// Bytes not yet read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

/// Why bytes are not what their layout says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LayoutError {
    /// The bytes end inside a field.
    Short { field: &'static str },
    /// An option, bool or enum byte that the layout does not allow.
    Byte { field: &'static str, value: u8 },
    /// Text that is not zero-padded ASCII.
    Symbol { field: &'static str },
    /// Bytes behind the last field.
    Long { rest: usize },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Short { field } => write!(f, "the bytes end in field {field}"),
            LayoutError::Byte { field, value } => write!(f, "field {field}: byte {value} is not allowed"),
            LayoutError::Symbol { field } => write!(f, "field {field} is not zero-padded text"),
            LayoutError::Long { rest } => write!(f, "{rest} bytes behind the last field"),
        }
    }
}

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], LayoutError> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(LayoutError::Short { field })?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], LayoutError> {
        Ok(self.take(N, field)?.try_into().expect("as many bytes as asked for"))
    }

    pub(crate) fn skip(&mut self, count: usize, field: &'static str) -> Result<(), LayoutError> {
        self.take(count, field).map(|_| ())
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, LayoutError> {
        u8::read(self, field)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, LayoutError> {
        u16::read(self, field)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, LayoutError> {
        u32::read(self, field)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, LayoutError> {
        u64::read(self, field)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, LayoutError> {
        i64::read(self, field)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, LayoutError> {
        bool::read(self, field)
    }

    pub(crate) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Bytes<'a>) -> Result<T, LayoutError>,
    ) -> Result<Option<T>, LayoutError> {
        if self.flag(field)? { read(self).map(Some) } else { Ok(None) }
    }
}

/// A type that has one borsh form.
pub(crate) trait Borsh: Sized {
    /// Reads it; `field` is what an error names.
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<Self, LayoutError>;

    /// Its type as layout files write it; structs as `{name:type,...}`.
    #[cfg(test)]
    fn kind() -> String;
}

/// Reads a value that fills the bytes exactly.
pub(crate) fn exactly<T: Borsh>(payload: &[u8]) -> Result<T, LayoutError> {
    let mut bytes = Bytes(payload);
    let value = T::read(&mut bytes, "event")?;
    match bytes.0.len() {
        0 => Ok(value),
        rest => Err(LayoutError::Long { rest }),
    }
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pubkey(pub(crate) [u8; 32]);

impl fmt::Display for Pubkey {
    /// Base58, as explorers print it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).into_string())
    }
}

impl Borsh for Pubkey {
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<Pubkey, LayoutError> {
        bytes.array(field).map(Pubkey)
    }

    #[cfg(test)]
    fn kind() -> String {
        "pubkey".to_owned()
    }
}

impl Borsh for [u8; 32] {
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<[u8; 32], LayoutError> {
        bytes.array(field)
    }

    #[cfg(test)]
    fn kind() -> String {
        "[u8;32]".to_owned()
    }
}

/// Fields that a program's upgrade appended to an event under its old name: absent where the bytes end right before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail<T>(pub(crate) Option<T>);

impl<T: Borsh> Borsh for Tail<T> {
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<Tail<T>, LayoutError> {
        if bytes.0.is_empty() { Ok(Tail(None)) } else { T::read(bytes, field).map(|value| Tail(Some(value))) }
    }

    #[cfg(test)]
    fn kind() -> String {
        format!("tail<{}>", T::kind())
    }
}

/// Bytes that nothing is known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padding<const N: usize>;

impl<const N: usize> Borsh for Padding<N> {
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<Padding<N>, LayoutError> {
        bytes.skip(N, field).map(|()| Padding)
    }

    #[cfg(test)]
    fn kind() -> String {
        format!("[u8;{N}]")
    }
}

macro_rules! integers {
    ($($kind:ident),*) => {$(
        impl Borsh for $kind {
            fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<$kind, LayoutError> {
                bytes.array(field).map($kind::from_le_bytes)
            }

            #[cfg(test)]
            fn kind() -> String {
                stringify!($kind).to_owned()
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, u128, i32, i64, i128);

impl Borsh for bool {
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<bool, LayoutError> {
        match bytes.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(LayoutError::Byte { field, value }),
        }
    }

    #[cfg(test)]
    fn kind() -> String {
        "bool".to_owned()
    }
}

impl<T: Borsh> Borsh for Option<T> {
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<Option<T>, LayoutError> {
        bytes.option(field, |bytes| T::read(bytes, field))
    }

    #[cfg(test)]
    fn kind() -> String {
        format!("option<{}>", T::kind())
    }
}

impl<T: Borsh> Borsh for Vec<T> {
    /// The announced count is not trusted: items are read until the bytes end.
    fn read(bytes: &mut Bytes<'_>, field: &'static str) -> Result<Vec<T>, LayoutError> {
        let count = bytes.u32(field)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(T::read(bytes, field)?);
        }
        Ok(items)
    }

    #[cfg(test)]
    fn kind() -> String {
        format!("vec<{}>", T::kind())
    }
}

/// Declares structs of public fields that are read in their order.
macro_rules! borsh_struct {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "every field is read to know where the next one begins; not every field is used")]
        pub(super) struct $name {
            $($(#[$field_meta])* pub(super) $field: $kind,)*
        }

        impl $crate::borsh::Borsh for $name {
            fn read(bytes: &mut $crate::borsh::Bytes<'_>, _: &'static str) -> Result<$name, $crate::borsh::LayoutError> {
                Ok($name { $($field: $crate::borsh::Borsh::read(bytes, stringify!($field))?,)* })
            }

            #[cfg(test)]
            fn kind() -> String {
                let fields: Vec<String> =
                    vec![$(format!("{}:{}", stringify!($field), <$kind as $crate::borsh::Borsh>::kind()),)*];
                format!("{{{}}}", fields.join(","))
            }
        }
    )*};
}

pub(crate) use borsh_struct;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_consumed_exactly() {
        assert_eq!(exactly::<u16>(&[1, 2]), Ok(0x0201));
        assert_eq!(exactly::<u16>(&[1]), Err(LayoutError::Short { field: "event" }));
        assert_eq!(exactly::<u16>(&[1, 2, 3]), Err(LayoutError::Long { rest: 1 }));
        assert_eq!(exactly::<Option<u8>>(&[2, 0]), Err(LayoutError::Byte { field: "event", value: 2 }));
        assert_eq!(exactly::<bool>(&[2]), Err(LayoutError::Byte { field: "event", value: 2 }));
        assert_eq!(exactly::<Tail<u16>>(&[]), Ok(Tail(None)));
        assert_eq!(exactly::<Tail<u16>>(&[1]), Err(LayoutError::Short { field: "event" }));
    }

    #[test]
    fn a_count_promises_nothing() {
        assert_eq!(exactly::<Vec<u8>>(&[0xff, 0xff, 0xff, 0xff, 1]), Err(LayoutError::Short { field: "event" }));
        assert_eq!(exactly::<Vec<u8>>(&[2, 0, 0, 0, 7, 8]), Ok(vec![7, 8]));
    }
}
