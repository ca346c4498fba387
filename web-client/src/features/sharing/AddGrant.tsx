import { type FormEvent, useRef, useState } from "react";
import type { SharingFacts } from "~/model/sharing";
import type { Role } from "~/model/status";
import { Button } from "~/ui/Button";
import { Select } from "~/ui/Select";
import { ChangeNote } from "./ChangeNote";
import { ROLE_OPTIONS } from "./GrantRow";
import { type Candidate, NamePicker } from "./NamePicker";
import styles from "./Sharing.module.css";
import { type SharingPlace, useSharingChange } from "./useSharing";

/** Names one more person or group of the workspace. What was typed stays until it is done. */
export function AddGrant({ place }: { place: SharingPlace }) {
  const { facts } = place;
  const [text, setText] = useState("");
  const [picked, setPicked] = useState<Candidate | null>(null);
  const [role, setRole] = useState<Role>("viewer");
  const [unknown, setUnknown] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const change = useSharingChange(place, () => {
    setText("");
    setPicked(null);
    field.current?.focus();
  });
  const candidates = candidatesOf(facts);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const chosen = picked ?? onlyOneCalled(text, candidates);
    if (chosen === null) {
      setUnknown(whyUnknown(text, facts));
      field.current?.focus();
    } else {
      change.attempt({ kind: chosen.kind, id: chosen.id, name: chosen.name, role });
    }
  };
  return (
    <form className={styles.add} onSubmit={submit} noValidate>
      <NamePicker
        ref={field}
        label="Add a person or group"
        candidates={candidates}
        text={text}
        picked={picked !== null}
        error={unknown}
        onText={(typed) => {
          setText(typed);
          setPicked(null);
          setUnknown(null);
        }}
        onPick={(candidate) => {
          setText(candidate.name);
          setPicked(candidate);
          setUnknown(null);
        }}
      />
      <div className={styles.addAs}>
        <Select label="Role to give" value={role} options={ROLE_OPTIONS} onChange={setRole} />
        <Button type="submit" look="primary" disabled={text.trim() === ""}>
          Add
        </Button>
      </div>
      <ChangeNote change={change} />
    </form>
  );
}

/** Those of the workspace who are not named yet. */
function candidatesOf({ directory, people, groups }: SharingFacts): Candidate[] {
  if (directory === null) return [];
  const isNamed = (id: string) =>
    people.some((grant) => grant.id === id) || groups.some((grant) => grant.id === id);
  const members = directory.members.map(({ id, name, role }): Candidate => {
    return { kind: "person", id, name, detail: role === "guest" ? "Guest" : "" };
  });
  const teams = directory.groups.map(({ id, name, members: { length } }): Candidate => {
    return { kind: "group", id, name, detail: `Group of ${length}` };
  });
  return [...members, ...teams].filter(({ id }) => !isNamed(id));
}

function onlyOneCalled(text: string, candidates: readonly Candidate[]): Candidate | null {
  const wanted = text.trim().toLocaleLowerCase();
  const found = candidates.filter(({ name }) => name.toLocaleLowerCase() === wanted);
  return found.length === 1 ? (found[0] ?? null) : null;
}

function whyUnknown(text: string, { people, groups, directory, workspaceName }: SharingFacts): string {
  const wanted = text.trim().toLocaleLowerCase();
  const isCalled = ({ name }: { name: string }) => name.toLocaleLowerCase() === wanted;
  const named = [...people, ...groups].find(isCalled);
  if (named !== undefined) return `${named.name} is in the list already.`;
  if (directory?.members.some(isCalled)) return "A person and a group are called so. Choose one of the two.";
  return `Nobody in ${workspaceName} is called “${text.trim()}”. Only people of the workspace can be added.`;
}
