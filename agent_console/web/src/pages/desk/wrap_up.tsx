/**
 * What the call came to: disposition and note, already during the call. What is entered
 * survives a reload, and is saved when the wrap-up's time is over.
 */
import { computed, effect, signal, untracked } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { second, serverNow } from "../../clock";
import { live, store } from "../../console";
import { clock } from "../../format";
import { say, words } from "../../language";
import { reasonName } from "../../names";
import { remember, remembered } from "../../memory";
import { Act, Actions, Refusal } from "../../parts/actions";
import { stateWord, Until } from "../../parts/parts";
import type { CallCard } from "../../protocol";
import type { Keys } from "./keys";
import { call, desk } from "./line";

const EXTENSION_s = 30;
const SAVE_BEFORE_END_s = 1.5;

export class WrapUpForm {
  readonly actions = new Actions();
  readonly disposition = signal("");
  readonly note = signal("");
  readonly problem = signal("");
  private of = "";
  private saved = "";

  /** Begins, or takes up again, the form of this call. */
  open(callId: string): void {
    if (this.of === callId) return;
    this.of = callId;
    let draft: { call?: string; disposition?: string; note?: string } = {};
    try {
      draft = JSON.parse(remembered("wrap-up") ?? "{}") as typeof draft;
    } catch {
      // A draft that cannot be read is none.
    }
    const mine = draft.call === callId;
    this.disposition.value = mine ? (draft.disposition ?? "") : "";
    this.note.value = mine ? (draft.note ?? "") : "";
    this.problem.value = "";
    this.actions.refused.value = null;
  }

  keep(): void {
    this.problem.value = "";
    remember(
      "wrap-up",
      JSON.stringify({ call: this.of, disposition: this.disposition.peek(), note: this.note.peek() }),
    );
  }

  save(then: "" | "ready" | "not_ready"): void {
    const needed = (store.one("site")?.dispositions.length ?? 0) > 0;
    if (needed && !this.disposition.peek()) {
      this.problem.value = "choose";
      return;
    }
    void this.send(then);
  }

  /** The time is nearly over: what was entered is not to be lost. */
  saveInTime(): void {
    const isEmpty = !this.disposition.peek() && !this.note.peek().trim();
    if (isEmpty || this.saved === this.of) return;
    this.saved = this.of;
    void this.send("");
  }

  private async send(then: "" | "ready" | "not_ready"): Promise<void> {
    const call_id = this.of;
    const done = await this.actions.run(`wrap-up-${then || "save"}`, () =>
      live.do("wrap_up", {
        call_id,
        disposition: this.disposition.peek(),
        note: this.note.peek().trim(),
        then,
      }),
    );
    if (!done || this.of !== call_id) return;
    remember("wrap-up", null);
    // The same call may come back: then its next part has a form of its own.
    this.of = this.saved = "";
    this.disposition.value = this.note.value = "";
  }
}

/** What "save" with the keyboard leads to: what the agent meant to do after this call. */
const next = computed<"" | "ready">(() => {
  const intent = desk.value?.intent ?? "";
  return intent === "ready" || intent === "" ? "ready" : "";
});

export function wrapUpKeys(form: WrapUpForm): Keys {
  const card = call.value;
  if (!card) return {};
  const keys: Keys = {};
  const choices = store.one("site")?.dispositions ?? [];
  if (desk.value?.state === "wrap-up") {
    keys["Ctrl+Enter"] = () => form.save(next.value);
    choices.slice(0, 9).forEach((choice, i) => {
      keys[String(i + 1)] = () => {
        form.disposition.value = choice.id;
        form.keep();
      };
    });
  }
  return keys;
}

export function WrapUp({ card, form }: { card: CallCard; form: WrapUpForm }) {
  const t = words();
  form.open(card.call_id);
  const over = desk.value?.state === "wrap-up";
  const deadline = over ? (desk.value?.deadline ?? null) : null;
  useEffect(
    () =>
      effect(() => {
        const end = desk.value?.state === "wrap-up" ? desk.value.deadline : null;
        if (end !== null && end !== undefined && second.value && end - serverNow() < SAVE_BEFORE_END_s) {
          untracked(() => form.saveInTime());
        }
      }),
    [],
  );
  const choices = store.one("site")?.dispositions ?? [];
  const extending = useMemo(() => new Actions(), []);
  const left_s = desk.value?.extend_left_s ?? null;
  const by_s = left_s === null ? EXTENSION_s : Math.min(EXTENSION_s, Math.floor(left_s));
  return (
    <section class={`card wrap-up ${over ? "is-over" : ""}`} aria-label={t.wrapUp.title} data-testid="wrap-up">
      <header class="card-head">
        <h2>{over ? t.wrapUp.title : t.wrapUp.early}</h2>
        {over ? (
          <span class="countdown" data-testid="wrap-up-left">
            {deadline === null ? t.wrapUp.noLimit : <Countdown deadline={deadline} />}
          </span>
        ) : null}
        {deadline !== null ? (
          <Act
            actions={extending}
            name="extend"
            class="small"
            disabled={by_s <= 0}
            tip={by_s <= 0 ? t.wrapUp.extendOver : left_s === null ? t.wrapUp.extendHint : t.wrapUp.extendLeft(clock(left_s))}
            onAct={() => void extending.run("extend", () => live.do("extend_wrap_up", { by_s }))}
          >
            {by_s > 0 ? t.wrapUp.extend(by_s) : t.wrapUp.extendNoMore}
          </Act>
        ) : null}
      </header>
      <fieldset class="dispositions">
        <legend>{t.wrapUp.disposition}</legend>
        {choices.map((choice, i) => (
          <button
            key={choice.id}
            type="button"
            class={`choice-chip ${form.disposition.value === choice.id ? "chosen" : ""}`}
            aria-pressed={form.disposition.value === choice.id}
            data-testid={`disposition-${choice.id}`}
            onClick={() => {
              form.disposition.value = choice.id;
              form.keep();
            }}
          >
            {over && i < 9 ? <kbd>{i + 1}</kbd> : null}
            {say(choice.label) || choice.id}
          </button>
        ))}
      </fieldset>
      {form.problem.value ? (
        <p class="refusal" role="alert" data-testid="wrap-up-problem">
          {t.wrapUp.choose}
        </p>
      ) : null}
      <label class="note-label">
        {t.wrapUp.note}
        <textarea
          rows={3}
          maxLength={8000}
          placeholder={t.wrapUp.notePlaceholder}
          value={form.note.value}
          data-testid="wrap-up-note"
          onInput={(event) => {
            form.note.value = event.currentTarget.value;
            form.keep();
          }}
        />
      </label>
      <Refusal actions={form.actions} />
      <Refusal actions={extending} />
      {over ? <SaveButtons form={form} /> : null}
      {deadline !== null ? <small class="muted">{t.wrapUp.autoSave}</small> : null}
    </section>
  );
}

function Countdown({ deadline }: { deadline: number }) {
  const soon = deadline - second.value < 10;
  return (
    <span class={soon ? "urgent" : ""}>
      <Until at={deadline} />
    </span>
  );
}

function SaveButtons({ form }: { form: WrapUpForm }) {
  const t = words();
  const toReady = next.value === "ready";
  const intent = desk.value?.intent ?? "";
  const reason = reasonName(desk.value?.intent_reason ?? "");
  const after = intent === "offline" ? t.desk.signOut : [stateWord(intent), reason].filter(Boolean).join(" · ");
  return (
    <div class="save-buttons">
      {toReady ? null : (
        <Act actions={form.actions} name="wrap-up-save" class="primary" hint="Ctrl+Enter" onAct={() => form.save("")}>
          {t.wrapUp.saveThen(after)}
        </Act>
      )}
      <Act
        actions={form.actions}
        name="wrap-up-ready"
        class={toReady ? "primary" : ""}
        {...(toReady ? { hint: "Ctrl+Enter" } : {})}
        onAct={() => form.save("ready")}
      >
        {t.wrapUp.saveThen(t.states.ready)}
      </Act>
      {toReady ? (
        <Act actions={form.actions} name="wrap-up-not_ready" onAct={() => form.save("not_ready")}>
          {t.wrapUp.saveThen(t.states["not ready"])}
        </Act>
      ) : null}
    </div>
  );
}
