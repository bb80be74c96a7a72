import { useMemo, useState } from "preact/hooks";
import { live } from "../../console";
import { words } from "../../language";
import { remember, remembered } from "../../memory";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Icon } from "../../parts/icons";
import { PhoneProblem } from "../../phone/problems";
import type { OwnPhone } from "../../protocol";
import { desk, isVirtual, phone, signingIn } from "./line";

function phoneWords(own: OwnPhone): { name: string; hint: string } {
  const t = words().desk;
  if (own.kind === "browser") return { name: t.phoneBrowser, hint: t.phoneBrowserHint };
  if (own.kind === "desk") return { name: t.phoneDesk, hint: t.phoneDeskHint };
  return { name: t.phoneOutside, hint: t.phoneOutsideHint(own.number) };
}

/** The start of a shift: which phone, and its microphone first. */
export function SignIn() {
  const t = words();
  const virtual = isVirtual.value;
  const actions = useMemo(() => new Actions(), []);
  // What the site gives this agent; with nothing set up the server will say so.
  const own = desk.value?.phones?.length ? desk.value.phones : [{ kind: "browser", number: "" }];
  const [chosen, setKind] = useState(() => remembered("phone-kind") ?? "browser");
  const kind = own.some((one) => one.kind === chosen) ? chosen : (own[0]?.kind ?? "browser");
  const problem = phone.problem.value;

  const start = async (): Promise<void> => {
    remember("phone-kind", kind);
    signingIn.value = true;
    await actions.run("sign-in", async () => {
      if (kind === "browser" && !virtual) {
        try {
          if (phone.line.peek() !== "up") await phone.start();
        } catch (failed) {
          // Its explanation stands in the card.
          if (failed instanceof PhoneProblem) return;
          throw failed;
        }
      }
      await live.do("sign_in", { phone: virtual ? "desk" : kind });
    });
    signingIn.value = false;
  };

  const choices = virtual
    ? [{ id: "desk", name: t.desk.phoneVirtual, hint: t.desk.phoneVirtualHint }]
    : own.map((one) => ({ id: one.kind, ...phoneWords(one) }));
  return (
    <section class="card sign-in" data-testid="sign-in-card">
      <h1>{t.desk.signIn}</h1>
      <p class="muted">{t.desk.signInLead}</p>
      <div class="choices" role="radiogroup" aria-label={t.phone.title}>
        {choices.map((choice) => (
          <label key={choice.id} class="choice">
            <input
              type="radio"
              name="phone"
              value={choice.id}
              checked={virtual || kind === choice.id}
              data-testid={`phone-${choice.id}`}
              onChange={() => setKind(choice.id)}
            />
            <span>
              <Icon name={choice.id === "browser" ? "headset" : "phone"} />
              <strong>{choice.name}</strong>
              <small>{choice.hint}</small>
            </span>
          </label>
        ))}
      </div>
      {problem && kind === "browser" && !virtual ? (
        <p class="refusal" role="alert" data-testid="phone-problem">
          {t.phone.problems[problem]}
        </p>
      ) : null}
      {!problem && kind === "browser" && !virtual ? <p class="muted">{t.desk.micAsk}</p> : null}
      <Refusal actions={actions} />
      <Act actions={actions} name="sign-in" class="primary wide" onAct={() => void start()}>
        {actions.pending.value ? t.desk.starting : t.desk.signIn}
      </Act>
    </section>
  );
}
