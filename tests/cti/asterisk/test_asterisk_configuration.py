"""Asterisk's configuration as text: nothing from outside may become configuration."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cti.asterisk.configuration import (
    AgentLine,
    AsteriskConfig,
    ConfigProblem,
    Peer,
    Trunk,
    check_file_name,
    render,
)
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Layout, Ports, choose_ports, free_ports

_PORTS = Ports(ami=15038, http=18088, sip=15060, agi=14573, rtp_first=20000, rtp_last=20999)
_TRUNK = Trunk("main", ("192.0.2.1",))


@pytest.fixture
def install(tmp_path: Path) -> AsteriskInstall:
    """An installation that claims to have every module, and one piece of music."""
    modules, music = tmp_path / "modules", tmp_path / "moh"
    modules.mkdir()
    music.mkdir()
    (music / "one.wav").touch()
    for name in re.findall(r'"([a-z0-9_]+)"', _MODULE_SOURCE.read_text()):
        (modules / f"{name}.so").touch()
    return AsteriskInstall(("/usr/sbin/asterisk",), modules, tmp_path, music, "22.1.0", "host")


_MODULE_SOURCE = Path(__file__).parents[3] / "cti/asterisk/configuration.py"


def _render(config: AsteriskConfig, install: AsteriskInstall, root: Path) -> dict[str, str]:
    layout = Layout(root / "a")
    return render(config, layout, install, layout.identity(_PORTS), "[cc-entry]\n")


@pytest.mark.parametrize(
    "peer", [Peer("b", "192.0.2.1"), Peer("b", "192.0.2.9", 0), Peer("b", "192.0.2.9", 99999)]
)
def test_a_peer_is_told_from_a_trunk_by_its_address(
    peer: Peer, install: AsteriskInstall, tmp_path: Path
) -> None:
    """Calls of another switch of ours must not be taken for callers, nor callers for ours."""
    with pytest.raises(ConfigProblem):
        _render(AsteriskConfig(trunks=(_TRUNK,), peers=(peer,)), install, tmp_path)


_HOSTILE = ("x\nsecret=1", "x;y", "x]", "${SHELL(id)}", "a b", "", "x\r", "\0", "A" * 200, "é")


@pytest.mark.parametrize("text", _HOSTILE)
@pytest.mark.parametrize(
    "build",
    [
        lambda text: AsteriskConfig(name=text),
        lambda text: AsteriskConfig(agents=(AgentLine(text),)),
        lambda text: AsteriskConfig(agents=(AgentLine("anna", desk_secret=text or "short"),)),
        lambda text: AsteriskConfig(trunks=(replace(_TRUNK, name=text),)),
        lambda text: AsteriskConfig(trunks=(replace(_TRUNK, addresses=(text,)),)),
        lambda text: AsteriskConfig(trunks=(replace(_TRUNK, contact=text or "a b"),)),
        lambda text: AsteriskConfig(trunks=(replace(_TRUNK, user=text, secret="long-enough"),)),
        lambda text: AsteriskConfig(trunks=(replace(_TRUNK, user="us", secret=text),)),
        lambda text: AsteriskConfig(trunks=(replace(_TRUNK, codecs=(text,)),)),
        lambda text: AsteriskConfig(peers=(Peer(text, "192.0.2.9"),)),
        lambda text: AsteriskConfig(peers=(Peer("b", text),)),
        lambda text: AsteriskConfig(browser_codecs=(text,)),
        lambda text: AsteriskConfig(sip_address=text),
        lambda text: AsteriskConfig(public_address=text or "x"),
        lambda text: AsteriskConfig(local_networks=(text,)),
        lambda text: AsteriskConfig(stun_server=text or " "),
        lambda text: AsteriskConfig(tones=text),
        lambda text: AsteriskConfig(music={text: Path("/tmp")}),
        lambda text: AsteriskConfig(music={"jazz": Path(f"/tmp/{text or ' '}")}),
    ],
)
def test_hostile_values_are_refused(
    build: object, text: str, install: AsteriskInstall, tmp_path: Path
) -> None:
    """A line break or a bracket in a value would become configuration of its own."""
    assert callable(build)
    with pytest.raises(ConfigProblem):
        _render(build(text), install, tmp_path)


def test_a_secret_is_never_shown(install: AsteriskInstall, tmp_path: Path) -> None:
    """The message of a refusal goes to logs and screens."""
    config = AsteriskConfig(agents=(AgentLine("anna", desk_secret="pass;word123"),))
    with pytest.raises(ConfigProblem) as refusal:
        _render(config, install, tmp_path)
    assert "pass;word123" not in str(refusal.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (AsteriskConfig(trunks=(replace(_TRUNK, addresses=("0.0.0.0/0",)),)), "whole world"),
        (AsteriskConfig(trunks=(replace(_TRUNK, addresses=()),)), "name the addresses"),
        (AsteriskConfig(trunks=(_TRUNK, _TRUNK)), "there twice"),
        (AsteriskConfig(agents=(AgentLine("anna"), AgentLine("anna"))), "there twice"),
        (AsteriskConfig(trunks=(replace(_TRUNK, register=True),)), "registering needs"),
        (AsteriskConfig(tones="zz"), "no tones"),
    ],
)
def test_mistakes_are_named(
    config: AsteriskConfig, message: str, install: AsteriskInstall, tmp_path: Path
) -> None:
    """A site's mistake must say what is wrong before Asterisk reads it."""
    with pytest.raises(ConfigProblem, match=message):
        _render(config, install, tmp_path)


def test_every_line_is_a_section_a_setting_or_empty(
    install: AsteriskInstall, tmp_path: Path
) -> None:
    """Text that Asterisk cannot read is skipped there with a warning that nobody sees."""
    files = _render(
        AsteriskConfig(
            agents=(AgentLine("anna", desk_secret="long-enough"),),
            trunks=(
                replace(_TRUNK, contact="sip.example.com:5060", user="u", secret="long-enough"),
            ),
            public_address="198.51.100.7",
            local_networks=("10.0.0.0/8",),
        ),
        install,
        tmp_path,
    )
    for name, text in files.items():
        for line in text.splitlines():
            assert re.fullmatch(r"(\[[\w-]+\]|[\w.(),-]+ ?=>? ?.*|)", line), f"{name}: {line!r}"


def test_nothing_that_runs_programs_is_loaded(install: AsteriskInstall, tmp_path: Path) -> None:
    """What is not loaded cannot be attacked."""
    loaded = _render(AsteriskConfig(), install, tmp_path)["modules.conf"]
    assert "autoload=no" in loaded
    for module in (
        *("app_system", "func_shell", "func_env", "func_curl", "app_disa", "pbx_spool"),
        *("res_pjsip_endpoint_identifier_anonymous", "res_phoneprov", "app_queue", "pbx_ael"),
    ):
        assert f"{module}.so" not in loaded


def test_missing_modules_and_music_are_named(install: AsteriskInstall, tmp_path: Path) -> None:
    """A half-installed Asterisk must be refused with the reason, not started half."""
    (install.modules / "app_confbridge.so").unlink()
    with pytest.raises(ConfigProblem, match="app_confbridge"):
        _render(AsteriskConfig(), install, tmp_path)
    (install.modules / "app_confbridge.so").touch()
    (install.music / "one.wav").unlink()
    with pytest.raises(ConfigProblem, match=r"no \.wav file"):
        _render(AsteriskConfig(), install, tmp_path)


def test_passwords_and_ports_stay(tmp_path: Path) -> None:
    """We must reach the Asterisk that our killed predecessor started."""
    layout = Layout(tmp_path / "a")
    first = layout.identity(free_ports())
    assert layout.identity() == first
    assert layout.identity_file.stat().st_mode & 0o077 == 0
    assert layout.root.stat().st_mode & 0o077 == 0
    moved = layout.identity(_PORTS)
    assert (moved.ports, moved.ami_secret) == (_PORTS, first.ami_secret)
    assert Layout(tmp_path / "b").identity(free_ports()).ami_secret != first.ami_secret
    layout.identity_file.write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        layout.identity()


def test_taken_ports_are_replaced() -> None:
    """A host that runs another Asterisk keeps it; we move aside."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        chosen = choose_ports(replace(_PORTS, ami=port))
    assert chosen.ami != port
    assert len({chosen.ami, chosen.http, chosen.agi}) == 3


@pytest.mark.parametrize("path", ["relative/a", "/tmp/a b", "/tmp/a;b", "/tmp/" + "x" * 120])
def test_bad_folders_are_refused(path: str) -> None:
    """The folder's name goes into the configuration and into a unix socket's path."""
    with pytest.raises(ValueError, match="path"):
        Layout(Path(path))


@pytest.mark.parametrize("name", ["../pjsip.conf", "a/b.conf", "pjsip.txt", ".conf", ""])
def test_only_configuration_files_are_written(name: str) -> None:
    """File names of the generated configuration must stay in its folder."""
    with pytest.raises(ConfigProblem):
        check_file_name(name)
