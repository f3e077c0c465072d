"""Changing a terminal's Wi-Fi in the shop: name and password of the access point, and nothing else.

The password is typed without echo and goes beside the keys in the key store; those are neither read by this computer
nor written again, and the person on site needs no file of secrets.
"""

from __future__ import annotations

from pathlib import Path

from firmware.core.errors import SettingsError
from firmware.settings import declared_settings
from tools.device import provision_on_terminal, running
from tools.device.contact import Contact
from tools.device.probing import Answers
from tools.device.provision_errors import NotTaken
from tools.device.provision_keys import value_of
from tools.device.provision_session import SETUP, ProvisioningSession
from tools.device.secret_store import wifi_name
from tools.device.secrets_cli import Declined
from tools.device.terminal import prompt


def change_wifi(contact: Contact, ssid: str) -> None:
    """Raises SecretsMissing, NotTaken, Declined, TerminalSells, and what contact raises."""
    name = next(setting for setting in declared_settings() if setting.name == "wifi_ssid")
    try:
        name.checked(ssid)
    except SettingsError as error:
        raise NotTaken(str(error), "Write the access point's name as the router shows it.") from None
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    password = value_of(wifi_name(ssid), f"Password of {ssid} (none: Enter)", empty=True) if ssid else ""
    if contact.dry_run:
        contact.output.say(f"would write: wifi_ssid {ssid}, wifi_psk")
        return
    how = ", which has no password" if ssid and not password else ""
    if not contact.agreed(f"Change the Wi-Fi of {found.name} to {ssid}{how}?"):
        raise Declined()
    session = ProvisioningSession(prompt(found.port, Path(provision_on_terminal.__file__), SETUP, maintenance=True))
    try:
        before = session.look()
        if before.keys != "yes":
            raise NotTaken("it is not provisioned", "Provision it from its file first.")
        session.wifi(ssid, password)
        session.commit()
        after = session.look()
    finally:
        session.close(restart=True)
    kept = [part for part in before.parts if part not in ("settings", "wifi_psk", "whole")]
    if any(after.parts[part] != before.parts[part] for part in kept):
        raise NotTaken("more than the Wi-Fi changed")
    told, code = running.waited_for(found.port, before.tid, contact.timeout_s)
    if told is None:
        raise NotTaken(f"{before.tid}: it does not start and says {code}" if code else f"{before.tid}: no answer")
    contact.output.event("result", result="wifi", tid=before.tid, ssid=ssid)
    contact.output.say(f"{before.tid}: Wi-Fi {ssid}; see whether it goes online, else L01 of the troubleshooting page")
