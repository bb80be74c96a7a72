import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";
import "./styles/duties.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { startClock } from "./clock";
import { takeDialLink } from "./dialling";
import { watchNetwork } from "./console";
import { locale } from "./language";
import { applyTheme } from "./theme";
import { startTips } from "./parts/tips";

applyTheme();
takeDialLink();
startClock();
startTips();
watchNetwork();
effect(() => {
  document.documentElement.lang = locale();
});

const place = document.getElementById("app");
if (place) render(<App />, place);
