import { describe, expect, test } from "vitest";
import { carryOver, shiftCaret } from "./caret";
import { kindLabel } from "./kinds";
import { initials, PERSON_COLOURS, personColour } from "./person";
import { whenText } from "./time";

describe("a person", () => {
  test("has initials, whatever the script", () => {
    expect(initials("Ann Lee")).toBe("AL");
    expect(initials("  ann  ")).toBe("A");
    expect(initials("Zoë van der Berg")).toBe("ZB");
    expect(initials("山田 太郎")).toBe("山太");
    expect(initials("")).toBe("?");
  });

  test("keeps one colour", () => {
    expect(personColour("user-1")).toBe(personColour("user-1"));
    const seen = new Set(Array.from({ length: 200 }, (_, index) => personColour(`user-${index}`)));
    expect(seen.size).toBe(PERSON_COLOURS);
  });
});

describe("a time", () => {
  const now = new Date(2026, 4, 20, 12).getTime();

  test("is told as people tell it", () => {
    expect(whenText(now - 20_000, now)).toBe("just now");
    expect(whenText(now - 5 * 60_000, now)).toBe("5 minutes ago");
    expect(whenText(now - 26 * 3_600_000, now)).toBe("yesterday");
    expect(whenText(new Date(2026, 2, 3).getTime(), now)).toBe("March 3");
    expect(whenText(new Date(2025, 2, 3).getTime(), now)).toBe("March 3, 2025");
  });

  test("is never in the future", () => {
    expect(whenText(now + 60_000, now)).toBe("just now");
  });
});

describe("a caret in a text that somebody else changes", () => {
  test("stays beside its letters", () => {
    expect(shiftCaret("hello", "oh hello", 2)).toBe(5);
    expect(shiftCaret("hello", "hello there", 2)).toBe(2);
    expect(shiftCaret("hello", "hello there", 5)).toBe(5);
    expect(shiftCaret("hello big world", "hello world", 8)).toBe(6);
    expect(shiftCaret("hello big world", "hello world", 15)).toBe(11);
  });
});

describe("an edit of a text that somebody else has changed meanwhile", () => {
  test("goes where it was meant", () => {
    expect(carryOver("hello", "hello!", "hello")).toBe("hello!");
    expect(carryOver("Plan", "Plan 2027", "Acme Plan")).toBe("Acme Plan 2027");
    expect(carryOver("Acme Plan", "Acme big Plan", "Acme Plan 2027")).toBe("Acme big Plan 2027");
    expect(carryOver("one two three", "one three", "zero one two three")).toBe("zero one three");
  });

  test("keeps what the other has written in its place", () => {
    expect(carryOver("Plan", "Plans", "Plan 2027")).toBe("Plans 2027");
    expect(carryOver("abc", "", "abcy")).toBe("y");
  });
});

test("documents of unknown kind are documents", () => {
  expect(kindLabel("meeting_agenda")).toBe("Meeting agenda");
  expect(kindLabel(null)).toBe("Document");
});
