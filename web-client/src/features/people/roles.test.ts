import { describe, expect, it } from "vitest";
import { inOrder, roleName, rolesToGive } from "./roles";

describe("who may make what of whom", () => {
  it("takes an admin, and nobody above them", () => {
    expect(rolesToGive("member", "guest")).toEqual([]);
    expect(rolesToGive("guest", "guest")).toEqual([]);
    expect(rolesToGive("admin", "owner")).toEqual([]);
    expect(rolesToGive("admin", "admin")).toEqual(["guest", "member", "admin"]);
    expect(rolesToGive("owner", "owner")).toEqual(["guest", "member", "admin", "owner"]);
  });
});

describe("a list of people", () => {
  it("has owners first and names in order, whatever their case", () => {
    const members = [
      { id: "1", name: "zoe", role: "member" as const },
      { id: "2", name: "Ben", role: "member" as const },
      { id: "3", name: "Vic", role: "guest" as const },
      { id: "4", name: "Ann", role: "owner" as const },
    ];
    expect(inOrder(members).map(({ name }) => name)).toEqual(["Ann", "Ben", "zoe", "Vic"]);
    expect(members[0]?.name).toBe("zoe");
  });
  it("names roles as people say them", () => {
    expect(roleName("admin")).toBe("Admin");
  });
});
