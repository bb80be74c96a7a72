/** The frame of every page: who is logged in, where one can go, what is wrong just now. */
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { entered, homeOf, isLeader, live, store, user } from "./console";
import { wantedNumber } from "./dialling";
import { words } from "./language";
import { Banners } from "./parts/banners";
import { Icon } from "./parts/icons";
import { Empty } from "./parts/parts";
import { Preferences } from "./parts/preferences";
import type { Me } from "./protocol";
import { follow, go, path } from "./route";
import { AlertBadge } from "./pages/floor/alerts";
import { LoginPage } from "./pages/login";

type Page = ComponentType;

const pages: Record<string, () => Promise<Page>> = {
  "/desk": async () => (await import("./pages/desk/desk")).DeskPage,
  "/supervisor": async () => (await import("./pages/floor/floor")).FloorPage,
  "/wall": async () => (await import("./pages/wall")).WallPage,
  "/reports": async () => (await import("./pages/reports")).ReportsPage,
  "/embed": async () => (await import("./pages/embed")).EmbedPage,
  "/call": async () => (await import("./pages/web_phone")).WebPhonePage,
};

export function App() {
  const here = path.value.replace(/\/+$/, "") || "/";
  const isPage = here in pages || here === "/" || here === "/login";
  useEffect(() => {
    // Somebody without an account may call; everything else wants to know who it is.
    if (isPage && here !== "/call" && user.value === undefined) void identify();
  }, [here]);

  if (!isPage) return <NotFound />;
  if (here === "/call") return <Load page={here} />;
  const me = user.value;
  if (me === undefined) return <main class="center" aria-busy="true" />;
  if (me === null) return <LoginPage />;
  if (here === "/" || here === "/login") {
    return <Redirect to={wantedNumber.value && me.agent_id ? "/desk" : homeOf(me)} />;
  }
  if (here === "/embed") return <Load page={here} />;
  if (here === "/wall") {
    return isLeader(me) ? <Load page={here} /> : <Redirect to={homeOf(me)} />;
  }
  return (
    <Frame me={me}>
      <Content here={here} me={me} />
    </Frame>
  );
}

function Content({ here, me }: { here: string; me: Me }) {
  const t = words();
  if (here !== "/desk" && !isLeader(me)) {
    return (
      <Empty title={t.app.notAllowed}>
        <Link to={homeOf(me)} name={t.app.toDesk} />
      </Empty>
    );
  }
  return <Load key={here} page={here} />;
}

/** Also for whoever is not logged in: the address is wrong either way. */
function NotFound() {
  const t = words();
  useEffect(() => {
    document.title = t.app.notFound;
  });
  return (
    <main class="login">
      <div class="login-corner">
        <Preferences />
      </div>
      <section class="card login-card center-text" data-testid="not-found">
        <p class="not-found-code figures">404</p>
        <h1>{t.app.notFound}</h1>
        <p class="muted address">{location.pathname}</p>
        <p>
          <a class="button primary" href="/">
            {t.app.toStart}
          </a>
        </p>
      </section>
    </main>
  );
}

/** Finds out who is logged in, and opens the live connection. */
async function identify(): Promise<void> {
  for (let wait_ms = 500; ; wait_ms = Math.min(5000, wait_ms * 2)) {
    try {
      // The welcome says it without an error in the browser's log; an older server does not.
      const told = await api.welcome();
      const me = told?.me === undefined ? await api.me() : told.me;
      if (me) entered(me);
      else user.value = null;
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }
}

async function leave(): Promise<void> {
  const desk = store.one("desk");
  const isTalking = ["talking", "held", "consulting", "conference"].includes(desk?.call?.place ?? "");
  if (isTalking && !window.confirm(words().call.leave)) return;
  if (desk && desk.state !== "offline") await live.do("sign_out", {}).catch(() => undefined);
  try {
    await api.logout();
  } catch {
    // Logged out on the server's side already, or not reachable: this page forgets all the same.
  }
  live.stop();
  // Loaded afresh, so that nothing of this user stays in the page.
  location.assign("/");
}

function Redirect({ to }: { to: string }) {
  useEffect(() => go(to), [to]);
  return null;
}

function Load({ page }: { page: string }) {
  const [Shown, setShown] = useState<Page | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    pages[page]?.().then(
      (found) => setShown(() => found),
      () => setFailed(true),
    );
  }, [page]);
  if (failed) {
    return (
      <p class="center">
        <button class="button" onClick={() => location.reload()}>
          {words().app.retry}
        </button>
      </p>
    );
  }
  return Shown ? <Shown /> : <main class="center" aria-busy="true" />;
}

function Frame({ me, children }: { me: Me; children: ComponentChildren }) {
  const t = words();
  const site = store.one("site");
  const signedOut = live.connection.value === "signed-out";
  useEffect(() => {
    if (signedOut) user.value = null;
  }, [signedOut]);
  return (
    <div class="frame">
      <a class="skip" href="#content">
        {t.app.skip}
      </a>
      <header class="topbar">
        <span class="brand">
          <span class="brand-mark">
            <Icon name="headset" />
          </span>
          {site?.company ?? t.app.title}
        </span>
        <nav>
          {me.agent_id ? <Link to="/desk" name={t.app.desk} /> : null}
          {isLeader(me) ? (
            <>
              <Link to="/supervisor" name={t.app.supervisor}>
                <AlertBadge />
              </Link>
              <Link to="/reports" name={t.app.reports} />
              <Link to="/wall" name={t.app.wall} />
            </>
          ) : null}
        </nav>
        {site?.switch === "virtual" ? (
          <span class="tag" data-tip={t.app.virtualHint} tabIndex={0}>
            {t.app.virtual}
          </span>
        ) : null}
        <span class="spring" />
        <Preferences />
        <span class="who">
          <strong>{me.name}</strong>
          <small>{t.roles[me.role]}</small>
        </span>
        <button
          class="icon-button"
          aria-label={t.app.logOut}
          data-tip={t.app.logOut}
          data-testid="log-out"
          onClick={() => void leave()}
        >
          <Icon name="door" />
        </button>
      </header>
      <Banners />
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Link({ to, name, children }: { to: string; name: string; children?: ComponentChildren }) {
  return (
    <a href={to} onClick={follow} aria-current={path.value === to ? "page" : undefined}>
      {name}
      {children}
    </a>
  );
}
