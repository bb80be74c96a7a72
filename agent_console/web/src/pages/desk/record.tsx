/** The customer's record beside the call. Everything in it is shown as text, never as markup. */
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../../api";
import { live, store } from "../../console";
import { day, dayAndTime } from "../../format";
import { wordFor, words } from "../../language";
import { colleagueName, dispositionName } from "../../names";
import { Act, Actions, Refusal } from "../../parts/actions";
import { Empty } from "../../parts/parts";
import type { Customer, CustomerRecord, Match } from "../../protocol";
import { call } from "./line";

export function RecordPanel() {
  const t = words();
  const record = store.one("record");
  const card = call.value;
  const shown = record && (!card || record.call_id === card.call_id) ? record : undefined;
  return (
    <section class="card record" aria-label={t.record.title} data-testid="record" data-status={shown?.status ?? ""}>
      <div aria-live="polite" class="record-live">
        {shown?.url ? <Elsewhere url={shown.url} /> : null}
        {shown ? <Body key={shown.call_id} record={shown} /> : <Empty title={t.record.empty} />}
      </div>
    </section>
  );
}

/** The same customer in another program: a link that the site configured. */
function Elsewhere({ url }: { url: string }) {
  const t = words();
  // Only what is certainly a web address becomes a link, whatever the server says.
  if (!/^https?:\/\//i.test(url)) return null;
  return (
    <p class="record-elsewhere">
      <a class="link" href={url} target="_blank" rel="noopener noreferrer" data-testid="record-elsewhere">
        {t.record.elsewhere(new URL(url).host)}
      </a>
    </p>
  );
}

function Body({ record }: { record: CustomerRecord }) {
  const t = words();
  const [searching, setSearching] = useState(false);
  const canChoose = record.call_id !== "";
  switch (record.status) {
    case "looking":
      return (
        <div class="record-looking" data-testid="record-looking">
          <p>
            <span class="spinner" /> {t.record.looking}
          </p>
          <small class="muted">{t.record.lookingHint}</small>
          <div class="skeleton" />
          <div class="skeleton short" />
          <div class="skeleton" />
        </div>
      );
    case "found":
      return record.customer ? (
        <>
          <Found customer={record.customer} />
          {canChoose ? (
            searching ? (
              <Search record={record} />
            ) : (
              <button class="bare link" onClick={() => setSearching(true)}>
                {t.record.search}
              </button>
            )
          ) : null}
        </>
      ) : (
        <Empty title={t.record.failed} />
      );
    case "several":
      return (
        <>
          <h2>{t.record.several}</h2>
          <Matches record={record} matches={record.matches} />
          <Search record={record} />
        </>
      );
    case "none":
      return (
        <>
          <p class="notice" data-testid="record-none">
            {t.record.none}
          </p>
          <NewCustomer record={record} />
          <Search record={record} />
        </>
      );
    case "failed":
      return (
        <>
          <p class="notice bad" role="alert" data-testid="record-failed">
            {t.record.failed}
            {record.message ? <small>{record.message}</small> : null}
          </p>
          <Search record={record} />
        </>
      );
  }
}

function Matches({ record, matches }: { record: CustomerRecord; matches: Match[] }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  return (
    <>
      <ul class="matches" data-testid="matches">
        {matches.map((match) => (
          <li key={match.customer_id}>
            <span>
              <strong>{match.name}</strong>
              <small class="muted">{[match.company, match.account_number].filter(Boolean).join(" · ")}</small>
            </span>
            <Act
              actions={actions}
              name={match.customer_id}
              testid={`choose-${match.customer_id}`}
              class="small"
              onAct={() =>
                void actions.run(match.customer_id, () =>
                  live.do("choose_customer", { call_id: record.call_id, customer_id: match.customer_id }),
                )
              }
            >
              {t.record.choose}
            </Act>
          </li>
        ))}
      </ul>
      <Refusal actions={actions} />
    </>
  );
}

const SEARCH_REST_ms = 250;

/** Somebody else than the number says: searched while typing. */
function Search({ record }: { record: CustomerRecord }) {
  const t = words();
  const [text, setText] = useState("");
  const [found, setFound] = useState<Match[] | null>(null);
  useEffect(() => {
    setFound(null);
    if (text.trim().length < 2) return undefined;
    let current = true;
    const timer = setTimeout(() => {
      api.findCustomers(text.trim()).then(
        (matches) => current && setFound(matches),
        () => current && setFound([]),
      );
    }, SEARCH_REST_ms);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);
  return (
    <div class="search">
      <label>
        {t.record.search}
        <input
          type="search"
          value={text}
          maxLength={100}
          placeholder={t.record.searchHint}
          data-testid="customer-search"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {found?.length ? <Matches record={record} matches={found} /> : null}
      {found && !found.length ? <p class="muted">{t.record.searchNone}</p> : null}
    </div>
  );
}

function NewCustomer({ record }: { record: CustomerRecord }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const [fields, setFields] = useState<Record<string, string>>({
    name: "",
    company: "",
    phone: record.number,
    email: "",
  });
  const names: Record<string, string> = {
    name: t.record.name,
    company: t.record.company,
    phone: t.record.phone,
    email: t.record.email,
  };
  return (
    <form
      class="new-customer"
      data-testid="new-customer"
      onSubmit={(event) => {
        event.preventDefault();
        const filled = Object.fromEntries(Object.entries(fields).filter(([, value]) => value.trim()));
        void actions.run("create", () => live.do("create_customer", { call_id: record.call_id, fields: filled }));
      }}
    >
      <h2>{t.record.create}</h2>
      <div class="fields">
        {Object.keys(names).map((field) => (
          <label key={field}>
            {names[field]}
            <input
              value={fields[field]}
              required={field === "name"}
              maxLength={200}
              autocomplete="off"
              inputMode={field === "email" ? "email" : field === "phone" ? "tel" : "text"}
              data-testid={`customer-${field}`}
              onInput={(event) => setFields({ ...fields, [field]: event.currentTarget.value })}
            />
          </label>
        ))}
      </div>
      <Refusal actions={actions} />
      <button
        class={`button primary ${actions.pending.value ? "pending" : ""}`}
        disabled={actions.pending.value !== "" || live.connection.value !== "open"}
        data-testid="create-customer"
      >
        {actions.pending.value ? t.record.saving : t.record.createSave}
      </button>
    </form>
  );
}

function Found({ customer }: { customer: Customer }) {
  const t = words();
  const facts: [string, string][] = [
    [t.record.phone, customer.phones.join(", ")],
    [t.record.email, customer.email],
    [t.record.account, customer.account_number],
    [t.record.language, languageName(customer.language)],
  ];
  return (
    <>
      <header class="record-head">
        <span class="avatar" aria-hidden="true">
          {initials(customer.name)}
        </span>
        <div>
          <h2 data-testid="record-name">{customer.name}</h2>
          <span class="muted">{customer.company}</span>
        </div>
        {customer.tier ? (
          <span class={`tier tier-${customer.tier.replace(/[^a-z]/gi, "")}`} data-testid="tier">
            {wordFor(t.tiers, customer.tier)}
          </span>
        ) : null}
      </header>
      <dl class="facts record-facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      <div class="record-columns">
        <div class="record-stack">
          <Notes customer={customer} />
          <Orders customer={customer} />
        </div>
        <Contacts customer={customer} />
      </div>
    </>
  );
}

function Orders({ customer }: { customer: Customer }) {
  const t = words();
  return (
    <section data-testid="orders">
      <h3>{t.record.orders}</h3>
      {customer.orders.length ? (
        <table class="plain-table">
          <tbody>
            {customer.orders.map((order) => (
              <tr key={order.number}>
                <td class="figures">{order.number}</td>
                <td class="muted figures nowrap">{day(order.at)}</td>
                <td>
                  <span class="tag">{wordFor(t.orderStates, order.status)}</span>
                </td>
                <td class="number">{order.total}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="muted">{t.record.ordersNone}</p>
      )}
    </section>
  );
}

function Contacts({ customer }: { customer: Customer }) {
  const t = words();
  return (
    <section data-testid="contacts">
      <h3>{t.record.contacts}</h3>
      {customer.contacts.length ? (
        <ul class="entries">
          {customer.contacts.map((contact, i) => (
            <li key={i}>
              <span class="entry-head">
                <span class="tag">{wordFor(t.channels, contact.channel)}</span>
                <span class="muted">{dayAndTime(contact.at)}</span>
                <span class="muted">{colleagueName(contact.agent)}</span>
              </span>
              {contact.summary && contact.summary !== contact.disposition ? <span>{contact.summary}</span> : null}
              {contact.disposition ? <small class="muted">{dispositionName(contact.disposition)}</small> : null}
            </li>
          ))}
        </ul>
      ) : (
        <p class="muted">{t.record.contactsNone}</p>
      )}
    </section>
  );
}

function Notes({ customer }: { customer: Customer }) {
  const t = words();
  const actions = useMemo(() => new Actions(), []);
  const [text, setText] = useState("");
  const [newer, setNewer] = useState<Customer | null>(null);
  // The server's record wins as soon as it comes again.
  useEffect(() => setNewer(null), [customer]);
  const notes = (newer?.customer_id === customer.customer_id ? newer : customer).notes;
  const add = async (): Promise<void> => {
    if (!text.trim()) return;
    const done = await actions.run("note", async () => {
      setNewer(await api.addNote(customer.customer_id, text.trim()));
    });
    if (done) setText("");
  };
  return (
    <section data-testid="notes">
      <h3>{t.record.notes}</h3>
      <form
        class="add-note"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <input
          value={text}
          maxLength={4000}
          placeholder={t.record.addNote}
          aria-label={t.record.addNote}
          data-testid="note-text"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button class="button small" disabled={!text.trim() || actions.pending.value !== ""} data-testid="note-save">
          {t.record.saveNote}
        </button>
      </form>
      <Refusal actions={actions} />
      {notes.length ? (
        <ul class="entries">
          {notes.map((note, i) => (
            <li key={i}>
              <span class="entry-head">
                <span class="muted">{dayAndTime(note.at)}</span>
                <span class="muted">{colleagueName(note.author)}</span>
              </span>
              <span class="prose">{note.text}</span>
            </li>
          ))}
        </ul>
      ) : (
        <p class="muted">{t.record.notesNone}</p>
      )}
    </section>
  );
}

function initials(name: string): string {
  const parts = name.trim().split(/\s+/).filter(Boolean);
  const letters = parts.length > 1 ? [parts[0], parts[parts.length - 1]] : [parts[0]];
  return letters.map((part) => [...(part ?? "")][0] ?? "").join("").toUpperCase();
}

function languageName(tag: string): string {
  if (!tag) return "";
  try {
    return new Intl.DisplayNames([document.documentElement.lang || "en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
