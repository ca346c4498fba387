/** How long a name stays beside a caret that moved. */
export const NAME_SHOWS_MS = 3_000;

interface Caret {
  element: HTMLElement | null;
  /** Runs while the name shows. */
  timer: ReturnType<typeof setTimeout> | null;
}

/** Says whose caret it is when it moves, for a moment; a name that stayed would cover the line above. */
export class CaretNames {
  #carets = new Map<string, Caret>();

  /** Whoever has this key has moved, or typed. */
  show(key: string): void {
    const caret = this.#caret(key);
    if (caret.timer !== null) clearTimeout(caret.timer);
    caret.timer = setTimeout(() => {
      caret.timer = null;
      mark(caret);
    }, NAME_SHOWS_MS);
    mark(caret);
  }

  /** The caret with this key is drawn as `element` from now on. */
  drawn(key: string, element: HTMLElement): void {
    const caret = this.#caret(key);
    caret.element = element;
    mark(caret);
  }

  /** Forgets everybody but these. */
  keep(keys: ReadonlySet<string>): void {
    for (const [key, { timer }] of this.#carets) {
      if (keys.has(key)) continue;
      if (timer !== null) clearTimeout(timer);
      this.#carets.delete(key);
    }
  }

  #caret(key: string): Caret {
    const known = this.#carets.get(key);
    if (known !== undefined) return known;
    const caret: Caret = { element: null, timer: null };
    this.#carets.set(key, caret);
    return caret;
  }
}

function mark({ element, timer }: Caret): void {
  if (element === null) return;
  element.toggleAttribute("data-moved", timer !== null);
  // Where it stands is known once it is laid out.
  if (timer !== null) requestAnimationFrame(() => keepOnScreen(element));
}

/** Near the right edge a name goes to the left of its caret. */
function keepOnScreen(caret: HTMLElement): void {
  const name = caret.lastElementChild;
  if (name === null) return;
  const right = caret.getBoundingClientRect().left + name.getBoundingClientRect().width;
  caret.toggleAttribute("data-leftward", right > document.documentElement.clientWidth);
}
