import { describe, expect, test } from "vitest";
import { deriveStatus, SAVING_PATIENCE_MS, type StatusFacts } from "./status";

const calm: StatusFacts = {
  connection: "online",
  waiting: 0,
  waitingForMs: 0,
  storeOk: true,
  role: "editor",
  ended: false,
  refused: false,
  deviceOk: true,
};

function text(facts: Partial<StatusFacts>): string {
  return deriveStatus({ ...calm, ...facts }).text;
}

describe("the status line", () => {
  test("says Saved only when nothing waits", () => {
    expect(text({})).toBe("Saved");
    expect(text({ waiting: 1 })).toBe("Saving…");
  });

  test("admits after a while that changes wait", () => {
    expect(text({ waiting: 1, waitingForMs: SAVING_PATIENCE_MS })).toBe("1 change waits on this device");
    expect(text({ waiting: 1200, waitingForMs: SAVING_PATIENCE_MS })).toBe(
      "1,200 changes wait on this device",
    );
  });

  test("counts what waits while offline", () => {
    expect(text({ connection: "offline" })).toBe("Offline");
    expect(text({ connection: "offline", waiting: 3 })).toBe("Offline · 3 changes wait on this device");
  });

  test("never says Saving without a connection", () => {
    expect(text({ connection: "connecting", waiting: 2 })).toBe("2 changes wait on this device");
    expect(text({ connection: "connecting" })).toBe("Connecting…");
  });

  test("tells that the server's store fails", () => {
    expect(text({ storeOk: false })).toBe("The server can’t save right now");
    expect(text({ storeOk: false, waiting: 2 })).toBe(
      "The server can’t save right now · 2 changes wait on this device",
    );
    // Offline we can not know: what counts is that we are offline.
    expect(text({ storeOk: false, connection: "offline" })).toBe("Offline");
  });

  test("tells a viewer, a refused writer and a full device what is the matter", () => {
    expect(text({ role: "viewer" })).toBe("Read only");
    expect(text({ role: "viewer", connection: "offline" })).toBe("Read only · Offline");
    expect(text({ refused: true })).toBe("The server refused a change");
    expect(text({ deviceOk: false })).toContain("can’t keep your changes");
  });

  test("never says Saved once the access has ended", () => {
    expect(text({ ended: true })).toBe("Your access has ended");
    expect(text({ ended: true, waiting: 2 })).toBe("Your access has ended · 2 changes wait on this device");
    expect(text({ ended: true, role: "viewer", connection: "offline" })).toBe("Your access has ended");
  });

  test("is not chatty for a screen reader", () => {
    expect(deriveStatus({ ...calm, waiting: 1 }).announcement).toBeNull();
    const three = deriveStatus({ ...calm, connection: "offline", waiting: 3 }).announcement;
    expect(deriveStatus({ ...calm, connection: "offline", waiting: 4 }).announcement).toBe(three);
  });
});
