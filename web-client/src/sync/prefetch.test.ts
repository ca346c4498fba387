import { expect, test, vi } from "vitest";
import { PREFETCH_MOST, Prefetch } from "./prefetch";

/** A device whose connection the test holds in its hands. */
class Device {
  readonly held = new Set<string>();
  readonly asked: string[] = [];
  idle = true;
  signal: AbortSignal | null = null;
  #answer: { resolve: () => void; reject: (error: Error) => void } | null = null;
  readonly prefetch = new Prefetch({
    held: async () => this.held,
    fetch: (id, signal) => {
      this.asked.push(id);
      this.signal = signal;
      return new Promise((resolve, reject) => {
        this.#answer = { resolve, reject };
        signal.addEventListener("abort", () => reject(new Error("stopped")));
      });
    },
    idle: async () => this.idle,
  });

  /** The document that was asked for last has come. */
  arrive(): void {
    this.held.add(this.asked.at(-1) ?? "");
    this.#answer?.resolve();
  }

  fail(): void {
    this.#answer?.reject(new Error("out of reach"));
  }

  async hasAskedFor(...ids: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.asked).toEqual(ids));
  }
}

test("what is not here comes one by one, in the order of the list", async () => {
  const device = new Device();
  device.held.add("b");
  device.prefetch.want(["a", "b", "c"]);
  await device.hasAskedFor("a");
  device.arrive();
  await device.hasAskedFor("a", "c");
  expect(device.prefetch.fetched.get()).toBe(1);
  device.arrive();
  await vi.waitFor(() => expect(device.prefetch.fetched.get()).toBe(2));
});

test("no more come than the most", async () => {
  const device = new Device();
  const ids = Array.from({ length: PREFETCH_MOST + 5 }, (_, index) => `${index}`);
  device.prefetch.want(ids);
  for (let count = 1; count <= PREFETCH_MOST; count += 1) {
    await device.hasAskedFor(...ids.slice(0, count));
    device.arrive();
  }
  await vi.waitFor(() => expect(device.prefetch.fetched.get()).toBe(PREFETCH_MOST));
  await device.prefetch.stop();
  expect(device.asked).toHaveLength(PREFETCH_MOST);
});

test("one that can not be had keeps no other from coming, and is not asked for again", async () => {
  const device = new Device();
  device.prefetch.want(["a", "b"]);
  await device.hasAskedFor("a");
  device.fail();
  await device.hasAskedFor("a", "b");
  device.arrive();
  await vi.waitFor(() => expect(device.prefetch.fetched.get()).toBe(1));
  device.prefetch.want(["a", "b", "c"]);
  await device.hasAskedFor("a", "b", "c");
});

test("what did not come is asked for again with the next connection", async () => {
  const device = new Device();
  device.prefetch.want(["a"]);
  await device.hasAskedFor("a");
  device.fail();
  device.prefetch.resume();
  await device.hasAskedFor("a", "a");
});

test("nothing comes while the person is busy, or has no connection", async () => {
  const device = new Device();
  device.idle = false;
  device.prefetch.want(["a"]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(device.asked).toEqual([]);
  device.idle = true;
  device.prefetch.resume();
  await device.hasAskedFor("a");
});

test("stopping gives up what is under way, and nothing follows", async () => {
  const device = new Device();
  device.prefetch.want(["a", "b"]);
  await device.hasAskedFor("a");
  await device.prefetch.stop();
  expect(device.signal?.aborted).toBe(true);
  device.prefetch.want(["c"]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(device.asked).toEqual(["a"]);
});
