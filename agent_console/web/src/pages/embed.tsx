/** The agent's desk inside another page: no frame of its own, and a bridge to the page around. */
import { useEffect } from "preact/hooks";
import * as api from "../api";
import { startBridge } from "../embed";
import { Banners } from "../parts/banners";
import { DeskPage } from "./desk/desk";

export function EmbedPage() {
  useEffect(() => {
    let end = (): void => undefined;
    let gone = false;
    void api.welcome().then((told) => {
      if (!gone) end = startBridge(told?.embed_origins ?? []);
    });
    return () => {
      gone = true;
      end();
    };
  }, []);
  return (
    <div class="embed" data-testid="embed">
      <Banners />
      <main id="content">
        <DeskPage />
      </main>
    </div>
  );
}
