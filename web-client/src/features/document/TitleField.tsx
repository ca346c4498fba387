import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { carryOver, shiftCaret } from "~/model/caret";
import { type FieldbookDocument, oneLine, titleOf, UNTITLED } from "~/model/document";
import { boundedTitle, TITLE_TOO_LONG } from "~/model/title";
import { writeTitle } from "~/model/words";
import type { OpenDocument } from "~/sync/openDocument";
import { useDocumentValue } from "~/sync/useSync";
import styles from "./DocumentPage.module.css";

interface TitleFieldProps {
  open: OpenDocument;
  editable: boolean;
  onEnter: () => void;
}

/** The title: a plain text that several people may type in at once. */
export function TitleField({ open, editable, onEnter }: TitleFieldProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const { write, composing, wasCut, forgetCut } = useTitleText(open, field);
  useEffect(() => {
    const regrow = () => field.current !== null && grow(field.current);
    window.addEventListener("resize", regrow);
    return () => window.removeEventListener("resize", regrow);
  }, []);

  return (
    <>
      <textarea
        ref={field}
        className={styles.title}
        aria-label="Title"
        placeholder={UNTITLED}
        rows={1}
        readOnly={!editable}
        enterKeyHint="next"
        autoCapitalize="sentences"
        defaultValue={titleNow(open)}
        onInput={write}
        onBlur={forgetCut}
        onCompositionStart={() => {
          composing.current = true;
        }}
        onCompositionEnd={() => {
          composing.current = false;
          write();
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
          event.preventDefault();
          onEnter();
        }}
      />
      <p className={styles.titleHint} role="status">
        {wasCut ? TITLE_TOO_LONG : null}
      </p>
    </>
  );
}

/**
 * Ties the field to the title of the document.
 *
 * What is typed is an edit of the title as it was `shown`; so it merges with what came in meanwhile, also when an input
 * method held the field for a while. It is carried over to the title of now, and not written on top of the old heads:
 * Automerge's `changeAt` can make changes that others cannot apply.
 */
function useTitleText(open: OpenDocument, field: RefObject<HTMLTextAreaElement | null>) {
  const shown = useRef(titleNow(open));
  const composing = useRef(false);
  const [wasCut, setWasCut] = useState(false);
  const title = useDocumentValue(open, () => titleNow(open));

  const show = () => {
    const element = field.current;
    if (element === null || composing.current) return;
    const now = titleNow(open);
    shown.current = now;
    showText(element, now);
    grow(element);
  };

  const write = () => {
    const element = field.current;
    if (element === null || composing.current) return;
    const wanted = oneLine(element.value);
    const typed = boundedTitle(shown.current, wanted);
    setWasCut(typed !== wanted);
    if (typed !== shown.current) {
      const merged = carryOver(shown.current, typed, titleNow(open));
      open.handle.change((document: unknown) => writeTitle(document as FieldbookDocument, merged));
    }
    show();
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: `title` is when to show, `show` reads the rest itself.
  useLayoutEffect(show, [title, open]);
  return { write, composing, wasCut, forgetCut: () => setWasCut(false) };
}

function titleNow(open: OpenDocument): string {
  return titleOf(open.handle.doc() as FieldbookDocument);
}

function showText(element: HTMLTextAreaElement, text: string): void {
  const { selectionStart, selectionEnd, value } = element;
  if (value === text) return;
  element.value = text;
  if (document.activeElement !== element) return;
  element.setSelectionRange(shiftCaret(value, text, selectionStart), shiftCaret(value, text, selectionEnd));
}

/** A title may take several lines; the field grows with it. */
function grow(element: HTMLTextAreaElement): void {
  element.style.height = "auto";
  element.style.height = `${element.scrollHeight}px`;
}
