import { chooseLanguage, language, words } from "../language";
import { theme, toggleTheme } from "../theme";
import { Icon } from "./icons";

export function Preferences() {
  const t = words();
  return (
    <span class="preferences">
      <button
        class="bare"
        lang={language.value === "en" ? "zh-CN" : "en"}
        aria-label={t.app.switchLanguage}
        data-testid="language"
        onClick={() => chooseLanguage(language.value === "en" ? "zh" : "en")}
      >
        {t.app.otherLanguage}
      </button>
      <button
        class="icon-button"
        aria-label={t.app.theme}
        data-tip={t.app.theme}
        data-testid="theme"
        onClick={toggleTheme}
      >
        <Icon name={theme.value === "dark" ? "sun" : "moon"} />
      </button>
    </span>
  );
}
