//! Automerge's chunks, as far as a test must tell them apart.

/// Splits what may be several chunks, one after the other. Byte 8 of each is its type: 0 a document, 1 a change,
/// 2 a deflated change.
///
/// # Panics
/// When the last is cut off.
#[must_use]
pub fn chunks(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    while let Some(length) = bytes.get(9..) {
        let digits = 1 + length.iter().take_while(|byte| **byte >= 0x80).count();
        let body = length[..digits]
            .iter()
            .rev()
            .fold(0_usize, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let (chunk, rest) = bytes.split_at(9 + digits + body);
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}
