//! A document with one text, and keystrokes for it.

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc};
use fieldbook_harness::trace::Trace;

/// The generator's own copy.
pub(crate) struct Text {
    document: AutoCommit,
    text: ObjId,
}

/// What one writer is going to type: each keystroke a change of its own.
pub(crate) struct Keystrokes {
    pub(crate) changes: Vec<Change>,
}

impl Text {
    /// Empty.
    pub(crate) fn new() -> Self {
        let mut document = AutoCommit::new();
        let text = document
            .put_object(ROOT, "text", ObjType::Text)
            .expect("a new document takes a text");
        document.commit();
        Self { document, text }
    }

    /// With so many single-character changes: the recording in `FIELDBOOK_TRACE`, or a generated text like it.
    pub(crate) fn with_history(changes: usize) -> Self {
        let mut written = Self::new();
        let trace = if changes == Trace::EDITS {
            Trace::load()
        } else {
            Trace::generate(changes, 1)
        };
        for edit in trace.edits.iter().take(changes) {
            let deleted = isize::try_from(edit.1).expect("an edit is short");
            let spliced = written.document.splice_text(&written.text, edit.0, deleted, &edit.2);
            spliced.expect("the trace fits its text");
            written.document.commit();
        }
        written
    }

    pub(crate) fn heads(&mut self) -> Vec<ChangeHash> {
        self.document.get_heads()
    }

    /// Every change.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        self.document.get_changes(&[])
    }

    /// Keystrokes of a new author who types on at the end, without seeing the others'.
    pub(crate) fn keystrokes(&mut self, count: usize) -> Keystrokes {
        let mut own = self.document.fork().with_actor(ActorId::random());
        let before = own.get_heads();
        for _ in 0..count {
            let end = own.length(&self.text);
            own.splice_text(&self.text, end, 0, "k")
                .expect("a text can be appended to");
            own.commit();
        }
        Keystrokes {
            changes: own.get_changes(&before),
        }
    }

    /// Takes in what was typed.
    pub(crate) fn apply(&mut self, typed: Vec<Change>) -> anyhow::Result<()> {
        Ok(self.document.apply_changes(typed)?)
    }
}
