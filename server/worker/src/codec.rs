//! Jobs and answers as CBOR: an array that begins with a number for the kind. Documents are byte strings, and what is
//! decoded borrows them from the frame.

use automerge::ChangeHash;
use bytes::Bytes;
use minicbor::Encoder;
use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use crate::job::{Answer, Job, Outcome};

const COMPACT: u8 = 0;
const EXPAND: u8 = 1;
const SUMMARISE: u8 = 2;
const VERIFY: u8 = 3;
const EXPORT: u8 = 4;
const REFUSED: u8 = 10;
const PANICKED: u8 = 11;

type Encoding = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// Room for what surrounds the documents.
pub(crate) fn encode_job(job: &Job) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(job.bytes() + 1024));
    put_job(&mut encoder, job).expect("writing to memory does not fail");
    encoder.into_writer()
}

fn put_job(encoder: &mut Encoder<Vec<u8>>, job: &Job) -> Encoding {
    match job {
        Job::Compact {
            archive,
            tail,
            expected_heads,
        } => {
            encoder.array(4)?.u8(COMPACT)?;
            put_document(encoder, archive.as_ref(), tail)?;
            put_list(encoder, expected_heads, |encoder, hash| encoder.bytes(&hash.0)?.ok())
        }
        Job::Expand {
            bytes,
            max_changes,
            max_total_bytes,
        } => encoder
            .array(4)?
            .u8(EXPAND)?
            .bytes(bytes)?
            .u64(*max_changes)?
            .u64(*max_total_bytes)?
            .ok(),
        Job::Summarise { archive, tail } => {
            encoder.array(3)?.u8(SUMMARISE)?;
            put_document(encoder, archive.as_ref(), tail)
        }
        Job::Verify { archive, tail } => {
            encoder.array(3)?.u8(VERIFY)?;
            put_document(encoder, archive.as_ref(), tail)
        }
        Job::Export { archive, tail } => {
            encoder.array(3)?.u8(EXPORT)?;
            put_document(encoder, archive.as_ref(), tail)
        }
    }
}

pub(crate) fn decode_job(frame: &Bytes) -> Result<Job, Error> {
    let mut decoder = Frame {
        frame,
        decoder: Decoder::new(frame),
    };
    decoder.kind().and_then(|kind| match kind {
        COMPACT => {
            let (archive, tail) = decoder.document()?;
            Ok(Job::Compact {
                archive,
                tail,
                expected_heads: decoder.list(Frame::hash)?,
            })
        }
        EXPAND => Ok(Job::Expand {
            bytes: decoder.bytes()?,
            max_changes: decoder.decoder.u64()?,
            max_total_bytes: decoder.decoder.u64()?,
        }),
        SUMMARISE => decoder
            .document()
            .map(|(archive, tail)| Job::Summarise { archive, tail }),
        VERIFY => decoder.document().map(|(archive, tail)| Job::Verify { archive, tail }),
        EXPORT => decoder.document().map(|(archive, tail)| Job::Export { archive, tail }),
        _ => Err(Error::message("unknown kind of job")),
    })
}

pub(crate) fn encode_answer(answer: &Answer) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    put_answer(&mut encoder, answer).expect("writing to memory does not fail");
    encoder.into_writer()
}

fn put_answer(encoder: &mut Encoder<Vec<u8>>, answer: &Answer) -> Encoding {
    match answer {
        Answer::Done(Outcome::Compacted { bytes, clock, title }) => {
            encoder.array(4)?.u8(COMPACT)?.bytes(bytes)?;
            put_list(encoder, clock, |encoder, (actor, seq)| {
                encoder.array(2)?.bytes(actor)?.u64(*seq)?.ok()
            })?;
            put_title(encoder, title.as_deref())
        }
        Answer::Done(Outcome::Expanded { changes }) => {
            encoder.array(2)?.u8(EXPAND)?;
            put_list(encoder, changes, |encoder, change| encoder.bytes(change)?.ok())
        }
        Answer::Done(Outcome::Summary { title }) => {
            encoder.array(2)?.u8(SUMMARISE)?;
            put_title(encoder, title.as_deref())
        }
        Answer::Done(Outcome::Verified { heads, changes }) => {
            encoder.array(3)?.u8(VERIFY)?;
            put_list(encoder, heads, |encoder, hash| encoder.bytes(&hash.0)?.ok())?;
            encoder.u64(*changes)?.ok()
        }
        Answer::Done(Outcome::Exported { bytes }) => encoder.array(2)?.u8(EXPORT)?.bytes(bytes)?.ok(),
        Answer::Refused(words) => encoder.array(2)?.u8(REFUSED)?.str(words)?.ok(),
        Answer::Panicked(place) => encoder.array(2)?.u8(PANICKED)?.str(place)?.ok(),
    }
}

pub(crate) fn decode_answer(frame: &Bytes) -> Result<Answer, Error> {
    let mut decoder = Frame {
        frame,
        decoder: Decoder::new(frame),
    };
    let outcome = match decoder.kind()? {
        COMPACT => Outcome::Compacted {
            bytes: decoder.bytes()?,
            clock: decoder.list(|decoder| {
                decoder.decoder.array()?;
                Ok((decoder.decoder.bytes()?.to_vec(), decoder.decoder.u64()?))
            })?,
            title: decoder.title()?,
        },
        EXPAND => Outcome::Expanded {
            changes: decoder.list(Frame::bytes)?,
        },
        SUMMARISE => Outcome::Summary {
            title: decoder.title()?,
        },
        VERIFY => Outcome::Verified {
            heads: decoder.list(Frame::hash)?,
            changes: decoder.decoder.u64()?,
        },
        EXPORT => Outcome::Exported {
            bytes: decoder.bytes()?,
        },
        REFUSED => return Ok(Answer::Refused(decoder.decoder.str()?.to_owned())),
        PANICKED => return Ok(Answer::Panicked(decoder.decoder.str()?.to_owned())),
        _ => return Err(Error::message("unknown kind of answer")),
    };
    Ok(Answer::Done(outcome))
}

fn put_document(encoder: &mut Encoder<Vec<u8>>, archive: Option<&Bytes>, tail: &[Bytes]) -> Encoding {
    match archive {
        Some(archive) => encoder.bytes(archive)?,
        None => encoder.null()?,
    };
    put_list(encoder, tail, |encoder, change| encoder.bytes(change)?.ok())
}

fn put_title(encoder: &mut Encoder<Vec<u8>>, title: Option<&str>) -> Encoding {
    match title {
        Some(title) => encoder.str(title)?.ok(),
        None => encoder.null()?.ok(),
    }
}

fn put_list<T>(
    encoder: &mut Encoder<Vec<u8>>,
    items: &[T],
    mut put: impl FnMut(&mut Encoder<Vec<u8>>, &T) -> Encoding,
) -> Encoding {
    encoder.array(items.len() as u64)?;
    items.iter().try_for_each(|item| put(encoder, item))
}

/// A frame that is being decoded.
struct Frame<'b> {
    frame: &'b Bytes,
    decoder: Decoder<'b>,
}

impl Frame<'_> {
    fn kind(&mut self) -> Result<u8, Error> {
        self.decoder.array()?;
        self.decoder.u8()
    }

    fn bytes(&mut self) -> Result<Bytes, Error> {
        Ok(self.frame.slice_ref(self.decoder.bytes()?))
    }

    fn hash(&mut self) -> Result<ChangeHash, Error> {
        let bytes = self.decoder.bytes()?;
        bytes.try_into().map_err(|_| Error::message("a hash has 32 bytes"))
    }

    fn document(&mut self) -> Result<(Option<Bytes>, Vec<Bytes>), Error> {
        let archive = if self.null()? { None } else { Some(self.bytes()?) };
        Ok((archive, self.list(Self::bytes)?))
    }

    fn title(&mut self) -> Result<Option<String>, Error> {
        if self.null()? {
            Ok(None)
        } else {
            Ok(Some(self.decoder.str()?.to_owned()))
        }
    }

    fn null(&mut self) -> Result<bool, Error> {
        let null = self.decoder.datatype()? == Type::Null;
        if null {
            self.decoder.null()?;
        }
        Ok(null)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let length = self
            .decoder
            .array()?
            .ok_or_else(|| Error::message("a list without a length"))?;
        (0..length).map(|_| item(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> (Option<Bytes>, Vec<Bytes>) {
        (
            Some(Bytes::from_static(b"archive")),
            vec![Bytes::new(), Bytes::from_static(b"change")],
        )
    }

    #[test]
    fn jobs_survive_the_pipe() {
        let (archive, tail) = document();
        for job in [
            Job::Compact {
                archive: archive.clone(),
                tail: tail.clone(),
                expected_heads: vec![ChangeHash([3; 32])],
            },
            Job::Compact {
                archive: None,
                tail: vec![],
                expected_heads: vec![],
            },
            Job::Expand {
                bytes: Bytes::from_static(b"saved"),
                max_changes: u64::MAX,
                max_total_bytes: 0,
            },
            Job::Summarise {
                archive: archive.clone(),
                tail: tail.clone(),
            },
            Job::Verify {
                archive: None,
                tail: tail.clone(),
            },
            Job::Export { archive, tail },
        ] {
            assert_eq!(decode_job(&encode_job(&job).into()).unwrap(), job);
        }
    }

    #[test]
    fn answers_survive_the_pipe() {
        let hash = ChangeHash([3; 32]);
        let title = Some("Größe".to_owned());
        for answer in [
            Answer::Done(Outcome::Compacted {
                bytes: Bytes::from_static(b"saved"),
                clock: vec![(vec![], 1), (vec![9; 16], u64::MAX)],
                title: title.clone(),
            }),
            Answer::Done(Outcome::Expanded { changes: document().1 }),
            Answer::Done(Outcome::Summary { title }),
            Answer::Done(Outcome::Summary { title: None }),
            Answer::Done(Outcome::Verified {
                heads: vec![hash],
                changes: 7,
            }),
            Answer::Done(Outcome::Exported { bytes: Bytes::new() }),
            Answer::Refused("in words".into()),
            Answer::Panicked("somewhere".into()),
        ] {
            assert_eq!(decode_answer(&encode_answer(&answer).into()).unwrap(), answer);
        }
    }

    #[test]
    fn a_frame_cut_short_is_an_error() {
        let (archive, tail) = document();
        let frame = Bytes::from(encode_job(&Job::Verify { archive, tail }));
        assert!((0..frame.len()).all(|length| decode_job(&frame.slice(..length)).is_err()));
        assert!(decode_answer(&Bytes::new()).is_err());
    }
}
