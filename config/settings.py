"""Settings of one installation: where it runs, not how it routes (that is `site.yaml`).

Each is read from the environment (`CALLCENTER_PORT=8443`) or from the YAML file that
`CALLCENTER_SETTINGS` names; the environment wins. Secrets belong into the environment,
or into files of a folder named by `CALLCENTER_SECRETS_DIR` (one file per setting, such as
`callcenter_metrics_token`); they never show in `repr` or logs.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

DEMO_SITE = Path(__file__).parent / "demo"
_SECRET_NAME = re.compile(r"CALLCENTER_[A-Z0-9_]{1,48}")
_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?")  # nothing that means more in a header
_HERE = ("127.0.0.1", "0.0.0.0", "::", "::1")  # noqa: S104 - shown to people, not bound
Port = Annotated[int, Field(ge=1, le=65535)]
Words = Annotated[tuple[str, ...], NoDecode]  # in the environment: separated by commas


class Settings(BaseSettings):
    """Ports are TCP unless said otherwise; port 0 is not allowed: people must know them."""

    model_config = SettingsConfigDict(
        env_prefix="CALLCENTER_",
        env_ignore_empty=True,
        extra="forbid",
        validate_default=True,
    )

    var: Path = Path("var")  # database, recordings, prompts, Asterisk's folders
    site: Path | None = None  # the folder with site.yaml; the demonstration's when none
    demo: bool = False  # seed and show the demonstration company
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False

    # The console
    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""  # what people type, "https://calls.example.com"
    web_phone: bool = True  # the callers' page /call
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: Words = ()  # addresses whose X-Forwarded-For is believed
    console_secret: SecretStr = SecretStr("")  # signs tickets; "": kept in `var`
    metrics_token: SecretStr = SecretStr("")

    # Other programs
    api_requests_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 600  # of one key
    webhook_hosts: Words = ()  # hosts to which webhooks may go by http and in private networks
    embed_origins: Words = ()  # pages that may show the console inside: "https://crm.example.com"

    database_url: SecretStr = SecretStr("")  # it may hold a password; "": SQLite in `var`
    journal_keep_days: Annotated[int, Field(ge=0, le=36_500)] = 0  # 0: for ever

    # The switch
    switch: Literal["auto", "asterisk", "virtual"] = "auto"
    asterisk_folder: Path | None = None  # its configuration and run files; None: below `var`
    ami_port: Port = 15038
    asterisk_http_port: Port = 18088
    sip_port: Port = 5060  # UDP and TCP
    agi_port: Port = 14573
    rtp_first_port: Port = 20000  # UDP
    rtp_last_port: Port = 23999  # UDP, inclusive
    sip_address: str = "127.0.0.1"  # where trunks and desk phones reach Asterisk
    public_address: str = ""  # announced to the outside from behind a NAT
    local_networks: Words = ()
    stun_server: str = ""

    # Speech
    synthesiser: Literal["espeak", "none"] = "espeak"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then secret files, then the YAML file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, EnvSettingsSource(settings_cls)]
        if folder := os.environ.get("CALLCENTER_SECRETS_DIR"):
            sources.append(SecretsSettingsSource(settings_cls, secrets_dir=folder))
        if file := os.environ.get("CALLCENTER_SETTINGS"):
            if not Path(file).is_file():
                raise FileNotFoundError(
                    f"CALLCENTER_SETTINGS names {file!r}: there is no such file"
                )
            sources.append(YamlConfigSettingsSource(settings_cls, yaml_file=file))
        return tuple(sources)

    @field_validator(
        "trusted_proxies", "local_networks", "webhook_hosts", "embed_origins", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        plain = parts.scheme in ("http", "https") and parts.netloc and parts.path in ("", "/")
        if not plain or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("write it like https://calls.example.com, without a path")
        return f"{parts.scheme}://{parts.netloc}".lower()

    @field_validator("embed_origins")
    @classmethod
    def _plain_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            plain = f"{parts.scheme}://{parts.netloc}" == origin == origin.lower()
            if (
                parts.scheme not in ("http", "https")
                or not _HOST.fullmatch(parts.netloc)
                or not plain
            ):
                raise ValueError("write each like https://crm.example.com, without a path")
        return value

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both or none")
        if self.rtp_last_port - self.rtp_first_port < 3:
            raise ValueError("rtp_last_port must be at least rtp_first_port + 3")
        return self

    @property
    def base_url(self) -> str:
        """The console's address for people, without a slash at the end."""
        if self.public_url:
            return self.public_url
        scheme = "https" if self.tls_certificate else "http"
        host = "localhost" if self.host in _HERE else self.host
        return f"{scheme}://{host}:{self.port}"

    @property
    def site_folder(self) -> Path:
        """The site in use: the configured one, or the demonstration company."""
        return self.site or DEMO_SITE

    @property
    def database(self) -> str:
        """The SQLAlchemy URL. It may hold a password: keep it out of logs."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite+aiosqlite:///{(self.var / 'callcenter.db').absolute()}"


class SecretMissing(ValueError):  # noqa: N818 - says what is wrong
    """A secret that is needed is not in the environment; the message names its variable."""


def secret_from_environment(name: str) -> str:
    """The secret that a site names by its variable (`password_env`), or "" when unset.

    Only `CALLCENTER_…` variables are read, so that a site cannot ask for others.
    """
    if not _SECRET_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no CALLCENTER_… variable")
    return os.environ.get(name, "")
