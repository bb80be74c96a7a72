"""The whole configuration of one Asterisk, as text.

Nothing is read from the host's /etc/asterisk. Every value from outside is checked
before it is written: a line break, a `;`, a `[` or a `${` in a name or a secret
would otherwise become configuration. Files are rebuilt from scratch each time;
the dialplan comes from `cti.asterisk.dialplan` as finished text.

Only the modules that are used are loaded: it starts faster, and what is not there
cannot be attacked (no app_system, no func_shell, no CLI over AMI, no anonymous SIP).
"""

from __future__ import annotations

import ipaddress
import re
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cti.asterisk.dialplan import EVENTS_USED, MANAGER_READ, MANAGER_WRITE
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout
from cti.asterisk.legs_plan import CONFERENCE_PROFILES

ENTRY_CONTEXT = "cc-entry"  # callers
AGENT_CONTEXT = "cc-agent"  # agents' phones; they can dial nothing out
PEER_CONTEXT = "cc-peer"  # our other switches; they can ring an agent's phone here

_AGENT_ID = re.compile(r"[a-z0-9-]{1,32}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SECRET = re.compile(r"[A-Za-z0-9_.~+=/-]{8,128}")
_CODEC = re.compile(r"[a-z0-9]{2,12}")
_LABEL = "[A-Za-z0-9][A-Za-z0-9-]{0,62}"
_CONTACT = re.compile(rf"{_LABEL}(\.{_LABEL}){{0,9}}(:[0-9]{{1,5}})?")
_PATH = re.compile(r"/[A-Za-z0-9_./~+@-]+")
_COUNTRY = re.compile(r"[a-z]{2}")
_FILE_NAME = re.compile(r"[a-z0-9_]+\.conf")


class ConfigProblem(ValueError):  # noqa: N818 - what it is, not what it does
    """A value cannot go into Asterisk's configuration."""


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent's phones: the browser's (`agent-<id>`) and, with a secret, `desk-<id>`."""

    agent_id: str
    browser: bool = True
    desk_secret: str = ""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A line to the public network (`trunk-<name>`), known by the addresses its calls come from.

    `addresses` are IP addresses or networks. `contact` ("host" or "host:port") is
    where our own calls go; empty: the trunk is for incoming calls only. `user` and
    `secret` answer the provider's challenge; `register` keeps us registered there.
    """

    name: str
    addresses: tuple[str, ...]
    contact: str = ""
    codecs: tuple[str, ...] = ("ulaw", "alaw")
    user: str = ""
    secret: str = ""
    register: bool = False
    context: str = ENTRY_CONTEXT  # where its calls enter the dialplan


@dataclass(frozen=True, slots=True)
class Peer:
    """Another of our Asterisks (`peer-<name>`), whose agents' phones ring for calls of this one.

    `name` is its link's name, as in `Phone.via`. `address` is the IP address that it answers
    at and calls from; it belongs to no trunk.
    """

    name: str
    address: str
    sip_port: int = 5060


@dataclass(frozen=True, slots=True)
class AsteriskConfig:
    """What a site wants of its Asterisk. Times in seconds.

    `sip_address` is where trunks and desk phones reach us (the loopback address
    until a site opens it). `public_address` is announced to the outside when this
    machine stands behind a NAT; `local_networks` are those that are not outside.
    `music` names folders of wav files; the class "default" is the installation's
    own music unless given. A browser that sends no sound for `rtp_timeout` (on hold
    `rtp_timeout_hold`) is gone and its leg is ended; trunks and desk phones may be
    silent for long (voice activity detection) and get `line_rtp_timeout`.
    `queue_app` loads Asterisk's own queue, for comparison.
    """

    name: str = "asterisk"
    agents: tuple[AgentLine, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    peers: tuple[Peer, ...] = ()
    sip_address: str = "127.0.0.1"
    public_address: str = ""
    local_networks: tuple[str, ...] = ()
    stun_server: str = ""
    browser_codecs: tuple[str, ...] = ("opus", "ulaw")
    desk_codecs: tuple[str, ...] = ("g722", "ulaw", "alaw")
    music: Mapping[str, Path] = field(default_factory=dict)
    tones: str = "us"  # country of the indication tones
    rtp_timeout: int = 30
    rtp_timeout_hold: int = 60
    line_rtp_timeout: int = 600
    max_calls: int = 2000
    queue_app: bool = False
    audio_socket: bool = False


def render(
    config: AsteriskConfig,
    layout: Layout,
    install: AsteriskInstall,
    identity: Identity,
    dialplan: str,
) -> dict[str, str]:
    """File name to text, complete. Raises `ConfigProblem` and then nothing was written."""
    _check(config)
    return {
        "asterisk.conf": _asterisk(config, layout, install),
        "modules.conf": _modules(config, install),
        "logger.conf": _LOGGER,
        "manager.conf": _manager(identity),
        "http.conf": _http(identity),
        "ari.conf": _ari(identity),
        "sorcery.conf": _SORCERY,
        "pjsip.conf": _pjsip(config, identity),
        "rtp.conf": _rtp(config, identity),
        "musiconhold.conf": _music(config, install),
        "extensions.conf": dialplan,
        "features.conf": "[general]\n[featuremap]\n[applicationmap]\n",
        "confbridge.conf": _CONFBRIDGE,
        "indications.conf": _indications(config),
        "codecs.conf": "[plc]\ngenericplc=yes\n",
        "queues.conf": "[general]\n",
        "cdr.conf": "[general]\nenable=no\n",
        "cel.conf": "[general]\nenable=no\n",
        "acl.conf": "",
        "udptl.conf": "[general]\n",
        "ccss.conf": "[general]\n",
        "pjproject.conf": "[startup]\ntype=startup\nlog_level=2\n",
        "stasis.conf": "[declined_message_types]\n",
        "websocket_client.conf": "",
    }


def check_file_name(name: str) -> str:
    """A plain configuration file name, or `ConfigProblem`."""
    if not _FILE_NAME.fullmatch(name):
        raise ConfigProblem(f"{name!r} is no configuration file name")
    return name


def _check(config: AsteriskConfig) -> None:
    _match(_NAME, config.name, "name of the switch")
    _match(_COUNTRY, config.tones, "country of the tones")
    _address(config.sip_address, "sip_address")
    if config.public_address:
        _address(config.public_address, "public_address")
    for network in config.local_networks:
        _network(network, "local network")
    if config.stun_server:
        _match(_CONTACT, config.stun_server, "STUN server")
    _unique((line.agent_id for line in config.agents), "agent")
    _unique((trunk.name for trunk in config.trunks), "trunk")
    for line in config.agents:
        _match(_AGENT_ID, line.agent_id, "agent id")
        if line.desk_secret:
            _match(_SECRET, line.desk_secret, f"desk phone secret of {line.agent_id}")
    for trunk in config.trunks:
        _check_trunk(trunk)
    _unique((peer.name for peer in config.peers), "peer")
    for peer in config.peers:
        _check_peer(peer, config.trunks)
    for codec in (*config.browser_codecs, *config.desk_codecs):
        _match(_CODEC, codec, "codec")


def _check_trunk(trunk: Trunk) -> None:
    what = f"trunk {trunk.name!r}"
    _match(_NAME, trunk.name, "trunk name")
    if not trunk.addresses:
        raise ConfigProblem(f"{what}: name the addresses its calls come from")
    for address in trunk.addresses:
        if _network(address, what).prefixlen == 0:
            raise ConfigProblem(f"{what}: {address} would let the whole world in")
    if trunk.contact:
        _match(_CONTACT, trunk.contact, f"contact of {what}")
    if bool(trunk.user) != bool(trunk.secret):
        raise ConfigProblem(f"{what}: user and secret go together")
    if trunk.user:
        _match(_SECRET, trunk.secret, f"secret of {what}")
        _match(re.compile(r"[A-Za-z0-9_.+-]{1,64}"), trunk.user, f"user of {what}")
    if trunk.register and not (trunk.user and trunk.contact):
        raise ConfigProblem(f"{what}: registering needs contact, user and secret")
    for codec in trunk.codecs:
        _match(_CODEC, codec, f"codec of {what}")


def _match(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        shown = "(not shown)" if "secret" in what else repr(text[:40])
        raise ConfigProblem(f"{what}: {shown} is not allowed; it must match {pattern.pattern}")
    return text


def _unique(values: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ConfigProblem(f"{what} {value!r} is there twice")
        seen.add(value)


def _check_peer(peer: Peer, trunks: Iterable[Trunk]) -> None:
    what = f"peer {peer.name!r}"
    _match(_NAME, peer.name, "peer name")
    _address(peer.address, f"address of {what}")
    if not 1 <= peer.sip_port <= 65535:
        raise ConfigProblem(f"{what}: {peer.sip_port} is no port")
    address = ipaddress.ip_address(peer.address)
    for trunk in trunks:
        if any(address in _network(text, "trunk") for text in trunk.addresses):
            raise ConfigProblem(f"{what}: its calls would be taken for those of {trunk.name!r}")


def _address(text: str, what: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise ConfigProblem(f"{what}: {text[:60]!r} is no IP address") from error


def _network(text: str, what: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigProblem(f"{what}: {text[:60]!r} is no IP address or network") from error


def _section(name: str, *settings: tuple[str, object]) -> str:
    lines = "".join(f"{key}={value}\n" for key, value in settings)
    return f"[{name}]\n{lines}\n"


def _asterisk(config: AsteriskConfig, layout: Layout, install: AsteriskInstall) -> str:
    _match(_PATH, str(install.modules), "Asterisk's module folder")
    open_files = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return _section(
        "directories",
        ("astetcdir", layout.etc),
        ("astmoddir", install.modules),
        ("astvarlibdir", layout.lib),
        ("astdbdir", layout.lib),
        ("astkeydir", layout.lib),
        ("astdatadir", layout.data),
        ("astagidir", layout.data / "agi-bin"),
        ("astspooldir", layout.spool),
        ("astrundir", layout.run),
        ("astlogdir", layout.log),
        ("astcachedir", layout.spool / "cache"),
    ) + _section(
        "options",
        ("systemname", config.name),  # the first part of every UNIQUEID
        ("live_dangerously", "no"),
        ("execincludes", "no"),
        ("hideconnect", "yes"),
        ("nocolor", "yes"),
        ("transmit_silence", "yes"),  # phones that hear no RTP at all hang up
        ("maxfiles", open_files),  # a call needs several; 1024 would end at 250 calls
        ("maxcalls", config.max_calls),
        ("defaultlanguage", "en"),
    )


_LOGGER = (
    "[general]\ndateformat=%F %T.%3q\nuse_callids=yes\nrotatestrategy=rotate\nqueue_log=no\n\n"
    "[logfiles]\nmessages.log => notice,warning,error\nsecurity.log => security\n"
)

_SORCERY = (
    "[res_pjsip]\n"
    "endpoint=config,pjsip.conf,criteria=type=endpoint\nendpoint=memory\n"
    "auth=config,pjsip.conf,criteria=type=auth\nauth=memory\n"
    "aor=config,pjsip.conf,criteria=type=aor\naor=memory\n"
)

_CONFBRIDGE = (
    "[general]\n\n"
    "[default_bridge]\ntype=bridge\nmax_members=20\n\n"
    "[default_user]\ntype=user\nquiet=yes\nannounce_only_user=no\ndsp_drop_silence=no\n"
    + CONFERENCE_PROFILES
)


def _manager(identity: Identity) -> str:
    """One user with the rights and events that the link uses, from this machine only.

    Never command, config, system (write) or agi: a stolen password would run programs.
    """
    filters = tuple((f"eventfilter(action(include),name({name}))", "") for name in EVENTS_USED)
    return _section(
        "general",
        ("enabled", "yes"),
        ("webenabled", "no"),
        ("bindaddr", "127.0.0.1"),
        ("port", identity.ports.ami),
        ("authtimeout", 10),
        ("authlimit", 20),
        ("timestampevents", "no"),
    ) + _section(
        identity.ami_user,
        ("secret", identity.ami_secret),
        ("deny", "0.0.0.0/0.0.0.0"),
        ("permit", "127.0.0.1/255.255.255.255"),
        ("read", ",".join(MANAGER_READ)),
        ("write", ",".join(MANAGER_WRITE)),
        ("writetimeout", 5000),
        ("allowmultiplelogin", "yes"),
        *filters,
    )


def _http(identity: Identity) -> str:
    return _section(
        "general",
        ("enabled", "yes"),
        ("bindaddr", "127.0.0.1"),
        ("bindport", identity.ports.http),
        ("enable_static", "no"),
        ("enable_status", "no"),
        ("sessionlimit", 2000),
    )


def _ari(identity: Identity) -> str:
    return _section("general", ("enabled", "yes"), ("pretty", "no")) + _section(
        identity.ari_user,
        ("type", "user"),
        ("read_only", "no"),
        ("password", identity.ari_secret),
        ("password_format", "plain"),
    )


def _rtp(config: AsteriskConfig, identity: Identity) -> str:
    stun = (("stunaddr", config.stun_server),) if config.stun_server else ()
    return _section(
        "general",
        ("rtpstart", identity.ports.rtp_first),
        ("rtpend", identity.ports.rtp_last),
        ("icesupport", "yes"),
        ("strictrtp", "yes"),
        *stun,
    )


def _music(config: AsteriskConfig, install: AsteriskInstall) -> str:
    text = "[general]\ncachertclasses=no\n\n"
    for name, folder in {"default": install.music, **config.music}.items():
        _match(_NAME, name, "music class")
        _match(_PATH, str(folder), f"folder of music class {name}")
        # A class without files ends at once and hangs up on the caller.
        if not any(folder.glob("*.wav")):
            raise ConfigProblem(f"music class {name!r}: there is no .wav file in {folder}")
        text += _section(name, ("mode", "files"), ("directory", folder), ("sort", "randstart"))
    return text


def _indications(config: AsteriskConfig) -> str:
    text = _section("general", ("country", config.tones))
    for country, (cadence, busy, dial, ring, congestion) in _TONES.items():
        text += _section(
            country,
            ("description", country),
            ("ringcadence", cadence),
            ("busy", busy),
            ("dial", dial),
            ("ring", ring),
            ("congestion", congestion),
        )
    if config.tones not in _TONES:
        raise ConfigProblem(f"no tones for {config.tones!r}; known: {', '.join(_TONES)}")
    return text


# ITU-T E.180 supplement 2: ring cadence (ms), busy, dial, ring-back, congestion.
_TONES = {
    "us": (
        "2000,4000",
        "480+620/500,0/500",
        "350+440",
        "440+480/2000,0/4000",
        "480+620/250,0/250",
    ),
    "uk": (
        "400,200,400,2000",
        "400/375,0/375",
        "350+440",
        "400+450/400,0/200,400+450/400,0/2000",
        "400/400,0/350,400/225,0/525",
    ),
    "de": ("1000,4000", "425/480,0/480", "425", "425/1000,0/4000", "425/240,0/240"),
    "cn": ("1000,4000", "450/350,0/350", "450", "450/1000,0/4000", "450/700,0/700"),
}


def _pjsip(config: AsteriskConfig, identity: Identity) -> str:
    text = _section(
        "global",
        ("type", "global"),
        ("user_agent", "callcenter"),
        # By name before by address: a trunk known by 127.0.0.1 would otherwise
        # swallow the REGISTER of browsers, which arrive from there too.
        ("endpoint_identifier_order", "auth_username,username,ip"),
    )
    text += _section("ws", ("type", "transport"), ("protocol", "ws"), ("bind", "127.0.0.1"))
    for protocol in ("udp", "tcp"):
        text += _section(protocol, *_transport(config, identity, protocol))
    for line in config.agents:
        text += _agent(config, line)
    for trunk in config.trunks:
        text += _trunk(config, trunk)
    for peer in config.peers:
        text += _peer(config, peer)
    return text


def _transport(
    config: AsteriskConfig, identity: Identity, protocol: str
) -> tuple[tuple[str, object], ...]:
    bind = config.sip_address
    bind = f"[{bind}]" if ":" in bind else bind
    outside: tuple[tuple[str, object], ...] = ()
    if config.public_address:
        outside = (
            ("external_media_address", config.public_address),
            ("external_signaling_address", config.public_address),
            *(("local_net", network) for network in config.local_networks),
        )
    return (
        ("type", "transport"),
        ("protocol", protocol),
        ("bind", f"{bind}:{identity.ports.sip}"),
        *outside,
    )


def browser_endpoint(
    config: AsteriskConfig, name: str, context: str
) -> tuple[tuple[str, object], ...]:
    """Settings of a WebRTC endpoint, for the file and for pushing over ARI alike."""
    return (
        ("aors", name),
        ("auth", name),
        ("context", context),
        ("webrtc", "yes"),
        ("dtls_auto_generate_cert", "yes"),
        ("identify_by", "auth_username,username"),
        ("disallow", "all"),
        ("allow", ",".join(config.browser_codecs)),
        ("direct_media", "no"),
        ("rtp_timeout", config.rtp_timeout),
        ("rtp_timeout_hold", config.rtp_timeout_hold),
        ("allow_subscribe", "no"),
        ("allow_transfer", "no"),
    )


def browser_aor() -> tuple[tuple[str, object], ...]:
    """One browser at a time; a new one takes over from a tab that is gone."""
    return (("max_contacts", 1), ("remove_existing", "yes"), ("remove_unavailable", "yes"))


def _agent(config: AsteriskConfig, line: AgentLine) -> str:
    text = ""
    if line.browser:
        name = f"agent-{line.agent_id}"
        # No auth here: its password is short-lived and pushed over ARI at log-in.
        text += _section(name, ("type", "endpoint"), *browser_endpoint(config, name, AGENT_CONTEXT))
        text += _section(name, ("type", "aor"), *browser_aor())
    if line.desk_secret:
        name = f"desk-{line.agent_id}"
        text += _section(
            name,
            ("type", "endpoint"),
            ("aors", name),
            ("auth", name),
            ("context", AGENT_CONTEXT),
            ("identify_by", "auth_username,username"),
            ("disallow", "all"),
            ("allow", ",".join(config.desk_codecs)),
            ("direct_media", "no"),
            ("rtp_symmetric", "yes"),
            ("force_rport", "yes"),
            ("rewrite_contact", "yes"),
            ("rtp_timeout", config.line_rtp_timeout),
            ("rtp_timeout_hold", config.line_rtp_timeout),
            ("tos_audio", "ef"),
            ("allow_subscribe", "no"),
            ("allow_transfer", "no"),
        )
        text += _section(
            name,
            ("type", "aor"),
            ("max_contacts", 1),
            ("remove_existing", "yes"),
            ("qualify_frequency", 30),
        )
        text += _section(
            name,
            ("type", "auth"),
            ("auth_type", "userpass"),
            ("username", name),
            ("password", line.desk_secret),
        )
    return text


def _trunk(config: AsteriskConfig, trunk: Trunk) -> str:
    name = f"trunk-{trunk.name}"
    contact = (("contact", f"sip:{trunk.contact}"),) if trunk.contact else ()
    outbound = (("outbound_auth", name),) if trunk.user else ()
    text = _section(
        name,
        ("type", "endpoint"),
        ("aors", name),
        ("context", _match(_NAME, trunk.context, f"context of trunk {trunk.name!r}")),
        ("identify_by", "ip"),
        ("disallow", "all"),
        ("allow", ",".join(trunk.codecs)),
        ("direct_media", "no"),
        ("trust_id_inbound", "yes"),
        ("send_pai", "yes"),
        ("rtp_timeout", config.line_rtp_timeout),
        ("rtp_timeout_hold", config.line_rtp_timeout),
        ("tos_audio", "ef"),
        ("allow_subscribe", "no"),
        ("allow_transfer", "no"),
        *outbound,
    )
    text += _section(name, ("type", "aor"), *contact)
    text += _section(
        name,
        ("type", "identify"),
        ("endpoint", name),
        *(("match", address) for address in trunk.addresses),
    )
    if trunk.user:
        text += _section(
            name,
            ("type", "auth"),
            ("auth_type", "userpass"),
            ("username", trunk.user),
            ("password", trunk.secret),
        )
    if trunk.register:
        text += _section(
            name,
            ("type", "registration"),
            ("outbound_auth", name),
            ("server_uri", f"sip:{trunk.contact}"),
            ("client_uri", f"sip:{trunk.user}@{trunk.contact}"),
            ("retry_interval", 30),
            ("forbidden_retry_interval", 300),
            ("max_retries", 1000000),
        )
    return text


def _peer(config: AsteriskConfig, peer: Peer) -> str:
    name = f"peer-{peer.name}"
    host = f"[{peer.address}]" if ":" in peer.address else peer.address
    return (
        _section(
            name,
            ("type", "endpoint"),
            ("aors", name),
            ("context", PEER_CONTEXT),
            ("identify_by", "ip"),
            ("disallow", "all"),
            ("allow", ",".join(config.desk_codecs)),
            ("direct_media", "no"),
            ("trust_id_inbound", "yes"),
            ("send_pai", "yes"),
            ("rtp_timeout", config.line_rtp_timeout),
            ("rtp_timeout_hold", config.line_rtp_timeout),
            ("tos_audio", "ef"),
            ("allow_subscribe", "no"),
            ("allow_transfer", "no"),
        )
        # Asked now and then: without an answer, a call there fails at once.
        + _section(
            name,
            ("type", "aor"),
            ("contact", f"sip:{host}:{peer.sip_port}"),
            ("qualify_frequency", 10),
        )
        + _section(name, ("type", "identify"), ("endpoint", name), ("match", peer.address))
    )


# Formats and codecs come before music on hold, which skips files it cannot read yet.
_MODULES = (
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "format_wav",
    "format_pcm",
    "format_sln",
    "format_gsm",
    "codec_ulaw",
    "codec_alaw",
    "codec_a_mu",
    "codec_g722",
    "codec_gsm",
    "codec_resample",
    "res_srtp",
    "res_rtp_asterisk",
    "res_http_websocket",
    "res_websocket_client",  # res_ari needs it
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_caller_id",
    "res_pjsip_nat",
    "res_pjsip_acl",
    "res_pjsip_authenticator_digest",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_outbound_registration",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_registrar",
    "res_pjsip_dlg_options",
    "res_pjsip_dtmf_info",
    "res_pjsip_header_funcs",
    "res_pjsip_rfc3326",
    "res_pjsip_diversion",
    "res_pjsip_path",
    "res_pjsip_transport_websocket",
    "res_security_log",
    "chan_pjsip",
    "res_stasis",
    "res_ari",
    "res_ari_model",
    "res_ari_asterisk",
    "res_ari_endpoints",
    "res_musiconhold",
    "res_speech",  # res_agi needs it
    "res_agi",
    "res_mutestream",
    "res_manager_devicestate",
    "bridge_simple",
    # Not bridge_native_rtp: it hands on the other side's sequence numbers, and when they
    # jump back (music before the conversation) half of all receivers drop the audio.
    "bridge_softmix",
    "bridge_holding",
    "bridge_builtin_features",
    "app_dial",
    "app_playback",
    "app_userevent",
    "app_stack",
    "app_exec",
    "app_verbose",
    "app_read",
    "app_record",
    "app_senddtmf",
    "app_mixmonitor",
    "app_chanspy",
    "app_bridgewait",  # agents whose caller is on hold
    "app_softhangup",
    "app_confbridge",
    "app_channelredirect",  # a consulted party takes the caller over
    "app_playtones",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_devstate",
    "func_dialplan",
    "func_global",
    "func_groupcount",
    "func_hangupcause",
    "func_jitterbuffer",
    "func_logic",
    "func_math",
    "func_pjsip_aor",
    "func_pjsip_contact",
    "func_pjsip_endpoint",
    "func_strings",
    "func_timeout",
    "func_uri",
    "func_volume",
    "pbx_config",
)

# Better with them, good without; some distributions do not have them.
_OPTIONAL_MODULES = ("codec_opus_open_source", "codec_opus", "res_format_attr_opus")

# Without these nothing works: Asterisk ends at once instead of running half.
_REQUIRED_MODULES = ("chan_pjsip", "res_agi", "app_dial", "res_musiconhold", "pbx_config")


def _modules(config: AsteriskConfig, install: AsteriskInstall) -> str:
    wanted = list(_MODULES)
    if config.queue_app:
        wanted.append("app_queue")
    if config.audio_socket:
        wanted += ["res_audiosocket", "app_audiosocket"]
    missing = [name for name in wanted if not install.has_module(name)]
    if missing:
        raise ConfigProblem(
            f"{install.command[-1]} lacks the modules {', '.join(missing)}"
            " (are all of Asterisk's packages installed?)"
        )
    wanted += [name for name in _OPTIONAL_MODULES if install.has_module(name)]
    lines = (f"{'require' if name in _REQUIRED_MODULES else 'load'}={name}.so\n" for name in wanted)
    return "[modules]\nautoload=no\n" + "".join(lines)
