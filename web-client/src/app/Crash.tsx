import { Component, type ReactNode } from "react";
import { Door } from "~/features/door/Door";
import { Button } from "~/ui/Button";

/** What is shown when the app itself breaks: what happened to one's work, and what to do. */
export class Crash extends Component<{ children: ReactNode }, { problem: string | null }> {
  override state: { problem: string | null } = { problem: null };

  static getDerivedStateFromError(error: unknown): { problem: string } {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    const { problem } = this.state;
    if (problem === null) return this.props.children;
    return (
      <Door
        title="Fieldbook stopped"
        intro={
          <>
            <p>What you wrote is kept on this device. Load the page again to go on.</p>
            <p>
              If that does not help, your browser may not let Fieldbook keep documents: leave its private
              mode, or free some space.
            </p>
          </>
        }
      >
        <Button look="primary" onClick={() => location.reload()}>
          Load again
        </Button>
        <details>
          <summary>Details</summary>
          <p>{problem}</p>
        </details>
      </Door>
    );
  }
}
