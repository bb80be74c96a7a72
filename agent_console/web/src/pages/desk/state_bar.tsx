/** The agent's state, what can be done about it, the phone's health, and the day so far. */
import { useEffect } from "preact/hooks";
import { live, store } from "../../console";
import { clock, count, percent } from "../../format";
import { say, words } from "../../language";
import { reasonName } from "../../names";
import { Act, type Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { Menu, Meter, Since, stateClass, stateWord, Until } from "../../parts/parts";
import type { Problem } from "../../phone/problems";
import type { Desk, Today } from "../../protocol";
import type { Keys } from "./keys";
import { desk, isVirtual, phone } from "./line";
import { SoundSettings } from "./sound_settings";

const busy = (state: string): boolean => ["reserved", "talking", "held", "consulting", "conference", "wrap-up"].includes(state);

const beReady = (actions: Actions): void => void actions.run("ready", () => live.do("ready", {}));

const beNotReady = (actions: Actions, reason: string): void =>
  void actions.run("not-ready", () => live.do("not_ready", { reason }));

export function stateKeys(actions: Actions): Keys {
  const now = desk.value;
  if (!now || now.state === "offline") return {};
  return {
    R: () => beReady(actions),
    N: () => document.querySelector<HTMLElement>("[data-testid=not-ready]")?.click(),
  };
}

export function StateBar({ actions, onHelp }: { actions: Actions; onHelp: () => void }) {
  const t = words();
  const now = desk.value;
  // What was refused in another state is of no interest any more.
  useEffect(() => void (actions.refused.value = null), [now?.state]);
  if (!now) return null;
  const offline = now.state === "offline";
  return (
    <section class="state-bar" aria-label={t.desk.myState}>
      <div class={`state-now ${stateClass(now.state)}`}>
        <i class="dot" />
        <span>
          <strong data-testid="state" data-state={now.state}>
            {stateWord(now.state)}
          </strong>
          {now.reason ? <small data-testid="state-reason">{reasonName(now.reason)}</small> : null}
          {now.state === "ready" && now.deadline !== null ? (
            <small data-testid="paused">
              {t.desk.pausedFor} <Until at={now.deadline} />
            </small>
          ) : null}
        </span>
        {offline ? null : (
          <span class="state-timer" data-testid="state-timer">
            <Since at={now.since} />
          </span>
        )}
      </div>
      {offline ? null : <StateButtons now={now} actions={actions} />}
      {offline ? null : <PhoneState now={now} />}
      <span class="state-bar-end">
        <MyDay today={now.today} />
        <button class="icon-button" aria-label={t.desk.help} data-tip={`${t.desk.help}  ?`} onClick={onHelp}>
          <kbd>?</kbd>
        </button>
      </span>
      <Refusal actions={actions} />
    </section>
  );
}

function StateButtons({ now, actions }: { now: Desk; actions: Actions }) {
  const t = words();
  const during = busy(now.state);
  const reasons = store.one("site")?.not_ready_reasons ?? [];
  const target = during ? now.intent : now.state;
  return (
    <div class="state-buttons" role="group" aria-label={during ? t.desk.afterCall : t.desk.myState}>
      {during ? (
        <Intent now={now} />
      ) : null}
      <Act
        actions={actions}
        name="ready"
        class={target === "ready" ? "chosen-good" : ""}
        pressed={target === "ready"}
        hint="R"
        onAct={() => beReady(actions)}
      >
        {t.desk.ready}
      </Act>
      <Menu
        testid="not-ready"
        title={t.desk.notReadyReason}
        class={target === "not ready" ? "chosen" : ""}
        disabled={live.connection.value !== "open" || actions.pending.value !== ""}
        busy={actions.pending.value === "not-ready"}
        tip={live.connection.value !== "open" ? t.connection.waitForConnection : undefined}
        label={
          <>
            {t.desk.notReady} <span class="caret">▾</span>
            <kbd>N</kbd>
          </>
        }
        items={[
          ...reasons.map((reason) => ({ id: reason.id, label: say(reason.label) || reason.id })),
          ...(reasons.length ? [] : [{ id: "", label: t.desk.noReason }]),
        ]}
        onChoose={(reason) => beNotReady(actions, reason)}
      />
      <Act
        actions={actions}
        name="sign-out"
        class={target === "offline" ? "chosen" : "plain"}
        onAct={() => {
          if (during && !window.confirm(t.desk.signOutConfirm)) return;
          void actions.run("sign-out", () => live.do("sign_out", {}));
        }}
      >
        {t.desk.signOut}
      </Act>
    </div>
  );
}

/** A line that is lost together with the console needs no second banner. */
const isToldOnlyHere = (problem: Problem): boolean =>
  problem !== "connection-lost" || live.connection.value === "open";

/** The chosen button says which state comes next; only a reason needs words of its own. */
function Intent({ now }: { now: Desk }) {
  const t = words();
  const reason = reasonName(now.intent_reason);
  const next = now.intent ? [stateWord(now.intent), reason].filter(Boolean).join(" · ") : "";
  const tip = next ? `${t.desk.intent(next)}. ${t.desk.intentHint}` : t.desk.intentHint;
  return (
    <span class="intent" data-tip={tip} tabIndex={0} data-testid="intent" data-intent={now.intent}>
      {t.desk.afterCall}
      {next ? <span class="visually-hidden">: {next}</span> : null}
      {reason ? <small class="block">{reason}</small> : null}
    </span>
  );
}

function PhoneState({ now }: { now: Desk }) {
  const t = words();
  const virtual = isVirtual.value;
  const browser = now.phone.kind === "browser" && !virtual;
  const line = phone.line.value;
  const quality = phone.quality.value;
  const kinds: Record<string, string> = { browser: t.phone.browser, desk: t.phone.desk, outside: t.phone.outside };
  const name = virtual ? t.phone.virtual : (kinds[now.phone.kind] ?? now.phone.kind);
  const up = now.phone.up && (!browser || line === "up");
  const starting = browser && line === "starting";
  const problem = phone.problem.value;
  return (
    <div class="phone-state">
      <span
        class={`phone-line ${up ? "good" : starting ? "" : "bad"}`}
        data-testid="phone-state"
        data-up={up}
      >
        <Icon name={browser ? "headset" : "phone"} />
        <span>
          {name}
          <small>{up ? t.phone.registered : starting ? t.phone.connecting : t.phone.down}</small>
        </span>
      </span>
      {browser ? <Meter level={phone.level} label={t.phone.microphone} /> : null}
      {quality.ping_ms !== null || quality.loss !== null ? (
        <span class="muted figures quality" data-tip={t.phone.network} data-testid="quality" tabIndex={0}>
          {quality.ping_ms !== null ? t.phone.ping(quality.ping_ms) : ""}
          {quality.loss !== null && quality.loss > 0.001 ? ` · ${t.phone.loss(percent(quality.loss))}` : ""}
        </span>
      ) : null}
      {browser ? <SoundSettings /> : null}
      {browser && problem && line !== "starting" && isToldOnlyHere(problem) ? (
        <p class="phone-problem" role="alert" data-testid="phone-problem">
          {t.phone.problems[problem]}{" "}
          {line === "failed" ? (
            <button class="button small" onClick={() => void phone.start().catch(() => undefined)}>
              {t.phone.reconnect}
            </button>
          ) : null}
        </p>
      ) : null}
    </div>
  );
}

function MyDay({ today }: { today: Today }) {
  const t = words();
  const figures: [string, string, string?][] = [
    [t.desk.handled, count(today.handled)],
    [t.desk.aht, clock(today.aht_s), t.figures.aht.formula],
    [t.desk.wrapUp, clock(today.wrap_up_s), t.figures.acw.formula],
    [t.desk.occupancy, percent(today.occupancy, 0), t.figures.occupancy.formula],
  ];
  return (
    <dl class="my-day" aria-label={t.desk.today} data-testid="my-day">
      {figures.map(([name, value, tip]) => (
        <div key={name} data-tip={tip} tabIndex={tip ? 0 : undefined}>
          <dt>{name}</dt>
          <dd class="figures">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
