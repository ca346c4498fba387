import { cbor } from "@automerge/automerge-repo/slim";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Presence, PresenceRoom, readPresence } from "./presence";

const caret = { anchor: "2@ab", head: "3@ab" };
const ann = { key: "tab-ann", userId: "u1", name: "Ann", state: "here" as const };

function data(presence: Presence): Uint8Array {
  return cbor.encode(presence);
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("who is here", () => {
  test("comes from the roster, then from what changed", () => {
    const room = new PresenceRoom(() => true);
    room.receive({
      kind: "roster",
      documentId: "d",
      people: [{ ...ann, data: data({ state: "active", caret }) }],
    });
    expect(room.people.get()).toEqual([{ ...ann, state: "active", caret }]);
    room.receive({
      kind: "presence",
      documentId: "d",
      people: [{ ...ann, state: "reconnecting" }],
      gone: [],
    });
    expect(room.people.get()).toEqual([{ ...ann, state: "reconnecting", caret }]);
    room.receive({ kind: "presence", documentId: "d", people: [ann], gone: [] });
    expect(room.people.get()).toEqual([{ ...ann, state: "active", caret }]);
    room.receive({ kind: "presence", documentId: "d", people: [], gone: ["tab-ann"] });
    expect(room.people.get()).toEqual([]);
  });

  test("leaves out those who look at something else, and everybody while we are cut off", () => {
    const room = new PresenceRoom(() => true);
    room.receive({ kind: "roster", documentId: "d", people: [ann] });
    expect(room.people.get()).toHaveLength(1);
    const away = { ...ann, data: data({ state: "away", caret: null }) };
    room.receive({ kind: "presence", documentId: "d", people: [away], gone: [] });
    expect(room.people.get()).toEqual([]);
    // Their socket is lost afterwards: that does not bring them back.
    room.receive({
      kind: "presence",
      documentId: "d",
      people: [{ ...ann, state: "reconnecting" }],
      gone: [],
    });
    expect(room.people.get()).toEqual([]);
    room.receive({ kind: "roster", documentId: "d", people: [ann] });
    room.disconnected();
    expect(room.people.get()).toEqual([]);
  });

  test("nonsense from others is nobody's loss", () => {
    expect(readPresence(new Uint8Array([0xff, 1, 2]))).toBeNull();
    expect(readPresence(cbor.encode({ state: 7, caret: { anchor: 1 } }))).toEqual({
      state: "active",
      caret: null,
    });
    expect(readPresence(new Uint8Array())).toEqual({ state: "active", caret: null });
  });
});

describe("what we tell", () => {
  test("is sent ten times a second at most, the last word always, and nothing twice", () => {
    const send = vi.fn((_: Uint8Array) => true);
    const room = new PresenceRoom(send);
    let position = 0;
    for (; position < 25; position += 1) {
      room.tell(() => ({ state: "active", caret: { anchor: `${position}@ab`, head: `${position}@ab` } }));
      vi.advanceTimersByTime(10);
    }
    vi.advanceTimersByTime(200);
    expect(send.mock.calls.length).toBeLessThanOrEqual(4);
    expect(cbor.decode(send.mock.lastCall?.[0] as Uint8Array)).toMatchObject({ caret: { head: "25@ab" } });
    const before = send.mock.calls.length;
    room.tell(() => ({ state: "active", caret: { anchor: "25@ab", head: "25@ab" } }));
    vi.advanceTimersByTime(200);
    expect(send.mock.calls.length).toBe(before);
  });

  test("is told again to a server that opens the document again", () => {
    const send = vi.fn((_: Uint8Array) => true);
    const room = new PresenceRoom(send);
    room.tell(() => ({ state: "active", caret }));
    vi.advanceTimersByTime(200);
    room.receive({ kind: "roster", documentId: "d", people: [] });
    vi.advanceTimersByTime(200);
    expect(send).toHaveBeenCalledTimes(2);
  });

  test("leaving is said at once", () => {
    const send = vi.fn((_: Uint8Array) => true);
    const room = new PresenceRoom(send);
    room.tell(() => ({ state: "active", caret }));
    room.leave();
    expect(cbor.decode(send.mock.lastCall?.[0] as Uint8Array)).toEqual({ state: "away", caret: null });
    vi.advanceTimersByTime(500);
    expect(send).toHaveBeenCalledTimes(1);
  });
});
