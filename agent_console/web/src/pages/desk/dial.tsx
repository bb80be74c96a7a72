/** A call that the agent places: the own phone first, then the number. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { live, store } from "../../console";
import { say, words } from "../../language";
import { callQueues, queueName } from "../../names";
import { Act, type Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import type { Keys } from "./keys";
import { call, desk } from "./line";
import { dialable } from "./targets";

/** Signed in, and on no call. */
export const mayDial = (): boolean =>
  ["ready", "not ready"].includes(desk.value?.state ?? "") && call.value === null;

export const dialKeys = (open: () => void): Keys => (mayDial() ? { C: open } : {});

export function DialDialog(props: { actions: Actions; number?: string; onClose: () => void }) {
  const { actions, onClose } = props;
  const t = words().dial;
  const box = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState(props.number ?? "");
  const [queue, setQueue] = useState("");
  const [wrong, setWrong] = useState(false);
  // At once, so that keys pressed next are for the dialogue.
  useLayoutEffect(() => {
    actions.refused.value = null;
    box.current?.showModal();
  }, []);
  const site = store.one("site");
  const mine = new Set(store.get("colleague", store.one("me")?.agent_id ?? "")?.queues ?? []);
  // Who serves no queue (a supervisor) says for which one the call is.
  const queues = callQueues().filter((one) => !mine.size || mine.has(one.id));

  const place = async (number: string): Promise<void> => {
    if (!number) return setWrong(true);
    const of = queue || (mine.size ? "" : (queues[0]?.id ?? ""));
    const done = await actions.run("dial", () => live.do("dial", { number, queue: of }));
    if (done) box.current?.close();
  };
  return (
    <dialog ref={box} class="dialog dial" onClose={onClose} aria-label={t.title} data-testid="dial-dialog">
      <header>
        <h2>{t.title}</h2>
        <button class="bare" aria-label={words().app.close} onClick={() => box.current?.close()}>
          ×
        </button>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void place(dialable(typed));
        }}
      >
        <label>
          {t.number}
          <input
            type="tel"
            autofocus
            value={typed}
            maxLength={40}
            autocomplete="off"
            aria-invalid={wrong}
            data-testid="dial-number"
            onInput={(event) => {
              setTyped(event.currentTarget.value);
              setWrong(false);
            }}
          />
        </label>
        {wrong ? (
          <p class="problem" role="alert" data-testid="dial-problem">
            {t.wrong}
          </p>
        ) : null}
        {queues.length > 1 ? (
          <label>
            {t.queue}
            <select value={queue} data-testid="dial-queue" onChange={(event) => setQueue(event.currentTarget.value)}>
              {mine.size ? <option value="">{t.firstQueue}</option> : null}
              {queues.map((one) => (
                <option key={one.id} value={one.id}>
                  {queueName(one.id)}
                </option>
              ))}
            </select>
          </label>
        ) : null}
        {site?.speed_dials?.length ? (
          <div class="chips" role="group" aria-label={t.speedDials}>
            {site.speed_dials.map((one) => (
              <button
                key={one.number}
                type="button"
                class="demo-chip"
                data-testid={`speed-${one.number}`}
                onClick={() => {
                  setTyped(one.number);
                  setWrong(false);
                }}
              >
                {say(one.label)}
                <small class="figures">{one.number}</small>
              </button>
            ))}
          </div>
        ) : null}
        <Refusal actions={actions} />
        <p class="muted">{t.how}</p>
        <footer class="dialog-foot">
          <Act actions={actions} name="dial" class="primary" hint="Enter" submit>
            <Icon name="phone" />
            {t.call}
          </Act>
        </footer>
      </form>
    </dialog>
  );
}
