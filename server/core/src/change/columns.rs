//! Decoders for the columns of a change's operations.
//!
//! They take a column only in the one form in which automerge writes it: numbers as short as they can be, no two runs
//! that could be one, nothing that says nothing. Whoever saves a document writes each change anew from its operations,
//! and a change that was encoded in another way would come back under another hash: the saved document would not load.

use crate::reader::Reader;

/// A column that cannot be read, or that automerge would have written in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotCanonical;

type Result<T> = std::result::Result<T, NotCanonical>;

/// What a run-length encoded column is made of.
pub(super) trait Cell<'a>: Copy + PartialEq {
    fn read(reader: &mut Reader<'a>) -> Result<Self>;
}

impl Cell<'_> for u64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.unsigned().map_err(|_| NotCanonical)
    }
}

impl Cell<'_> for i64 {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.signed().map_err(|_| NotCanonical)
    }
}

impl<'a> Cell<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let bytes = reader.prefixed().map_err(|_| NotCanonical)?;
        std::str::from_utf8(bytes).map_err(|_| NotCanonical)
    }
}

/// What the run at hand is; the run before it, when it has come to its end.
#[derive(Debug, Clone, Copy)]
enum Run<T> {
    Start,
    Nulls,
    Repeat(T),
    /// The value that was read last.
    Literal(T),
}

/// Runs of equal values, of differing values, and of nulls. An empty column is null throughout.
#[derive(Debug)]
pub(super) struct RunLength<'a, T> {
    reader: Reader<'a>,
    absent: bool,
    run: Run<T>,
    left: u64,
    has_value: bool,
}

impl<'a, T: Cell<'a>> RunLength<'a, T> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(column),
            absent: column.is_empty(),
            run: Run::Start,
            left: 0,
            has_value: false,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<T>> {
        if self.absent {
            return Ok(None);
        }
        if self.left == 0 {
            return self.begin_run();
        }
        self.left -= 1;
        match self.run {
            Run::Start | Run::Nulls => Ok(None),
            Run::Repeat(value) => Ok(Some(value)),
            Run::Literal(previous) => self.literal(Some(previous)),
        }
    }

    /// The next value, which must not be null.
    pub(super) fn next_value(&mut self) -> Result<T> {
        self.next()?.ok_or(NotCanonical)
    }

    /// Everything must have been read by now.
    pub(super) fn finish(&self) -> Result<()> {
        let whole = self.left == 0 && self.reader.is_empty();
        if whole && (self.has_value || self.absent) {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }

    fn begin_run(&mut self) -> Result<Option<T>> {
        let before = match self.run {
            Run::Repeat(value) | Run::Literal(value) => Some(value),
            Run::Start | Run::Nulls => None,
        };
        match self.reader.signed().map_err(|_| NotCanonical)? {
            0 => {
                let count = self.reader.unsigned().map_err(|_| NotCanonical)?;
                if count == 0 || matches!(self.run, Run::Nulls) {
                    return Err(NotCanonical);
                }
                self.run = Run::Nulls;
                self.left = count - 1;
                Ok(None)
            }
            1 => Err(NotCanonical),
            count @ 2.. => {
                let value = T::read(&mut self.reader)?;
                if before == Some(value) {
                    return Err(NotCanonical);
                }
                self.run = Run::Repeat(value);
                self.left = count.unsigned_abs() - 1;
                self.has_value = true;
                Ok(Some(value))
            }
            count => {
                if matches!(self.run, Run::Literal(_)) {
                    return Err(NotCanonical);
                }
                self.left = count.unsigned_abs() - 1;
                self.has_value = true;
                self.literal(before)
            }
        }
    }

    fn literal(&mut self, before: Option<T>) -> Result<Option<T>> {
        let value = T::read(&mut self.reader)?;
        if before == Some(value) {
            return Err(NotCanonical);
        }
        self.run = Run::Literal(value);
        Ok(Some(value))
    }
}

/// Numbers, each told by how much it differs from the one before.
#[derive(Debug)]
pub(super) struct Delta<'a> {
    steps: RunLength<'a, i64>,
    at: i64,
}

impl<'a> Delta<'a> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        Self {
            steps: RunLength::new(column),
            at: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<i64>> {
        let Some(step) = self.steps.next()? else {
            return Ok(None);
        };
        self.at = self.at.checked_add(step).ok_or(NotCanonical)?;
        Ok(Some(self.at))
    }

    pub(super) fn finish(&self) -> Result<()> {
        self.steps.finish()
    }
}

/// Runs of false and true in turns; the first is of false and may be empty.
#[derive(Debug)]
pub(super) struct Booleans<'a> {
    reader: Reader<'a>,
    value: bool,
    left: u64,
    started: bool,
    has_true: bool,
}

impl<'a> Booleans<'a> {
    pub(super) fn new(column: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(column),
            value: true,
            left: 0,
            started: false,
            has_true: false,
        }
    }

    pub(super) fn next(&mut self) -> Result<bool> {
        while self.left == 0 {
            self.left = self.reader.unsigned().map_err(|_| NotCanonical)?;
            if self.left == 0 && self.started {
                return Err(NotCanonical);
            }
            self.started = true;
            self.value = !self.value;
        }
        self.left -= 1;
        self.has_true |= self.value;
        Ok(self.value)
    }

    /// Was any of them true?
    pub(super) fn has_true(&self) -> bool {
        self.has_true
    }

    pub(super) fn finish(&self) -> Result<()> {
        if self.left == 0 && self.reader.is_empty() {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(column: &[u8], count: usize) -> Result<Vec<Option<u64>>> {
        let mut cells = RunLength::new(column);
        let values = (0..count).map(|_| cells.next()).collect::<Result<_>>()?;
        cells.finish()?;
        Ok(values)
    }

    #[test]
    fn runs_literals_and_nulls_are_read() {
        // Twice 5, then 6 and 7, then a null, then 8.
        let column = [2, 5, 0x7e, 6, 7, 0, 1, 0x7f, 8];
        let expected = [Some(5), Some(5), Some(6), Some(7), None, Some(8)];
        assert_eq!(numbers(&column, 6), Ok(expected.to_vec()));
        assert_eq!(numbers(&[], 3), Ok(vec![None; 3]));
    }

    #[test]
    fn a_form_that_automerge_does_not_write_is_refused() {
        for (column, count, why) in [
            (&[1, 5][..], 1, "a run of one"),
            (&[2, 5, 2, 5], 4, "two runs that are one"),
            (&[2, 5, 0x7f, 5], 3, "a literal that belongs to the run before"),
            (&[0x7f, 5, 2, 5], 3, "a run that begins in the literal before"),
            (&[0x7e, 5, 5], 2, "equal values in a literal"),
            (&[0x7f, 5, 0x7f, 6], 2, "two literals that are one"),
            (&[0, 1, 0, 1, 0x7f, 5], 3, "two runs of nulls that are one"),
            (&[0, 0, 0x7f, 5], 1, "no nulls"),
            (&[0, 2], 2, "nothing but nulls"),
            (&[0x7f, 0x85, 0], 1, "a number longer than it must be"),
            (&[2, 5], 1, "more values than operations"),
            (&[2, 5], 3, "fewer values than operations"),
        ] {
            assert_eq!(numbers(column, count), Err(NotCanonical), "{why}");
        }
    }

    #[test]
    fn booleans_alternate() {
        let read = |column: &[u8], count: usize| -> Result<Vec<bool>> {
            let mut cells = Booleans::new(column);
            let values = (0..count).map(|_| cells.next()).collect::<Result<_>>()?;
            cells.finish()?;
            Ok(values)
        };
        assert_eq!(read(&[1, 2, 1], 4), Ok(vec![false, true, true, false]));
        assert_eq!(read(&[0, 2], 2), Ok(vec![true, true]));
        for (column, count) in [(&[1, 0, 1][..], 2), (&[0, 0, 1], 1), (&[2], 1), (&[1], 2), (&[], 1)] {
            assert_eq!(read(column, count), Err(NotCanonical), "{column:?}");
        }
    }

    #[test]
    fn deltas_add_up() {
        let mut cells = Delta::new(&[3, 1, 0x7f, 0x7e]);
        let values: Vec<_> = (0..4).map(|_| cells.next().unwrap().unwrap()).collect();
        assert_eq!(values, [1, 2, 3, 1]);
        assert_eq!(cells.finish(), Ok(()));
    }
}
