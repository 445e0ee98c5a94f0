// The Wi-Fi chip: does the cyw43 driver's lowest layer, cyw43_ll_*, which is found by ELF symbol.
//
// All above it is the firmware's own: cyw43_ctrl.c, cyw43_lwip.c, lwIP. The signatures are those
// of cyw43_ll.h, the events those that cyw43_cb_process_async_event() in cyw43_ctrl.c tells apart.

const MAC = [0x28, 0xcd, 0xc1, 0, 0, 1];
const BSSID = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15];
const HOST_WAKE_PIN = 24; // CYW43_PIN_WL_HOST_WAKE of a Pico W
const QUEUE_MOST = 64; // frames; a real chip drops more, too

const IOCTL_DISASSOCIATE = 0x69; // CYW43_IOCTL_SET_DISASSOC
const IOCTL_GET_RSSI = 0xfe;
const RSSI = -47; // dBm

// Event types and states of cyw43_ll.h and cyw43_ctrl.c.
const EVENT = { SET_SSID: 0, AUTH: 3, DISASSOC: 11, LINK: 16, PSK_SUP: 46 };
const SUCCESS = 0;
const NO_NETWORKS = 3; // status of SET_SSID
const KEYED = 6; // status of PSK_SUP
const KEY_EXCHANGE = 8; // status of PSK_SUP: waiting for the access point's part of the keys
const DEAUTHENTICATED = 14; // reason of PSK_SUP: the driver takes the password for wrong
const NO_KEYS_IN_TIME = 15; // reason of PSK_SUP: the driver tries again, without end

const SCAN_MS = 2500; // until a network counts as absent
const JOIN_MS = 1500;

// Where cyw43_ll_t has a buffer for what was received: within opaque[], past the driver's state.
const RECEIVE_BUFFER = 128;

const RETURN_ZERO = ['bus_init', 'wifi_on', 'wifi_pm', 'wifi_scan', 'wifi_ap_init',
  'wifi_ap_set_up', 'gpio_set', 'wifi_update_multicast_filter', 'write_backplane_mem',
  'read_backplane_mem', 'read_backplane_reg', 'bt_has_work'];
const RETURN_NOTHING = ['bus_sleep', 'wifi_set_wpa_auth', 'write_backplane_reg'];

export class WifiChip {
  /** tell(kind, details): told of each attempt to join and of each link that comes or goes. */
  constructor(mcu, breakpoints, symbols, air, tell) {
    this.mcu = mcu;
    this.breakpoints = breakpoints;
    this.symbols = symbols;
    this.air = air;
    this.tell = tell;
    this.joined = false;
    this.queue = []; // what the driver has to fetch: {frame} or {event}
    this.onWake = () => {}; // called when the chip's interrupt pin is high
    this.received = this.sent = this.dropped = 0;
    this.#plant();
    air.onFrame = (frame) => this.#receive(frame);
  }

  /** The access point goes away: the driver is told so. */
  dropLink() {
    if (!this.joined) return;
    this.#leave();
    this.#event(EVENT.LINK, SUCCESS, 0, 0);
    this.#event(EVENT.DISASSOC, SUCCESS);
  }

  #plant() {
    const plant = (name, work) => {
      const address = this.symbols.get(`cyw43_ll_${name}`);
      if (address !== undefined) this.breakpoints.plant(address & ~1, work);
    };
    const return_ = (value) => this.breakpoints.return_(value);
    const write = (address, bytes) => bytes.forEach((b, i) => this.mcu.writeUint8(address + i, b));
    for (const name of RETURN_ZERO) plant(name, () => return_(0));
    for (const name of RETURN_NOTHING) plant(name, () => return_());
    plant('init', ([self, callbackData]) => {
      this.self = self;
      this.callbackData = callbackData;
      return_();
    });
    plant('deinit', () => {
      this.queue.length = 0;
      this.#leave();
      this.#wake();
      return_();
    });
    plant('gpio_get', (registers) => {
      this.mcu.writeUint8(registers[2], 0);
      return_(0);
    });
    plant('wifi_ap_get_stas', (registers) => {
      this.mcu.writeUint32(registers[1], 0);
      return_(0);
    });
    plant('wifi_get_pm', (registers) => {
      for (const address of [registers[1], registers[2], registers[3]]) {
        this.mcu.writeUint32(address, 0);
      }
      return_(0);
    });
    plant('wifi_get_bssid', (registers) => { write(registers[1], BSSID); return_(0); });
    plant('wifi_get_mac', (registers) => { write(registers[1], MAC); return_(0); });
    plant('has_work', () => return_(this.queue.length ? 1 : 0));
    plant('ioctl', (registers) => {
      const [, command, length, buffer] = registers;
      if (command === IOCTL_GET_RSSI && length >= 4) this.mcu.writeUint32(buffer, RSSI >>> 0);
      if (command === IOCTL_DISASSOCIATE && this.joined) {
        this.#leave();
        this.#event(EVENT.DISASSOC, SUCCESS);
      }
      return_(0);
    });
    plant('wifi_join', (registers) => {
      const text = (address, length) => Buffer.from(
        Array.from({ length }, (_, i) => this.mcu.readUint8(address + i))).toString();
      this.wanted = {
        ssid: text(registers[2], registers[1]),
        password: text(this.mcu.readUint32(this.mcu.core.SP), registers[3]),
      };
      this.#join();
      return_(0);
    });
    plant('wifi_rejoin', () => { this.#join(); return_(); });
    plant('send_ethernet', (registers) => {
      const [, , length, buffer] = registers;
      const isPbuf = this.mcu.readUint8(this.mcu.core.SP);
      const frame = isPbuf ? this.#fromPbufs(buffer, length) : this.#read(buffer, length);
      this.sent++;
      if (this.joined) this.air.send(frame);
      return_(0);
    });
    plant('process_packets', (registers) => this.#processPackets(registers));
  }

  /**
   * Hand the queue to the driver's callbacks, one entry after the other.
   *
   * Each callback returns to this breakpoint; the last time to where the function was called from.
   */
  #processPackets(registers) {
    const here = this.symbols.get('cyw43_ll_process_packets') & ~1;
    this.caller ??= registers[14];
    const next = this.queue.shift();
    if (!next) {
      this.#wake();
      registers[14] = this.caller;
      this.caller = null;
      this.breakpoints.return_();
      return;
    }
    const buffer = this.self + RECEIVE_BUFFER;
    const bytes = next.frame ?? next.event;
    for (let i = 0; i < bytes.length; i++) this.mcu.writeUint8(buffer + i, bytes[i]);
    registers[0] = this.callbackData;
    if (next.event) {
      registers[1] = buffer;
      this.mcu.core.PC = this.symbols.get('cyw43_cb_process_async_event') & ~1;
    } else {
      registers[1] = 0; // the interface: station
      registers[2] = bytes.length;
      registers[3] = buffer;
      this.mcu.core.PC = this.symbols.get('cyw43_cb_process_ethernet') & ~1;
      this.received++;
    }
    registers[14] = here | 1;
  }

  #read(address, length) {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.mcu.readUint8(address + i);
    return bytes;
  }

  /** The content of a chain of lwIP's struct pbuf: next, payload, tot_len, len. */
  #fromPbufs(pbuf, length) {
    const parts = [];
    for (let missing = length; pbuf && missing > 0; pbuf = this.mcu.readUint32(pbuf)) {
      const part = Math.min(missing, this.mcu.readUint16(pbuf + 10));
      parts.push(this.#read(this.mcu.readUint32(pbuf + 4), part));
      missing -= part;
    }
    return Buffer.concat(parts, length);
  }

  #receive(frame) {
    if (!this.joined || this.queue.length >= QUEUE_MOST) {
      this.dropped++;
      return;
    }
    this.queue.push({ frame });
    this.#wake();
  }

  #join() {
    const { ssid, password } = this.wanted;
    const verdict = this.air.judge(ssid, password);
    this.tell('join', { ssid, verdict });
    if (verdict === 'absent') {
      this.#later(SCAN_MS, () => this.#event(EVENT.SET_SSID, NO_NETWORKS));
      return;
    }
    this.#later(JOIN_MS, () => {
      this.#event(EVENT.AUTH, SUCCESS);
      if (verdict === 'refused') {
        const reason = this.air.refusal === 'timeout' ? NO_KEYS_IN_TIME : DEAUTHENTICATED;
        this.#event(EVENT.PSK_SUP, KEY_EXCHANGE, reason);
        return;
      }
      this.joined = true;
      this.tell('link', { up: true });
      this.#event(EVENT.LINK, SUCCESS, 0, 1);
      this.#event(EVENT.PSK_SUP, KEYED);
      this.#event(EVENT.SET_SSID, SUCCESS);
    });
  }

  #leave() {
    if (this.joined) this.tell('link', { up: false });
    this.joined = false;
  }

  /** cyw43_async_event_t: flags, type, status, reason; the interface is the station. */
  #event(type, status, reason = 0, flags = 0) {
    const event = Buffer.alloc(64);
    event.writeUInt16LE(flags, 2);
    event.writeUInt32LE(type, 4);
    event.writeUInt32LE(status, 8);
    event.writeUInt32LE(reason, 12);
    this.queue.push({ event });
    this.#wake();
  }

  /** Whether the chip's interrupt pin is high. */
  get waking() {
    return this.queue.length > 0;
  }

  #wake() {
    this.mcu.gpio[HOST_WAKE_PIN].setInputValue(this.waking);
    if (this.waking) this.onWake();
  }

  #later(ms, work) {
    this.mcu.clock.createAlarm(work).schedule(ms * 1e6);
  }
}
