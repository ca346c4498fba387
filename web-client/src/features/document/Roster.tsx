import type { Person, PresenceRoom } from "~/sync/presence";
import { useObservable } from "~/sync/useSync";
import { Avatar } from "~/ui/Avatar";
import styles from "./Roster.module.css";

const SHOWN = 4;

/** Who else has this document open. */
export function Roster({ presence, userId }: { presence: PresenceRoom; userId: string }) {
  const people = onePerUser(useObservable(presence.people).filter((person) => !isOwnGhost(person, userId)));
  if (people.length === 0) return null;
  const rest = people.slice(SHOWN);
  return (
    <ul className={styles.roster} aria-label="Also here">
      {people.slice(0, SHOWN).map((person) => (
        <li key={person.userId}>
          <Avatar
            userId={person.userId}
            name={person.name}
            look={
              person.state === "reconnecting" ? "reconnecting" : person.state === "idle" ? "idle" : "here"
            }
            label={labelOf(person, userId)}
          />
        </li>
      ))}
      {rest.length > 0 ? (
        <li className={styles.more} title={rest.map((person) => person.name).join(", ")}>
          +{rest.length}
          <span className="visually-hidden"> more: {rest.map((person) => person.name).join(", ")}</span>
        </li>
      ) : null}
    </ul>
  );
}

/** The page that one has just left or reloaded, for as long as the server waits for it. */
function isOwnGhost(person: Person, userId: string): boolean {
  return person.userId === userId && person.state === "reconnecting";
}

/** Somebody with two devices is one person; the livelier device speaks for both. */
function onePerUser(people: readonly Person[]): Person[] {
  const rank = { active: 3, idle: 2, reconnecting: 1, away: 0 };
  const byUser = new Map<string, Person>();
  for (const person of people) {
    const known = byUser.get(person.userId);
    if (known === undefined || rank[person.state] > rank[known.state]) byUser.set(person.userId, person);
  }
  return Array.from(byUser.values()).sort((a, b) => a.name.localeCompare(b.name));
}

function labelOf(person: Person, userId: string): string {
  const name = person.userId === userId ? `${person.name} (you, on another device)` : person.name;
  if (person.state === "reconnecting") return `${name}, reconnecting`;
  return person.state === "idle" ? `${name}, idle` : name;
}
