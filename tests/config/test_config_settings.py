"""Settings: where they come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.settings import DEMO_SITE, Settings, secret_from_environment


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("CALLCENTER_")]:
        monkeypatch.delenv(name)


def test_the_defaults_run_a_demonstration_on_one_machine() -> None:
    """Nothing must have to be set for the first start, and nothing may be open to others."""
    settings = Settings()
    assert (settings.host, settings.sip_address) == ("127.0.0.1", "127.0.0.1")
    assert settings.switch == "auto"
    assert settings.site_folder == DEMO_SITE
    assert settings.base_url == "http://localhost:8080"
    assert settings.database.startswith("sqlite+aiosqlite:////")
    assert settings.database.endswith("/var/callcenter.db")


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One image, many installations: the environment has the last word."""
    file = tmp_path / "settings.yaml"
    file.write_text("port: 9000\nlog_level: debug\ntrusted_proxies: [192.0.2.1]\n")
    monkeypatch.setenv("CALLCENTER_SETTINGS", str(file))
    monkeypatch.setenv("CALLCENTER_PORT", "9001")
    monkeypatch.setenv("CALLCENTER_LOCAL_NETWORKS", "10.0.0.0/8, 192.168.0.0/16")
    settings = Settings()
    assert (settings.port, settings.log_level) == (9001, "debug")
    assert settings.trusted_proxies == ("192.0.2.1",)
    assert settings.local_networks == ("10.0.0.0/8", "192.168.0.0/16")


def test_a_settings_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting with the defaults instead would start another system than was asked for."""
    monkeypatch.setenv("CALLCENTER_SETTINGS", "/nowhere/settings.yaml")
    with pytest.raises(FileNotFoundError, match="no such file"):
        Settings()


def test_secrets_come_from_files_and_never_show(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Secrets must be in no log line and in no error report."""
    (tmp_path / "callcenter_metrics_token").write_text("hush-1")
    monkeypatch.setenv("CALLCENTER_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("CALLCENTER_DATABASE_URL", "postgresql+asyncpg://u:hush-2@db/x")
    settings = Settings()
    assert settings.metrics_token.get_secret_value() == "hush-1"
    assert settings.database == "postgresql+asyncpg://u:hush-2@db/x"
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_changed_copies_keep_everything_else() -> None:
    """The command line lays its options over the settings this way."""
    first = Settings(port=9002, trusted_proxies=("192.0.2.1",))
    copy = Settings(**{**first.model_dump(), "demo": True})
    assert (copy.port, copy.trusted_proxies, copy.demo) == (9002, ("192.0.2.1",), True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("SWITCH", "freeswitch"),
        ("PUBLIC_URL", "calls.example.com"),
        ("PUBLIC_URL", "https://user:pw@calls.example.com"),
        ("PUBLIC_URL", "https://calls.example.com/path"),
        ("TLS_KEY", "/tmp/key.pem"),
        ("RTP_LAST_PORT", "20001"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_wrong_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A wrong setting must stop the start, with its name, not surface hours later."""
    monkeypatch.setenv(f"CALLCENTER_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert name.lower() in str(caught.value)


def test_the_public_address_is_what_browsers_send() -> None:
    """Origins are compared letter by letter, so case and slash must be settled here."""
    assert Settings(public_url="HTTPS://Calls.Example.com/").base_url == "https://calls.example.com"


def test_a_site_can_name_only_our_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site's file must not be able to read the rest of the environment."""
    monkeypatch.setenv("CALLCENTER_TRUNK_PASSWORD", "s")
    assert secret_from_environment("CALLCENTER_TRUNK_PASSWORD") == "s"
    assert secret_from_environment("CALLCENTER_UNSET") == ""
    with pytest.raises(ValueError, match="no CALLCENTER"):
        secret_from_environment("PATH")
