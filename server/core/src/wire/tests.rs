use minicbor::{Decoder, Encoder};

use super::decode::read_count;
use super::encode::{EncodeResult, encode};
use super::*;

const WRONG_CHECKSUM: &str = "4NMNnkMhL8jXrdJ9jamS58PAVdXX";

fn frame(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> EncodeResult) -> Bytes {
    encode(write).into()
}

#[test]
fn a_stock_join_is_read() {
    // As cbor-x writes it: a 16-bit map header, fields in any order, unknown ones among them.
    let mut bytes = vec![0xb9, 0x00, 0x04];
    bytes.extend(encode(|e| {
        e.str("senderId")?.str("alice")?.str("type")?.str("join")?;
        e.str("peerMetadata")?
            .map(2)?
            .str("isEphemeral")?
            .bool(true)?
            .str("storageId")?
            .str("store")?;
        e.str("supportedProtocolVersions")?.array(2)?.str("0")?.str("1")?.ok()
    }));
    let ClientFrame::Join(join) = decode(&bytes.into()).unwrap() else {
        panic!("not a join")
    };
    assert_eq!(join.sender.as_str(), "alice");
    assert_eq!(join.storage.unwrap().as_str(), "store");
    assert!(join.version_fits && !join.fieldbook);
}

#[test]
fn missing_versions_mean_one_and_other_versions_do_not_fit() {
    let plain = frame(|e| e.map(2)?.str("type")?.str("join")?.str("senderId")?.str("a")?.ok());
    assert!(matches!(
        decode(&plain),
        Ok(ClientFrame::Join(Join { version_fits: true, .. }))
    ));
    let other = frame(|e| {
        e.map(3)?.str("type")?.str("join")?.str("senderId")?.str("a")?;
        e.str("supportedProtocolVersions")?.array(1)?.str("9")?.ok()
    });
    assert!(matches!(
        decode(&other),
        Ok(ClientFrame::Join(Join {
            version_fits: false,
            ..
        }))
    ));
}

#[test]
fn bytes_may_be_tagged_and_undefined_is_ignored() {
    let id = DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap();
    let bytes = frame(|e| {
        e.begin_map()?
            .str("data")?
            .tag(minicbor::data::Tag::new(64))?
            .bytes(&[1, 2])?;
        e.str("extra")?.undefined()?.str("documentId")?.str(&id.to_string())?;
        e.str("senderId")?.str("a")?.str("type")?.str("request")?.end()?.ok()
    });
    let expected = ClientFrame::Sync {
        request: true,
        sender: PeerId::new("a").unwrap(),
        document: id,
        data: Bytes::from_static(&[1, 2]),
    };
    assert_eq!(decode(&bytes).unwrap(), expected);
}

#[test]
fn counts_may_be_floats() {
    for (encoded, expected) in [
        (frame(|e| e.f64(7.0)?.ok()), Some(7)),
        (frame(|e| e.f64(7.5)?.ok()), None),
    ] {
        assert_eq!(read_count(&mut Decoder::new(&encoded)).unwrap(), expected);
    }
    assert_eq!(
        read_count(&mut Decoder::new(&encode(|e| e.u64(1 << 32)?.ok()))).unwrap(),
        None
    );
}

#[test]
fn what_is_no_frame_is_an_error() {
    let deep: Bytes = [&[0xa1, 0x61, 0x78][..], &[0x81; 100_000], &[0x00]].concat().into();
    for bad in [
        Bytes::from_static(&[]),
        Bytes::from_static(&[0xf6]),
        Bytes::from_static(&[0x80]),
        Bytes::from_static(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Bytes::from_static(&[0xa1, 0x61, 0x78, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Bytes::from_static(&[0xa0, 0x00]),
        Bytes::from_static(&[0xbf]),
        deep,
        frame(|e| e.map(1)?.str("type")?.str("sync")?.ok()),
        frame(|e| e.map(1)?.str("type")?.u8(1)?.ok()),
        frame(|e| {
            e.map(4)?.str("type")?.str("sync")?.str("senderId")?.str("a")?;
            e.str("documentId")?.str(WRONG_CHECKSUM)?.str("data")?.bytes(&[])?.ok()
        }),
        frame(|e| {
            e.map(2)?
                .str("type")?
                .str("join")?
                .str("senderId")?
                .str(&"x".repeat(300))?
                .ok()
        }),
    ] {
        assert!(decode(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn unknown_types_are_ignored() {
    let later = frame(|e| e.map(2)?.str("type")?.str("later")?.str("data")?.str("text")?.ok());
    assert_eq!(decode(&later).unwrap(), ClientFrame::Unknown);
    let kind = frame(|e| e.map(2)?.str("type")?.str("fb")?.str("kind")?.str("later")?.ok());
    assert_eq!(decode(&kind).unwrap(), ClientFrame::Fieldbook(ClientExtension::Unknown));
}

#[test]
fn an_addressed_frame_is_completed_by_its_target() {
    let (us, them) = (PeerId::new("us").unwrap(), PeerId::new("them").unwrap());
    let bytes = error(&us, "no").for_target(&target_suffix(&them));
    let mut d = Decoder::new(&bytes);
    let pairs = d.map().unwrap().unwrap();
    let mut target = None;
    for _ in 0..pairs {
        let (key, value) = (d.str().unwrap(), d.str().unwrap());
        if key == "targetId" {
            target = Some(value);
        }
    }
    assert_eq!(target, Some("them"));
    assert_eq!(d.position(), bytes.len());
}

#[test]
fn stock_presence_is_recognised() {
    assert!(is_stock_presence(&stock_goodbye()));
    assert!(!is_stock_presence(b"hello"));
    assert!(!is_stock_presence(&[]));
}
