/** The callers' web phone: anybody can call in from a browser. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../api";
import { Preferences } from "../parts/preferences";
import { second, serverNow } from "../clock";
import { clock } from "../format";
import { wordFor, words } from "../language";
import { Icon } from "../parts/icons";
import { Keypad } from "../parts/keypad";
import { Meter } from "../parts/parts";
import { BrowserPhone } from "../phone/phone";
import { type Problem, PhoneProblem } from "../phone/problems";
import { dialled, userOf } from "../phone/target";
import type { Welcome } from "../protocol";

const phone = new BrowserPhone({ access: api.webPhoneAccess, register: false });

/** SIP's words for how a call ended, told kindly. "Terminated" and "Canceled" need no excuse. */
function causeText(cause: string): string {
  const t = words().webPhone;
  const known: Record<string, string> = {
    Busy: t.busy,
    Rejected: t.rejected,
    "Not Found": t.notFound,
    "No Answer": t.noAnswer,
    Unavailable: t.noAnswer,
    "Request Timeout": t.lost,
    "Connection Error": t.lost,
    "RTP Timeout": t.lost,
  };
  if (!cause || cause === "Terminated" || cause === "Canceled") return "";
  return known[cause] ?? t.failed;
}

/** Told when shown, so that another language also changes what stands there already. */
function problemText(problem: Problem): string {
  const t = words();
  if (problem === "microphone-denied") return t.webPhone.micBlocked;
  const own = wordFor(t.webPhone.problems, problem);
  return own === problem ? t.phone.problems[problem] : own;
}

/** True while the browser refuses the microphone without even asking. */
function useBlockedMicrophone(): boolean {
  const [blocked, setBlocked] = useState(false);
  useEffect(() => {
    let permission: PermissionStatus | undefined;
    const look = (): void => setBlocked(permission?.state === "denied");
    // Not every browser knows this name; then the call itself finds out.
    navigator.permissions?.query({ name: "microphone" as PermissionName }).then(
      (found) => {
        permission = found;
        permission.onchange = look;
        look();
      },
      () => undefined,
    );
    return () => {
      if (permission) permission.onchange = null;
    };
  }, []);
  return blocked;
}

export function WebPhonePage() {
  const t = words();
  const [number, setNumber] = useState("");
  const [site, setSite] = useState<Welcome | null>(null);
  const [problem, setProblem] = useState<Problem | "">("");
  const [digits, setDigits] = useState("");
  const [startedAt, setStartedAt] = useState(0);
  const [wasCalled, setWasCalled] = useState(false);
  const talk = phone.talk.value;
  const target = phone.access.value?.target ?? "";
  const caller = site?.web_phone_caller ?? "";

  useEffect(() => void api.welcome().then(setSite), []);
  useEffect(() => {
    document.title = `${t.webPhone.title} · ${site?.company || t.app.title}`;
  });
  useEffect(() => {
    if (target) setNumber((typed) => typed || userOf(target));
  }, [target]);
  useEffect(() => {
    if (talk === "up") setStartedAt(serverNow());
    if (talk === "none") setDigits("");
  }, [talk]);

  const call = async (): Promise<void> => {
    setProblem("");
    setWasCalled(true);
    try {
      if (phone.line.peek() !== "up") await phone.start();
    } catch (failed) {
      setProblem(failed instanceof PhoneProblem ? failed.problem : "failed");
      return;
    }
    const to = phone.access.peek()?.target ?? "";
    phone.call(number.trim() ? dialled(to, number) : to);
  };
  const press = useMemo(
    () => (digit: string) => {
      if (phone.talk.peek() === "up") {
        phone.sendDigit(digit);
        setDigits((sent) => (sent + digit).slice(-24));
      } else if (phone.talk.peek() === "none") setNumber((typed) => (typed + digit).slice(0, 32));
    },
    [],
  );
  const off = site !== null && !site.web_phone;
  const isBlocked = useBlockedMicrophone();
  const help = isBlocked ? t.webPhone.micBlocked : t.webPhone.micHelp;
  const busy = talk !== "none" || phone.line.value === "starting";
  const over = wasCalled && !busy && !problem ? causeText(phone.endCause.value) || (phone.endCause.value ? t.webPhone.ended : "") : "";
  return (
    <main class="web-phone">
      <div class="login-corner">
        <Preferences />
      </div>
      <section class="card phone-card" data-testid="web-phone" data-talk={talk}>
        <header>
          <span class="brand-mark big">
            <Icon name="phone" />
          </span>
          <h1>{site?.company || t.webPhone.title}</h1>
          {off ? null : <p class="muted">{t.webPhone.lead}</p>}
          {caller && !off ? (
            <p class="calling-as" data-testid="calling-as">
              {t.webPhone.callingAs(caller)}
            </p>
          ) : null}
        </header>
        {off ? (
          <p class={`notice ${site.virtual ? "" : "bad"}`} role="alert" data-testid="web-phone-off">
            {site.virtual ? t.webPhone.virtual : t.webPhone.off}
          </p>
        ) : (
          <>
            {busy ? (
              <InCall startedAt={startedAt} number={number} digits={digits} />
            ) : (
              <NumberField number={number} setNumber={setNumber} onCall={() => void call()} />
            )}
            <p class="problem center-text" role="alert" data-testid="call-problem">
              {problem ? problemText(problem) : over}
            </p>
            <Keypad onDigit={press} />
            {busy ? (
              <button class="button hang-up big wide" data-testid="hang-up" onClick={() => phone.endCall()}>
                <Icon name="hangUp" />
                {t.webPhone.hangUp}
              </button>
            ) : (
              <button class="button answer big wide" data-testid="dial" onClick={() => void call()}>
                <Icon name="phone" />
                {wasCalled && !problem ? t.webPhone.callAgain : t.webPhone.call}
              </button>
            )}
            {talk === "up" ? (
              <small class="muted center-text">{t.webPhone.listen}</small>
            ) : phone.line.value === "up" || problem ? null : (
              <small class={`center-text ${isBlocked ? "bad-text" : "muted"}`} data-testid="mic-help">
                {help}
              </small>
            )}
          </>
        )}
        <p class="login-foot">
          <a href="/">{t.webPhone.toConsole}</a>
        </p>
      </section>
    </main>
  );
}

function NumberField(props: { number: string; setNumber: (to: string) => void; onCall: () => void }) {
  const t = words();
  return (
    <form
      class="number-field"
      onSubmit={(event) => {
        event.preventDefault();
        props.onCall();
      }}
    >
      <input
        type="tel"
        inputMode="tel"
        autocomplete="off"
        value={props.number}
        maxLength={32}
        placeholder={t.webPhone.number}
        aria-label={t.webPhone.number}
        data-testid="number"
        onInput={(event) => props.setNumber(event.currentTarget.value)}
      />
      <button
        type="button"
        class="icon-button"
        aria-label={t.webPhone.remove}
        onClick={() => props.setNumber(props.number.slice(0, -1))}
      >
        <Icon name="backspace" />
      </button>
    </form>
  );
}

function InCall({ startedAt, number, digits }: { startedAt: number; number: string; digits: string }) {
  const t = words();
  const talk = phone.talk.value;
  const phase = talk === "up" ? t.webPhone.connected : talk === "progress" ? t.webPhone.ringing : t.webPhone.calling;
  return (
    <div class="in-call">
      <strong class="figures">{number}</strong>
      <p role="status" data-testid="call-phase" data-phase={talk}>
        {phase}
        {talk === "up" ? <span class="figures"> {clock(second.value - startedAt)}</span> : null}
      </p>
      <Meter level={phone.level} label={t.webPhone.level} />
      <p class="muted figures sent-digits" data-testid="sent-digits">
        {digits ? t.webPhone.sent(digits) : "\u00a0"}
      </p>
    </div>
  );
}
