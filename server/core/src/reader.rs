//! Reads automerge's binary formats: LEB128 numbers, counted lists, slices. Never allocates more than it has seen.

use automerge::ChangeHash;

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes end before the value does.
    #[error("the bytes end too early")]
    TooShort,
    /// A number that does not fit in 64 bits, or takes more bytes than it must.
    #[error("a number is longer than 64 bits, or than it must be")]
    NumberTooLong,
    /// A list that says it is longer than is allowed.
    #[error("a list is longer than is allowed")]
    ListTooLong,
}

/// A position in a slice of bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Is everything read?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    ///
    /// # Errors
    /// [`ReadError::TooShort`].
    pub fn byte(&mut self) -> Result<u8, ReadError> {
        let (&first, rest) = self.rest.split_first().ok_or(ReadError::TooShort)?;
        self.rest = rest;
        Ok(first)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`ReadError::TooShort`].
    pub fn take(&mut self, count: u64) -> Result<&'a [u8], ReadError> {
        let count = usize::try_from(count).map_err(|_| ReadError::TooShort)?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ReadError::TooShort)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 number.
    ///
    /// # Errors
    /// [`ReadError::TooShort`], [`ReadError::NumberTooLong`].
    pub fn unsigned(&mut self) -> Result<u64, ReadError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(ReadError::NumberTooLong);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                let too_long = byte == 0 && shift > 0;
                return if too_long {
                    Err(ReadError::NumberTooLong)
                } else {
                    Ok(value)
                };
            }
        }
        Err(ReadError::NumberTooLong)
    }

    /// A signed LEB128 number.
    ///
    /// # Errors
    /// [`ReadError::TooShort`], [`ReadError::NumberTooLong`].
    pub fn signed(&mut self) -> Result<i64, ReadError> {
        let mut value = 0i64;
        let mut last_sign = false;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let part = i64::from(byte & 0x7f);
            if shift == 63 && part != 0 && part != 0x7f {
                return Err(ReadError::NumberTooLong);
            }
            value |= part << shift;
            let negative = byte & 0x40 != 0;
            if byte & 0x80 == 0 {
                // The last byte says no more than the sign of the one before.
                if shift > 0 && part == if last_sign { 0x7f } else { 0 } {
                    return Err(ReadError::NumberTooLong);
                }
                return Ok(if negative && shift < 57 {
                    value | (-1i64 << (shift + 7))
                } else {
                    value
                });
            }
            last_sign = negative;
        }
        Err(ReadError::NumberTooLong)
    }

    /// Bytes behind their length.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn prefixed(&mut self) -> Result<&'a [u8], ReadError> {
        let length = self.unsigned()?;
        self.take(length)
    }

    /// One change hash.
    ///
    /// # Errors
    /// [`ReadError::TooShort`].
    pub fn hash(&mut self) -> Result<ChangeHash, ReadError> {
        let bytes: [u8; 32] = self.take(32)?.try_into().map_err(|_| ReadError::TooShort)?;
        Ok(ChangeHash(bytes))
    }

    /// A counted list of change hashes, at most `most` of them.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn hashes(&mut self, most: usize) -> Result<Vec<ChangeHash>, ReadError> {
        let count = self.unsigned()?;
        if count > most as u64 {
            return Err(ReadError::ListTooLong);
        }
        let bytes = self.take(count.checked_mul(32).ok_or(ReadError::TooShort)?)?;
        let mut list = Reader::new(bytes);
        (0..count).map(|_| list.hash()).collect()
    }
}

/// Appends an unsigned LEB128 number.
pub fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a counted list of change hashes.
pub fn write_hashes<'a>(out: &mut Vec<u8>, hashes: impl ExactSizeIterator<Item = &'a ChangeHash>) {
    write_unsigned(out, hashes.len() as u64);
    for hash in hashes {
        out.extend_from_slice(&hash.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_more_hashes_than_memory_holds_is_too_short() {
        for count in [1, 1 << 59, u64::MAX] {
            let mut bytes = Vec::new();
            write_unsigned(&mut bytes, count);
            let list = Reader::new(&bytes).hashes(usize::MAX);
            assert_eq!(list, Err(ReadError::TooShort), "{count}");
        }
    }

    #[test]
    fn unsigned_numbers_survive() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            write_unsigned(&mut bytes, value);
            assert_eq!(Reader::new(&bytes).unsigned(), Ok(value));
        }
    }

    #[test]
    fn signed_numbers_are_read() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7f], -1),
            (&[0x40], -64),
            (&[0x3f], 63),
            (&[0x80, 0x7f], -128),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], i64::MAX),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], i64::MIN),
        ] {
            assert_eq!(Reader::new(bytes).signed(), Ok(value), "{bytes:x?}");
        }
    }

    #[test]
    fn a_number_is_as_short_as_it_can_be() {
        for unsigned in [&[0x80, 0x00][..], &[0x81, 0x00], &[0xff, 0x80, 0x00]] {
            assert_eq!(Reader::new(unsigned).unsigned(), Err(ReadError::NumberTooLong));
        }
        for signed in [&[0x80, 0x00][..], &[0xff, 0x7f], &[0xbf, 0x00], &[0xc0, 0x7f]] {
            assert_eq!(Reader::new(signed).signed(), Err(ReadError::NumberTooLong));
        }
        assert_eq!(Reader::new(&[0xc0, 0x00]).signed(), Ok(64));
        assert_eq!(Reader::new(&[0xbf, 0x7f]).signed(), Ok(-65));
    }

    #[test]
    fn numbers_and_lists_have_an_end() {
        assert_eq!(Reader::new(&[0xff; 11]).unsigned(), Err(ReadError::NumberTooLong));
        assert_eq!(Reader::new(&[0x80]).unsigned(), Err(ReadError::TooShort));
        assert_eq!(Reader::new(&[0x80; 11]).signed(), Err(ReadError::NumberTooLong));
        assert_eq!(Reader::new(&[0x05]).prefixed(), Err(ReadError::TooShort));
        assert_eq!(Reader::new(&[0x02]).hashes(10), Err(ReadError::TooShort));
        assert_eq!(Reader::new(&[0x0b]).hashes(10), Err(ReadError::ListTooLong));
    }
}
