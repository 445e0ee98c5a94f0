"""The connection of `outpost watch` to its MQTT broker: reconnects; delivers messages in order.

One thread: unread messages wait in the broker, which limits them, not in a queue here.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from outpost.address import Address

_LARGEST = 256 * 1024  # bytes of a message; the broker doesn't send larger ones (MQTT 5)
_CONNECT_S = 10
_KEEPALIVE_S = 10  # a silent broker is noticed after twice this time
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1, 30
_BATCH, _BATCH_S = 500, 0.1  # then the screen is updated


# MQTT 5 section 3.2.2.2: version, client id, login, not authorised, banned, login method. All
# other reasons, such as a busy server, may pass.
_FOR_GOOD = {132, 133, 134, 135, 138, 140}


class Refused(Exception):
    """The broker refuses us for good, and never accepted us; the text says why."""


@dataclass
class Message:
    """One message; payload is bytes."""

    topic: str
    payload: bytes
    retained: bool


class Link:
    """A connection that reconnects. state: its state as a line; connected: whether it is up.

    address: an Address. login: (user, password) or (None, None). cafile: PEM of the CA of the
    broker's certificate, None for this machine's CAs.
    """

    def __init__(
        self,
        address: Address,
        login: tuple[str | None, str | None],
        topic: str,
        cafile: str | None = None,
    ) -> None:
        self._address = address
        self._login = login
        self._topic = topic
        self._cafile = cafile
        self._client: mqtt.Client | None = None
        self._messages: list[Message] = []
        self._refused: str | None = None
        self._welcome = False  # the broker has accepted us once: a later refusal may pass
        self._marker: int | None = None
        self._delay = _FIRST_DELAY_S
        self._retry_at = 0.0
        self._deadline = 0.0
        self._reason: str | None = None
        self.connected = False
        self.complete = False  # all retained messages of this topic have arrived

    @property
    def state(self) -> str:
        """The connection's state as one line for people."""
        if self.connected:
            return "connected"
        if self._client:
            return "connecting"
        wait = max(0, self._retry_at - time.monotonic())
        return f"{self._reason or 'not connected'}; again in {wait:.0f} s"

    def step(self, wait_s: float) -> list[Message]:
        """Wait at most wait_s, and return the Messages that came. Raises Refused."""
        until = time.monotonic() + wait_s
        if self._client is None:
            pause = self._retry_at - time.monotonic()
            if pause > 0:
                time.sleep(min(pause, wait_s))
                return []
            self._open()
        while self._client:
            result = self._client.loop(max(0, until - time.monotonic()))
            now = time.monotonic()
            if self._refused:
                raise Refused(self._refused)
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lose(self._reason or mqtt.error_string(result))
            elif not self.connected and now > self._deadline:
                self._lose(f"no answer within {_CONNECT_S} s")
            if self._messages and until > now:
                until = min(until, now + _BATCH_S)
            if now >= until or len(self._messages) >= _BATCH:
                break
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """Disconnect in an orderly way."""
        if self._client:
            self._client.disconnect()
            self._client = None
        self.connected = False

    def _open(self) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect_timeout = _CONNECT_S
        user, password = self._login
        if user is not None:
            client.username_pw_set(user, password)
        properties = Properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = _LARGEST
        self.complete = False
        self._reason = None
        self._deadline = time.monotonic() + _CONNECT_S
        try:
            if self._address.secure:
                client.tls_set(ca_certs=self._cafile)  # pyright: ignore[reportUnknownMemberType]
            client.connect(
                self._address.host, self._address.port, _KEEPALIVE_S,
                clean_start=True, properties=properties,
            )  # fmt: skip
        except ssl.SSLCertVerificationError as error:
            text = f"its certificate can't be trusted: {error.verify_message}"
            if not self._welcome:
                raise Refused(text) from error
            self._lose(text)
        except ssl.SSLError as error:
            self._lose(f"no TLS: {error.reason or error}")
        except socket.gaierror:
            self._lose(f"the name {self._address.host} is not known")
        except ConnectionResetError:
            hint = ": is that its port for TLS?" if self._address.secure else ""
            self._lose(f"it ends the connection{hint}")
        except OSError as error:
            self._lose(error.strerror or str(error) or "no connection")
        else:
            self._client = client

    def _lose(self, reason: str) -> None:
        self._client = None
        self.connected = False
        self._reason = reason
        self._retry_at = time.monotonic() + self._delay
        self._delay = min(self._delay * 2, _LONGEST_DELAY_S)

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._reason = f"it refuses the login: {reason}"
            if reason.value in _FOR_GOOD and not self._welcome:
                self._refused = self._reason
            return
        self.connected = self._welcome = True
        self._delay = _FIRST_DELAY_S
        kinds = ("status", "info", "state", "event/#")
        client.subscribe([(f"{self._topic}/+/{kind}", 0) for kind in kinds])
        # The broker replies in order: after its reply to this, the retained messages for the
        # topics above have been sent.
        self._marker = client.subscribe(f"{self._topic}/+/nothing")[1]

    def _on_disconnect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self.connected or reason.is_failure:
            self._reason = f"lost: {reason}"

    def _on_subscribe(
        self,
        client: mqtt.Client,
        userdata: object,
        message_id: int,
        reasons: Sequence[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if message_id == self._marker:
            self.complete = True
        elif all(reason.is_failure for reason in reasons):
            self._refused = f"it refuses to tell of {self._topic}/: {reasons[0]}"

    def _on_message(
        self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        with contextlib.suppress(UnicodeDecodeError):  # an invalid topic
            self._messages.append(Message(message.topic, bytes(message.payload), message.retain))
