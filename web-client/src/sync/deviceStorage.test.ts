import "fake-indexeddb/auto";
import { afterEach, expect, test, vi } from "vitest";
import { DeviceStorage } from "./deviceStorage";

const bytes = new Uint8Array([1, 2, 3]);

afterEach(() => void vi.restoreAllMocks());

test("keeps what the stock storage reads", async () => {
  const storage = await DeviceStorage.open("ann");
  await storage.save(["doc", "incremental", "a"], bytes);
  expect(await storage.load(["doc", "incremental", "a"])).toEqual(bytes);
  expect((await storage.loadRange(["doc"])).map(({ key }) => key)).toEqual([["doc", "incremental", "a"]]);
  await storage.removeRange([]);
  expect(await storage.loadRange(["doc"])).toEqual([]);
});

test("commits in the same turn: there may be no next one", async () => {
  const storage = await DeviceStorage.open("ben");
  const commit = vi.spyOn(IDBTransaction.prototype, "commit");
  void storage.save(["doc", "incremental", "a"], bytes);
  expect(commit).toHaveBeenCalledOnce();
});

test("tells when a write is taken back, and when one works again", async () => {
  const storage = await DeviceStorage.open("cem");
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(IDBTransaction.prototype, "commit").mockImplementationOnce(function (this: IDBTransaction) {
    this.abort();
  });
  await expect(storage.save(["doc", "incremental", "a"], bytes)).rejects.toBeDefined();
  expect(storage.healthy.get()).toBe(false);
  await storage.save(["doc", "incremental", "a"], bytes);
  expect(storage.healthy.get()).toBe(true);
});

test("one person's database is not another's", async () => {
  const ann = await DeviceStorage.open("ann-2");
  const ben = await DeviceStorage.open("ben-2");
  await ann.save(["doc", "snapshot", "a"], bytes);
  expect(await ben.loadRange(["doc"])).toEqual([]);
});
