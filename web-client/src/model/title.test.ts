import { describe, expect, test } from "vitest";
import { boundedTitle, TITLE_MAX_CHARACTERS } from "./title";

const full = "x".repeat(TITLE_MAX_CHARACTERS);

describe("a title that is typed", () => {
  test("may be as long as the bound", () => {
    expect(boundedTitle("", full)).toBe(full);
    expect(boundedTitle("x", full)).toBe(full);
  });

  test("takes no more at the bound, wherever the letters are put in", () => {
    expect(boundedTitle(full, `${full}y`)).toBe(full);
    expect(boundedTitle(full, `y${full}`)).toBe(full);
    expect(boundedTitle(full, `xxxy${full.slice(3)}`)).toBe(full);
  });

  test("keeps the first part of what is pasted, and all around it", () => {
    const before = `${"a".repeat(100)}${"z".repeat(90)}`;
    const typed = `${"a".repeat(100)}0123456789too much${"z".repeat(90)}`;
    expect(boundedTitle(before, typed)).toBe(`${"a".repeat(100)}0123456789${"z".repeat(90)}`);
  });

  test("counts an emoji as one, as the server does, and never cuts through it", () => {
    const emojis = "😀".repeat(TITLE_MAX_CHARACTERS);
    expect(boundedTitle("", emojis)).toBe(emojis);
    expect(boundedTitle("", `${emojis}😀`)).toBe(emojis);
  });

  test("may be made shorter when others have made it longer, but not longer still", () => {
    const longer = `${full} and more`;
    expect(boundedTitle(longer, `${full} and`)).toBe(`${full} and`);
    expect(boundedTitle(longer, `${full} and less`)).toBe(`${full} and less`);
    expect(boundedTitle(longer, `${longer}!`)).toBe(longer);
  });
});
