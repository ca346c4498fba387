import { describe, expect, test } from "vitest";
import { ownRoleIn, type SharingFacts, spoken, whatIsLost, whoSees } from "./sharing";

const ANN = { id: "ann", workspaceRole: "member" } as const;

const NORDICS: SharingFacts = {
  workspaceName: "Nordics",
  visibility: "workspace",
  defaultRole: "editor",
  people: [],
  groups: [],
  directory: {
    members: [
      { id: "ann", name: "Ann", role: "member" },
      { id: "ben", name: "Ben", role: "guest" },
      { id: "cleo", name: "Cleo", role: "member" },
    ],
    groups: [{ id: "field", name: "Field", members: ["ann", "cleo"] }],
  },
};

const annOwns = { id: "ann", name: "Ann", role: "owner" } as const;

describe("who can see a document", () => {
  test("is everyone, and guests by name", () => {
    const people = [annOwns, { id: "ben", name: "Ben", role: "viewer" } as const];
    expect(whoSees({ ...NORDICS, people }, ANN)).toBe(
      "Everyone in Nordics can edit. You own it. Also Ben (guest) can view.",
    );
  });

  test("tells who may do less than everyone, and nothing of who may do the same", () => {
    const people = [{ id: "cleo", name: "Cleo", role: "viewer" } as const];
    const groups = [{ id: "field", name: "Field", role: "editor" } as const];
    expect(whoSees({ ...NORDICS, people, groups }, ANN)).toBe(
      "Everyone in Nordics can edit. Cleo can only view.",
    );
  });

  test("tells who may do what everyone may, though their group may not", () => {
    const people = [{ id: "cleo", name: "Cleo", role: "editor" } as const];
    const groups = [{ id: "field", name: "Field", role: "viewer" } as const];
    expect(whoSees({ ...NORDICS, people, groups }, ANN)).toBe(
      "Everyone in Nordics can edit. Cleo can edit. The group Field can only view.",
    );
  });

  test("is those named, if it is private", () => {
    const people = [annOwns, { id: "cleo", name: "Cleo", role: "editor" } as const];
    const groups = [{ id: "field", name: "Field", role: "editor" } as const];
    expect(whoSees({ ...NORDICS, visibility: "private", people, groups }, ANN)).toBe(
      "Only those named here can see it. You own it. Cleo and the group Field can edit.",
    );
  });

  test("calls nobody else you", () => {
    const people = [{ id: "cleo", name: "young", role: "owner" } as const];
    expect(whoSees({ ...NORDICS, people }, ANN)).toBe("Everyone in Nordics can edit. Young owns it.");
  });

  test("is a number, where it would be too many names", () => {
    expect(spoken(["Ann", "Ben", "Cleo", "Dan"])).toBe("Ann, Ben, Cleo and Dan");
    expect(spoken(["Ann", "Ben", "Cleo", "Dan", "Eve"])).toBe("Ann, Ben, Cleo and 2 more");
  });
});

describe("one's own role", () => {
  test("is by name before it is by group before it is by the workspace", () => {
    const groups = [{ id: "field", name: "Field", role: "commenter" } as const];
    const people = [{ id: "ann", name: "Ann", role: "viewer" } as const];
    expect(ownRoleIn(NORDICS, ANN)).toBe("editor");
    expect(ownRoleIn({ ...NORDICS, groups }, ANN)).toBe("commenter");
    expect(ownRoleIn({ ...NORDICS, groups, people }, ANN)).toBe("viewer");
  });

  test("is what admins and guests have without a grant", () => {
    const admin = { id: "ada", workspaceRole: "admin" } as const;
    expect(ownRoleIn(NORDICS, admin)).toBe("owner");
    expect(ownRoleIn({ ...NORDICS, visibility: "private" }, admin)).toBeNull();
    expect(ownRoleIn(NORDICS, { id: "ben", workspaceRole: "guest" })).toBeNull();
  });
});

describe("before owners lose something", () => {
  const facts = { ...NORDICS, people: [annOwns] };
  const change = { kind: "person", id: "ann", name: "Ann" } as const;

  test("they are told what", () => {
    expect(whatIsLost(facts, { ...change, role: null }, ANN)).toMatch(/only edit/);
    expect(whatIsLost({ ...facts, visibility: "private" }, { ...change, role: null }, ANN)).toMatch(
      /not see/,
    );
    const admin = { id: "ada", workspaceRole: "admin" } as const;
    expect(whatIsLost(facts, { kind: "visibility", visibility: "private" }, admin)).toMatch(/not see/);
  });

  test("nothing is asked of who stays an owner", () => {
    expect(whatIsLost(facts, { kind: "visibility", visibility: "private" }, ANN)).toBeNull();
    expect(whatIsLost(facts, { ...change, id: "cleo", role: "owner" }, ANN)).toBeNull();
  });
});
