import { render } from "preact";
import { afterEach, beforeEach, expect, test } from "vitest";
import { store } from "../src/console";
import { Banners } from "../src/parts/banners";
import { StateChip } from "../src/parts/parts";
import { Waiting } from "../src/pages/floor/waiting";

const HOSTILE = `"><img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script>\r\n${"x".repeat(10_000)}`;

let place: HTMLElement;

beforeEach(() => {
  place = document.createElement("div");
  document.body.append(place);
});

afterEach(() => {
  render(null, place);
  place.remove();
  store.clear();
});

test("a hostile caller name is text on the floor, wherever it appears", () => {
  store.snapshot({
    "alarm:x": { code: "x", since: 0, text: { en: HOSTILE } },
    "waiting:c1": {
      call_id: "c1",
      kind: "call",
      queue: HOSTILE,
      caller: HOSTILE,
      caller_name: HOSTILE,
      entered: 0,
      position: 1,
      priority: 0,
      why: { code: "x", data: {}, text: { en: HOSTILE } },
    },
  });
  render(
    <>
      <Banners />
      <Waiting onCall={() => undefined} />
      <StateChip state={HOSTILE} reason={HOSTILE} />
    </>,
    place,
  );
  expect(place.querySelector("img, script")).toBeNull();
  expect(place.textContent).toContain("<script>");
  expect("broken" in globalThis).toBe(false);
});
