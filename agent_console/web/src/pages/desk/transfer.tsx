/**
 * One dialogue for giving a call away and for asking somebody first: type to find, arrows to
 * choose, Enter to do. Who cannot be rung is shown with the reason, not hidden.
 */
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { live, store } from "../../console";
import { say, words } from "../../language";
import { callQueues, queueName } from "../../names";
import { Act, type Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { StateChip, stateWord } from "../../parts/parts";
import type { CallCard, TargetKind } from "../../protocol";
import { call } from "./line";
import { search, type Target, targets } from "./targets";

/** "give": blind, or asked first. "add": into the conference. */
export type Purpose = "give" | "add";

const ICONS = { agent: "headset", queue: "queue", flow: "menu", number: "phone" } as const;
const EVERY_KIND: readonly TargetKind[] = ["agent", "queue", "flow", "number"];
const PEOPLE: readonly TargetKind[] = ["agent", "number"];

const canBeAsked = (target: Target): target is Target & { kind: "agent" | "number" } =>
  target.kind === "agent" || target.kind === "number";

const keyOf = (target: Target): string => `${target.kind}:${target.id}`;

interface TransferProps {
  card: CallCard;
  purpose: Purpose;
  actions: Actions;
  onClose: () => void;
}

export function TransferDialog({ card, purpose, actions, onClose }: TransferProps) {
  const t = words().transfer;
  const box = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const [typed, setTyped] = useState("");
  const [choice, setChoice] = useState("");
  const kinds = purpose === "add" ? PEOPLE : EVERY_KIND;
  // At once, so that keys pressed next are for the dialogue.
  useLayoutEffect(() => {
    actions.refused.value = null;
    box.current?.showModal();
  }, []);
  // The call may be over, or somebody else's, while the dialogue is open.
  const gone = call.value?.call_id !== card.call_id || call.value.place === "ended";
  useEffect(() => {
    if (gone) box.current?.close();
  }, [gone]);

  const all = targets(
    {
      colleagues: store.all("colleague"),
      queues: callQueues(),
      flows: store.one("site")?.flows ?? [],
      speedDials: store.one("site")?.speed_dials ?? [],
      me: store.one("me")?.agent_id ?? "",
      label: say,
      queueName,
    },
    kinds,
  );
  const found = search(all, typed, kinds);
  const chosen = found.find((one) => keyOf(one) === choice) ?? found[0];
  const now = chosen ? found.indexOf(chosen) : -1;
  const setAt = (at: number): void => setChoice(found[at] ? keyOf(found[at]) : "");
  // States change while one reads; what was shown as chosen stays chosen wherever it moves to.
  useLayoutEffect(() => {
    if (chosen) setChoice(keyOf(chosen));
  });

  const give = async (target: Target): Promise<void> => {
    const done = await actions.run("transfer-blind", () =>
      live.do("transfer", { call_id: card.call_id, kind: target.kind, to: target.id }),
    );
    if (done) box.current?.close();
  };
  const ask = async (target: Target): Promise<void> => {
    if (!canBeAsked(target)) return;
    const { kind, id: to } = target;
    const done = await actions.run("transfer-ask", () =>
      live.do("consult", { call_id: card.call_id, kind, to }),
    );
    if (done) box.current?.close();
  };
  const act = (target: Target, asking: boolean): void => {
    if (!target.available || actions.pending.peek()) return;
    void (asking || purpose === "add" ? ask(target) : give(target));
  };

  const keys = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) {
      const next = Math.max(0, Math.min(found.length - 1, now + step));
      setAt(next);
      list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && chosen && !event.isComposing) {
      const onButton = event.target instanceof HTMLButtonElement && !event.target.dataset["at"];
      if (onButton) return;
      act(chosen, event.shiftKey);
    } else return;
    event.preventDefault();
  };

  return (
    <dialog
      ref={box}
      class="dialog transfer"
      onClose={onClose}
      onKeyDown={keys}
      aria-label={purpose === "add" ? t.addTitle : t.title}
      data-testid="transfer-dialog"
    >
      <header>
        <h2>{purpose === "add" ? t.addTitle : t.title}</h2>
        <button class="bare" aria-label={words().app.close} onClick={() => box.current?.close()}>
          ×
        </button>
      </header>
      <input
        type="text"
        class="transfer-search"
        // The dialogue opens for typing.
        autofocus
        value={typed}
        maxLength={60}
        placeholder={purpose === "add" ? t.searchPeople : t.search}
        aria-label={purpose === "add" ? t.searchPeople : t.search}
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={chosen ? `${id}-${now}` : undefined}
        data-testid="transfer-search"
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setChoice("");
        }}
      />
      <ul class="targets" role="listbox" id={`${id}-list`} ref={list} aria-label={t.targets}>
        {found.map((target, i) => (
          <TargetRow
            key={keyOf(target)}
            target={target}
            at={i}
            rowId={`${id}-${i}`}
            first={i === 0 || found[i - 1]?.kind !== target.kind}
            chosen={i === now}
            onChoose={() => setAt(i)}
            onTake={() => act(target, false)}
          />
        ))}
      </ul>
      {found.length ? null : <p class="muted pad">{t.nothing}</p>}
      <p class="transfer-hint" aria-live="polite" data-testid="transfer-hint">
        {chosen ? <Hint target={chosen} /> : null}
      </p>
      <Refusal actions={actions} />
      <footer class="dialog-foot">
        {purpose === "add" ? null : (
          <Act
            actions={actions}
            name="transfer-blind"
            class="primary"
            hint="Enter"
            disabled={!chosen?.available}
            onAct={() => chosen && act(chosen, false)}
          >
            <Icon name="transfer" />
            {t.blind}
          </Act>
        )}
        <Act
          actions={actions}
          name="transfer-ask"
          class={purpose === "add" ? "primary" : ""}
          hint={purpose === "add" ? "Enter" : "Shift+Enter"}
          disabled={!chosen?.available || !canBeAsked(chosen)}
          {...(chosen && !canBeAsked(chosen) ? { tip: t.onlyPeople } : {})}
          onAct={() => chosen && act(chosen, true)}
        >
          <Icon name="people" />
          {purpose === "add" ? t.add : t.askFirst}
        </Act>
      </footer>
    </dialog>
  );
}

interface RowProps {
  target: Target;
  at: number;
  rowId: string;
  first: boolean;
  chosen: boolean;
  onChoose: () => void;
  onTake: () => void;
}

function TargetRow({ target, at, rowId, first, chosen, onChoose, onTake }: RowProps) {
  const t = words().transfer;
  return (
    <>
      {first ? (
        <li class="target-kind" role="presentation">
          {t.kinds[target.kind]}
        </li>
      ) : null}
      <li
        id={rowId}
        role="option"
        class={`target ${chosen ? "chosen" : ""}`}
        aria-selected={chosen}
        aria-disabled={!target.available}
        data-at={at}
        data-testid={`target-${target.kind}-${target.id}`}
        onClick={onChoose}
        onDblClick={onTake}
      >
        <Icon name={ICONS[target.kind]} />
        <span class={`target-name ${target.available ? "" : "muted"}`}>{target.name}</span>
        <TargetState target={target} />
      </li>
    </>
  );
}

function TargetState({ target }: { target: Target }) {
  const t = words();
  const queue = useMemo(() => target.kind === "queue" && target.id, [target]);
  if (target.kind === "agent") return <StateChip state={target.state} />;
  if (queue) {
    const figures = store.get("queue", queue);
    if (!figures) return null;
    return (
      <span class="muted figures">
        {t.desk.queueWaiting(figures.waiting)} · {t.transfer.ready(figures.agents["ready"] ?? 0)}
      </span>
    );
  }
  return target.name === target.id ? null : <span class="muted figures">{target.kind === "number" ? target.id : ""}</span>;
}

/** What will happen, or why it cannot. */
function Hint({ target }: { target: Target }) {
  const t = words();
  if (target.kind === "agent" && !target.available) {
    return (
      <strong class="bad-text">
        {target.state === "offline"
          ? t.transfer.notHere(target.name)
          : t.transfer.notReady(target.name, stateWord(target.state))}
      </strong>
    );
  }
  if (target.kind === "queue" && !(store.get("queue", target.id)?.agents["ready"] ?? 0)) {
    return <>{t.transfer.willWait(target.name)}</>;
  }
  return <>{t.transfer.chosen(target.name)}</>;
}
