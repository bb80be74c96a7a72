/**
 * Things that people do: a button is pending until the server has answered, and a refusal is
 * shown where the button is. Nothing is shown as done in advance.
 */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { live } from "../console";
import { wordFor, words } from "../language";
import { Refused } from "../live";

export class Actions {
  /** The name of what is under way, "" when nothing is. */
  readonly pending = signal("");
  readonly refused = signal<Refused | null>(null);

  /** True when it was done. A second press while one is under way does nothing. */
  async run(name: string, act: () => Promise<unknown>): Promise<boolean> {
    if (this.pending.peek()) return false;
    this.pending.value = name;
    this.refused.value = null;
    try {
      await act();
      return true;
    } catch (problem) {
      // Pressed twice, or done by somebody else meanwhile: it is as it was wanted.
      if (problem instanceof Refused && problem.code === "no-change") return true;
      this.fail(problem);
      return false;
    } finally {
      this.pending.value = "";
    }
  }

  /** Show why something was not done. */
  fail(problem: unknown): void {
    this.refused.value =
      problem instanceof Refused ? problem : new Refused("failed", String(problem));
  }
}

/** The refusal in the reader's language; the server's own sentence when the code is new. */
export function refusalText(refused: Refused): string {
  const known = wordFor(words().refusals, refused.code);
  return known === refused.code ? refused.message || refused.code : known;
}

export function Refusal({ actions }: { actions: Actions }) {
  const refused = actions.refused.value;
  if (!refused) return null;
  return (
    <p class="refusal" role="alert" data-testid="refusal">
      {words().refused(refusalText(refused))}
      <button
        class="bare"
        aria-label={words().app.close}
        onClick={() => (actions.refused.value = null)}
      >
        ×
      </button>
    </p>
  );
}

interface ActProps {
  actions: Actions;
  name: string;
  onAct?: () => void;
  /** Sends the form that it stands in. */
  submit?: boolean;
  children: ComponentChildren;
  class?: string;
  /** The key that does the same, shown on the button. */
  hint?: string;
  disabled?: boolean;
  pressed?: boolean;
  tip?: string;
  testid?: string;
  /** Works without the websocket, such as muting. */
  local?: boolean;
}

export function Act(props: ActProps) {
  const pending = props.actions.pending.value;
  const offline = !props.local && live.connection.value !== "open";
  const tip = offline ? words().connection.waitForConnection : props.tip;
  return (
    <button
      type={props.submit ? "submit" : "button"}
      class={`button ${props.class ?? ""} ${pending === props.name ? "pending" : ""}`}
      disabled={offline || props.disabled || pending !== ""}
      aria-pressed={props.pressed}
      aria-busy={pending === props.name}
      aria-keyshortcuts={props.hint?.replace("Ctrl", "Control")}
      data-tip={tip}
      data-testid={props.testid ?? props.name}
      onClick={props.onAct}
    >
      {props.children}
      {props.hint ? <kbd>{props.hint}</kbd> : null}
    </button>
  );
}
