// The console inside your page: copy this file, or use it as a pattern. No other code is needed.
//
//   <iframe id="console" src="https://calls.example.com/embed"
//           allow="microphone; autoplay; speaker-selection"></iframe>
//   <script type="module">
//     import { EmbeddedConsole } from "./embedded-console.js";
//     const phone = new EmbeddedConsole(document.getElementById("console"), "https://calls.example.com");
//     phone.on("call.offered", (call) => openCustomer(call.number));
//     await phone.hello();
//     await phone.ask("dial", { number: "+14165550123" });
//   </script>

export class EmbeddedConsole {
  #frame;
  #origin;
  #waiting = new Map();
  #listeners = new Map();
  #next = 1;

  /** `origin` is the console's own: nothing is sent to, or believed from, any other. */
  constructor(frame, origin) {
    this.#frame = frame;
    this.#origin = origin;
    window.addEventListener("message", (message) => this.#hear(message));
  }

  /** Calls `listener(data)` at "state", "call.offered", "call.answered" and "call.ended". */
  on(event, listener) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  /** Waits until the console is there and listens; what it is doing. */
  async hello({ everyMs = 500, tries = 120 } = {}) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.ask("hello", {}, everyMs);
      } catch (error) {
        if (error.code !== "no-answer" || attempt === tries) throw error;
      }
    }
  }

  /** One message and its answer; throws an Error with a `code` when it is refused. */
  ask(type, args = {}, withinMs = 10_000) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const late = () => this.#settle(id, { ok: false, error: { code: "no-answer", message: "No answer." } });
      this.#waiting.set(id, { resolve, reject, timer: setTimeout(late, withinMs) });
      this.#frame.contentWindow.postMessage({ v: 1, id, type, ...args }, this.#origin);
    });
  }

  #hear(message) {
    if (message.origin !== this.#origin || message.source !== this.#frame.contentWindow) return;
    const told = message.data;
    if (told?.v !== 1) return;
    if (told.event) for (const listener of this.#listeners.get(told.event) ?? []) listener(told.data);
    else this.#settle(told.id, told);
  }

  #settle(id, answer) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (answer.ok) waiting.resolve(answer.result);
    else waiting.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
  }
}
