/** The agent's desk. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { live, store, user } from "../../console";
import { wantedNumber } from "../../dialling";
import { percent } from "../../format";
import { words } from "../../language";
import { queueName, queuesInOrder } from "../../names";
import { Actions } from "../../parts/actions";
import { Empty, Figure, Since, stateWord } from "../../parts/parts";
import { Icon } from "../../parts/icons";
import { CallPanel, callKeys, type Openers } from "./call";
import { DialDialog, dialKeys, mayDial } from "./dial";
import { HelpDialog } from "./help";
import { itemKeys, Items } from "./items";
import { listen } from "./keys";
import { call, desk, follow, isOwn, isRinging } from "./line";
import { NotificationAsk } from "./notifications";
import { Parked } from "./parked";
import { RecordPanel } from "./record";
import { SignIn } from "./sign_in";
import { StateBar, stateKeys } from "./state_bar";
import { type Purpose, TransferDialog } from "./transfer";
import { WrapUp, wrapUpKeys, WrapUpForm } from "./wrap_up";

export function DeskPage() {
  const t = words();
  const now = desk.value;
  const me = store.one("me") ?? user.value;
  const callActions = useMemo(() => new Actions(), []);
  const stateActions = useMemo(() => new Actions(), []);
  const form = useMemo(() => new WrapUpForm(), []);
  const [help, setHelp] = useState(false);
  const dialActions = useMemo(() => new Actions(), []);
  const [keypad, setKeypad] = useState(false);
  const [transfer, setTransfer] = useState<Purpose | null>(null);
  const [dialling, setDialling] = useState(false);
  const openers = useMemo<Openers>(
    () => ({ keypad: () => setKeypad((shown) => !shown), transfer: setTransfer }),
    [],
  );
  useEffect(follow, []);
  // A link of another program fills in a new call as soon as the agent could place one.
  const wanted = wantedNumber.value;
  const fillIn = wanted !== "" && mayDial();
  useEffect(() => {
    if (fillIn) setDialling(true);
  }, [fillIn]);
  // A dialogue takes keys and clicks: behind it a call could not be answered.
  const rings = call.value !== null && isRinging(call.value);
  useEffect(() => {
    if (!rings) return;
    setHelp(false);
    setDialling(false);
  }, [rings]);
  useEffect(
    () =>
      listen(() => ({
        "?": () => setHelp(true),
        ...stateKeys(stateActions),
        ...itemKeys(),
        ...callKeys(callActions, openers),
        ...dialKeys(() => setDialling(true)),
        ...wrapUpKeys(form),
      })),
    [],
  );
  useTitle();

  if (me && !me.agent_id) return <Empty title={t.desk.noAgent} />;
  if (!now) {
    return <Empty title={live.connection.value === "open" ? t.app.loading : t.connection.connecting} />;
  }
  return (
    <div class="desk">
      <StateBar actions={stateActions} onHelp={() => setHelp(true)} />
      <NotificationAsk />
      {now.state === "offline" ? (
        <SignIn />
      ) : (
        <div class="desk-columns">
          <div class="desk-left">
            {now.call ? (
              <CallPanel card={now.call} actions={callActions} keypad={keypad} open={openers} />
            ) : (
              <Idle onDial={() => setDialling(true)} />
            )}
            {now.call && isOwn(now.call) && now.call.place !== "ringing" ? (
              <WrapUp card={now.call} form={form} />
            ) : null}
            <Items />
            {now.call ? null : <Parked />}
            {now.call ? null : <MyQueues />}
          </div>
          <RecordPanel />
        </div>
      )}
      <p class="visually-hidden" aria-live="polite" data-testid="announcer">
        {t.desk.announce(stateWord(now.state))}
      </p>
      {help ? <HelpDialog onClose={() => setHelp(false)} /> : null}
      {transfer && now.call ? (
        <TransferDialog
          card={now.call}
          purpose={transfer}
          actions={callActions}
          onClose={() => setTransfer(null)}
        />
      ) : null}
      {dialling ? (
        <DialDialog
          actions={dialActions}
          number={wanted}
          onClose={() => {
            wantedNumber.value = "";
            setDialling(false);
          }}
        />
      ) : null}
    </div>
  );
}

/** The tab tells of a ringing call, too. */
function useTitle(): void {
  const t = words();
  const card = call.value;
  const name = card ? card.ani_name || card.ani_local : "";
  const ringing = card?.place === "ringing";
  useEffect(() => {
    document.title = ringing ? `☎ ${t.call.incoming} · ${name}` : `${t.app.desk} · ${stateWord(desk.value?.state ?? "")}`;
  });
}

function Idle({ onDial }: { onDial: () => void }) {
  const t = words();
  const now = desk.value;
  if (!now) return null;
  const paused = now.state === "ready" && now.deadline !== null;
  const missed = now.state === "not ready" && now.reason === "no answer";
  const hint =
    now.state === "ready" ? t.desk.idleReady : now.state === "fault" ? t.desk.idleFault : t.desk.idleNotReady;
  return (
    <section class={`card idle ${now.state === "ready" ? "idle-ready" : ""}`} data-testid="idle">
      <h2>{t.desk.idleTitle}</h2>
      {missed || paused ? (
        <p class="notice" role="alert" data-testid="missed">
          {paused ? t.desk.missedPaused : t.desk.missed}
        </p>
      ) : null}
      {paused ? null : <p class="muted">{hint}</p>}
      {mayDial() ? (
        <p>
          <button type="button" class="button" aria-keyshortcuts="C" data-testid="new-call" onClick={onDial}>
            <Icon name="phone" />
            {t.dial.button}
            <kbd>C</kbd>
          </button>
        </p>
      ) : null}
      <TryIt />
    </section>
  );
}

/** In the demonstration nobody calls by chance: say how to be the caller. */
function TryIt() {
  const t = words();
  const site = store.one("site");
  if (!site?.demo || site.switch === "virtual" || desk.value?.state !== "ready") return null;
  return (
    <p class="muted try-it" data-testid="try-it">
      {t.desk.tryIt}{" "}
      <a href="/call" target="_blank" rel="noopener">
        {t.app.webPhone}
      </a>
    </p>
  );
}

function MyQueues() {
  const t = words();
  const queues = queuesInOrder();
  if (!queues.length) return null;
  return (
    <section class="card quiet" data-testid="my-queues">
      <header class="queue-list-head">
        <h2>{t.desk.myQueues}</h2>
        <small class="muted">
          <Figure of="service_level" />
        </small>
      </header>
      <ul class="queue-list">
        {queues.map((queue) => (
          <li key={queue.id}>
            <span>{queueName(queue.id, queue.name)}</span>
            <span class={queue.waiting ? "strong" : "muted"}>
              {t.desk.queueWaiting(queue.waiting)}
              {queue.longest_since !== null ? (
                <>
                  {" · "}
                  <Since at={queue.longest_since} />
                </>
              ) : null}
            </span>
            <span class="muted figures">{percent(queue.service_level.standard, 0)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
