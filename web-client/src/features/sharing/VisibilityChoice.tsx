import { type Visibility, whatMembersGet } from "~/model/sharing";
import { ChangeNote } from "./ChangeNote";
import styles from "./Sharing.module.css";
import { type SharingPlace, useSharingChange } from "./useSharing";

/** Whether the workspace sees a document, or those alone who are named. */
export function VisibilityChoice({ place }: { place: SharingPlace }) {
  const { facts } = place;
  const change = useSharingChange(place);
  const shown = change.pending?.kind === "visibility" ? change.pending.visibility : facts.visibility;
  const options: { value: Visibility; name: string; meaning: string }[] = [
    { value: "workspace", name: `Everyone in ${facts.workspaceName}`, meaning: whatMembersGet(facts) },
    {
      value: "private",
      name: "Only people named here",
      meaning: `Nobody else, not even the admins of ${facts.workspaceName}.`,
    },
  ];
  return (
    <fieldset className={styles.visibility}>
      <legend>Who can see it</legend>
      {options.map(({ value, name, meaning }) => (
        <label key={value} className={styles.option}>
          <input
            type="radio"
            name="visibility"
            data-first={shown === value ? true : undefined}
            checked={shown === value}
            onChange={() => change.attempt({ kind: "visibility", visibility: value })}
          />
          <strong>{name}</strong>
          <span>{meaning}</span>
        </label>
      ))}
      <ChangeNote change={change} />
    </fieldset>
  );
}
