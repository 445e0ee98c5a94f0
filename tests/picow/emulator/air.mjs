// What is in the air: one access point, which stations hear each other, and the way to the host.
import fs from 'node:fs';
import net from 'node:net';

const IPV4 = 0x0800;
const ARP = 0x0806;

export class Air {
  /** The access point's name and password, and the Unix socket to which the tap bridge connects. */
  constructor({ ssid, password, socket }) {
    this.ssid = ssid;
    this.password = password;
    this.there = true; // whether the access point is switched on
    // How a wrong password shows: 'deauth', or 'timeout' as with access points that never answer.
    this.refusal = 'deauth';
    this.silent = false; // frames are lost, in both directions; nobody is told
    this.hidden = new Set(); // IPv4 addresses of stations out of the radio's reach
    this.onFrame = () => {}; // (frame): takes it to the board
    this.onArrival = () => {}; // called once for all frames that came together
    this.lost = 0;
    this.#listen(socket);
  }

  /** What happens to a station that tries to join: 'joined', 'absent' or 'refused'. */
  judge(ssid, password) {
    if (!this.there || ssid !== this.ssid) return 'absent';
    return password === this.password ? 'joined' : 'refused';
  }

  /** Take a frame from the board. */
  send(frame) {
    if (!this.bridge || !this.#passes(frame)) {
      this.lost++;
      return;
    }
    const length = Buffer.alloc(2);
    length.writeUInt16BE(frame.length);
    this.bridge.write(Buffer.concat([length, frame]));
  }

  /** Whether a frame reaches its receiver: not to or from a station that is hidden. */
  #passes(frame) {
    if (this.silent) return false;
    if (!this.hidden.size) return true;
    const kind = frame.readUInt16BE(12);
    const [source, target] = kind === ARP ? [28, 38] : [26, 30];
    if (kind !== ARP && kind !== IPV4) return true;
    const address = (at) => frame.subarray(at, at + 4).join('.');
    return !this.hidden.has(address(source)) && !this.hidden.has(address(target));
  }

  /** Frames come as two bytes of length, big-endian, and the frame. */
  #listen(path) {
    fs.rmSync(path, { force: true });
    net.createServer((bridge) => {
      this.bridge = bridge;
      let pending = Buffer.alloc(0);
      bridge.on('data', (bytes) => {
        pending = Buffer.concat([pending, bytes]);
        while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
          const end = 2 + pending.readUInt16BE(0);
          const frame = Buffer.from(pending.subarray(2, end));
          pending = pending.subarray(end);
          if (this.#passes(frame)) this.onFrame(frame);
          else this.lost++;
        }
        this.onArrival();
      });
      bridge.on('error', () => {});
      bridge.on('close', () => { if (this.bridge === bridge) this.bridge = null; });
    }).listen(path);
  }
}
