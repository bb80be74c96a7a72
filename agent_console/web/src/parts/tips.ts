/**
 * One tooltip for everything with `data-tip`: on hover and on keyboard focus. It is placed
 * through the style object, which the content security policy allows.
 */
export function startTips(): void {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  let owner: Element | null = null;

  const hide = (): void => {
    owner?.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  const show = (event: Event): void => {
    const found = (event.target as Element | null)?.closest?.("[data-tip]") ?? null;
    if (found === owner) return;
    hide();
    const text = found?.getAttribute("data-tip");
    if (!found || !text) return;
    owner = found;
    tip.textContent = text;
    tip.hidden = false;
    found.setAttribute("aria-describedby", "tip");
    const box = found.getBoundingClientRect();
    const left = Math.min(
      Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2),
      window.innerWidth - tip.offsetWidth - 8,
    );
    const below = box.bottom + 8;
    const fits = below + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${fits ? below : Math.max(8, box.top - tip.offsetHeight - 8)}px`;
  };
  // Only when the mouse itself moved: not when the page moved under a resting mouse.
  let x = -1;
  let y = -1;
  document.addEventListener("mousemove", (event) => {
    const moved = event.screenX !== x || event.screenY !== y;
    [x, y] = [event.screenX, event.screenY];
    if (moved) show(event);
    else if (owner && !owner.isConnected) hide();
  });
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("click", hide);
}
