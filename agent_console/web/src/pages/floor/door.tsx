/** Whether a queue lets callers in, and who says so. */
import { useMemo } from "preact/hooks";
import { live } from "../../console";
import { words } from "../../language";
import { Actions, Refusal } from "../../parts/actions";
import { Menu, type MenuItem } from "../../parts/parts";
import type { QueueLive } from "../../protocol";

export function QueueDoor({ queue, name }: { queue: QueueLive; name: string }) {
  const t = words().door;
  const actions = useMemo(() => new Actions(), []);
  const items: MenuItem[] = [
    ...(queue.open ? [{ id: "close", label: t.close, class: "bad-text" }] : [{ id: "open", label: t.open }]),
    ...(queue.opened_by ? [{ id: "hours", label: t.hours }] : []),
  ];
  const set = (id: string): void => {
    void actions.run("door", () => {
      if (id === "close") return live.do("close_queue", { queue: queue.id, why: "" });
      return live.do(id === "open" ? "open_queue" : "queue_by_hours", { queue: queue.id });
    });
  };
  return (
    <>
      <Menu
        testid={`set-door-${queue.id}`}
        class="small plain"
        title={t.title(name)}
        label={<span class="dots">⋯</span>}
        disabled={live.connection.value !== "open"}
        busy={actions.pending.value !== ""}
        items={items}
        onChoose={set}
      />
      {queue.open && !queue.opened_by ? null : (
        <small class={`block ${queue.open ? "muted" : "bad-text"}`} data-testid={`door-${queue.id}`}>
          {queue.open ? t.isOpen : t.isClosed}
          {queue.opened_by ? ` · ${t.by(queue.opened_by)}` : ""}
        </small>
      )}
      <Refusal actions={actions} />
    </>
  );
}
