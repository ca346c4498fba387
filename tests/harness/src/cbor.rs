//! CBOR values, as far as the wire needs them: read strictly (F2), written plainly.

use std::fmt;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// One CBOR value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `null` and `undefined`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// Any float.
    Float(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map with text keys, in the order of the wire.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A frame of this type, to be filled with [`Value::with`].
    #[must_use]
    pub fn frame(kind: &str) -> Self {
        Self::Map(vec![("type".into(), kind.into())])
    }

    /// The map with one more field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let Self::Map(fields) = &mut self else {
            panic!("only a map has fields, not {self:?}")
        };
        fields.push((key.into(), value.into()));
        self
    }

    /// A field of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Self::Map(fields) = self else { return None };
        fields.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// A text field; the empty text if there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Self::Text(text)) => text,
            _ => "",
        }
    }

    /// A field of bytes; none if there is none.
    #[must_use]
    pub fn bytes(&self, key: &str) -> &[u8] {
        match self.get(key) {
            Some(Self::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// An integer field.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.get(key) {
            Some(Self::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// The entries of an array field.
    #[must_use]
    pub fn array(&self, key: &str) -> &[Value] {
        match self.get(key) {
            Some(Self::Array(values)) => values,
            _ => &[],
        }
    }

    /// What the frame's `type` says.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        write(self, &mut encoder);
        encoder.into_writer()
    }

    /// Reads what a server may send by F2: one value of definite lengths without 64-bit integers, and nothing after it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(bytes);
        let value = read(&mut decoder).map_err(|error| format!("{error} in {bytes:02x?}"))?;
        let rest = bytes.len() - decoder.position();
        if rest > 0 {
            Err(format!("{rest} bytes after the value (F2)"))
        } else {
            Ok(value)
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Self::Array(values)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(is) => is.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Bytes(bytes) => write!(f, "<{} bytes>", bytes.len()),
            Self::Text(text) => text.fmt(f),
            Self::Array(values) => f.debug_list().entries(values).finish(),
            Self::Map(fields) => f
                .debug_map()
                .entries(fields.iter().map(|(key, value)| (key, value)))
                .finish(),
        }
    }
}

fn write(value: &Value, encoder: &mut Encoder<Vec<u8>>) {
    const SURE: &str = "writing to memory does not fail";
    match value {
        Value::Null => drop(encoder.null().expect(SURE)),
        Value::Bool(is) => drop(encoder.bool(*is).expect(SURE)),
        Value::Int(number) => drop(encoder.i64(*number).expect(SURE)),
        Value::Float(number) => drop(encoder.f64(*number).expect(SURE)),
        Value::Bytes(bytes) => drop(encoder.bytes(bytes).expect(SURE)),
        Value::Text(text) => drop(encoder.str(text).expect(SURE)),
        Value::Array(values) => {
            encoder.array(values.len() as u64).expect(SURE);
            values.iter().for_each(|value| write(value, encoder));
        }
        Value::Map(fields) => {
            encoder.map(fields.len() as u64).expect(SURE);
            for (key, value) in fields {
                encoder.str(key).expect(SURE);
                write(value, encoder);
            }
        }
    }
}

fn read(decoder: &mut Decoder<'_>) -> Result<Value, minicbor::decode::Error> {
    let refuse = |why| Err(minicbor::decode::Error::message(why));
    Ok(match decoder.datatype()? {
        Type::Null => decoder.null().map(|()| Value::Null)?,
        Type::Undefined => decoder.undefined().map(|()| Value::Null)?,
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::U64 | Type::I64 => return refuse("a 64-bit integer (F2)"),
        Type::U8 | Type::U16 | Type::U32 | Type::I8 | Type::I16 | Type::I32 => Value::Int(decoder.i64()?),
        Type::F16 | Type::F32 | Type::F64 => Value::Float(decoder.f64()?),
        Type::Bytes => Value::Bytes(decoder.bytes()?.to_vec()),
        Type::String => Value::Text(decoder.str()?.to_owned()),
        Type::Array => {
            let length = decoder.array()?.unwrap_or_default();
            Value::Array((0..length).map(|_| read(decoder)).collect::<Result<_, _>>()?)
        }
        Type::Map => {
            let length = decoder.map()?.unwrap_or_default();
            let mut fields = Vec::new();
            for _ in 0..length {
                fields.push((decoder.str()?.to_owned(), read(decoder)?));
            }
            Value::Map(fields)
        }
        Type::BytesIndef | Type::StringIndef | Type::ArrayIndef | Type::MapIndef => return refuse("no length (F2)"),
        other => return refuse(&other.to_string()),
    })
}
