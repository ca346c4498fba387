//! The kinds of documents, and what a new one holds.
//!
//! Shape: `{ kind: string, meta: { title: Text }, body: Text }`. The body is automerge rich text whose block markers
//! are those of `@automerge/prosemirror`: `{ type, parents, attrs, isEmbed }`.

use std::fmt;
use std::str::FromStr;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, AutomergeError, ObjId, ObjType, ROOT};
use bytes::Bytes;

/// What people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The plan for one customer.
    AccountPlan,
    /// What to know about a piece of collateral.
    CollateralNote,
    /// A meeting, before and while it happens.
    MeetingAgenda,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AccountPlan, Self::CollateralNote, Self::MeetingAgenda];

    /// Its name in documents, in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountPlan => "account_plan",
            Self::CollateralNote => "collateral_note",
            Self::MeetingAgenda => "meeting_agenda",
        }
    }

    fn outline(self) -> &'static [Block] {
        match self {
            Self::AccountPlan => ACCOUNT_PLAN,
            Self::CollateralNote => COLLATERAL_NOTE,
            Self::MeetingAgenda => MEETING_AGENDA,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document is an account_plan, a collateral_note or a meeting_agenda")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// Block of a rich text.
enum Block {
    Heading(&'static str),
    Bullet(&'static str),
    Paragraph(&'static str),
}
use Block::{Bullet, Heading, Paragraph};

const ACCOUNT_PLAN: &[Block] = &[
    Heading("Snapshot"),
    Paragraph("Where we stand with this customer, on one page."),
    Heading("The customer’s goals"),
    Paragraph(""),
    Heading("Who does what"),
    Bullet("Account lead: "),
    Bullet("Executive sponsor: "),
    Bullet("Backup: "),
    Heading("Relationship map"),
    Paragraph(""),
    Heading("Whitespace"),
    Paragraph(""),
    Heading("Opportunities"),
    Paragraph(""),
    Heading("Objectives"),
    Bullet("Objective, owner, date: "),
    Bullet("Objective, owner, date: "),
    Heading("Strengths, weaknesses and red flags"),
    Paragraph(""),
    Heading("Risks"),
    Paragraph(""),
    Heading("Decisions"),
    Paragraph(""),
    Heading("Next 90 days"),
    Bullet("Action, owner, date: "),
    Heading("Notes"),
    Paragraph(""),
];

const COLLATERAL_NOTE: &[Block] = &[
    Heading("When to use it"),
    Paragraph(""),
    Heading("Don’t use it if"),
    Paragraph(""),
    Heading("Talk track, page by page"),
    Bullet("Page 1: "),
    Heading("Objections and answers"),
    Bullet("They say … we say: "),
    Heading("Proof"),
    Paragraph(""),
    Heading("Versions"),
    Paragraph(""),
    Heading("What the field says"),
    Paragraph(""),
];

const MEETING_AGENDA: &[Block] = &[
    Heading("Check-in (5 min)"),
    Paragraph("How is everyone, in a word or two?"),
    Heading("Commitments from last time (5 min)"),
    Paragraph(""),
    Heading("Wins (5 min)"),
    Paragraph(""),
    Heading("Stalled deals, by exception (15 min)"),
    Paragraph(""),
    Heading("Decide (10 min)"),
    Bullet("Decision, who decides, by when: "),
    Heading("Priorities and new commitments, read aloud (5 min)"),
    Bullet("What, who, by when: "),
    Heading("Parking lot"),
    Paragraph(""),
];

/// Makes a new document: the chunks of its changes, in order.
///
/// # Errors
/// Those of automerge; none is expected.
pub fn build(kind: Kind, title: &str, actor: [u8; 16], time_seconds: i64) -> Result<Vec<Bytes>, AutomergeError> {
    let mut document = AutoCommit::new().with_actor(ActorId::from(actor));
    document.put(ROOT, "kind", kind.as_str())?;
    let meta = document.put_object(ROOT, "meta", ObjType::Map)?;
    let title_text = document.put_object(&meta, "title", ObjType::Text)?;
    document.splice_text(&title_text, 0, 0, title)?;
    let body = document.put_object(ROOT, "body", ObjType::Text)?;
    for block in kind.outline() {
        append(&mut document, &body, block)?;
    }
    document.commit_with(
        CommitOptions::default()
            .with_message("New document")
            .with_time(time_seconds),
    );
    Ok(document
        .get_changes(&[])
        .into_iter()
        .map(|mut change| Bytes::copy_from_slice(&change.bytes()))
        .collect())
}

fn append(document: &mut AutoCommit, body: &ObjId, block: &Block) -> Result<(), AutomergeError> {
    use automerge::ReadDoc;
    let (name, level, text) = match block {
        Heading(text) => ("heading", Some(2), text),
        Bullet(text) => ("unordered-list-item", None, text),
        Paragraph(text) => ("paragraph", None, text),
    };
    let end = document.length(body);
    let marker = document.split_block(body, end)?;
    document.put(&marker, "type", name)?;
    document.put_object(&marker, "parents", ObjType::List)?;
    let attributes = document.put_object(&marker, "attrs", ObjType::Map)?;
    if let Some(level) = level {
        document.put(&attributes, "level", level)?;
    }
    document.put(&marker, "isEmbed", false)?;
    document.splice_text(body, end + 1, 0, text)
}

#[cfg(test)]
mod tests {
    use automerge::{Automerge, ReadDoc, Value};

    use super::*;

    #[test]
    fn every_kind_has_its_title_and_its_outline() {
        for kind in Kind::ALL {
            let chunks = build(kind, "Ünïcode & Söhne", [7; 16], 1_700_000_000).unwrap();
            let mut document = Automerge::new();
            document.load_incremental(&chunks.concat()).unwrap();
            let (_, meta) = document.get(ROOT, "meta").unwrap().unwrap();
            let (_, title) = document.get(&meta, "title").unwrap().unwrap();
            assert_eq!(document.text(&title).unwrap(), "Ünïcode & Söhne");
            let (value, body) = document.get(ROOT, "body").unwrap().unwrap();
            assert!(matches!(value, Value::Object(ObjType::Text)));
            let headings = kind
                .outline()
                .iter()
                .filter(|block| matches!(block, Heading(_)))
                .count();
            let spans: Vec<_> = document.spans(&body).unwrap().collect();
            let found = spans
                .iter()
                .filter(|span| format!("{span:?}").contains("heading"))
                .count();
            assert_eq!(found, headings);
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("memo".parse::<Kind>(), Err(UnknownKind));
    }

    #[test]
    fn an_empty_title_is_possible() {
        assert_eq!(build(Kind::AccountPlan, "", [1; 16], 0).unwrap().len(), 1);
    }
}
