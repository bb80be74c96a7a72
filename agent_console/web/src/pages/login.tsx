import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { entered, homeOf } from "../console";
import { words } from "../language";
import { Refused } from "../live";
import { Icon } from "../parts/icons";
import { Preferences } from "../parts/preferences";
import type { Welcome } from "../protocol";
import { go, path } from "../route";

export function LoginPage() {
  const t = words();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [working, setWorking] = useState(false);
  const [site, setSite] = useState<Welcome | null>(null);
  useEffect(() => void api.welcome().then(setSite), []);
  useEffect(() => {
    document.title = `${t.login.title} · ${site?.company || t.app.title}`;
  });

  const submit = async (who: string, secret: string): Promise<void> => {
    if (working) return;
    if (!who.trim() || !secret) return setProblem(t.login.missing);
    setWorking(true);
    setProblem("");
    try {
      const me = await api.login(who.trim(), secret);
      if (path.peek() === "/") go(homeOf(me));
      entered(me);
    } catch (refused) {
      setProblem(explain(refused));
      setWorking(false);
    }
  };

  return (
    <main class="login">
      <div class="login-corner">
        <Preferences />
      </div>
      <div class={`card login-card ${site?.demo ? "with-tour" : ""}`}>
        <section>
          <span class="brand-mark big">
            <Icon name="headset" />
          </span>
          <h1>{site?.company || t.app.title}</h1>
          <p class="muted">{t.login.lead}</p>
          <form
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              void submit(name, password);
            }}
          >
            <label>
              {t.login.name}
              <input
                name="username"
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
                autofocus
                maxLength={100}
                value={name}
                aria-invalid={problem !== ""}
                data-testid="login-name"
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </label>
            <label>
              {t.login.password}
              <input
                name="password"
                type="password"
                autocomplete="current-password"
                maxLength={200}
                value={password}
                aria-invalid={problem !== ""}
                data-testid="login-password"
                onInput={(event) => setPassword(event.currentTarget.value)}
              />
            </label>
            <p class="problem" role="alert" data-testid="login-problem">
              {problem}
            </p>
            <button class="button primary wide" disabled={working} data-testid="login-submit">
              {working ? t.login.working : t.login.submit}
            </button>
          </form>
          {site?.web_phone && !site.demo ? (
            <p class="login-foot">
              <a href="/call">{t.login.webPhone}</a>
            </p>
          ) : null}
        </section>
        {site?.demo ? (
          <Tour site={site} disabled={working} onLogIn={(who, secret) => void submit(who, secret)} />
        ) : null}
      </div>
    </main>
  );
}

interface TourProps {
  site: Welcome;
  disabled: boolean;
  onLogIn: (name: string, password: string) => void;
}

/** What a demonstration is for: three steps, and log-ins by one click. */
function Tour({ site, disabled, onLogIn }: TourProps) {
  const t = words();
  const tour = t.login.tour;
  const caller = site.web_phone_caller ?? "";
  const steps = site.virtual
    ? [tour.watch, tour.takePart, tour.open]
    : [tour.begin, site.web_phone ? tour.call(caller) : tour.dial, tour.answer];
  return (
    <section class="demo" aria-label={tour.title} data-testid="tour">
      <h2>{tour.title}</h2>
      <ol class="tour">
        {steps.map((step, i) => (
          <li key={step}>
            <span>
              {step}
              {i === 1 && site.web_phone ? (
                <>
                  {" "}
                  <a href="/call" target="_blank" rel="noopener" data-testid="tour-call">
                    {tour.openPhone}
                  </a>
                </>
              ) : null}
            </span>
          </li>
        ))}
      </ol>
      <p class="muted">{t.login.demo}</p>
      <div class="chips">
        {(site.demo_users ?? []).map((one) => (
          <button
            key={one.name}
            type="button"
            class="demo-chip"
            disabled={disabled}
            data-testid={`demo-${one.name}`}
            onClick={() => onLogIn(one.name, one.password)}
          >
            <strong>{one.name}</strong>
            <small>{t.roles[one.role] ?? one.role}</small>
          </button>
        ))}
      </div>
    </section>
  );
}

function explain(problem: unknown): string {
  const t = words().login;
  if (!(problem instanceof Refused)) return t.other("");
  if (problem.code === "offline") return t.unreachable;
  if (problem.status === 401 || problem.status === 403 || problem.code === "wrong-password") return t.wrong;
  if (problem.status === 429) return t.tooMany;
  return t.other(problem.message || problem.code);
}
